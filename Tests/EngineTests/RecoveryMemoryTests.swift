import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Loss recovery at the memory ceiling, and with larger segments")
struct RecoveryMemoryTests {
  /// As many segments as the first block of memory holds, and no more memory.
  private func fullSender() -> ScriptedSender {
    let sender = ScriptedSender()
    sender.pool = MemoryPool(ceiling: 256)
    sender.send(10)
    #expect(sender.memory == 256)
    return sender
  }

  @Test("A segment that cannot be remembered must not be sent: none would send it again")
  func notRemembered() {
    let sender = fullSender()
    // Behind one in flight it is remembered together with that.
    var hasRoom = sender.recovery.makeRoom(pool: &sender.pool)
    #expect(hasRoom)
    // Behind one that the peer has, or that is lost, it cannot be.
    sender.now += 100
    sender.ack(0, sack: [9...10])
    hasRoom = sender.recovery.makeRoom(pool: &sender.pool)
    #expect(!hasRoom)
    let sent = sender.recovery.transmitted(
      ScriptedSender.number(10), count: 1000, isRetransmission: false, now: sender.instant,
      pool: &sender.pool)
    #expect(!sent)
    // An acknowledgement makes room.
    sender.ack(1, sack: [9...10])
    hasRoom = sender.recovery.makeRoom(pool: &sender.pool)
    #expect(hasRoom)
  }

  @Test("A window of small segments lets a large one out: otherwise nothing would let it grow")
  func larger() {
    let sender = ScriptedSender()
    sender.send(1)
    #expect(sender.expire() == .probe)
    _ = sender.recovery.transmitted(
      SequenceNumber(0), count: 1000, isRetransmission: true, now: sender.instant,
      pool: &sender.pool)
    #expect(sender.expire() == .retransmissionTimeout)
    sender.now += 100
    sender.ack(1)
    #expect(sender.cwnd < 8)
    sender.recovery.maximumSegmentSizeChanged(mss: 8_000, resending: false)
    #expect(sender.quota == 8)
    // With something outstanding the window holds.
    sender.send(1)
    #expect(sender.quota < 8)
  }
}
