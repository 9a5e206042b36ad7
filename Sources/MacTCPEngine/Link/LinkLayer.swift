// What carries IP packets: nothing but themselves, or Ethernet II frames (RFC 894) with ARP (RFC 826).
//
// Out: `IPLayer.writeHeaders` asks `resolve` for the frame's destination; a packet whose neighbour is not known
// is kept in `neighbors` and comes out of `transmit` later. In: `Engine.receiveFromLink` parses the frame and
// hands ARP to `receiveARP`.
//
// Frames are not padded to Ethernet's least length: whoever drives a real wire does it, as its hardware does.

internal import MacTCPWire

struct LinkLayer: ~Copyable {
  /// The engine's own hardware address; `nil` on a raw link.
  let hardware: HardwareAddress?
  /// The bytes before the IP header.
  let headerLength: Int
  var neighbors: NeighborTable
  /// ARP packets that are to be sent.
  var outgoing = ARPQueue()
  /// Packets whose neighbour has become known.
  var ready = PacketQueue<HardwareAddress>()
  var ownership: AddressOwnership

  init(_ configuration: EngineConfiguration, key: UInt64) {
    switch configuration.link {
    case .rawIP: hardware = nil
    case .ethernet(let address): hardware = address
    }
    headerLength = hardware == nil ? 0 : EthernetHeader.byteCount
    neighbors = NeighborTable(key: key, isNeeded: hardware != nil)
    ownership = AddressOwnership(configuration)
  }

  /// What is known of the way to a host on the link.
  enum Resolution {
    /// Frames to it have this destination, until then.
    case known(HardwareAddress, until: Instant)
    /// Packets wait in this place of the table.
    case waiting(Int)
    /// No place for it.
    case impossible
  }

  /// The destination of frames to `neighbor`, which is asked for if it is not known or has been for long.
  mutating func resolve(
    _ neighbor: IPAddress, _ addresses: borrowing HostAddresses, _ context: inout Context
  ) -> Resolution {
    let place: Int
    if let found = neighbors.find(neighbor) {
      place = found
      neighbors.use(place)
    } else {
      guard let inserted = neighbors.insert(neighbor, &context) else { return .impossible }
      place = inserted
      request(place, addresses, &context)
    }
    let entry = neighbors.entry(at: place)
    switch entry.state {
    case .incomplete: return .waiting(place)
    case .probing: return .known(entry.hardware, until: entry.deadline)
    case .reachable:
      let expiry = entry.confirmed.advanced(by: NeighborTable.lifetime)
      if expiry <= context.now { request(place, addresses, &context) }
      // Not longer than a second, so that the table sees what is used.
      let soon = context.now.advanced(by: 1_000_000)
      return .known(entry.hardware, until: expiry <= context.now ? soon : min(expiry, soon))
    }
  }

  /// Asks for the hardware address of a neighbour: all hosts, or him alone who had it last
  /// (RFC 1122 §2.3.2.1, 2) except for the last time.
  mutating func request(
    _ place: Int, _ addresses: borrowing HostAddresses, _ context: inout Context
  ) {
    guard let hardware else { return }
    let entry = neighbors.entry(at: place)
    let isKnown =
      entry.state != .incomplete && entry.requests &+ 1 < NeighborTable.mostRequests
    neighbors.requested(place, now: context.now)
    let target = neighbors.address(at: place)
    guard let sender = addresses.source(for: target) else { return }
    // A queue that is full loses the request: the next one follows in a second.
    outgoing.append(
      ARPPacket(
        operation: .request, senderHardware: hardware, sender: sender, target: target),
      to: isKnown ? entry.hardware : .broadcast, &context)
  }

  /// When `advance` must be called.
  @inline(__always) var nextDeadline: Instant {
    hardware == nil ? .never : min(neighbors.nextDeadline, ownership.nextDeadline)
  }

  var hasOutput: Bool { !outgoing.isEmpty || !ready.isEmpty }

  /// Appends the next ARP packet, or the next packet that has waited for ARP; `false` if there is none.
  mutating func transmit(into frame: inout OutputSpan<UInt8>, _ context: inout Context) -> Bool {
    guard let hardware else { return false }
    do {
      if let arp = outgoing.removeFirst() {
        try EthernetHeader(destination: arp.destination, source: hardware, etherType: .arp)
          .write(to: &frame)
        try arp.packet.write(to: &frame)
        switch arp.packet.operation {
        case .request: context.counters.icmp.arpRequestsSent &+= 1
        case .reply: context.counters.icmp.arpRepliesSent &+= 1
        }
        return true
      }
      if let packet = ready.removeFirst() {
        defer { packet.release(to: &context.memory) }
        try EthernetHeader(destination: packet.note, source: hardware, etherType: .ipv4)
          .write(to: &frame)
        packet.withBytes { frame.append($0) }
        context.counters.ip.sent &+= 1
        return true
      }
    } catch {
      // There is room for a whole frame: `Engine.transmitToLink` has seen to it.
      frame.removeAll()
    }
    return false
  }
}

/// ARP packets on their way out. What does not fit is dropped: ARP repeats what matters.
struct ARPQueue: ~Copyable {
  struct Item: BitwiseCopyable {
    var packet = ARPPacket(
      operation: .request, senderHardware: .zero, sender: .any, target: .any)
    var destination = HardwareAddress.zero
  }

  private static var capacity: Int { 128 }
  /// Made for the first packet: a raw link has none.
  private var items = PlainArray<Item>(repeating: Item(), count: 0)
  private var head = 0
  private var count = 0

  init() {}

  @inline(__always) var isEmpty: Bool { count == 0 }

  mutating func append(
    _ packet: ARPPacket, to destination: HardwareAddress, _ context: inout Context
  ) {
    guard count < Self.capacity else {
      context.counters.drop(.answerQueueFull)
      return
    }
    items.grow(to: Self.capacity, repeating: Item())
    items[(head &+ count) % Self.capacity] = Item(packet: packet, destination: destination)
    count &+= 1
  }

  mutating func removeFirst() -> Item? {
    guard count > 0 else { return nil }
    let item = items[head]
    head = (head &+ 1) % Self.capacity
    count &-= 1
    return item
  }
}
