// The `mactcp` command: TCP and UDP streams, MacTCP's way, from the shell.
//
// A command parses its arguments, runs on the main thread with calls that block, and throws a `ToolFailure`; this file
// turns that into a line on standard error and an exit code.
import ArgumentParser
import MacTCP

@main
enum Main {
  static func main() {
    keepStandardDescriptors()
    Interrupts.shared.start()
    do {
      var command = try MacTCPCommand.parseAsRoot()
      try command.run()
    } catch {
      end(with: error)
    }
  }

  /// Reports an error and exits. Help and version come as errors too, of status 0.
  private static func end(with error: any Error) -> Never {
    if let failure = error as? ToolFailure {
      if let message = failure.message { Console.shared.complain(message) }
      exitProcess(failure.status)
    }
    if let error = error as? MacTCPError {
      Console.shared.complain("\(error)")
      exitProcess(ToolStatus(error))
    }
    let code = MacTCPCommand.exitCode(for: error)
    let message = MacTCPCommand.fullMessage(for: error)
    if code.isSuccess {
      do throws(ToolFailure) {
        try Console.shared.print(message)
      } catch {
        end(with: error)
      }
    } else if !message.isEmpty {
      let prefix = "Error: "
      Console.shared.complain(
        message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message)
    }
    exitProcess(code.rawValue)
  }
}

/// `mactcp` itself.
struct MacTCPCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mactcp",
    abstract: "TCP and UDP streams in the model of Apple's MacTCP.",
    discussion: """
      Example, a file from one machine to another:
        mactcp listen 7000 --output copy.bin
        mactcp connect 192.168.1.20 7000 --input original.bin

      Exit status: 0 done, 64 wrong usage, 66 no input, 68 no such host, 69 refused or unreachable, \
      73 output cannot be created, 74 reading or writing failed, 75 timed out, 77 no permission, \
      129 hung up, 130 interrupted, 143 terminated, 1 anything else.
      """,
    version: "0.1.0",
    subcommands: [
      DemoCommand.self, InfoCommand.self, ListenCommand.self, ConnectCommand.self, UDPCommand.self,
      PingCommand.self, ResolveCommand.self, SimulateCommand.self,
    ])
}
