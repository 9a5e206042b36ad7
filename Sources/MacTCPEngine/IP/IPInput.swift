// Packets that come: RFC 791, RFC 1122 §3.2.1 and §3.3.5; frames: RFC 894, RFC 1122 §2.3.3 and §2.4.

internal import MacTCPWire

/// What of an IP packet matters to those above.
struct PacketInformation {
  /// The byte of the type of service, with the ECN field in the lowest bits.
  var typeOfService: UInt8 = 0
  var timeToLive: UInt8 = 0
  /// The packet is for several hosts.
  var isGroup = false
  /// The packet has come by a source route: `IPLayer.returnRoute` is the way back.
  var hasSourceRoute = false
}

/// What brought a packet here.
enum PacketOrigin {
  case link
  /// A frame that several hosts get.
  case linkGroup
  /// This host itself.
  case loopback
}

extension IPLayer {
  /// The way back of the packet that is being received, as options for `writeHeaders` (RFC 1122 §3.2.1.8 c,
  /// MUST-53); empty without a source route. Only such packets make this allocate.
  var returnRoute: [UInt8] {
    let route = receivedRoute
    return (0..<route.count).map { route.bytes[$0] }
  }
}

extension Engine {
  mutating func receiveFromLink(_ packet: Span<UInt8>) {
    if ip.link.hardware == nil {
      receiveIP(packet, .link)
    } else {
      receiveFrame(packet)
    }
  }

  private mutating func receiveFrame(_ frame: Span<UInt8>) {
    let header: EthernetHeader
    do { header = try EthernetHeader(parsing: frame) } catch {
      context.counters.drop(.unknownFrame)
      return
    }
    let isGroup = header.destination.isMulticast
    guard isGroup || header.destination == ip.link.hardware, !header.source.isMulticast else {
      context.counters.drop(.frameForAnother)
      return
    }
    let data = frame.extracting(droppingFirst: EthernetHeader.byteCount)
    switch header.etherType {
    case .ipv4: receiveIP(data, isGroup ? .linkGroup : .link)
    case .arp: ip.receiveARP(data, &context)
    default: context.counters.drop(.unknownFrame)
    }
  }

  mutating func receiveIP(_ packet: Span<UInt8>, _ origin: PacketOrigin) {
    context.counters.ip.received &+= 1
    if origin == .link, receivePlainTCP(packet) { return }
    receiveAny(packet, origin)
  }

  /// Takes a packet of the kind that most are of: TCP, whole, without options, from one host to this one alone.
  ///
  /// - Returns: `false` if it is of another kind, or has any fault; then nothing was done.
  @inline(__always)
  private mutating func receivePlainTCP(_ packet: Span<UInt8>) -> Bool {
    guard let plain = PlainIPv4Packet(packet), plain.protocol == .tcp,
      ip.addresses.isPossibleSource(plain.source), ip.addresses.contains(plain.destination)
    else { return false }
    context.counters.ip.delivered &+= 1
    tcp.receive(
      packet.extracting(plain.payloadRange), from: plain.source, to: plain.destination,
      PacketInformation(typeOfService: plain.typeOfService, timeToLive: plain.timeToLive), &ip,
      &context)
    return true
  }

  @inline(never)
  private mutating func receiveAny(_ packet: Span<UInt8>, _ origin: PacketOrigin) {
    let header: IPv4Header
    do { header = try IPv4Header(parsing: packet) } catch {
      context.counters.drop(error == .badChecksum ? .badIPChecksum : .badIPHeader)
      return
    }
    guard origin == .loopback || ip.addresses.isPossibleSource(header.source) else {
      context.counters.drop(.badSource)
      return
    }
    let isOwn = ip.addresses.contains(header.destination)
    var information = PacketInformation(
      typeOfService: header.typeOfService, timeToLive: header.timeToLive)
    if !isOwn || origin == .linkGroup {
      guard let isGroup = acceptOther(header, isOwn, origin) else { return }
      information.isGroup = isGroup
    }
    // Nothing behind the packet's own end.
    let whole = packet.extracting(first: header.totalLength)
    if header.headerLength > IPv4Header.leastLength {
      guard takeOptions(whole, header, &information) else { return }
    }
    if header.isFragment {
      receiveFragment(whole, header, information)
    } else {
      deliver(whole, header, information)
    }
  }

  @inline(never)
  private mutating func receiveFragment(
    _ fragment: Span<UInt8>, _ header: IPv4Header, _ information: PacketInformation
  ) {
    guard let (block, range) = ip.receiveFragment(fragment, header, &context) else { return }
    defer { block.release(to: &context.memory) }
    block.withBytes { bytes in
      let packet = bytes.extracting(range)
      guard let header = try? IPv4Header(parsing: packet) else { return }
      var information = information
      information.typeOfService = header.typeOfService
      deliver(packet, header, information)
    }
  }

