import MacTCPEngine
import MacTCPWire
import Testing

/// An engine with a clock of its own. Every packet that it emits is checked.
final class TestHost {
  var engine: Engine
  private(set) var now = Instant(microseconds: 1_000_000)
  let isEthernet: Bool
  let mtu: Int

  static let address = ip("192.0.2.1")
  static let peer = ip("192.0.2.2")
  static let hardware = hw("02:00:00:00:00:01")
  static let peerHardware = hw("02:00:00:00:00:02")

  init(_ configuration: EngineConfiguration) throws {
    engine = try Engine(configuration)
    isEthernet = configuration.link != .rawIP
    mtu = configuration.mtu
  }

  /// 192.0.2.1/24 on a raw link.
  convenience init(_ change: (inout EngineConfiguration) -> Void = { _ in }) throws {
    var configuration = EngineConfiguration(addresses: prefixes("192.0.2.1/24"))
    configuration.seed = 42
    change(&configuration)
    try self.init(configuration)
  }

  /// 192.0.2.1/24 on Ethernet, its announcements sent.
  static func onEthernet(_ change: (inout EngineConfiguration) -> Void = { _ in }) throws
    -> TestHost
  {
    let host = try TestHost {
      $0.link = .ethernet(hardware)
      change(&$0)
    }
    try host.pass(5_000_000)
    _ = try host.sent()
    return host
  }

  /// The host on Ethernet with 192.0.2.2 in its table.
  static func withNeighbor(_ change: (inout EngineConfiguration) -> Void = { _ in }) throws
    -> TestHost
  {
    let host = try onEthernet(change)
    host.receive(arpFrame(1, from: (peerHardware, peer), to: (.nobody, address)))
    _ = try host.sent()
    return host
  }

  var deadline: Instant { engine.nextDeadline ?? .never }

  func receive(_ packet: [UInt8]) { engine.receive(packet.span, at: now) }

  /// A packet from the peer, in a frame if that is needed.
  func receive(ip packet: [UInt8], to destination: HardwareAddress = TestHost.hardware) {
    receive(
      isEthernet ? frame(to: destination, from: Self.peerHardware, packet) : packet)
  }

  /// All that the engine has to send now.
  func sent() throws -> [EmittedPacket] {
    try transmitted().map { try EmittedPacket(checking: $0, isEthernet: isEthernet, mtu: mtu) }
  }

  func transmitted(limit: Int = 100_000) -> [[UInt8]] {
    var packets: [[UInt8]] = []
    var more = true
    while more {
      let packet = [UInt8](capacity: mtu + 14) { output in
        more = engine.transmit(into: &output, at: now)
      }
      #expect(more != packet.isEmpty)
      if more { packets.append(packet) }
      if packets.count >= limit {
        Issue.record("the engine sends for ever")
        break
      }
    }
    return packets
  }

  /// The one packet that is to be sent.
  func sentOne(sourceLocation: SourceLocation = #_sourceLocation) throws -> EmittedPacket {
    let packets = try sent()
    #expect(packets.count == 1, sourceLocation: sourceLocation)
    return try #require(packets.first, sourceLocation: sourceLocation)
  }

  func sendsNothing(sourceLocation: SourceLocation = #_sourceLocation) throws {
    let packets = try sent()
    #expect(packets.isEmpty, "\(packets)", sourceLocation: sourceLocation)
  }

  /// Lets microseconds pass and does what is due at each moment; what is emitted meanwhile comes back, with
  /// the time at which it was.
  @discardableResult
  func pass(_ microseconds: Int) throws -> [(at: Instant, packet: EmittedPacket)] {
    var emitted: [(Instant, EmittedPacket)] = []
    let end = now.advanced(by: microseconds)
    var idle = 0
    while let deadline = engine.nextDeadline, deadline <= end {
      if now < deadline { now = deadline }
      engine.advance(to: now)
      let packets = try sent()
      emitted += packets.map { (now, $0) }
      idle = packets.isEmpty && engine.nextDeadline == deadline ? idle + 1 : 0
      try #require(idle < 3, "a deadline that does not go away")
    }
    now = end
    return emitted
  }

  func events() -> [EngineEvent] {
    var events: [EngineEvent] = []
    while let event = engine.nextEvent() {
      events.append(event)
      if events.count > 10_000 {
        Issue.record("events without end")
        break
      }
    }
    return events
  }

  /// How much was dropped, for all reasons that are not 0.
  var drops: [DropReason: UInt64] {
    let counters = engine.counters
    return Dictionary(
      uniqueKeysWithValues: DropReason.allCases.map { ($0, counters[$0]) }.filter { $0.1 > 0 })
  }

  func send(
    _ stream: UDPStreamID, to destination: Endpoint, _ data: [UInt8],
    options: DatagramOptions = DatagramOptions()
  ) throws(EngineError) {
    try engine.send(stream, to: destination, data.span, options: options, at: now)
  }

  func read(_ stream: UDPStreamID, capacity: Int = 70_000) throws -> (Datagram, [UInt8])? {
    var datagram: Datagram?
    let data = try [UInt8](capacity: capacity) { output throws in
      datagram = try engine.receive(stream, into: &output, at: now)
    }
    return datagram.map { ($0, data) }
  }

  func ping(_ destination: IPAddress, _ data: [UInt8] = [], options: EchoOptions = EchoOptions())
    throws(EngineError) -> EchoID
  {
    try engine.sendEcho(to: destination, data.span, options: options, at: now)
  }
}
