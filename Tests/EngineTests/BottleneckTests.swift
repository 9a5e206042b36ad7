import MacTCPWire
import Testing

@testable import MacTCPEngine

/// What the congestion control makes of a path: bounds around what the RFCs' models say.
@Suite("A flow through a bottleneck")
struct BottleneckTests {
  private func goodput(
    _ algorithm: EngineConfiguration.CongestionControlAlgorithm, _ path: SimulatedFlow.Path,
    seconds: Int, seeds: ClosedRange<UInt64> = 1...3
  ) throws -> Double {
    var sum = 0
    for seed in seeds {
      var configuration = LossRecovery.Configuration()
      configuration.algorithm = algorithm
      var flow = SimulatedFlow(
        configuration: configuration, path: path, receiver: .init(delays: true), total: 1 << 30,
        mss: 1448, seed: seed)
      try flow.run(until: flow.now.advanced(by: seconds * 1_000_000))
      sum += flow.acknowledged
    }
    return Double(sum) * 8 / Double(seconds * seeds.count) / 1_000_000
  }

  private func path(_ megabits: Int, queue: Int, loss: Int = 0) -> SimulatedFlow.Path {
    SimulatedFlow.Path(rate: megabits * 1_000_000, delay: 10_000, queue: queue, loss: loss)
  }

  @Test("100 Mbit/s, 20 ms, one loss in a hundred: what AIMD allows, and no time-outs")
  func randomLoss() throws {
    // Reno's model: 1448 * 8 / 20 ms * sqrt(1.5 / 0.01) = 7.1 Mbit/s. CUBIC in its Reno-friendly region has
    // the same average, and some more since it grows like Reno behind the window of the last loss.
    let cubic = try goodput(.cubic, path(100, queue: 250_000, loss: 10_000), seconds: 20)
    #expect((6.6...9.0).contains(cubic))
    let newReno = try goodput(.newReno, path(100, queue: 250_000, loss: 10_000), seconds: 20)
    #expect((5.5...8.0).contains(newReno))
    #expect(cubic > newReno)
  }

  @Test("HyStart++ leaves slow start before so much is lost: RFC 9406")
  func slowStart() throws {
    for algorithm in EngineConfiguration.CongestionControlAlgorithm.allCases {
      let losses = try [true, false].map { usesHyStart in
        var configuration = LossRecovery.Configuration()
        configuration.algorithm = algorithm
        configuration.usesHyStart = usesHyStart
        var path = path(50, queue: 600_000)
        path.delay = 50_000
        var flow = SimulatedFlow(
          configuration: configuration, path: path, receiver: .init(delays: true), total: 1 << 30,
          mss: 1448, seed: 1)
        try flow.run(until: flow.now.advanced(by: 1_500_000))
        #expect(flow.timeouts == 0)
        return flow.queueLosses
      }
      #expect(losses[0] < losses[1] / 2)
    }
  }

  @Test("A clean path is filled, and every loss is repaired without a time-out")
  func cleanPath() throws {
    for algorithm in EngineConfiguration.CongestionControlAlgorithm.allCases {
      var configuration = LossRecovery.Configuration()
      configuration.algorithm = algorithm
      var flow = SimulatedFlow(
        configuration: configuration, path: path(20, queue: 50_000), receiver: .init(delays: true),
        total: 1 << 30, mss: 1448, seed: 1)
      try flow.run(until: flow.now.advanced(by: 10_000_000))
      let goodput = Double(flow.acknowledged) * 8 / 10 / 1_000_000
      let most = 20.0 * 1448 / 1500
      #expect(goodput > most * 0.93)
      #expect(goodput <= most)
      #expect(flow.timeouts == 0)
    }
  }

  @Test("On a long fat path CUBIC comes back sooner than NewReno: RFC 9438 §1")
  func longFatPath() throws {
    var path = path(100, queue: 500_000)
    path.delay = 100_000
    path.loss = 50
    let cubic = try goodput(.cubic, path, seconds: 15, seeds: 1...1)
    let newReno = try goodput(.newReno, path, seconds: 15, seeds: 1...1)
    #expect(cubic > newReno * 1.2)
  }

  @Test("A sender with little to say does not let its window grow: RFC 7661, RFC 9438 §5.8")
  func applicationLimited() throws {
    let sender = ScriptedSender()
    for _ in 0..<200 {
      sender.send(2)
      sender.now += 20
      sender.ack(Double(sender.nxt))
    }
    #expect(sender.cwnd <= 12)
    // In congestion avoidance too.
    sender.recovery.window.ssthresh = 10_000
    sender.recovery.window.cwnd = 20_000
    for _ in 0..<200 {
      sender.send(8)
      sender.now += 20
      sender.ack(Double(sender.nxt))
    }
    #expect(sender.cwnd == 20)
  }
}
