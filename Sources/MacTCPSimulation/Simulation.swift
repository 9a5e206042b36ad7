// A network that can be replayed from its seed.
//
// Order of calls: `addHost` for each, `connect`, then user calls in `withEngine` and `run` by turns.

public import MacTCPEngine
internal import MacTCPLinks

/// A host of a simulation.
public struct HostID: Hashable, Sendable {
  let index: Int32
}

/// A network to play in: hosts with an ``Engine`` each, wires between them, one virtual clock and one seed.
///
/// ```swift
/// var network = Simulation(seed: 1)
/// let a = try network.addHost(EngineConfiguration(addresses: [IPv4Prefix("10.0.0.1/24")!]))
/// let b = try network.addHost(EngineConfiguration(addresses: [IPv4Prefix("10.0.0.2/24")!]))
/// try network.connect(a, b, Wire(rate: 10_000_000, delay: 5_000, loss: .random(.percent(1))))
/// network.withEngine(a) { engine, now in /* user calls: open, send */ }
/// try network.run(until: Instant(microseconds: 1_000_000)) { host, engine, now in
///   while let event = engine.nextEvent() { /* user calls that answer it */ }
/// }
/// ```
///
/// Nothing waits: the clock jumps from one happening to the next. The same seed and the same calls give the same
/// packets at the same moments, bit for bit, on every machine: all is calculated in whole numbers, and what
/// happens at one moment happens in the order in which it was planned. A simulation does no I/O; a
/// ``PacketCapture`` can be taken from it as bytes.
///
/// Packets are in memory that is used again: it grows up to the most packets that are on their way at one time.
public struct Simulation: ~Copyable {
  /// What a host's programs do when something has come to it: poll ``Engine/nextEvent()`` and make user calls.
  public typealias Service = (HostID, inout Engine, Instant) -> Void

  /// The virtual clock.
  public private(set) var now: Instant
  /// What is sent is recorded here, if it is not `nil`.
  var capture: PacketCapture?
  var hosts: [Host] = []
  var channels: [Channel] = []
  var packets = PacketPool()
  var arrivals = ArrivalHeap()
  /// When each host's engine must be called.
  var deadlines: [Instant] = []
  private var random: SeededGenerator
  /// How much has happened since the clock moved.
  private var actions = 0
  /// What was found wrong of an engine: the next step says it.
  private var failure: SimulationError?

  /// How much may happen at one moment: packets sent and calls of engines, of all hosts together. No wire is
  /// without delay, so only an engine that never stops to act comes so far.
  public static var actionsAtOneMoment: Int { 200_000 }

  /// A network without hosts.
  ///
  /// - Parameter start: what the clock shows at first. Clocks of the protocols begin there too.
  public init(seed: UInt64, start: Instant = .zero) {
    now = start
    random = SeededGenerator(seed: seed)
  }

  // MARK: Hosts and wires

  /// Adds a host. Its engine's seed is made of the configuration's and of the simulation's.
  ///
  /// - Throws: what the engine says of its configuration.
  public mutating func addHost(_ configuration: EngineConfiguration) throws(EngineError) -> HostID {
    var configuration = configuration
    configuration.seed ^= random.next()
    let host = Host(try Engine(configuration), configuration, number: hosts.count)
    if capture != nil { addInterface(of: host) }
    hosts.append(host)
    deadlines.append(.never)
    return HostID(index: Int32(hosts.count - 1))
  }

  /// Connects two hosts: what `a` sends goes through `wire`, what `b` sends through `back`, or through another wire
  /// like the first.
  ///
  /// - Throws: ``SimulationError/alreadyConnected``, and what is wrong with a wire.
  public mutating func connect(
    _ a: HostID, _ b: HostID, _ wire: Wire = Wire(), back: Wire? = nil
  ) throws(SimulationError) {
    try wire.validate()
    try back?.validate()
    guard a != b, host(a).channel == nil, host(b).channel == nil else { throw .alreadyConnected }
    attach([a], to: Channel(wire, [a, b], seed: random.next()))
    attach([b], to: Channel(back ?? wire, [a, b], seed: random.next()))
    settle(a)
    settle(b)
  }

