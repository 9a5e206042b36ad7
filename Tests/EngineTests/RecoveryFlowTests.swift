import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Loss recovery on a simulated path")
struct RecoveryFlowTests {
  @Test(
    "Whatever is lost, reordered and doubled, all is acknowledged, and the memory comes back",
    arguments: [true, false], [true, false])
  func property(sack: Bool, timestamps: Bool) {
    SeededGenerator.forSeeds(12) { generator in
      var path = SimulatedFlow.Path()
      path.delay = generator.number(50...60_000)
      path.loss = generator.number(0...200_000)
      path.acknowledgmentLoss = generator.number(0...200_000)
      path.reordering = generator.number(0...200_000)
      path.reorderingDelay = generator.number(1...120_000)
      path.duplication = generator.number(0...100_000)
      if generator.number(0...1) == 1 {
        path.rate = generator.number(500_000...100_000_000)
        path.queue = generator.number(10_000...200_000)
      }
      var configuration = LossRecovery.Configuration()
      configuration.algorithm = generator.number(0...1) == 1 ? .cubic : .newReno
      configuration.usesFRTO = generator.number(0...3) > 0
      configuration.usesTailLossProbe = generator.number(0...3) > 0
      var flow = SimulatedFlow(
        configuration: configuration, path: path,
        receiver: .init(
          sendsSACK: sack, usesTimestamps: timestamps, delays: generator.number(0...1) == 1),
        total: generator.number(1...600_000), first: UInt32(truncatingIfNeeded: generator.next()),
        seed: generator.next())
      try flow.run()
      try check(flow.pool.bytesInUse == 0, "memory")
    }
  }

  @Test("Garbage of every kind as acknowledgements: nothing traps, and all totals stay right")
  func garbage() {
    SeededGenerator.forSeeds(15) { generator in
      var configuration = LossRecovery.Configuration()
      configuration.algorithm = generator.number(0...1) == 1 ? .cubic : .newReno
      var pool = MemoryPool(ceiling: generator.number(0...3) == 0 ? 1024 : 1 << 20)
      var recovery = LossRecovery(configuration: configuration, mss: 100)
      recovery.start(mss: 100, sackPermitted: generator.number(0...3) > 0, now: .zero)
      var now = Instant(microseconds: 1 << 32 - 1_000_000)
      var una = SequenceNumber(.max - 3000)
      var nxt = una
      for _ in 0..<3000 {
        now = now.advanced(by: generator.number(0...20_000))
        switch generator.number(0...9) {
        case 0...3:
          let count = generator.number(1...250)
          if una.distance(to: nxt) < 20_000, recovery.makeRoom(pool: &pool),
            recovery.transmitted(nxt, count: count, isRetransmission: false, now: now, pool: &pool)
          {
            nxt.advance(by: count)
          }
        case 4:
          if let lost = recovery.nextRetransmission(mss: generator.number(1...100)) {
            _ = recovery.transmitted(
              lost.start, count: lost.count, isRetransmission: true, now: now, pool: &pool)
          }
        case 5:
          if recovery.deadline <= now || generator.number(0...3) == 0 {
            now = max(now, recovery.deadline == .never ? now : recovery.deadline)
            _ = recovery.expired(now: now)
          }
        case 6 where generator.number(0...20) == 0:
          recovery.maximumSegmentSizeChanged(
            mss: generator.number(1...100), resending: generator.number(0...1) == 1)
        default:
          una = acknowledge(&recovery, una: una, nxt: nxt, now: now, &pool, &generator)
        }
        let pipe = recovery.bytesInFlight
        try check(pipe >= 0 && pipe <= una.distance(to: nxt), "pipe \(pipe)")
        try check((0...CongestionWindow.greatest).contains(recovery.cwnd), "cwnd")
        try check(recovery.rto >= 200_000 && recovery.rto <= 60_000_000, "rto")
        try check((recovery.segments.count == 0) == (una == nxt), "outstanding")
      }
      recovery.reset(&pool)
      try check(pool.bytesInUse == 0, "memory")
    }
  }

  private func acknowledge(
    _ recovery: inout LossRecovery, una: SequenceNumber, nxt: SequenceNumber, now: Instant,
    _ pool: inout MemoryPool, _ generator: inout SeededGenerator
  ) -> SequenceNumber {
    let outstanding = una.distance(to: nxt)
    let back = generator.number(0...3) == 0
    let ack =
      back
      ? una.advanced(by: -generator.number(0...5000))
      : una.advanced(by: generator.number(0...1) == 0 ? 0 : generator.number(0...outstanding))
    var acknowledgment = LossRecovery.Acknowledgment(ack: ack)
    for _ in 0..<generator.number(0...4) {
      let wild = generator.number(0...9) == 0
      let left = wild ? Int(generator.next() & 0xFFFF_FFFF) : generator.number(-500...outstanding)
      let length = wild ? Int(generator.next() & 0xFFFF_FFFF) : generator.number(-10...3000)
      let start = una.advanced(by: left)
      acknowledgment.sackBlocks.append(
        SACKBlock(left: start, right: start.advanced(by: length)))
    }
    if generator.number(0...1) == 1 { acknowledgment.echoAge = generator.number(0...1 << 40) }
    acknowledgment.carriesData = generator.number(0...1) == 1
    acknowledgment.hasECE = generator.number(0...5) == 0
    acknowledgment.canSendNew = generator.number(0...1) == 1
    _ = recovery.acknowledged(acknowledgment, now: now, pool: &pool)
    return .later(una, ack)
  }
}
