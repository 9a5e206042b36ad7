import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Recovery: SACK and RACK")
struct RecoverySACKTests {
  /// Ten segments, 2...11, sent one millisecond after the other on a path of 100 ms; then 100 ms have passed
  /// since the last.
  private func flight(_ configure: (inout LossRecovery.Configuration) -> Void = { _ in })
    -> ScriptedSender
  {
    let sender = ScriptedSender(configure)
    sender.measure()
    for _ in 0..<10 {
      sender.send()
      sender.now += 1
    }
    sender.now += 99
    return sender
  }

  @Test("No segment is waited for in steps of nothing, even if RACK's clock is ahead of the time")
  func timerAlwaysWaits() {
    let sender = flight()
    sender.recovery.flags.insert(.hasRACK)
    sender.recovery.rack.rtt = 150_000
    sender.recovery.rack.end = ScriptedSender.number(100)
    sender.recovery.rack.sentAt = sender.instant.advanced(by: 1_000).clock
    _ = sender.recovery.detectLosses(now: sender.instant)
    #expect(sender.lost == 0)
    #expect(sender.timeLeft >= 50)
  }

  @Test("Three sacked segments show a loss, and recovery begins: RFC 8985 §6.2, RFC 6675 §5")
  func threeSacked() {
    let sender = flight()
    #expect(!sender.ack(2, sack: [3...4]).enteredRecovery)
    #expect(sender.next == nil)
    #expect(!sender.ack(2, sack: [3...5]).enteredRecovery)
    let outcome = sender.ack(2, sack: [3...6])
    #expect(outcome.enteredRecovery)
    #expect(outcome.sacked == 1000)
    #expect(sender.isInRecovery)
    #expect(sender.next == 2)
    #expect(sender.pipe == 6)
    #expect(sender.ssthresh == 7)
    _ = sender.sendAllowed()
    #expect(sender.resent == [2])
    #expect(sender.pipe == 7)
    sender.now += 100
    #expect(sender.ack(12).leftRecovery)
    // And growth for the part of it that was not sacked before.
    #expect(sender.cwnd >= 7)
    #expect(sender.cwnd < 8)
    #expect(!sender.isInRecovery)
    #expect(sender.memory == 0)
  }

  @Test("Before that each sacked segment lets a new one go: RFC 3042, RFC 6675 §5, step 3")
  func limitedTransmit() {
    let sender = flight()
    sender.recovery.window.cwnd = 10_000
    #expect(sender.quota == 0)
    sender.ack(2, sack: [3...4])
    #expect(sender.sendAllowed() == 1)
    sender.ack(2, sack: [3...5])
    #expect(sender.sendAllowed() == 1)
    #expect(sender.resent.isEmpty)
  }

  @Test(
    "With one sacked segment a quarter of a round trip is waited for others: RFC 8985 §6.2, step 4")
  func reorderingTimer() {
    let sender = flight()
    let outcome = sender.ack(2, sack: [11...12])
    #expect(!outcome.enteredRecovery)
    // Segment 11 was sent 100 ms ago, and its round trip was 100 ms: 25 ms are left.
    #expect(sender.timeLeft == 25)
    #expect(sender.expire() == .reordering)
    #expect(sender.isInRecovery)
    #expect(sender.lost == 9)
    // PRR lets the first go at once.
    _ = sender.sendAllowed()
    #expect(sender.resent.first == 2)
    #expect(!sender.resent.isEmpty)
  }

  @Test(
    "A segment that comes late shows reordering, and then three sacked segments are no loss yet")
  func reorderingIsLearnt() {
    let sender = flight()
    sender.ack(2, sack: [3...4])
    #expect(!sender.hasSeenReordering)
    sender.ack(4)
    #expect(sender.hasSeenReordering)
    let outcome = sender.ack(4, sack: [5...9])
    #expect(!outcome.enteredRecovery)
    #expect(sender.next == nil)
    #expect(sender.expire() == .reordering)
    #expect(sender.next == 4)
  }

  @Test("Two blocks that one acknowledgement brings are no reordering, whichever comes first")
  func blocksAreInNoOrder() {
    let sender = flight()
    sender.ack(2, sack: [8...9, 4...6])
    #expect(!sender.hasSeenReordering)
    #expect(sender.sacked == 3)
    sender.ack(2, sack: [3...4, 8...9])
    #expect(sender.hasSeenReordering)
  }

