import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Recovery: fast recovery without SACK, PRR, ECN, path MTU")
struct RecoveryNewRenoTests {
  private func flight(
    sack: Bool = false, _ configure: (inout LossRecovery.Configuration) -> Void = { _ in }
  ) -> ScriptedSender {
    let sender = ScriptedSender(sack: sack, configure)
    sender.measure()
    sender.send(10)
    sender.now += 100
    sender.recovery.window.cwnd = 10_000
    return sender
  }

  @Test(
    "Two duplicates let a new segment go each, the third sends the lost one: RFC 3042, RFC 5681 §3.2"
  )
  func duplicates() {
    let sender = flight { $0.algorithm = .newReno }
    for _ in 0..<2 {
      #expect(!sender.ack(2).enteredRecovery)
      #expect(sender.sendAllowed() == 1)
    }
    #expect(sender.resent.isEmpty)
    #expect(sender.ack(2).enteredRecovery)
    #expect(sender.ssthresh == 5)
    _ = sender.sendAllowed(limit: 0)
    #expect(sender.resent == [2])
    sender.now += 100
    #expect(sender.ack(14).leftRecovery)
    #expect(sender.cwnd >= 5)
    #expect(sender.cwnd < 7)
  }

  @Test("What carries data or changes the window is no duplicate: RFC 5681 §2")
  func noDuplicates() {
    let sender = flight()
    for _ in 0..<5 { sender.ack(2, carriesData: true) }
    #expect(!sender.isInRecovery)
    #expect(sender.pipe == 10)
    // Nor is anything when nothing is outstanding.
    sender.ack(12)
    for _ in 0..<5 { sender.ack(12) }
    #expect(!sender.isInRecovery)
  }

  @Test(
    "Each partial acknowledgement shows the next loss; the timer runs from the first: RFC 6582 §3.2"
  )
  func partialAcknowledgements() {
    let sender = flight()
    for _ in 0..<3 { sender.ack(2) }
    _ = sender.sendAllowed(limit: 0)
    for _ in 0..<4 { sender.ack(2) }
    sender.now += 100
    sender.ack(5)
    #expect(sender.isInRecovery)
    _ = sender.sendAllowed(limit: 0)
    #expect(sender.resent == [2, 5])
    let deadline = sender.deadline
    sender.now += 100
    sender.ack(8)
    _ = sender.sendAllowed(limit: 0)
    #expect(sender.resent == [2, 5, 8])
    #expect(sender.deadline == deadline)
    sender.now += 50
    #expect(sender.ack(12).leftRecovery)
    #expect(sender.memory == 0)
  }

  @Test("Duplicates of the flight that timed out begin no recovery: RFC 6582 §3.2, step 2")
  func duplicatesAfterTimeout() {
    let sender = flight { $0.usesFRTO = false }
    #expect(sender.expire() == .retransmissionTimeout)
    _ = sender.sendAllowed(limit: 0)
    sender.now += 100
    sender.ack(12)
    #expect(!sender.isInRecovery)
    sender.send(4)
    for _ in 0..<3 { sender.ack(12) }
    #expect(!sender.isInRecovery)
    sender.ack(13)
    sender.send(4)
    for _ in 0..<3 { sender.ack(13) }
    #expect(sender.isInRecovery)
  }

  @Test("A flood of duplicates lets no more than a segment go for each")
  func duplicateFlood() {
    let sender = flight()
    var sent = 0
    for _ in 0..<1000 {
      sender.ack(2)
      sent += sender.sendAllowed()
      #expect(sender.pipe >= 0)
    }
    #expect(sent <= 1000)
    #expect(sender.cwnd <= 10)
  }

  // MARK: PRR

