// Ports for tests that must name one.
import MacTCP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A port that no other test is given, or several in a row, below those that the kernel hands out by itself.
struct TestPort: Sendable {
  let number: UInt16

  /// - Throws: When somebody else on this machine has all of them.
  init(inARow count: UInt16 = 1) throws {
    for _ in 0..<1000 {
      let first = TestPort.counter.take(count)
      if (first..<(first + count)).allSatisfy({ (try? ForeignSocket.bound(to: $0)) != nil }) {
        number = first
        return
      }
    }
    throw MacTCPError(.insufficientResources, "no port is free for a test")
  }

  private static let counter = Counter()

  private final class Counter: @unchecked Sendable {
    // Sendable: `next`, the next port, is touched with `lock` held only.
    private let lock = Lock()
    private var next = UInt16(20_000 + getpid() * 97 % 12_000)

    func take(_ count: UInt16) -> UInt16 {
      lock.withLock {
        if next >= 32_000 - count { next = 20_000 }
        defer { next += count }
        return next
      }
    }
  }
}
