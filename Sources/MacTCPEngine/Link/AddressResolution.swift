// ARP packets that come: RFC 826 ("Packet Reception"), RFC 5227 §2.1.1 and §2.4 (conflicts).
//
// What is learned, and from whom: an entry is made for a host that asks for one of our addresses, because we
// are about to answer it, and for one that we asked for. What others say unasked changes entries that are there
// already, and makes none. Nobody's address becomes a group's or our own.

internal import MacTCPWire

extension IPLayer {
  /// Takes an ARP packet from the link.
  mutating func receiveARP(_ bytes: Span<UInt8>, _ context: inout Context) {
    context.counters.icmp.arpReceived &+= 1
    guard let hardware = link.hardware, let packet = try? ARPPacket(parsing: bytes),
      packet.senderHardware != .zero, !packet.senderHardware.isMulticast,
      packet.sender == .any || canBeHost(packet.sender)
    else {
      context.counters.drop(.badARP)
      return
    }
    // Our own broadcast, which some links give back.
    if packet.senderHardware == hardware { return }
    // An address that was given up is another host's.
    if let index = addresses.index(of: packet.sender), !link.ownership.isRefused(index) {
      return conflict(at: index, with: packet.senderHardware, &context)
    }
    if packet.isProbe, let index = addresses.index(of: packet.target),
      link.ownership.isProbing
    {
      return conflict(at: index, with: packet.senderHardware, &context)
    }
    let isKnown = merge(packet, &context)
    guard addresses.contains(packet.target), packet.operation == .request else { return }
    if !isKnown, packet.sender != .any, routes.isOnLink(packet.sender),
      let place = link.neighbors.insert(packet.sender, &context)
    {
      confirm(place, packet.senderHardware, &context)
    }
    link.outgoing.append(packet.reply(from: hardware), to: packet.senderHardware, &context)
  }

  /// Repeats requests, and gives up those that were not answered: who sent what has waited is told, as a router
  /// would tell him, that the host cannot be reached (RFC 1812 §5.2.7.1).
  mutating func advanceResolution(_ context: inout Context) {
    while let place = link.neighbors.due(context.now) {
      if link.neighbors.entry(at: place).requests < NeighborTable.mostRequests {
        link.request(place, addresses, &context)
        continue
      }
      redirects.forget(gateway: link.neighbors.address(at: place))
      var waiting = link.neighbors.remove(place)
      hop = Hop()
      while let packet = waiting.removeFirst() {
        context.counters.drop(.addressResolutionFailed)
        packet.withBytes {
          sendError(
            .destinationUnreachable(code: ICMPProblem.Unreachable.host), about: $0, toSelf: true,
            &context)
        }
        packet.release(to: &context.memory)
      }
    }
  }

  /// Brings the entry of the sender up to date, if there is one.
  ///
  /// An entry that was confirmed less than a second ago keeps its hardware address: of two answers to one
  /// request the first one counts, and a forger must be the faster one.
  private mutating func merge(_ packet: ARPPacket, _ context: inout Context) -> Bool {
    guard packet.sender != .any, let place = link.neighbors.find(packet.sender) else {
      return false
    }
    let entry = link.neighbors.entry(at: place)
    let isNew = entry.state == .incomplete || entry.hardware != packet.senderHardware
    let age = entry.confirmed.microseconds(to: context.now)
    if entry.state == .reachable && isNew && age < 1_000_000 { return true }
    confirm(place, packet.senderHardware, &context)
    return true
  }

  private mutating func confirm(
    _ place: Int, _ hardware: HardwareAddress, _ context: inout Context
  ) {
    var waiting = link.neighbors.confirm(place, hardware, now: context.now)
    hop = Hop()
    while let packet = waiting.removeFirst() {
      packet.note = hardware
      link.ready.append(packet)
    }
  }

  /// Whether one host on a link can have the address.
  private func canBeHost(_ address: IPAddress) -> Bool {
    address.isUnicast && !address.isLoopback && !addresses.isDirectedBroadcast(address)
  }
}