  /// Connects hosts with an Ethernet segment: one wire for all, on which each one's frames reach all others.
  ///
  /// - Throws: ``SimulationError/alreadyConnected``, and what is wrong with the wire.
  public mutating func connect(segment: [HostID], _ wire: Wire = Wire()) throws(SimulationError) {
    try wire.validate()
    for (index, id) in segment.enumerated() {
      guard host(id).channel == nil, !segment[..<index].contains(id) else {
        throw .alreadyConnected
      }
    }
    attach(segment, to: Channel(wire, segment, seed: random.next()))
    for id in segment { settle(id) }
  }

  private mutating func attach(_ ids: [HostID], to channel: Channel) {
    for id in ids { host(id).channel = channels.count }
    channels.append(channel)
  }

  /// Changes the wire on which a connected host sends. What is on its way stays so.
  ///
  /// - Throws: what is wrong with the wire.
  public mutating func setWire(from id: HostID, _ wire: Wire) throws(SimulationError) {
    try wire.validate()
    if let channel = host(id).channel { channels[channel].wire = wire }
  }

  /// What the wire on which a host sends has done; nothing while the host is not connected.
  public func statistics(from id: HostID) -> WireStatistics {
    host(id).channel.map { channels[$0].statistics } ?? WireStatistics()
  }

  // MARK: Engines

  /// Makes user calls to a host's engine, then lets it send what it wants.
  public mutating func withEngine<R, E: Error>(
    _ id: HostID, _ body: (inout Engine, Instant) throws(E) -> R
  ) throws(E) -> R {
    defer { settle(id) }
    return try body(&host(id).engine, now)
  }

  /// Sends a packet from a host's place as if its engine had: what an attacker could do. A host that is not
  /// connected sends nothing.
  public mutating func send(_ packet: [UInt8], from id: HostID) {
    let index = packets.take()
    packets.fill(index, with: packet)
    put(index, from: id)
  }

  // MARK: Time

  /// When something happens next; `nil` if nothing ever will.
  public var nextMoment: Instant? {
    let moment = min(arrivals.first?.time ?? .never, deadlines.min() ?? .never)
    return moment == .never ? nil : moment
  }

  /// Lets happen what is next: a packet arrives, or a host's engine is called because its time has come; packets
  /// first, then the hosts in the order in which they were added.
  ///
  /// - Parameter service: called for each host to which something came.
  /// - Returns: `false` if nothing is left that could happen.
  /// - Throws: ``SimulationError/stalled(at:)``, ``SimulationError/invariant(_:at:)``.
  public mutating func step(_ service: Service = { _, _, _ in }) throws(SimulationError) -> Bool {
    if let failure { throw failure }
    guard let moment = nextMoment else { return false }
    if now < moment {
      now = moment
      actions = 0
    }
    actions &+= 1
    guard actions <= Self.actionsAtOneMoment else { throw .stalled(at: now) }
    if arrivals.first?.time == moment, let arrival = arrivals.removeFirst() {
      deliver(arrival, service)
    } else if let index = deadlines.firstIndex(of: moment) {
      hosts[index].engine.advance(to: now)
      serve(HostID(index: Int32(index)), service)
    }
    return true
  }

  /// Lets happen all that happens up to `end`, and sets the clock to it.
  ///
  /// - Throws: ``SimulationError/stalled(at:)``, ``SimulationError/invariant(_:at:)``.
  public mutating func run(
    until end: Instant, _ service: Service = { _, _, _ in }
  ) throws(SimulationError) {
    while let next = nextMoment, next <= end { _ = try step(service) }
    if now < end {
      now = end
      actions = 0
    }
  }