  @Test("PRR sends in the proportion in which the window shrinks, and conserves packets below it")
  func reduction() {
    var reduction = ProportionalRateReduction(flight: 20_000)
    var pipe = 20_000
    var sent = 0
    // Each of 19 acknowledgements delivers one segment; the window goes from 20 to 10 segments.
    for _ in 0..<19 {
      pipe -= 1000
      var cwnd = reduction.acknowledged(
        delivered: 1000, inFlight: pipe, ssthresh: 10_000, mss: 1000, isSafe: false)
      while cwnd - pipe >= 1000 {
        reduction.sent(1000)
        pipe += 1000
        sent += 1
        cwnd = max(cwnd, pipe)
      }
    }
    #expect(sent == 10 || sent == 9)
    #expect((10_000...11_000).contains(pipe))
    // Most of the flight is gone: what arrives is replaced, and with good news one more is sent.
    var second = ProportionalRateReduction(flight: 20_000)
    second.sent(1000)
    let conserved = second.acknowledged(
      delivered: 2000, inFlight: 3000, ssthresh: 10_000, mss: 1000, isSafe: false)
    #expect(conserved == 5000)
    let safe = second.acknowledged(
      delivered: 1000, inFlight: 3000, ssthresh: 10_000, mss: 1000, isSafe: true)
    #expect(safe == 6000)
  }

  @Test("PRR lets a segment go when nothing is left in the network that could bring an answer")
  func reductionOfNothing() {
    var reduction = ProportionalRateReduction(flight: 5_000)
    reduction.sent(4_000)
    // The end of a segment, of which the front was acknowledged before.
    let window = reduction.acknowledged(
      delivered: 100, inFlight: 0, ssthresh: 2_500, mss: 1_000, isSafe: false)
    #expect(window == 1_000)
  }

  @Test("No number breaks PRR")
  func reductionOfNonsense() {
    var generator = SeededGenerator(seed: 7)
    var reduction = ProportionalRateReduction(flight: 0)
    for _ in 0..<1000 {
      reduction.sent(generator.number(0...1 << 30))
      let pipe = generator.number(0...1 << 30)
      let cwnd = reduction.acknowledged(
        delivered: generator.number(0...1 << 30), inFlight: pipe,
        ssthresh: generator.number(0...1 << 30), mss: generator.number(1...65_535), isSafe: true)
      #expect(cwnd >= pipe)
    }
  }

  // MARK: ECN

  @Test(
    "ECE reduces the window once for each window of data, and CWR is sent once: RFC 3168 §6.1.2")
  func congestionExperienced() {
    let sender = flight(sack: true)
    #expect(!sender.takeCWR())
    #expect(sender.ack(3, ece: true).reacted)
    #expect(sender.ssthresh == 7)
    #expect(sender.cwnd == 7)
    #expect(sender.takeCWR())
    #expect(!sender.takeCWR())
    for segment in 4...12 {
      #expect(!sender.ack(Double(segment), ece: true).reacted)
    }
    sender.send(7)
    sender.now += 100
    #expect(sender.ack(13, ece: true).reacted)
    #expect(sender.ssthresh < 6)
  }

  @Test("A loss in the window that ECE has reduced does not reduce it again")
  func lossAfterECE() {
    let sender = flight(sack: true)
    sender.ack(3, ece: true)
    let ssthresh = sender.ssthresh
    #expect(sender.ack(3, sack: [4...8]).enteredRecovery)
    #expect(sender.ssthresh == ssthresh)
    _ = sender.sendAllowed(limit: 0)
    #expect(sender.resent == [3])
  }

  // MARK: Path MTU

