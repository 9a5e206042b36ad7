import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Loss recovery at the memory ceiling, and with larger segments")
struct RecoveryMemoryTests {
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
