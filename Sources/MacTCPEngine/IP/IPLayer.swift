// IPv4 as a host has it (RFC 791, RFC 1122 §3), on a link of its own kind.
//
// Order of calls for a packet that goes out: `writeHeaders`, then the caller appends the packet's data, then
// `finish` with what `writeHeaders` returned. Datagrams that wait, and those that may have to be fragmented,
// are given to `enqueue` and come out of `transmit` (IPOutput.swift). In: `Engine.receiveFromLink` (IPInput.swift).

internal import MacTCPWire

struct IPLayer: ~Copyable {
  let mtu: Int
  let timeToLive: UInt8
  var addresses: HostAddresses
  let routes: RouteTable
  var redirects: RedirectTable
  var link: LinkLayer
  var paths: PathMTUTable
  var identifications: Identifications
  var reassembly: ReassemblyTable
  var icmp: ICMPLayer
  /// What the user sends, and answers that the engine gives by itself: each has its own limit.
  var outgoing = PacketQueue<OutgoingPacket>()
  var answers = PacketQueue<OutgoingPacket>()
  /// The source route of the packet that is being received, for `returnRoute`.
  var receivedRoute = ReceivedRoute()
  /// So much went round by loopback in one call that the rest must wait for the next.
  var isLoopbackBusy = false
  /// The way of the last packet.
  var hop = Hop()

  init(_ configuration: EngineConfiguration, _ random: inout RandomGenerator) {
    mtu = configuration.mtu
    timeToLive = configuration.timeToLive
    addresses = HostAddresses(configuration.addresses)
    routes = RouteTable(configuration)
    redirects = RedirectTable(key: random.next(), isUsed: configuration.followsRedirects)
    link = LinkLayer(configuration, key: random.next())
    paths = PathMTUTable(linkMTU: configuration.mtu, key: random.next())
    identifications = Identifications(key: random.next())
    reassembly = ReassemblyTable(configuration)
    icmp = ICMPLayer(configuration, key: random.next())
    if link.ownership.isProbing {
      for index in 0..<addresses.count { addresses.setUsable(false, at: index) }
    }
  }

  /// Where a packet goes.
  enum Disposition: Equatable {
    /// To the link, as it is.
    case link
    /// To the link, and counted already.
    case frame
    /// To this host: `Engine.transmitToLink` receives it.
    case loopback
    /// To the link when the hardware address is known: a place in the table of neighbours.
    case waiting(Int)
    /// Nowhere: the destination cannot be reached.
    case noRoute
    /// Nowhere: it is larger than the link's MTU.
    case tooLarge
  }

  /// The way to a destination, kept because the next packet mostly goes there too.
  struct Hop {
    var destination = IPAddress.any
    /// Of the frame; without meaning on a raw link.
    var hardware = HardwareAddress.zero
    /// Until when it may be used without asking again.
    var until = Instant.zero
  }

  /// The bytes that a packet for the link takes at most.
  var mostFrameLength: Int { link.headerLength &+ mtu }

  // MARK: Time and events

  /// The first moment at which something is due.
  @inline(__always) var nextDeadline: Instant {
    if isLoopbackBusy { return .zero }
    return min(
      min(link.nextDeadline, paths.nextDeadline),
      min(reassembly.nextDeadline, icmp.nextDeadline))
  }

  mutating func advance(_ context: inout Context) {
    isLoopbackBusy = false
    guard nextDeadline <= context.now else { return }
    advanceOwnership(&context)
    advanceResolution(&context)
    paths.advance(to: context.now)
    advanceReassembly(&context)
    icmp.advance(to: context.now)
  }

  @inline(__always) var hasEvents: Bool { icmp.echoes.hasEvents || link.ownership.hasEvents }

  mutating func nextEvent(_ context: inout Context) -> EngineEvent? {
    if let event = icmp.nextEvent() { return event }
    guard let (index, hardware) = link.ownership.nextConflict() else { return nil }
    return .addressConflict(addresses.address(at: index), hardware)
  }

  // MARK: Addresses

  /// Whether a packet to `address` is for this host alone.
  @inline(__always)
  func isLocal(_ address: IPAddress) -> Bool {
    addresses.contains(address) || address.isLoopback
  }

  /// Whether `address` is one that several hosts have: broadcast or multicast.
  @inline(__always)
  func isGroup(_ address: IPAddress) -> Bool {
    addresses.isGroup(address)
  }

  /// The address that packets to `destination` come from (RFC 1122 §3.3.4.3); `nil` without a route.
  func sourceAddress(for destination: IPAddress) -> IPAddress? {
    if isLocal(destination) { return destination }
    if isGroup(destination) { return addresses.source(for: destination) }
    return routes.nextHop(to: destination).flatMap { addresses.source(for: $0) }
  }

  // MARK: Packets out

