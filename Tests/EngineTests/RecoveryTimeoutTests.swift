import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Recovery: the retransmission timer")
struct RecoveryTimeoutTests {
  @Test("SRTT, RTTVAR and RTO follow RFC 6298 §2")
  func estimator() {
    var estimator = RoundTripEstimator(least: 200_000, initial: 1_000_000, greatest: 60_000_000)
    #expect(estimator.rto == 1_000_000)
    estimator.sample(100_000, outstanding: 1)
    #expect(estimator.srtt == 100_000)
    #expect(estimator.rttvar == 50_000)
    #expect(estimator.rto == 300_000)
    estimator.sample(180_000, outstanding: 1)
    // 3/4 * 50 + 1/4 * |100 - 180|, and 7/8 * 100 + 1/8 * 180.
    #expect(estimator.rttvar == 57_500)
    #expect(estimator.srtt == 110_000)
    #expect(estimator.rto == 340_000)
  }

  @Test("What lay behind a hole measures nothing when the hole is filled: its age is no round trip")
  func behindTheHole() {
    let sender = ScriptedSender(sack: false)
    sender.measure()
    let srtt = sender.srtt
    // Of two segments the second arrives. The acknowledgement of the retransmission is that of both.
    sender.send(2)
    #expect(sender.expire() == .retransmissionTimeout)
    _ = sender.sendAllowed(limit: 0)
    sender.now += 100
    sender.ack(Double(sender.nxt))
    #expect(sender.srtt == srtt)
    // The next one measures again.
    sender.send(1)
    sender.now += 100
    sender.ack(Double(sender.nxt))
    #expect(sender.srtt == 100_000)
  }

  @Test("A time-out of more than a minute is kept as it was given")
  func largeBounds() {
    var estimator = RoundTripEstimator(
      least: 200_000, initial: 100_000_000, greatest: 86_400_000_000)
    #expect(estimator.rto == 100_000_000)
    for _ in 0..<16 { estimator.backOff() }
    #expect(estimator.rto == 86_400_000_000)
  }

  @Test("Many samples in a round trip weigh as much as one: RFC 7323, appendix G")
  func manySamples() {
    var one = RoundTripEstimator(least: 1000, initial: 1_000_000, greatest: 60_000_000)
    var many = one
    one.sample(100_000, outstanding: 1)
    many.sample(100_000, outstanding: 1)
    one.sample(200_000, outstanding: 1)
    for _ in 0..<32 { many.sample(200_000, outstanding: 64) }
    #expect(abs(one.srtt - many.srtt) < 1000)
  }

  @Test("The time-out is within its bounds, and no sample leads out of them")
  func bounds() {
    var estimator = RoundTripEstimator(least: 200_000, initial: 1_000_000, greatest: 60_000_000)
    for sample in [0, -5, 1, Int.max, Int.min, 20_000_000, 3] {
      estimator.sample(sample, outstanding: Int.max)
      #expect(estimator.rto >= 200_000)
      #expect(estimator.rto <= 60_000_000)
      #expect(estimator.srtt >= 0)
    }
    for _ in 0..<300 { estimator.backOff() }
    #expect(estimator.rto == 60_000_000)
  }

  @Test("The smallest round trip is forgotten after 10 to 20 s: RFC 8985 §6.2")
  func leastIsForgotten() {
    var estimator = RoundTripEstimator(least: 200_000, initial: 1_000_000, greatest: 60_000_000)
    func sample(_ time: UInt32, at second: UInt64) {
      estimator.sampleLeast(time, now: Instant(microseconds: second * 1_000_000))
    }
    sample(10_000, at: 0)
    for second in 1...9 as ClosedRange<UInt64> { sample(50_000, at: second) }
    #expect(estimator.least == 10_000)
    for second in 10...21 as ClosedRange<UInt64> { sample(50_000, at: second) }
    #expect(estimator.least == 50_000)
  }

