// UDP (RFC 768, RFC 1122 §4.1): streams with one port or a range of them, and the datagrams that wait to be
// received.

internal import MacTCPWire

/// What is kept of a datagram that has come; the block has the options of its packet and its data.
struct ReceivedDatagram: BitwiseCopyable {
  var source: Endpoint
  var destination: Endpoint
  var typeOfService: UInt8
  var timeToLive: UInt8
  var optionCount: Int
}

struct UDPLayer: ~Copyable {
  struct Stream: BitwiseCopyable {
    var firstPort: UInt16
    var lastPort: UInt16
    /// How much of the pool's memory `queue` may take.
    var limit: Int
    var queue = PacketQueue<ReceivedDatagram>()
    /// `datagramArrived` is to be told.
    var hasArrival = false
    /// `datagramReport` is to be told: the last of those that have come.
    var report: ICMPReport?

    var ports: ClosedRange<UInt16> { firstPort...max(firstPort, lastPort) }
  }

  /// What a stream takes of the memory besides its queue and its ports.
  private static var footprint: Int { MemoryLayout<Stream>.stride &+ 16 }

  private var streams = Slab<Stream>()
  private var ports = PortTable()
  /// Streams with events that are to be told.
  private(set) var eventful = IndexQueue()
  /// From which the ports come that nobody has asked for, and how many have been chosen.
  private let portKey: SipHash.Key
  private var portsChosen: UInt64 = 0

  /// No streams. The key is used for nothing else.
  init(key: SipHash.Key) {
    portKey = key
  }

  // MARK: Streams

  /// The place of a stream that has not been released.
  func place(of id: UDPStreamID) throws(EngineError) -> Int {
    guard let handle = Handle(rawValue: id.rawValue), let place = streams.index(of: handle) else {
      throw .invalidStream
    }
    return place
  }

  func ports(at place: Int) -> ClosedRange<UInt16> { streams[place].ports }

  private func id(_ place: Int) -> UDPStreamID {
    UDPStreamID(rawValue: streams.handle(at: place).rawValue)
  }

  mutating func create(
    _ wanted: UInt16, through last: UInt16?, receiveBuffer: Int, _ context: inout Context
  ) throws(EngineError) -> UDPStreamID {
    guard (2_048...(1 << 30)).contains(receiveBuffer), wanted > 0 || last == nil,
      wanted <= last ?? wanted
    else { throw .invalidLength }
    guard let first = wanted > 0 ? wanted : ephemeralPort(&context) else {
      throw .insufficientResources
    }
    let range = first...(last ?? first)
    guard ports.areFree(range) else { throw .duplicateSocket }
    guard context.memory.reserve(Self.footprint) else { throw .insufficientResources }
    let stream = Stream(firstPort: first, lastPort: range.upperBound, limit: receiveBuffer)
    guard let handle = streams.insert(stream) else {
      context.memory.unreserve(Self.footprint)
      throw .insufficientResources
    }
    guard ports.set(range, to: UInt32(truncatingIfNeeded: handle.index &+ 1), &context) else {
      streams.remove(handle.index)
      context.memory.unreserve(Self.footprint)
      throw .insufficientResources
    }
    return UDPStreamID(rawValue: handle.rawValue)
  }

  mutating func release(_ place: Int, _ context: inout Context) {
    // The pages are there: this needs no memory.
    _ = ports.set(streams[place].ports, to: 0, &context)
    streams[place].queue.removeAll(&context.memory)
    eventful.remove(place)
    streams.remove(place)
    context.memory.unreserve(Self.footprint)
  }

  /// A free port that cannot be guessed: the first one from a random one on (RFC 6056 §3.3.1). A stream has no peer, for
  /// which algorithm 4 would choose: it would give one port after the other. The numbers are a keyed hash's, because ports
  /// are seen, and must not tell the next ones (RFC 5452 §9.2).
  private mutating func ephemeralPort(_ context: inout Context) -> UInt16? {
    let range = context.configuration.ephemeralPorts
    let start = portKey.derived(for: portsChosen).k0 % UInt64(range.count)
    portsChosen &+= 1
    for step in 0..<UInt64(range.count) {
      let offset = (start &+ step) % UInt64(range.count)
      let port = range.lowerBound &+ UInt16(truncatingIfNeeded: offset)
      if ports.owner(of: port) == 0 { return port }
    }
    return nil
  }

  /// The stream that has a port.
  @inline(__always)
  func owner(of port: UInt16) -> Int? {
    let owner = ports.owner(of: port)
    return owner == 0 ? nil : Int(owner) &- 1
  }

  // MARK: Datagrams that come

  /// Keeps a datagram for its stream. What does not fit into the stream's buffer is dropped; what is there
  /// stays.
  mutating func keep(
    _ data: Span<UInt8>, options: Span<UInt8>, _ note: ReceivedDatagram, at place: Int,
    _ context: inout Context
  ) {
    guard streams[place].queue.memory &+ options.count &+ data.count <= streams[place].limit else {
      context.counters.drop(.datagramBufferFull)
      return
    }
    guard
      let packet = StoredPacket(
        capacity: options.count &+ data.count, note, &context.memory)
    else {
      context.counters.drop(.memoryCeiling)
      return
    }
    packet.withOutput { output in
      output.append(options)
      output.append(data)
    }
    streams[place].queue.append(packet)
    context.counters.udp.received &+= 1
    streams[place].hasArrival = true
    eventful.append(place)
  }

  /// The next datagram, which is the caller's to release.
  mutating func removeFirst(at place: Int) -> StoredPacket<ReceivedDatagram>? {
    streams[place].queue.removeFirst()
  }

  /// Takes an ICMP error about a datagram that was sent from here. UDP has nothing but the port by which it
  /// could be told from a forgery (RFC 5927 §4.1).
  mutating func receive(
    _ error: ICMPError, from sender: IPAddress, _ ip: inout IPLayer, _ context: inout Context
  ) {
    guard let port = error.packet.sourcePort, let remotePort = error.packet.destinationPort,
      let place = owner(of: port)
    else {
      context.counters.drop(.unrelatedICMP)
      return
    }
    let header = error.packet.header
    var information: UInt16 = 0
    var pointer: UInt8 = 0
    switch error.problem {
    case .destinationUnreachable(ICMPProblem.Unreachable.fragmentationNeeded, let nextHopMTU):
      // What may be fragmented does not get this answer.
      guard header.dontFragment else {
        context.counters.drop(.unrelatedICMP)
        return
      }
      ip.lowerPathMTU(
        to: header.destination, to: Int(nextHopMTU), packetLength: header.totalLength, floor: 68,
        &context)
      information = UInt16(clamping: ip.pathMTU(to: header.destination))
    case .parameterProblem(_, let wrong): pointer = wrong
    default: break
    }
    guard let type = error.reportType else { return }
    eventful.append(place)
    streams[place].report = ICMPReport(
      local: Endpoint(header.source, port), remote: Endpoint(header.destination, remotePort),
      type: type, additionalInfo: information, pointer: pointer, sender: sender)
  }

  // MARK: Events

  mutating func nextEvent(_ context: inout Context) -> EngineEvent? {
    guard let place = eventful.first else { return nil }
    let event: EngineEvent?
    if streams[place].hasArrival {
      streams[place].hasArrival = false
      event = .datagramArrived(id(place))
    } else {
      event = streams[place].report.map { .datagramReport(id(place), $0) }
      streams[place].report = nil
    }
    if !streams[place].hasArrival && streams[place].report == nil { eventful.remove(place) }
    return event
  }
}