  /// Appends the link's header and the IP header of a packet whose data, `payloadLength` bytes, are
  /// appended next. The packet is of a kind that is never fragmented here.
  @inline(__always)
  mutating func writeHeaders(
    into packet: inout OutputSpan<UInt8>, from source: IPAddress, to destination: IPAddress,
    protocol: IPProtocol, payloadLength: Int, typeOfService: UInt8, timeToLive: UInt8,
    dontFragment: Bool, _ context: inout Context
  ) -> Disposition {
    let disposition = way(to: destination, &context)
    let identification =
      dontFragment
      ? 0 : identifications.next(from: source, to: destination, protocol: `protocol`)
    guard IPv4Header.leastLength &+ payloadLength <= mtu else { return .tooLarge }
    writeLinkHeader(disposition, into: &packet)
    do {
      try IPv4Header(
        source: source, destination: destination, protocol: `protocol`,
        payloadLength: payloadLength, typeOfService: typeOfService,
        identification: identification, dontFragment: dontFragment, timeToLive: timeToLive
      ).write(to: &packet)
    } catch {
      return .tooLarge
    }
    return disposition
  }

  /// The same with options as a user gives them (see `SourceRoute`), which take `SourceRoute.paddedLength(of:)` bytes
  /// of the packet.
  @inline(never)
  mutating func writeHeaders(
    into packet: inout OutputSpan<UInt8>, from source: IPAddress, to destination: IPAddress,
    protocol: IPProtocol, payloadLength: Int, typeOfService: UInt8, timeToLive: UInt8,
    dontFragment: Bool, options: [UInt8], _ context: inout Context
  ) -> Disposition {
    let route = SourceRoute(options.span, to: destination)
    let disposition = way(to: route.firstHop, &context)
    let identification =
      dontFragment
      ? 0 : identifications.next(from: source, to: route.firstHop, protocol: `protocol`)
    let header = IPv4Header(
      source: source, destination: route.firstHop, protocol: `protocol`,
      payloadLength: payloadLength, optionLength: route.count, typeOfService: typeOfService,
      identification: identification, dontFragment: dontFragment, timeToLive: timeToLive)
    guard header.totalLength <= mtu else { return .tooLarge }
    writeLinkHeader(disposition, into: &packet)
    return write(
      header, options: route.bytes.span.extracting(first: route.count), into: &packet, disposition)
  }

  /// Where a packet to `destination`, or to the first router of its source route, goes.
  @inline(__always)
  mutating func way(to destination: IPAddress, _ context: inout Context) -> Disposition {
    if hop.destination.v4 == destination.v4 && context.now < hop.until { return .link }
    return findWay(to: destination, &context)
  }

  @inline(never)
  private mutating func findWay(to destination: IPAddress, _ context: inout Context)
    -> Disposition
  {
    if isLocal(destination) { return .loopback }
    if destination == .any || destination.isReserved { return .noRoute }
    if isGroup(destination) {
      let hardware =
        destination.isMulticast ? HardwareAddress(multicast: destination) : .broadcast
      hop = Hop(destination: destination, hardware: hardware, until: .never)
      return .link
    }
    guard let (neighbor, latest) = firstHop(to: destination, now: context.now) else {
      return .noRoute
    }
    if link.hardware == nil {
      hop = Hop(destination: destination, until: .never)
      return .link
    }
    switch link.resolve(neighbor, addresses, &context) {
    case .known(let hardware, let until):
      hop = Hop(destination: destination, hardware: hardware, until: min(until, latest))
      return .link
    case .waiting(let place): return .waiting(place)
    case .impossible: return .noRoute
    }
  }

  /// Appends the Ethernet header of a packet that goes to the link at once.
  @inline(__always)
  mutating func writeLinkHeader(_ disposition: Disposition, into packet: inout OutputSpan<UInt8>) {
    guard let hardware = link.hardware, disposition == .link else { return }
    let header = EthernetHeader(
      destination: hop.hardware, source: hardware, etherType: .ipv4)
    // There is room for a whole frame: `Engine.transmitToLink` has seen to it.
    do { try header.write(to: &packet) } catch {}
  }

  @inline(__always)
  mutating func write(
    _ header: IPv4Header, options: Span<UInt8> = Span(), into packet: inout OutputSpan<UInt8>,
    _ disposition: Disposition
  ) -> Disposition {
    do { try header.write(to: &packet, options: options) } catch { return .tooLarge }
    return disposition
  }

  /// Sends the finished packet on its way.
  ///
  /// - Returns: `true` if what is in `packet` is for the link; otherwise it is empty.
  @inline(__always)
  mutating func finish(
    _ disposition: Disposition, _ packet: inout OutputSpan<UInt8>, _ context: inout Context
  ) -> Bool {
    if disposition == .link {
      context.counters.ip.sent &+= 1
      return true
    }
    return finishSlowly(disposition, &packet, &context)
  }

  @inline(never)
  private mutating func finishSlowly(
    _ disposition: Disposition, _ packet: inout OutputSpan<UInt8>, _ context: inout Context
  ) -> Bool {
    switch disposition {
    case .link, .frame: return true
    case .loopback: break
    case .waiting(let place): link.neighbors.enqueue(packet.span, at: place, &context)
    case .noRoute: context.counters.drop(.noRoute)
    case .tooLarge: context.counters.drop(.needsFragmentation)
    }
    packet.removeAll()
    return false
  }
}