  /// Lets things happen as long as `condition` holds, but no longer than up to `end`.
  ///
  /// - Returns: `true` when the condition holds no more; `false` if it still did at the end, or when nothing was
  ///   left that could change it.
  /// - Throws: ``SimulationError/stalled(at:)``, ``SimulationError/invariant(_:at:)``.
  public mutating func run(
    while condition: () -> Bool, until end: Instant, _ service: Service = { _, _, _ in }
  ) throws(SimulationError) -> Bool {
    while condition() {
      guard let next = nextMoment, next <= end else { return false }
      _ = try step(service)
    }
    return true
  }

  // MARK: Inside

  func host(_ id: HostID) -> Host { hosts[Int(id.index)] }

  /// A packet reaches those at the ends of its channel.
  private mutating func deliver(_ arrival: Arrival, _ service: Service) {
    let channel = Int(arrival.channel)
    let bytes = packets[arrival.packet]
    channels[channel].statistics.delivered &+= 1
    channels[channel].statistics.bytesDelivered &+= bytes.count
    let ends = channels[channel].hosts
    for id in ends where id != arrival.sender {
      host(id).engine.receive(bytes.span, at: now)
      serve(id, service)
    }
    packets.giveBack(arrival.packet)
  }

  @inline(__always)
  private mutating func serve(_ id: HostID, _ service: Service) {
    service(id, &host(id).engine, now)
    settle(id)
  }

  /// Lets a host's engine send what it wants to, and asks when it must be called next.
  private mutating func settle(_ id: HostID) {
    let host = host(id)
    let now = now
    while actions <= Self.actionsAtOneMoment {
      let packet = packets.take()
      let sent: Void? = packets.fill(packet, capacity: host.largestPacket) { room in
        host.engine.transmit(into: &room, at: now) ? () : nil
      }
      guard sent != nil else {
        packets.giveBack(packet)
        break
      }
      put(packet, from: id)
    }
    #if DEBUG
      if let text = host.engine.brokenInvariant() { failure = .invariant(text, at: now) }
    #endif
    deadlines[host.number] = max(host.engine.nextDeadline ?? .never, now)
  }

  /// Puts a packet on the wire of its sender.
  private mutating func put(_ packet: Int32, from id: HostID) {
    actions &+= 1
    guard let channel = host(id).channel else { return packets.giveBack(packet) }
    let length = packets[packet].count
    let passage = channels[channel].send(length, at: now)
    if passage.isCorrupted, length > 0 {
      for _ in 0..<channels[channel].wire.corruptedBits {
        packets.flip(channels[channel].nextBit(of: length), of: packet)
      }
    }
    if let interface = host(id).interface {
      capture?.record(
        packets[packet].span, on: interface, at: now.microseconds, comment: passage.comment)
    }
    guard case .arrives(let moment) = passage.outcome else { return packets.giveBack(packet) }
    let arrival = Arrival(
      time: moment, channel: Int32(channel), sender: id, packet: packet)
    arrivals.insert(arrival)
    if passage.isDuplicated {
      var copy = arrival
      copy.packet = packets.copy(packet)
      arrivals.insert(copy)
    }
  }
}

/// What belongs to one host. A class, because an engine cannot be an array's element.
final class Host {
  var engine: Engine
  let linkType: PacketCapture.LinkType
  let number: Int
  /// The most bytes of a packet, with its frame.
  let largestPacket: Int
  /// Where the host sends.
  var channel: Int?
  var interface: PacketCapture.Interface?

  init(_ engine: consuming Engine, _ configuration: EngineConfiguration, number: Int) {
    self.engine = engine
    self.number = number
    switch configuration.link {
    case .rawIP:
      linkType = .raw
      largestPacket = configuration.mtu
    case .ethernet:
      linkType = .ethernet
      largestPacket = configuration.mtu + 14
    }
  }
}
