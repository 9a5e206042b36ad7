import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Recovery: tail loss probes (RFC 8985 §7)")
struct RecoveryProbeTests {
  private func flight(_ count: Int) -> ScriptedSender {
    let sender = ScriptedSender()
    sender.measure()
    sender.send(count)
    return sender
  }

  /// The probe as the control block sends it: the last segment again.
  private func probeAgain(_ sender: ScriptedSender) -> Int? {
    guard let last = sender.recovery.lastSegment(mss: 1000) else { return nil }
    _ = sender.recovery.transmitted(
      last.start, count: last.count, isRetransmission: true, now: sender.instant,
      pool: &sender.pool)
    return Int(last.start.rawValue) / 1000
  }

  @Test(
    "The probe is due after two round trips; for a lone segment the delay of its answer is added")
  func timer() {
    let two = flight(2)
    #expect(two.timeLeft == 202)
    let one = flight(1)
    // 2 * 100 + 2 + 200 ms would be later than the time-out of 300 ms.
    #expect(one.timeLeft == 300)
    #expect(one.expire() == .probe)
  }

  @Test("New data are the probe where there are some; their acknowledgement changes nothing")
  func newData() {
    let sender = flight(3)
    sender.recovery.window.cwnd = 3000
    #expect(sender.quota == 0)
    #expect(sender.expire() == .probe)
    #expect(sender.quota == 1)
    sender.send()
    #expect(sender.quota == 0)
    // Now the time-out: one RTO after the probe.
    #expect(sender.timeLeft == 300)
    sender.now += 50
    sender.ack(6)
    #expect(!sender.hasThreshold)
    #expect(!sender.isInRecovery)
  }

  @Test("Lost tail: the answer to the probe starts fast recovery, without a time-out")
  func tailLoss() {
    let sender = flight(4)
    #expect(sender.expire() == .probe)
    #expect(probeAgain(sender) == 5)
    sender.now += 100
    // Segments 2...4 are lost; 5, sent again, has arrived.
    let outcome = sender.ack(2, sack: [5...6])
    if !outcome.enteredRecovery { #expect(sender.expire() == .reordering) }
    #expect(sender.lost == 3)
    _ = sender.sendAllowed(limit: 0)
    #expect(sender.resent.first == 2)
    #expect(sender.backoffCount == 0)
  }

  @Test("A probe that repaired the only loss reduces the window: RFC 8985 §7.4")
  func repair() {
    let sender = flight(4)
    #expect(sender.expire() == .probe)
    #expect(probeAgain(sender) == 5)
    sender.now += 100
    sender.ack(6)
    #expect(!sender.hasThreshold)
    sender.send(2)
    sender.now += 100
    sender.ack(8)
    #expect(sender.hasThreshold)
    #expect(!sender.isInRecovery)
  }

  @Test("A probe that was in vain changes nothing: a D-SACK, or a plain duplicate, tells")
  func inVain() {
    for tells in [true, false] {
      let sender = flight(4)
      #expect(sender.expire() == .probe)
      #expect(probeAgain(sender) == 5)
      sender.now += 50
      sender.ack(6)
      sender.now += 50
      sender.ack(6, sack: tells ? [5...6] : [])
      sender.send(2)
      sender.now += 100
      sender.ack(8)
      #expect(!sender.hasThreshold)
    }
  }

  @Test("One probe at a time, and none again before a round trip was measured: RFC 8985 §7.3")
  func onlyOne() {
    let sender = flight(4)
    #expect(sender.expire() == .probe)
    _ = probeAgain(sender)
    #expect(sender.expire() == .retransmissionTimeout)
    #expect(sender.backoffCount == 1)
  }

  @Test("No probe without SACK, while something is sacked, in a recovery, or if it is switched off")
  func none() {
    let plain = ScriptedSender(sack: false)
    plain.measure()
    plain.send(4)
    #expect(plain.expire() == .retransmissionTimeout)
    let off = ScriptedSender { $0.usesTailLossProbe = false }
    off.measure()
    off.send(4)
    #expect(off.expire() == .retransmissionTimeout)
    let sacked = flight(4)
    sacked.now += 100
    sacked.ack(2, sack: [5...6])
    #expect(sacked.expire() == .reordering)
    _ = sacked.sendAllowed(limit: 0)
    #expect(sacked.expire() == .retransmissionTimeout)
  }

  @Test("The configuration's switches of loss recovery reach a connection's", arguments: 0..<8)
  func switches(_ bits: Int) {
    var configuration = EngineConfiguration(addresses: [])
    configuration.usesHyStart = bits & 1 != 0
    configuration.usesFRTO = bits & 2 != 0
    configuration.usesTailLossProbe = bits & 4 != 0
    let recovery = LossRecovery(configuration: .init(configuration), mss: 1_460)
    var hasHyStart = false
    if case .hystart = recovery.control { hasHyStart = true }
    #expect(hasHyStart == configuration.usesHyStart)
    #expect(recovery.flags.contains(.frto) == configuration.usesFRTO)
    #expect(recovery.flags.contains(.tailLossProbe) == configuration.usesTailLossProbe)
  }
}
