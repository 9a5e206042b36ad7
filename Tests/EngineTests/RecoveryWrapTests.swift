import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("What loss recovery keeps of numbers and times does not come back when they go round")
struct RecoveryWrapTests {
  @Test(
    "A reduction of the window more than 2 GiB ago keeps no other one back (RFC 3168 §6.1.2)",
    arguments: [true, false])
  func reduction(isPredicted: Bool) {
    var pool = MemoryPool(ceiling: 1 << 20)
    let size = 60_000
    var now = Instant(microseconds: 1_000_000)
    var recovery = LossRecovery(configuration: .init(), mss: size)
    recovery.start(mss: size, sackPermitted: true, now: now)
    var next = SequenceNumber(0xFFFF_0000)
    func roundTrip(hasECE: Bool) -> Bool {
      guard
        recovery.transmitted(next, count: size, isRetransmission: false, now: now, pool: &pool)
      else { return false }
      next.advance(by: size)
      now = now.advanced(by: 1_000)
      if isPredicted && !hasECE && recovery.isQuiet {
        _ = recovery.acknowledgedQuietly(next, now: now, pool: &pool)
        return false
      }
      return recovery.acknowledged(.init(ack: next, hasECE: hasECE), now: now, pool: &pool).reacted
    }
    let first = roundTrip(hasECE: true)
    #expect(first)
    for _ in 0..<(1 << 31) / size + 10 { _ = roundTrip(hasECE: false) }
    let second = roundTrip(hasECE: true)
    #expect(second)
  }

  @Test(
    "The smallest round trip is of the last 20 s, however long the connection was idle before (RFC 8985 §6.2)",
    arguments: [1, 35, 36, 50, 71, 72, 73, 108, 143, 144, 1_440, 525_600])
  func leastRoundTrip(minutes: Int) {
    var recovery = LossRecovery(configuration: .init(), mss: 1_000)
    var now = Instant(microseconds: 1_000_000)
    recovery.sampled(rtt: 10_000, now: now)
    recovery.sampled(rtt: 10_000, now: now)
    now = now.advanced(by: minutes * 60_000_000)
    for _ in 0...21 {
      recovery.sampled(rtt: 50_000, now: now)
      now = now.advanced(by: 1_000_000)
    }
    let least = recovery.estimator.least
    #expect(least == 50_000)
  }
}
