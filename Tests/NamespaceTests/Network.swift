// The network that these tests run in: one of their own, made by scripts/test and gone with the process. Nothing of it
// reaches the machine's own network, and nothing needs to be put back but what other tests look at.
import Glibc
import Testing

/// What cannot be shown on the loopback interface: packets as they are on the wire, routers' complaints, peers that are
/// silent. One test at a time, for they share the network's settings.
@Suite(
  .serialized, .timeLimit(.minutes(1)),
  .enabled(if: Network.isOurs, "needs a network of its own; scripts/test makes one"))
struct NamespaceTests {}

enum Network {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Whether this process is in the network that was made for it: it carries the name of that network, so that nothing
  /// can make these tests change the machine's own.
  static let isOurs: Bool = {
    guard let name = getenv("MACTCP_TEST_NETWORK") else { return false }
    var target = [CChar](repeating: 0, count: 100)
    guard readlink("/proc/self/ns/net", &target, target.count - 1) > 0 else { return false }
    return strcmp(name, target) == 0
  }()

  /// Runs the command `ip`, with the words of `arguments`.
  static func ip(_ arguments: String) throws {
    try run("ip", arguments)
  }

  static func run(_ program: String, _ arguments: String) throws {
    let words = [program] + arguments.split(separator: " ").map { String($0) }
    var pointers = words.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    pointers.append(nil)
    var child = pid_t()
    let error = posix_spawnp(&child, program, nil, nil, pointers, environ)
    guard error == 0 else {
      throw Failure(description: "\(program): \(String(cString: strerror(error)))")
    }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    guard status == 0 else { throw Failure(description: "\(program) \(arguments): failed") }
  }

  /// Runs `body` with a setting of the network changed, such as `ipv4/tcp_retries2`.
  static func with<R>(_ setting: String, _ value: String, _ body: () async throws -> R)
    async throws -> R
  {
    let old = try read("/proc/sys/net/\(setting)")
    try set(setting, value)
    do {
      let result = try await body()
      try set(setting, old)
      return result
    } catch {
      try set(setting, old)
      throw error
    }
  }

  /// Changes a setting of the network for good.
  static func set(_ setting: String, _ value: String) throws {
    try write(value, "/proc/sys/net/\(setting)")
  }

  private static func read(_ path: String) throws -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw Failure(description: "\(path) cannot be read") }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = Glibc.read(file, &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
  }

  private static func write(_ value: String, _ path: String) throws {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { throw Failure(description: "\(path) cannot be written") }
    defer { close(file) }
    guard Glibc.write(file, value, value.utf8.count) == value.utf8.count else {
      throw Failure(description: "\(path) does not take \(value)")
    }
  }
}
