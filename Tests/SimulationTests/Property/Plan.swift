// What a random case consists of: made from its seed and nothing else.

import MacTCPEngine
import MacTCPSimulation

/// What a side of the connection does.
struct Plan {
  enum Opening { case active, passive, listener }

  /// When this side closes.
  enum Closing {
    /// When it has sent everything; what the peer sends is received still (half-close).
    case whenSent
    /// When the peer has closed, too.
    case afterPeer
  }

  var opening: Opening
  var closing = Closing.whenSent
  /// How many bytes to send.
  var total: Int
  /// The most bytes of one send.
  var largestSend: Int
  /// The most bytes of one receive.
  var largestReceive: Int
  /// How many receives are made at a time, and how long nothing is received then, in microseconds.
  var receives: Int
  var pause: Int
  /// When receiving begins.
  var firstReceive: Int
  /// How many sends of a hundred are urgent.
  var urgent: Int
  /// How many sends of a hundred are not pushed.
  var withoutPush: Int
  /// After how many bytes sent or received the connection is aborted, or its stream released.
  var abortAfter: Int?
  var releasesInsteadOfAbort = false
  var usesNagle: Bool
  var delaysAcknowledgments: Bool
  var usesKeepalive: Bool
}

/// A random case.
struct Case {
  let seed: UInt64
  /// What must hold at the end besides that there is one.
  enum Promise {
    /// Every byte arrives, and both connections are closed.
    case complete
    /// What arrives is the beginning of what was sent.
    case prefix
  }
  var promise = Promise.complete
  var start: Instant
  var configurations: [EngineConfiguration]
  var wires: [Wire]
  var plans: [Plan]

  init(seed: UInt64) {
    self.seed = seed
    var random = SeededGenerator(seed: seed)
    start = Instant(
      microseconds: random.pick([0, 1, 4_294_967_000_000, random.next(below: 1 << 50)]))
    let isSimultaneous = random.percent(5)
    let abortingSide = random.percent(15) ? Int(random.next(below: 2)) : nil
    let isSmall = random.percent(6)
    if abortingSide != nil || isSmall { promise = .prefix }
    let shape = Shape(&random)
    wires = [Self.wire(shape, &random), Self.wire(shape, &random)]
    configurations = [1, 2].map { Self.configuration($0, isSmall: isSmall, &random) }
    let passive: Plan.Opening = random.percent(50) ? .passive : .listener
    let openings: [Plan.Opening] = isSimultaneous ? [.active, .active] : [.active, passive]
    plans = openings.map { Self.plan($0, &random) }
    if random.percent(15) { useEthernet() }
    // One must begin.
    if plans[0].closing == .afterPeer { plans[1].closing = .whenSent }
    if let side = abortingSide {
      plans[side].abortAfter = Int(random.next(below: UInt64(plans[0].total + plans[1].total + 1)))
      plans[side].releasesInsteadOfAbort = random.percent(40)
    }
    // A peer whose RST got lost finds out by asking.
    if promise == .prefix { for side in 0...1 { plans[side].usesKeepalive = true } }
  }

  /// Ethernet, and so ARP before all else. Its frames have a check sequence, which finds all corruption: nothing in
  /// ARP would.
  private mutating func useEthernet() {
    for side in 0...1 {
      wires[side].corruption = .never
      configurations[side].link = EngineConfiguration.ethernetHost(UInt8(side + 1)).link
    }
  }

  // MARK: The wires

  /// What both directions have in common.
  private struct Shape {
    var delay: Int
    var rate: Int?

    init(_ random: inout SeededGenerator) {
      delay = random.pick([1, 50, 1_000, 20_000, 100_000, 400_000])
      rate = random.pick([nil, 56_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000])
    }
  }