  @Test("The timer doubles with each time-out, and counts them until new data are acknowledged")
  func backOff() {
    let sender = ScriptedSender(sack: false)
    sender.send(3)
    #expect(sender.timeLeft == 1000)
    #expect(sender.expire() == .retransmissionTimeout)
    #expect(sender.backoffCount == 1)
    #expect(sender.cwnd == 1)
    #expect(sender.sendAllowed() == 0)
    #expect(sender.resent == [0])
    #expect(sender.timeLeft == 2000)
    #expect(sender.expire() == .retransmissionTimeout)
    #expect(sender.sendAllowed() == 0)
    #expect(sender.resent == [0, 0])
    #expect(sender.timeLeft == 4000)
    #expect(sender.backoffCount == 2)
    let ssthresh = sender.ssthresh
    sender.now += 50
    sender.ack(1)
    #expect(sender.backoffCount == 0)
    #expect(sender.ssthresh == ssthresh)
    // Karn: no sample from what was sent again, so the time-out stays doubled (RFC 6298 §5.7's note).
    #expect(sender.srtt == 0)
    #expect(sender.timeLeft == 4000)
    // Slow start: two segments.
    #expect(sender.sendAllowed() == 0)
    #expect(sender.resent == [0, 0, 1, 2])
    sender.now += 50
    sender.ack(3, echoAge: 50)
    #expect(sender.srtt == 50_000)
    #expect(!sender.hasDeadline)
    #expect(sender.memory == 0)
  }

  @Test("ssthresh is reduced once for a segment that times out again: RFC 5681 §3.1")
  func thresholdOnce() {
    let sender = ScriptedSender { $0.algorithm = .newReno }
    sender.measure()
    sender.send(8)
    _ = sender.expire()
    while sender.expire() != .retransmissionTimeout {}
    #expect(sender.ssthresh == 4)
    _ = sender.sendAllowed()
    #expect(sender.expire() == .retransmissionTimeout)
    #expect(sender.ssthresh == 4)
    #expect(sender.cwnd == 1)
  }

  @Test("A SYN that had to be sent again leaves one segment and 3 s: RFC 5681 §3.1, RFC 6298 §5.7")
  func repeatedSYN() {
    var pool = MemoryPool(ceiling: 1 << 20)
    var recovery = LossRecovery(configuration: .init(), mss: 536)
    let iss = SequenceNumber(.max)
    var now = Instant(microseconds: 10)
    let sent = recovery.transmitted(iss, count: 1, isRetransmission: false, now: now, pool: &pool)
    #expect(sent)
    now = recovery.deadline
    let expiry = recovery.expired(now: now)
    #expect(expiry == .retransmissionTimeout)
    let syn = recovery.nextRetransmission(mss: 536)
    #expect(syn?.start == iss)
    #expect(syn?.count == 1)
    _ = recovery.transmitted(iss, count: 1, isRetransmission: true, now: now, pool: &pool)
    _ = recovery.acknowledged(.init(ack: SequenceNumber(0)), now: now, pool: &pool)
    recovery.start(mss: 1460, sackPermitted: true, now: now)
    let (cwnd, rto, isInRecovery) = (recovery.cwnd, recovery.rto, recovery.isInRecovery)
    #expect(cwnd == 1460)
    #expect(rto == 3_000_000)
    #expect(!isInRecovery)
  }

  @Test("The initial window is that of RFC 6928 §2")
  func initialWindow() {
    for (mss, window) in [(1460, 14_600), (536, 5360), (9000, 18_000), (64, 640)] {
      var recovery = LossRecovery(configuration: .init(), mss: 536)
      recovery.start(mss: mss, sackPermitted: true, now: .zero)
      let cwnd = recovery.cwnd
      #expect(cwnd == window)
    }
  }

