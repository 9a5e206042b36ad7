import MacTCPEngine
import Testing

@testable import MacTCPSimulation

/// Hosts, wires and the clock.
@Suite("The simulated network")
struct SimulationTests {
  private static let badWire: Wire = {
    var wire = Wire(rate: 1_000_000, delay: 3_000, loss: .random(.percent(10)))
    wire.queue = .packets(20)
    wire.reordering = .percent(20)
    wire.duplication = .percent(10)
    wire.corruption = .percent(5)
    wire.reorderingDelay = 5_000
    return wire
  }()

  /// Sends 500 packets each way over a bad wire.
  private func capture(seed: UInt64) throws -> [UInt8] {
    var network = Simulation(seed: seed)
    let a = try network.addHost(.host(1))
    let b = try network.addHost(.host(2))
    try network.connect(a, b, Self.badWire)
    network.startCapture()
    for number in 0..<500 {
      network.send(try packet(of: 40 + number, from: 1, fill: 7), from: a)
      network.send(try packet(of: 600 - number, from: 2, fill: 9), from: b)
      try network.run(until: Instant(microseconds: UInt64(number * 3_000)))
    }
    try network.run(until: Instant(microseconds: 10_000_000))
    for host in [a, b] {
      let wire = network.statistics(from: host)
      #expect(wire.sent == 500)
      #expect(wire.delivered == wire.sent + wire.duplicated - wire.lost - wire.dropped)
      #expect(wire.lost > 0 && wire.corrupted > 0 && wire.reordered > 0 && wire.duplicated > 0)
    }
    return network.takeCapturedBytes()
  }

  @Test("The same seed gives the same bytes in the same order")
  func determinism() throws {
    let first = try capture(seed: 1)
    #expect(first == (try capture(seed: 1)))
    #expect(first != (try capture(seed: 2)))
  }