  @Test(
    "A lost retransmission is found when something sent later arrives, and the window shrinks again"
  )
  func lostRetransmission() {
    let sender = flight()
    sender.ack(2, sack: [3...6])
    _ = sender.sendAllowed()
    #expect(sender.resent == [2])
    let ssthresh = sender.ssthresh
    sender.now += 5
    sender.ack(2, sack: [3...11])
    sender.ack(2, sack: [3...12])
    #expect(sender.sendAllowed() > 0)
    sender.now += 100
    // New data, sent 5 ms after the retransmission, have arrived.
    sender.ack(2, sack: [3...13])
    #expect(sender.lost == 1)
    #expect(abs(sender.ssthresh - ssthresh * 0.7) < 0.01)
    // It goes out when PRR lets it.
    for segment in 14...sender.nxt {
      sender.ack(2, sack: [3...Double(segment)])
      _ = sender.sendAllowed(limit: 0)
    }
    #expect(sender.resent == [2, 2])
    #expect(abs(sender.ssthresh - ssthresh * 0.7) < 0.01)
  }

  @Test("Blocks outside of what is outstanding, empty or turned round are not believed")
  func badBlocks() {
    let sender = flight()
    for block in [12.0...13, 11...13, 0...2, 1...3, 500...600, 5...5] as [ClosedRange<Double>] {
      sender.ack(2, sack: [block])
      #expect(sender.sacked == 0)
    }
    var turned = LossRecovery.Acknowledgment(ack: ScriptedSender.number(2))
    turned.sackBlocks.append(
      SACKBlock(left: ScriptedSender.number(9), right: ScriptedSender.number(4)))
    _ = sender.recovery.acknowledged(turned, now: sender.instant, pool: &sender.pool)
    #expect(sender.sacked == 0)
    // Of a block that cuts through segments those count that are whole.
    sender.ack(2, sack: [3.5...6.5])
    #expect(sender.sacked == 2)
    #expect(sender.pipe == 8)
  }

  @Test("A peer that throws away what it has sacked gets it again after a time-out: RFC 2018 §8")
  func reneging() {
    let sender = flight { $0.usesTailLossProbe = false }
    sender.ack(2, sack: [3...12])
    _ = sender.sendAllowed(limit: 0)
    #expect(sender.resent == [2])
    sender.now += 100
    // The retransmission has come, but the rest is gone.
    sender.ack(3)
    #expect(sender.sendAllowed(limit: 0) == 0)
    #expect(sender.next == nil)
    #expect(sender.expire() == .retransmissionTimeout)
    #expect(sender.sacked == 0)
    for segment in 3..<12 {
      _ = sender.sendAllowed(limit: 0)
      sender.now += 100
      sender.ack(Double(segment + 1), canSendNew: false)
    }
    #expect(sender.resent == Array(2..<12))
    #expect(sender.memory == 0)
  }

  @Test(
    "D-SACKs widen the reordering window, once in a round trip; 16 recoveries without undo that")
  func duplicatesWidenWindow() {
    let sender = flight()
    sender.recovery.flags.insert(.reorderingSeen)
    func window() -> Double { Double(sender.recovery.reorderingWindow) / 1000 }
    #expect(window() == 25)
    sender.ack(2, sack: [0...1])
    #expect(window() == 50)
    sender.ack(2, sack: [0...1])
    #expect(window() == 50)
    sender.ack(12)
    sender.send(2)
    sender.ack(12, sack: [0...1])
    #expect(window() == 75)
    for segment in [14.0, 15, 16] {
      sender.now += 100
      sender.ack(segment)
      sender.send(1)
      sender.ack(segment, sack: [0...1])
    }
    // Not more than SRTT.
    #expect(window() <= Double(sender.srtt) / 1000)
    for _ in 0..<15 { sender.recovery.rackRecoveryEnded() }
    #expect(window() > 25)
    sender.recovery.rackRecoveryEnded()
    #expect(window() == 25)
  }

  @Test("A D-SACK for the only retransmission takes the reaction back: RFC 3708 §3, RFC 9438 §4.9")
  func duplicateUndoes() {
    for early in [true, false] {
      let sender = flight()
      let cwnd = sender.cwnd
      sender.ack(2, sack: [3...6])
      _ = sender.sendAllowed()
      #expect(sender.resent == [2])
      sender.now += 10
      sender.ack(6)
      if !early {
        sender.now += 90
        sender.ack(Double(sender.nxt))
        #expect(!sender.isInRecovery)
      }
      sender.now += 10
      let outcome = sender.ack(early ? 6 : Double(sender.nxt), sack: [2...3])
      #expect(outcome.undone)
      #expect(sender.undone == 1)
      #expect(sender.cwnd >= cwnd)
      #expect(!sender.hasThreshold)
      #expect(!sender.isInRecovery)
      #expect(sender.hasSeenReordering)
    }
  }