  /// Whether a packet that is not for this host alone is taken, and if so, whether it is for several;
  /// `nil` if it is dropped.
  @inline(never)
  private mutating func acceptOther(
    _ header: IPv4Header, _ isOwn: Bool, _ origin: PacketOrigin
  ) -> Bool? {
    let destination = header.destination
    if destination.isMulticast {
      context.counters.drop(.multicast)
      return nil
    }
    if destination.isLimitedBroadcast || ip.addresses.isDirectedBroadcast(destination) {
      return true
    }
    if origin == .loopback && ip.isLocal(destination) { return false }
    // One host's address in a frame for many (RFC 1122 §3.3.6).
    context.counters.drop(isOwn ? .frameForAnother : .packetForAnother)
    return nil
  }

  @inline(__always)
  private mutating func deliver(
    _ packet: Span<UInt8>, _ header: IPv4Header, _ information: PacketInformation
  ) {
    context.counters.ip.delivered &+= 1
    let data = packet.extracting(header.payloadRange)
    switch header.protocol {
    case .tcp:
      tcp.receive(
        data, from: header.source, to: header.destination, information, &ip, &context)
    case .udp: receiveUDP(data, in: packet, header, information)
    case .icmp: receiveICMP(data, header, information)
    default: refuseProtocol(packet, information)
    }
  }

  @inline(never)
  private mutating func refuseProtocol(_ packet: Span<UInt8>, _ information: PacketInformation) {
    context.counters.drop(.unknownProtocol)
    guard !information.isGroup else { return }
    ip.sendError(
      .destinationUnreachable(code: ICMPProblem.Unreachable.protocol), about: packet, &context)
  }

  // MARK: Options

  /// Walks through a packet's options: those that no host has to act on are passed over (MUST-50). `false` if
  /// the packet is dropped for them.
  @inline(never)
  private mutating func takeOptions(
    _ packet: Span<UInt8>, _ header: IPv4Header, _ information: inout PacketInformation
  ) -> Bool {
    var walk = IPv4Options(header)
    var hasRoute = false
    while let option = walk.next(in: packet) {
      guard SourceRoute.isSourceRoute(option.type) else { continue }
      // Behind the last address points who has followed the route to its end. Only one may be there
      // (RFC 1122 §3.2.1.8 c).
      guard !hasRoute, option.range.count >= 3 else {
        return refuseOption(packet, at: option.range.lowerBound, information)
      }
      guard packet[option.range.lowerBound &+ 2] > option.range.count else {
        // This host passes nothing on (RFC 1122 §3.3.5).
        context.counters.drop(.packetForAnother)
        if !information.isGroup {
          ip.sendError(
            .destinationUnreachable(code: ICMPProblem.Unreachable.sourceRouteFailed),
            about: packet, &context)
        }
        return false
      }
      hasRoute = true
      if let route = ReceivedRoute(reversing: option, in: packet) {
        ip.receivedRoute = route
        information.hasSourceRoute = true
      }
    }
    if let offset = walk.malformedOffset { return refuseOption(packet, at: offset, information) }
    return true
  }

  /// Drops a packet whose options are wrong, and tells the sender where (RFC 1122 §3.2.2.5).
  private mutating func refuseOption(
    _ packet: Span<UInt8>, at offset: Int, _ information: PacketInformation
  ) -> Bool {
    context.counters.drop(.badIPHeader)
    if !information.isGroup {
      ip.sendError(
        .parameterProblem(code: 0, pointer: UInt8(truncatingIfNeeded: offset)), about: packet,
        &context)
    }
    return false
  }
}

extension Engine {
  /// How many packets may go round by loopback in one call, so that it returns whatever happens between two
  /// connections of this host.
  private static let mostRounds = 256

  mutating func transmitToLink(_ packet: inout OutputSpan<UInt8>) -> Bool {
    guard packet.isEmpty, packet.freeCapacity >= ip.mostFrameLength else { return false }
    var rounds = 0
    while true {
      guard let disposition = nextPacket(into: &packet) else { return false }
      if disposition == .loopback {
        receiveIP(packet.span, .loopback)
        packet.removeAll()
        rounds &+= 1
        if rounds >= Self.mostRounds {
          ip.isLoopbackBusy = true
          return false
        }
      } else if ip.finish(disposition, &packet, &context) {
        return true
      }
    }
  }

  @inline(__always)
  private mutating func nextPacket(into packet: inout OutputSpan<UInt8>) -> IPLayer.Disposition? {
    if let disposition = ip.transmit(into: &packet, &context) { return disposition }
    if !tcp.hasOutput || ip.link.ownership.isProbing { return nil }
    return tcp.transmit(into: &packet, &ip, &context)
  }
}