  @Test("A seed's bytes are the same on every machine")
  func golden() throws {
    // FNV-1a, and what it was when this was written.
    let digest = try capture(seed: 1).reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01B3
    }
    #expect(String(digest, radix: 16) == "c403c650aea089a3")
  }

  @Test("A packet arrives when its wire says, and the clock stands where it should")
  func arrival() throws {
    var network = Simulation(seed: 1, start: Instant(microseconds: 50))
    let a = try network.addHost(.host(1))
    let b = try network.addHost(.host(2))
    try network.connect(a, b, Wire(rate: 8_000_000, delay: 2_000), back: Wire(delay: 5))
    try network.run(until: Instant(microseconds: 100))
    #expect(network.now == Instant(microseconds: 100))
    let before = network.received(b)
    network.send(try packet(of: 100, from: 1), from: a)
    var served: [(HostID, Instant)] = []
    try network.run(until: Instant(microseconds: 2_199)) { host, _, now in
      served.append((host, now))
    }
    #expect(network.received(b) == before)
    try network.run(until: Instant(microseconds: 2_200)) { host, _, now in
      served.append((host, now))
    }
    #expect(network.received(b) == before + 1)
    #expect(served.last?.0 == b && served.last?.1 == Instant(microseconds: 2_200))
    #expect(network.statistics(from: a).bytesDelivered == 100)
    #expect(network.statistics(from: b).sent == 0)
  }

  @Test("On a segment everybody hears what one sends, but the sender")
  func segment() throws {
    var network = Simulation(seed: 1)
    let hosts = try (1...4).map { try network.addHost(.host($0)) }
    try network.connect(segment: hosts)
    let before = hosts.map { network.received($0) }
    network.send(try packet(of: 40, from: 2), from: hosts[1])
    try network.run(until: Instant(microseconds: 1_000))
    let heard = zip(hosts, before).map { network.received($0) - $1 }
    #expect(heard == [1, 0, 1, 1])
  }

  @Test("Corruption changes as many bits as the wire says, and the capture shows what arrives")
  func corruption() throws {
    var network = Simulation(seed: 9)
    let a = try network.addHost(.host(1))
    let b = try network.addHost(.host(2))
    var wire = Wire()
    wire.corruption = .always
    try network.connect(a, b, wire)
    network.startCapture()
    let sent = try packet(of: 60, from: 1, fill: 0)
    network.send(sent, from: a)
    let record = try #require(try CapturedPacket.all(in: network.takeCapturedBytes()).last)
    #expect(record.comment == "corrupted")
    let changed = zip(sent, record.bytes).map { ($0 ^ $1).nonzeroBitCount }.reduce(0, +)
    #expect(changed == 1)
  }

  @Test("An engine that never stops ends the simulation with an error that says when")
  func stall() throws {
    var network = Simulation(seed: 1)
    let a = try network.addHost(.host(1))
    let b = try network.addHost(.host(2))
    try network.connect(a, b)
    // What no engine ever does: this much at one moment.
    let packet = try packet(of: 40, from: 1)
    for _ in 0...Simulation.actionsAtOneMoment { network.send(packet, from: a) }
    let error = #expect(throws: SimulationError.self) {
      try network.run(until: Instant(microseconds: 3_000))
    }
    #expect(error == .stalled(at: Instant(microseconds: 1_000)))
  }

  @Test("Memory of packets is used again")
  func recycling() throws {
    var network = Simulation(seed: 1)
    let a = try network.addHost(.host(1))
    let b = try network.addHost(.host(2))
    try network.connect(a, b, Wire(rate: 8_000_000))
    for round in 1...100 as ClosedRange<UInt64> {
      for _ in 0..<50 { network.send(try packet(of: 100, from: 1), from: a) }
      try network.run(until: Instant(microseconds: round * 100_000))
      #expect(network.packets.inUse == 0)
    }
    #expect(network.packets.capacity <= 51)
  }

  @Test("Waiting for what never happens ends")
  func nothingLeft() throws {
    var network = Simulation(seed: 1)
    let a = try network.addHost(.host(1))
    let b = try network.addHost(.host(2))
    try network.connect(a, b)
    let ended = try network.run(while: { true }, until: Instant(microseconds: 1_000_000))
    #expect(!ended)
    let held = try network.run(while: { false }, until: .never)
    #expect(held)
  }

  @Test("A host is connected once, and wires are checked")
  func mistakes() throws {
    var network = Simulation(seed: 1)
    let hosts = try (1...4).map { try network.addHost(.host($0)) }
    func refusal(_ body: (inout Simulation) throws(SimulationError) -> Void) -> SimulationError? {
      do throws(SimulationError) {
        try body(&network)
        return nil
      } catch {
        return error
      }
    }
    let wires: [(Wire, SimulationError)] = [
      (Wire(rate: 0), .badRate), (Wire(rate: -1), .badRate), (Wire(rate: .max), .badRate),
      (Wire(delay: 0), .badDelay), (Wire(delay: .max), .badDelay),
    ]
    for (wire, expected) in wires {
      #expect(
        refusal { n throws(SimulationError) in try n.connect(hosts[0], hosts[1], wire) } == expected
      )
    }
    var wire = Wire()
    wire.queue = .packets(-1)
    #expect(
      refusal { n throws(SimulationError) in try n.connect(segment: hosts, wire) } == .badSize)
    wire = Wire()
    wire.corruptedBits = 0
    #expect(
      refusal { n throws(SimulationError) in try n.connect(hosts[0], hosts[1], Wire(), back: wire) }
        == .badSize)
    #expect(
      refusal { n throws(SimulationError) in try n.connect(hosts[0], hosts[0]) }
        == .alreadyConnected)
    #expect(
      refusal { n throws(SimulationError) in try n.connect(segment: [hosts[0], hosts[0]]) }
        == .alreadyConnected)
    #expect(network.statistics(from: hosts[0]) == WireStatistics())
    #expect(refusal { n throws(SimulationError) in try n.connect(hosts[0], hosts[1]) } == nil)
    #expect(
      refusal { n throws(SimulationError) in try n.connect(hosts[2], hosts[1]) }
        == .alreadyConnected)
    #expect(
      refusal { n throws(SimulationError) in try n.setWire(from: hosts[0], Wire(rate: 0)) }
        == .badRate)
  }

  @Test("A wire that is changed treats the next packets its new way")
  func change() throws {
    var network = Simulation(seed: 1)
    let a = try network.addHost(.host(1))
    let b = try network.addHost(.host(2))
    try network.connect(a, b, Wire(delay: 1_000))
    network.send(try packet(of: 40, from: 1), from: a)
    try network.setWire(from: a, Wire(loss: .random(.always)))
    network.send(try packet(of: 40, from: 1), from: a)
    try network.run(until: Instant(microseconds: 10_000))
    let statistics = network.statistics(from: a)
    #expect(statistics.delivered == 1 && statistics.lost == 1)
  }
}

extension Simulation {
  /// How many packets a host's engine has taken.
  fileprivate mutating func received(_ host: HostID) -> UInt64 {
    withEngine(host) { engine, _ in engine.counters.ip.received }
  }
}