  private static func wire(_ shape: Shape, _ random: inout SeededGenerator) -> Wire {
    var wire = Wire(rate: shape.rate, delay: shape.delay)
    wire.queue =
      random.percent(50)
      ? .packets(2 + Int(random.next(below: 50))) : .bytes(3_000 + Int(random.next(below: 60_000)))
    // A third of the wires do no harm, a third some, a third much.
    let harm = random.next(below: 3)
    guard harm > 0 else { return wire }
    func share(_ most: Int, _ random: inout SeededGenerator) -> Probability {
      guard random.percent(50) else { return .never }
      let most = harm == 1 ? most / 10 : most
      return Probability(perBillion: Int(random.next(below: UInt64(most) * 10_000_000)))
    }
    let loss = share(20, &random)
    wire.loss =
      random.percent(50)
      ? .random(loss) : .bursts(mean: loss, length: 1 + Int(random.next(below: 5)))
    wire.reordering = share(30, &random)
    wire.reorderingDelay = 1 + Int(random.next(below: UInt64(4 * shape.delay)))
    wire.duplication = share(20, &random)
    wire.corruption = share(10, &random)
    return wire
  }

  // MARK: The hosts

  private static func configuration(
    _ number: UInt8, isSmall: Bool, _ random: inout SeededGenerator
  ) -> EngineConfiguration {
    var configuration = EngineConfiguration.host(number)
    configuration.mtu = random.pick([1500, 1500, 1500, 576, 296, 9_000, 128])
    configuration.receiveBuffer = random.pick([4_096, 5_000, 16_384, 65_536, 1 << 20])
    configuration.sendBuffer = random.pick([4_096, 5_000, 16_384, 65_536, 1 << 20])
    configuration.congestionControl = random.percent(50) ? .cubic : .newReno
    configuration.initialWindow = 1 + Int(random.next(below: 10))
    configuration.minimumRetransmissionTimeout = random.pick([10_000, 200_000, 1_000_000])
    configuration.acknowledgmentDelay = random.pick([0, 10_000, 40_000, 200_000])
    configuration.maximumSegmentLifetime = random.pick([100_000, 1_000_000, 30_000_000])
    configuration.usesWindowScale = random.percent(70)
    configuration.usesTimestamps = random.percent(70)
    configuration.usesSACK = random.percent(70)
    configuration.usesECN = random.percent(30)
    configuration.usesPathMTUDiscovery = random.percent(70)
    configuration.keepaliveIdle = 10_000_000
    configuration.keepaliveInterval = 1_000_000
    if isSmall {
      configuration.memoryCeiling = random.pick([64 << 10, 80 << 10, 200 << 10])
    } else {
      // However much is lost, some day everything arrives.
      configuration.userTimeout = 7 * 86_400_000_000
      configuration.openTimeout = 7 * 86_400_000_000
      configuration.keepaliveProbes = 1_000
    }
    return configuration
  }

  private static func plan(_ opening: Plan.Opening, _ random: inout SeededGenerator) -> Plan {
    // Most are small, so that there can be many.
    let most: UInt64 = random.pick([0, 1, 2_000, 2_000, 8_000, 8_000, 30_000])
    let total = Int(random.next(below: most + 1))
    let isSlow = random.percent(20)
    return Plan(
      opening: opening, closing: random.percent(70) ? .whenSent : .afterPeer, total: total,
      largestSend: random.pick([1 + total / 20, 1_000, 10_000, 100_000]),
      largestReceive: random.pick([1 + total / 20, 500, 5_000, 100_000]),
      receives: isSlow ? 1 + Int(random.next(below: 3)) : .max,
      pause: isSlow ? 1 + Int(random.next(below: 500_000)) : 0,
      firstReceive: random.percent(20) ? Int(random.next(below: 5_000_000)) : 0,
      urgent: random.percent(15) ? 30 : 0, withoutPush: random.percent(20) ? 50 : 0,
      usesNagle: random.percent(60), delaysAcknowledgments: random.percent(70),
      usesKeepalive: random.percent(10))
  }
}

extension SeededGenerator {
  /// Whether something happens that does so in so many of a hundred cases.
  mutating func percent(_ percent: UInt64) -> Bool { next(below: 100) < percent }

  /// One of several.
  mutating func pick<T>(_ choices: [T]) -> T { choices[Int(next(below: UInt64(choices.count)))] }
}
