import MacTCPWire
import Testing

@testable import MacTCPEngine

/// A sender whose segments and acknowledgements a test writes down, in segments of 1,000 bytes from number 0
/// on and in milliseconds.
final class ScriptedSender {
  var recovery: LossRecovery
  var pool = MemoryPool(ceiling: 1 << 20)
  /// Milliseconds.
  var now = 1000.0
  /// Segments sent so far.
  var nxt = 0
  /// What was sent again, in order.
  var resent: [Int] = []

  static let mss = 1000

  init(
    sack: Bool = true, initialWindow: Int = 10,
    _ configure: (inout LossRecovery.Configuration) -> Void = { _ in }
  ) {
    var configuration = LossRecovery.Configuration()
    configuration.initialWindow = initialWindow
    configure(&configuration)
    recovery = LossRecovery(configuration: configuration, mss: Self.mss)
    recovery.start(mss: Self.mss, sackPermitted: sack, now: Instant(microseconds: 1_000_000))
  }

  var instant: Instant { Instant(microseconds: UInt64((now * 1000).rounded())) }
  var cwnd: Double { Double(recovery.cwnd) / 1000 }
  var ssthresh: Double { Double(recovery.ssthresh) / 1000 }
  var pipe: Double { Double(recovery.bytesInFlight) / 1000 }
  /// The time to the deadline, in milliseconds.
  var timeLeft: Double { Double(instant.microseconds(to: recovery.deadline)) / 1000 }
  var quota: Double { Double(recovery.sendQuota) / 1000 }

  // `#expect` cannot look into values that are never copied, so this is a class, with these:
  var isInRecovery: Bool { recovery.isInRecovery }
  var backoffCount: Int { recovery.backoffCount }
  var srtt: Int { recovery.srtt }
  var deadline: Instant { recovery.deadline }
  func takeCWR() -> Bool { recovery.takeCWR() }
  var hasDeadline: Bool { recovery.deadline != .never }
  var memory: Int { pool.bytesInUse }
  var hasThreshold: Bool { recovery.ssthresh < CongestionWindow.greatest }
  var undone: Int { recovery.undoneCount }
  var sacked: Int { recovery.segments.sackedCount }
  var lost: Int { recovery.segments.lostCount }
  var hasSeenReordering: Bool { recovery.flags.contains(.reorderingSeen) }
  /// The segment that may be sent again now.
  var next: Int? {
    recovery.nextRetransmission(mss: Self.mss).map { Int($0.start.rawValue) / Self.mss }
  }

  static func number(_ segment: Double) -> SequenceNumber {
    SequenceNumber(0).advanced(by: Int(segment * 1000))
  }

  /// Sends new segments, whatever the window says.
  func send(_ count: Int = 1) {
    for _ in 0..<count {
      let sent = recovery.transmitted(
        Self.number(Double(nxt)), count: Self.mss, isRetransmission: false, now: instant,
        pool: &pool)
      #expect(sent)
      nxt += 1
    }
  }

  /// Sends what the window allows, lost segments first; at most `limit` new ones. What was sent again is
  /// in `resent`.
  func sendAllowed(limit: Int = 100) -> Int {
    var new = 0
    while true {
      if let lost = recovery.nextRetransmission(mss: Self.mss) {
        _ = recovery.transmitted(
          lost.start, count: lost.count, isRetransmission: true, now: instant, pool: &pool)
        resent.append(Int(lost.start.rawValue) / Self.mss)
      } else if new < limit, recovery.sendQuota >= Self.mss {
        send()
        new += 1
      } else {
        return new
      }
    }
  }

  /// An acknowledgement of all segments before `number`, with SACK blocks in segments.
  @discardableResult
  func ack(
    _ number: Double, sack: [ClosedRange<Double>] = [], echoAge: Double? = nil,
    carriesData: Bool = false, ece: Bool = false, canSendNew: Bool = true
  ) -> LossRecovery.Outcome {
    var acknowledgment = LossRecovery.Acknowledgment(ack: Self.number(number))
    for block in sack {
      acknowledgment.sackBlocks.append(
        SACKBlock(left: Self.number(block.lowerBound), right: Self.number(block.upperBound)))
    }
    acknowledgment.echoAge = echoAge.map { Int($0 * 1000) }
    acknowledgment.carriesData = carriesData
    acknowledgment.hasECE = ece
    acknowledgment.canSendNew = canSendNew
    return recovery.acknowledged(acknowledgment, now: instant, pool: &pool)
  }

  /// Lets the time come to the deadline.
  func expire() -> LossRecovery.Expiry {
    now = Double(recovery.deadline.microseconds) / 1000
    return recovery.expired(now: instant)
  }

  /// A first round trip of 100 ms: two segments.
  func measure() {
    send(2)
    now += 100
    ack(Double(nxt))
  }
}