  @Test("Segments that are too long for the path are sent again in pieces, and the window stays")
  func smallerSegments() {
    for sack in [true, false] {
      let sender = flight(sack: sack)
      sender.ack(3, sack: sack ? [5...6] : [])
      let cwnd = sender.cwnd
      sender.recovery.maximumSegmentSizeChanged(mss: 400, resending: true)
      var pieces: [(Int, Int)] = []
      while let lost = sender.recovery.nextRetransmission(mss: 400) {
        pieces.append((Int(lost.start.rawValue), lost.count))
        _ = sender.recovery.transmitted(
          lost.start, count: lost.count, isRetransmission: true, now: sender.instant,
          pool: &sender.pool)
      }
      #expect(pieces.prefix(4).map(\.0) == [3000, 3400, 3800, 4000])
      #expect(pieces.prefix(4).map(\.1) == [400, 400, 200, 400])
      #expect(pieces.reduce(0) { $0 + $1.1 } == (sack ? 8000 : 9000))
      #expect(sender.cwnd == cwnd)
      #expect(!sender.hasThreshold)
      sender.now += 100
      sender.ack(3.4)
      sender.ack(7.4)
      #expect(sender.pipe == 4.6)
      sender.ack(12)
      #expect(sender.memory == 0)
      #expect(!sender.isInRecovery)
    }
  }

  // MARK: Memory

  @Test(
    "A window for one small segment takes a large one, when the path does: nothing else would move")
  func largerSegments() {
    let sender = ScriptedSender()
    sender.measure()
    sender.recovery.maximumSegmentSizeChanged(mss: 500, resending: false)
    sender.send(1)
    #expect(sender.expire() == .probe || sender.expire() == .retransmissionTimeout)
    while sender.backoffCount == 0 { _ = sender.expire() }
    #expect(sender.cwnd == 0.5)
    sender.recovery.maximumSegmentSizeChanged(mss: 1_000, resending: false)
    #expect(sender.cwnd == 1)
    #expect(sender.next == 2)
  }

  @Test("Without memory segments are remembered together, and sent again piece by piece")
  func noMemory() {
    let sender = ScriptedSender(sack: false)
    sender.pool = MemoryPool(ceiling: 256)
    sender.send(40)
    #expect(sender.memory == 256)
    #expect(sender.pipe == 40)
    #expect(sender.expire() == .retransmissionTimeout)
    var acknowledged = 0
    while acknowledged < 40 {
      _ = sender.sendAllowed(limit: 0)
      if sender.resent.last != acknowledged {
        #expect(sender.expire() == .retransmissionTimeout)
        continue
      }
      sender.now += 10
      acknowledged += 1
      sender.ack(Double(acknowledged), canSendNew: false)
    }
    #expect(sender.memory == 0)

    var pool = MemoryPool(ceiling: 0)
    var recovery = LossRecovery(configuration: .init(), mss: 1000)
    let hasRoom = recovery.makeRoom(pool: &pool)
    let sent = recovery.transmitted(
      SequenceNumber(0), count: 1, isRetransmission: false, now: .zero, pool: &pool)
    #expect(!hasRoom)
    #expect(!sent)
  }

  @Test("A super-segment is remembered as the segments that arrive")
  func superSegments() {
    let sender = ScriptedSender()
    _ = sender.recovery.transmitted(
      SequenceNumber(0), count: 9500, isRetransmission: false, now: sender.instant,
      pool: &sender.pool)
    #expect(sender.pipe == 9.5)
    sender.now += 10
    #expect(sender.ack(0, sack: [1...8]).enteredRecovery)
    #expect(sender.pipe == 1.5)
    #expect(sender.next == 0)
  }

  @Test("A connection that ends gives everything back")
  func reset() {
    let sender = flight(sack: true)
    sender.ack(2, sack: [3...9])
    sender.recovery.reset(&sender.pool)
    #expect(sender.memory == 0)
    #expect(!sender.hasDeadline)
    #expect(sender.next == nil)
    #expect(sender.pipe == 0)
    let expiry = sender.recovery.expired(now: sender.instant.advanced(by: 1 << 40))
    #expect(expiry == .none)
    #expect(sender.ack(12).acknowledged == 0)
  }

  @Test("An idle connection's share is small, and it has no memory")
  func size() {
    #expect(MemoryLayout<LossRecovery>.size <= 208)
    #expect(MemoryLayout<SentSegment>.size == 16)
    #expect(MemoryLayout<CUBIC>.size <= 40)
  }
}
