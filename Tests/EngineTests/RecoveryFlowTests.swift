import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Loss recovery on a simulated path")
struct RecoveryFlowTests {
  @Test(
    "Whatever is lost, reordered and doubled, all is acknowledged, and the memory comes back",
    arguments: [true, false], [true, false])
  func property(sack: Bool, timestamps: Bool) {
    SeededGenerator.forSeeds(30) { generator in
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

  @Test("Experiment")
  func experiment() throws {
    for algorithm in [EngineConfiguration.CongestionControlAlgorithm.cubic, .newReno] {
      var sum = 0.0
      for seed in 1...8 {
        var configuration = LossRecovery.Configuration()
        configuration.algorithm = algorithm
        var path = SimulatedFlow.Path()
        path.rate = 100_000_000
        path.delay = 10_000
        path.queue = 250_000
        path.loss = 10_000
        var flow = SimulatedFlow(
          configuration: configuration, path: path, receiver: .init(delays: true), total: 1 << 30,
          mss: 1448, seed: UInt64(seed))
        let start = flow.now
        try flow.run(until: start.advanced(by: 20_000_000))
        let rate = Double(flow.acknowledged) * 8 / 20 / 1e6
        sum += rate
        print(
          algorithm, seed, "Mbit/s", rate, "rtx", flow.retransmissions, "segs", flow.segmentsSent,
          "rto", flow.timeouts, "rec", flow.recoveries, "undone", flow.undone, "probes",
          flow.probes, "qloss", flow.queueLosses)
      }
      print(algorithm, "mean", sum / 8)
    }
  }
}
