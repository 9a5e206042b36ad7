// Descriptors of this process: how many there are, and how to run out of them. For tests in processes of their own.
import Glibc
import MacTCP
import Testing

enum Descriptors {
  /// What each open descriptor of this process stands for. Timers are not counted: the system's queues make them when
  /// tasks sleep, and no driver does.
  static var open: [Int32: String] {
    var open: [Int32: String] = [:]
    guard let directory = opendir("/proc/self/fd") else { return open }
    defer { closedir(directory) }
    let own = dirfd(directory)
    while let entry = readdir(directory) {
      let number = withUnsafeBytes(of: entry.pointee.d_name) {
        Int32(String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self))
      }
      guard let number, number != own else { continue }
      var target = [CChar](repeating: 0, count: 100)
      let count = readlink("/proc/self/fd/\(number)", &target, target.count)
      let name = String(decoding: target.prefix(max(0, count)).map(UInt8.init), as: UTF8.self)
      if !name.contains("timerfd") { open[number] = name }
    }
    return open
  }

  static var count: Int { open.count }

  /// Runs `body` and records an issue when it leaves more descriptors open than there were.
  ///
  /// Threads let go of theirs when they end, which may be a moment after the work was done.
  static func balanced(
    _ what: String, within limit: Duration = .seconds(20), _ body: () async throws -> Void
  ) async throws {
    let before = open
    do {
      try await body()
    } catch {
      Issue.record("\(what): \(error)")
    }
    let deadline = ContinuousClock.now + limit
    while count > before.count {
      guard ContinuousClock.now < deadline else {
        let left = open.filter { before[$0.key] != $0.value }
        Issue.record("\(what) left descriptors open: \(left)")
        return
      }
      sched_yield()
      await Task.yield()
    }
  }

  /// Lets the system's queues, on which tasks run, take the descriptors that they need: they have them after the first
  /// sleep on each clock.
  static func settle() async throws {
    try await Task.sleep(for: .milliseconds(1), clock: .continuous)
    try await Task.sleep(for: .milliseconds(1), clock: .suspending)
  }

  /// The process may have at most so many.
  static func limit(to count: Int) async throws {
    // The system's queues crash when they get no timer.
    try await settle()
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = min(limit.rlim_max, rlim_t(count))
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// Takes every descriptor that this process may still have, but for `count`, until it is given up.
  static func exhausted(leaving count: Int = 0) -> Hoard {
    let hoard = Hoard()
    while hoard.takeOne() {}
    hoard.giveBack(count)
    return hoard
  }

  /// Descriptors that nobody else has.
  final class Hoard: @unchecked Sendable {
    // Sendable: used by one test.
    private var numbers: [Int32] = []

    deinit {
      giveBack(numbers.count)
    }

    func takeOne() -> Bool {
      let number = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
      if number >= 0 { numbers.append(number) }
      return number >= 0
    }

    func giveBack(_ count: Int) {
      for _ in 0..<count { close(numbers.removeLast()) }
    }
  }
}
