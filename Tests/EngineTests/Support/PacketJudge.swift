import MacTCPWire

/// Judges every TCP packet that an engine emits: what may never be, whatever was asked of the engine.
///
/// One judge sees all packets of one host, in their order.
struct PacketJudge {
  /// What is known of one connection, by its local and remote end.
  private struct Flow {
    var windowShift = 0
    /// The SYN had the option; it holds if the peer has sent it too, which only what follows shows.
    var offered = TCPOptions()
    var acknowledgment: SequenceNumber?
    /// The number behind the window that was offered.
    var edge: SequenceNumber?
  }

  private struct Ends: Hashable {
    var local: Endpoint
    var remote: Endpoint
  }

  /// The largest packet that the link carries.
  var mtu = 1500
  /// Whether windows are followed: their shifts must be known.
  var followsWindows = true
  /// Whether the packets may be fragments.
  var allowsFragments = false
  private var flows: [Ends: Flow] = [:]

  init() {}

  /// The faults of a packet that was sent; and what was parsed, unless it could not be.
  mutating func judge(_ packet: Span<UInt8>) -> (
    segment: TCPSegment?, header: IPv4Header?, faults: [String]
  ) {
    let header: IPv4Header
    do { header = try IPv4Header(parsing: packet) } catch {
      return (nil, nil, ["IP header: \(error)"])
    }
    var faults: [String] = []
    func demand(_ holds: Bool, _ text: @autoclosure () -> String) {
      if !holds { faults.append(text()) }
    }
    demand(
      header.totalLength == packet.count,
      "the packet has \(packet.count) bytes, not \(header.totalLength)")
    demand(packet.count <= mtu, "the packet has \(packet.count) bytes, the MTU is \(mtu)")
    demand(!header.reservedFlag, "the reserved flag of the IP header is set")
    demand(header.timeToLive > 0, "the time to live is 0")
    demand(allowsFragments || !header.isFragment, "the packet is a fragment")
    guard header.protocol == .tcp, !header.isFragment else { return (nil, header, faults) }
    let data = packet.extracting(header.payloadRange)
    let segment: TCPSegment
    do {
      segment = try TCPSegment(parsing: data, from: header.source, to: header.destination)
    } catch { return (nil, header, faults + ["TCP header: \(error)"]) }
    faults += Self.faults(ofHeader: segment.header, segment)
    faults += follow(segment, header)
    return (segment, header, faults)
  }

  /// What a segment alone shows.
  private static func faults(ofHeader header: TCPHeader, _ segment: TCPSegment) -> [String] {
    var faults: [String] = []
    func demand(_ holds: Bool, _ text: String) { if !holds { faults.append(text) } }
    let flags = header.flags
    demand(header.reservedBits == 0, "reserved bits are set")
    demand(!header.options.isMalformed, "an option is malformed")
    demand(header.sourcePort != 0 && header.destinationPort != 0, "a port is 0")
    demand(!(flags.contains(.syn) && flags.contains(.fin)), "SYN and FIN stand together")
    demand(!(flags.contains(.rst) && flags.contains(.syn)), "RST and SYN stand together")
    demand(!(flags.contains(.rst) && flags.contains(.fin)), "RST and FIN stand together")
    demand(
      flags.contains(.ack) || flags.contains(.syn) || flags.contains(.rst),
      "neither ACK, SYN nor RST")
    demand(
      flags.contains(.ack) || header.acknowledgmentNumber.rawValue == 0, "a number without ACK")
    demand(flags.contains(.urg) || header.urgentPointer == 0, "an urgent pointer without URG")
    demand(!flags.contains(.urg) || header.urgentPointer > 0, "URG without an urgent pointer")
    demand(!flags.contains(.psh) || !segment.payloadRange.isEmpty, "PSH without data")
    demand(!flags.contains(.rst) || segment.payloadRange.isEmpty, "RST with data")
    demand(!flags.contains(.syn) || segment.payloadRange.isEmpty, "SYN with data")
    let options = header.options
    if !flags.contains(.syn) {
      demand(options.maximumSegmentSize == nil, "MSS without SYN (MUST-65)")
      demand(options.windowScale == nil, "window scale without SYN")
      demand(!options.isSACKPermitted, "SACK-permitted without SYN")
    } else {
      demand(options.maximumSegmentSize != nil, "SYN without MSS")
      demand(options.sackBlocks.isEmpty, "SACK with SYN")
      if !flags.contains(.ack) {
        demand(options.timestamps?.echoReply ?? 0 == 0, "SYN echoes a time stamp")
      }
    }
    for block in options.sackBlocks {
      demand(block.left.precedes(block.right), "the SACK block is empty")
    }
    // All but the first, which may be a duplicate, are ahead of what is acknowledged (RFC 2883 §4).
    for block in options.sackBlocks.dropFirst() {
      demand(header.acknowledgmentNumber.precedes(block.left), "SACK of what is acknowledged")
    }
    return faults
  }

  /// What a segment shows beside those before it.
  private mutating func follow(_ segment: TCPSegment, _ packet: IPv4Header) -> [String] {
    let header = segment.header
    let ends = Ends(
      local: Endpoint(packet.source, header.sourcePort),
      remote: Endpoint(packet.destination, header.destinationPort))
    guard !header.flags.contains(.rst) else {
      flows[ends] = nil
      return []
    }
    var faults: [String] = []
    if header.flags.contains(.syn) {
      flows[ends] = Flow()
      flows[ends]?.offered = header.options
    }
    guard var flow = flows[ends], header.flags.contains(.ack) else { return [] }
    if let before = flow.acknowledgment, header.acknowledgmentNumber.precedes(before) {
      faults.append(
        "the acknowledgement goes back from \(before) to \(header.acknowledgmentNumber)")
    }
    flow.acknowledgment = header.acknowledgmentNumber
    // The window of a SYN is not shifted (RFC 7323 §2.2). The shift holds if the peer has sent one: the caller
    // says so.
    let shift = header.flags.contains(.syn) ? 0 : flow.windowShift
    let edge = header.acknowledgmentNumber.advanced(by: Int(header.window) << shift)
    // SHLD-14. By less than the unit of the field a window may seem to shrink (RFC 7323 §2.4).
    if followsWindows, let before = flow.edge, edge.distance(to: before) >= 1 << shift {
      faults.append("the window shrinks by \(edge.distance(to: before))")
    }
    flow.edge = SequenceNumber.later(flow.edge ?? edge, edge)
    flows[ends] = flow
    return faults
  }

  /// Both sides of a connection have agreed on a shift.
  mutating func agree(onShift shift: Int, local: Endpoint, remote: Endpoint) {
    flows[Ends(local: local, remote: remote)]?.windowShift = shift
  }
}