  @Test("A D-SACK of one of two retransmissions undoes nothing")
  func oneDuplicateOfTwo() {
    let sender = flight()
    sender.ack(2, sack: [4...9])
    _ = sender.sendAllowed(limit: 0)
    sender.ack(2, sack: [4...12])
    _ = sender.sendAllowed(limit: 0)
    #expect(sender.resent == [2, 3])
    sender.now += 100
    #expect(!sender.ack(12, sack: [2...3]).undone)
    #expect(sender.cwnd < 10)
    #expect(sender.ack(12, sack: [3...4]).undone)
  }

  @Test("Eifel: the echo of an older timestamp takes a fast recovery back: RFC 3522 §3.2")
  func eifel() {
    let sender = flight()
    let cwnd = sender.cwnd
    sender.ack(2, sack: [3...6])
    _ = sender.sendAllowed()
    sender.now += 10
    // The original was 110 ms on its way, the retransmission was made 10 ms ago.
    let outcome = sender.ack(6, echoAge: 110)
    #expect(outcome.undone)
    #expect(sender.cwnd == cwnd)
    #expect(!sender.isInRecovery)

    let other = flight()
    other.ack(2, sack: [3...6])
    _ = other.sendAllowed()
    other.now += 100
    #expect(!other.ack(6, echoAge: 100).undone)
    #expect(other.isInRecovery)
  }

  @Test(
    "What was lost twice is found after an undo too, long before the retransmission timer (RFC 8985 §6.2)"
  )
  func lostAgainBeforeUndo() {
    let sender = flight()
    sender.ack(2, sack: [4...7])
    _ = sender.sendAllowed(limit: 0)
    sender.ack(2, sack: [4...12])
    _ = sender.sendAllowed(limit: 0)
    #expect(sender.resent == [2, 3])
    sender.send(2)
    sender.now += 101
    // What was sent after the retransmissions arrives before they do: they are lost again.
    sender.ack(2, sack: [4...14])
    #expect(sender.lost == 2)
    // The original of segment 2 was late. That of 3 was lost, and its retransmission too.
    #expect(sender.ack(3, sack: [4...14], echoAge: 210).undone)
    #expect(sender.lost == 0)
    // A reordering window later.
    #expect(sender.timeLeft < 100)
    #expect(sender.expire() == .reordering)
    #expect(sender.next == 3)
  }

  @Test("What the peer has thrown away is found after an undo too (RFC 2018 §8)")
  func renegedBeforeUndo() {
    let sender = flight { $0.usesTailLossProbe = false }
    sender.ack(2, sack: [5...8])
    _ = sender.sendAllowed(limit: 0)
    // Twice the retransmission of segment 2 does not come back, and nothing is believed any more.
    for _ in 0..<2 {
      #expect(sender.expire() == .retransmissionTimeout)
      #expect(sender.next == 2)
      _ = sender.sendAllowed(limit: 0)
    }
    #expect(sender.sacked == 0)
    // Both were late.
    sender.now += 1
    sender.ack(3, sack: [2...3])
    #expect(sender.ack(3, sack: [2...3]).undone)
    // But the peer has thrown away 5, 6 and 7, and the rest was lost.
    let next = Double(sender.nxt)
    sender.send(2)
    sender.now += 100
    sender.ack(3, sack: [next...next + 2])
    #expect(sender.lost == sender.nxt - 3 - 2)
    #expect(sender.next == 3)
  }

  @Test("Losses of a later flight that are found in a recovery begin the next one")
  func lossAfterReduction() {
    let sender = flight()
    sender.ack(2, sack: [3...6])
    _ = sender.sendAllowed()
    sender.ack(2, sack: [3...9])
    sender.ack(2, sack: [3...12])
    _ = sender.sendAllowed()
    let next = sender.nxt
    #expect(next >= 15)
    sender.now += 100
    // Segment 12 of the later flight is lost, and sent again before the first recovery ends.
    sender.ack(2, sack: [3...12, 13...Double(next)])
    _ = sender.sendAllowed(limit: 0)
    #expect(sender.resent.contains(12))
    let ssthresh = sender.ssthresh
    let outcome = sender.ack(12, sack: [13...Double(next)])
    #expect(outcome.leftRecovery)
    #expect(outcome.enteredRecovery)
    #expect(sender.ssthresh < ssthresh)
  }
}
