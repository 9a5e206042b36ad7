import ArgumentParser
import MacTCP

/// `mactcp demo`.
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Transfer, urgent data, events and Status at work.",
    discussion: """
      A passive and an active stream on 127.0.0.1. Exit status 0 only if all of it held: what arrived is what was \
      sent, the urgent data came with its flags, and both connections ended in peace, once.

      Example:
        mactcp demo --bytes 1G
      """)

  @Option(
    help: ArgumentHelp("How much to transfer: 64K, 256MB, 1GiB.", valueName: "amount"))
  var bytes = ByteCount(bytes: 256_000_000)

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws(ToolFailure) {
    let demonstration = try translating { () throws(MacTCPError) in
      try Demonstration(MacTCP.open(), bytes: bytes.bytes, isTold: !json)
    }
    let report = try Interrupts.shared.whileStopping(with: { demonstration.stop() }) {
      () throws(ToolFailure) in
      do throws(MacTCPError) {
        return try demonstration.run()
      } catch {
        throw Interrupts.shared.isInterrupted
          ? .interrupted(
            "\(amount(demonstration.transferred)) of \(bytes.defaultValueDescription) transferred")
          : ToolFailure(error)
      }
    }
    try Console.shared.print(json ? "\(report.json)" : report.text)
    if !report.holds { throw ToolFailure(report.failures.joined(separator: "; ")) }
  }
}
