// A name server as a child process.
import Foundation
import MacTCP
import MacTCPWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A server that runs until it is stopped, or until the tests' process goes: it is the child of a shell
/// that ends it when its standard input closes.
final class ServerProcess: Sendable {
  struct Missing: Error, CustomStringConvertible {
    let program: String
    var description: String {
      "\(program) is not installed: apt-get install --no-install-recommends unbound dnsmasq-base"
    }
  }

  struct NotReady: Error, CustomStringConvertible {
    let program: String
    let log: String
    var description: String { "\(program) does not answer; it says:\n\(log)" }
  }

  private let process: pid_t
  /// What keeps the shell from ending the server.
  private let input: Int32
  private let program: String
  private let log: URL
  private let endpoint: Endpoint

  init(_ program: String, _ arguments: [String], log folder: URL, endpoint: Endpoint) throws {
    self.program = program
    self.endpoint = endpoint
    log = folder.appendingPathComponent("\(program).log")
    let folders = [
      "/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/sbin",
    ]
    guard
      let path = folders.map({ "\($0)/\(program)" })
        .first(where: FileManager.default.isExecutableFile)
    else { throw Missing(program: program) }
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw POSIXError(.EMFILE) }
    defer { close(ends[0]) }
    // Else the next server would keep this one alive.
    _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
    input = ends[1]
    let script = "\"$0\" \"$@\" & server=$!; read line; kill $server; wait $server"
    do {
      process = try ServerProcess.spawn(
        ["/bin/sh", "-c", script, path] + arguments, input: ends[0], output: log.path)
    } catch {
      close(ends[1])
      throw error
    }
  }

  private static func spawn(_ words: [String], input: Int32, output: String) throws -> pid_t {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #else
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #endif
    // Threads of a pool have signals blocked, and a child would inherit that: nothing could end it.
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
    posix_spawn_file_actions_addopen(
      &actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
    var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var process: pid_t = 0
    let result = posix_spawn(&process, words[0], &actions, &attributes, &pointers, environ)
    guard result == 0 else { throw POSIXError(POSIXErrorCode(rawValue: result) ?? .EAGAIN) }
    return process
  }

  /// Ends the server, and waits until it is gone.
  func stop() {
    close(input)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
  }

  /// Asks for the root until something comes back, whatever it is.
  func waitUntilReady(_ driver: any Driver) async throws {
    let query = try DNSMessage(asking: DNSQuestion(.root, .soa), identifier: 1, edns: nil).encoded()
    for _ in 0..<400 {
      let stream = try driver.createUDPStream(receiveBuffer: 4096, port: 0)
      try? await stream.write(query, to: endpoint)
      if (try? await stream.read(timeout: .milliseconds(50))) != nil { return }
    }
    let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
    throw NotReady(program: program, log: text)
  }
}