  @Test("After a pause the window is the initial one again: RFC 5681 §4.1")
  func idle() {
    let sender = ScriptedSender()
    for _ in 0..<4 {
      let sent = sender.sendAllowed()
      #expect(sent > 0)
      sender.now += 100
      sender.ack(Double(sender.nxt))
    }
    let cwnd = sender.cwnd
    #expect(cwnd > 20)
    sender.now += 100
    sender.recovery.idleRestart(now: sender.instant)
    #expect(sender.cwnd == cwnd)
    sender.now += 5000
    sender.recovery.idleRestart(now: sender.instant)
    #expect(sender.cwnd == 10)
  }

  // MARK: F-RTO

  @Test("F-RTO with SACK: an original that arrives after the time-out shows that it was wrong")
  func frtoWithSACK() {
    let sender = ScriptedSender { $0.usesTailLossProbe = false }
    sender.measure()
    sender.send(6)
    let cwnd = sender.cwnd
    #expect(sender.expire() == .retransmissionTimeout)
    #expect(sender.sendAllowed() == 0)
    #expect(sender.resent == [2])
    sender.now += 10
    let outcome = sender.ack(4)
    #expect(outcome.undone)
    #expect(sender.cwnd == cwnd)
    #expect(!sender.hasThreshold)
    #expect(!sender.isInRecovery)
    #expect(sender.pipe == 4)
    #expect(sender.next == nil)
  }

  @Test("F-RTO without SACK: two acknowledgements of new data, with new segments between them")
  func frtoWithoutSACK() {
    let sender = ScriptedSender(sack: false)
    sender.measure()
    sender.send(6)
    let cwnd = sender.cwnd
    #expect(sender.expire() == .retransmissionTimeout)
    #expect(sender.sendAllowed() == 0)
    sender.now += 10
    sender.ack(3)
    // Two new segments and no old ones.
    #expect(sender.sendAllowed() == 2)
    #expect(sender.resent == [2])
    let outcome = sender.ack(4)
    #expect(outcome.undone)
    #expect(sender.cwnd == cwnd)
    #expect(sender.next == nil)
  }

  @Test("F-RTO gives way to slow start when the second acknowledgement is a duplicate")
  func frtoRefuted() {
    for sack in [true, false] {
      let sender = ScriptedSender(sack: sack) { $0.usesTailLossProbe = false }
      sender.measure()
      sender.send(6)
      #expect(sender.expire() == .retransmissionTimeout)
      #expect(sender.sendAllowed() == 0)
      sender.now += 10
      sender.ack(3)
      #expect(sender.sendAllowed() == 2)
      let outcome = sender.ack(3, sack: sack ? [8...9] : [])
      #expect(!outcome.undone)
      #expect(sender.isInRecovery)
      _ = sender.sendAllowed()
      #expect(sender.resent.dropFirst().first == 3)
      #expect(sender.cwnd <= 3)
    }
  }

  @Test("Without new data to send F-RTO is slow start at once: RFC 5682 §2.1, 2b")
  func frtoWithoutData() {
    let sender = ScriptedSender(sack: false)
    sender.measure()
    sender.send(6)
    _ = sender.expire()
    _ = sender.sendAllowed()
    sender.now += 10
    sender.ack(3, canSendNew: false)
    #expect(sender.sendAllowed() == 0)
    #expect(sender.resent == [2, 3, 4])
  }

  @Test("Eifel: the echo of an older timestamp shows that a time-out was wrong: RFC 3522 §3.2")
  func eifelAfterTimeout() {
    let sender = ScriptedSender(sack: false) { $0.usesFRTO = false }
    sender.measure()
    sender.send(6)
    let cwnd = sender.cwnd
    _ = sender.expire()
    _ = sender.sendAllowed()
    sender.now += 10
    let outcome = sender.ack(3, echoAge: 400)
    #expect(outcome.undone)
    #expect(sender.cwnd == cwnd)
    let other = ScriptedSender(sack: false) { $0.usesFRTO = false }
    other.measure()
    other.send(6)
    _ = other.expire()
    _ = other.sendAllowed()
    other.now += 10
    let refuted = other.ack(3, echoAge: 10)
    #expect(!refuted.undone)
  }
}
