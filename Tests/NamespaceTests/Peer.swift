// The other end of a TCP connection, segment by segment (RFC 9293).
import MacTCP
import MacTCPWire

/// A TCP segment in its packet.
struct Segment {
  struct Flags: OptionSet {
    let rawValue: UInt8
    static let fin = Flags(rawValue: 0x01)
    static let syn = Flags(rawValue: 0x02)
    static let rst = Flags(rawValue: 0x04)
    static let psh = Flags(rawValue: 0x08)
    static let ack = Flags(rawValue: 0x10)
    static let urg = Flags(rawValue: 0x20)
  }

  var packet: Packet
  var source: UInt16 { packet.payload.word(at: 0) }
  var destination: UInt16 { packet.payload.word(at: 2) }
  var sequence: UInt32 { packet.payload.long(at: 4) }
  var acknowledgement: UInt32 { packet.payload.long(at: 8) }
  var flags: Flags { Flags(rawValue: packet.payload[13] & 0x3F) }
  var window: UInt16 { packet.payload.word(at: 14) }
  var urgentPointer: UInt16 { packet.payload.word(at: 18) }
  var options: [UInt8] { Array(packet.payload[20..<(Int(packet.payload[12] >> 4) * 4)]) }
  var data: [UInt8] { Array(packet.payload[(Int(packet.payload[12] >> 4) * 4)...]) }

  /// The sequence number behind it.
  var end: UInt32 {
    let controls: UInt32 = (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0)
    return sequence &+ UInt32(data.count) &+ controls
  }

  /// `nil` for other packets.
  init?(_ packet: Packet) {
    guard packet.protocolNumber == ProtocolNumber.tcp, packet.payload.count >= 20 else {
      return nil
    }
    self.packet = packet
  }
}

/// A TCP that does what the test says, and nothing by itself: it acknowledges nothing and sends nothing again.
struct Peer {
  let tunnel: Tunnel
  let local: Endpoint
  let remote: Endpoint
  /// The next sequence number that it sends.
  var next: UInt32 = 1_000_000
  /// The next one that it expects.
  var expected: UInt32 = 0
  /// The window that it offers.
  var window: UInt16 = 30_000

  private init(_ tunnel: Tunnel, local: Endpoint, remote: Endpoint) {
    self.tunnel = tunnel
    self.local = local
    self.remote = remote
  }

  /// The SYN of an active open, unanswered.
  static func syn(_ tunnel: Tunnel) throws -> Segment {
    try tunnel.receive("a SYN") { packet in
      Segment(packet).flatMap { $0.flags == .syn ? $0 : nil }
    }
  }

  /// Takes an active open: its SYN, and the acknowledgement of the answer.
  static func accepting(_ tunnel: Tunnel, window: UInt16 = 30_000, maximumSegment: UInt16 = 1460)
    throws -> Peer
  {
    try answering(syn(tunnel), tunnel, window: window, maximumSegment: maximumSegment)
  }

  /// Answers a SYN.
  static func answering(
    _ syn: Segment, _ tunnel: Tunnel, window: UInt16 = 30_000, maximumSegment: UInt16 = 1460
  ) throws -> Peer {
    var peer = Peer(
      tunnel, local: Endpoint(syn.packet.destination, syn.destination),
      remote: Endpoint(syn.packet.source, syn.source))
    peer.window = window
    peer.expected = syn.end
    try peer.send([.syn, .ack], maximumSegment: maximumSegment)
    _ = try peer.receive("the end of the handshake") { $0.flags == .ack }
    return peer
  }

  /// Opens a connection to a passive open. Returns the answer to the SYN too.
  static func connecting(_ tunnel: Tunnel, to remote: Endpoint, from port: UInt16 = 2000) throws
    -> (Peer, Segment)
  {
    var peer = Peer(tunnel, local: Endpoint(tunnel.far, port), remote: remote)
    try peer.send(.syn, maximumSegment: 1460)
    let answer = try peer.receive("the answer to a SYN") { $0.flags == [.syn, .ack] }
    peer.expected = answer.end
    try peer.send(.ack)
    return (peer, answer)
  }

  /// Sends one segment.
  mutating func send(
    _ flags: Segment.Flags, _ data: [UInt8] = [], maximumSegment: UInt16? = nil
  ) throws {
    try send(flags, data, sequence: next, maximumSegment: maximumSegment)
    next &+= UInt32(data.count) &+ (flags.contains(.syn) ? 1 : 0) &+ (flags.contains(.fin) ? 1 : 0)
  }

  /// Sends one segment at a sequence number of the test's choice.
  func send(
    _ flags: Segment.Flags, _ data: [UInt8] = [], sequence: UInt32, maximumSegment: UInt16? = nil
  ) throws {
    let options = maximumSegment.map { [2, 4] + $0.octets } ?? []
    var bytes = local.port.octets + remote.port.octets + sequence.octets
    bytes += flags.contains(.ack) ? expected.octets : [0, 0, 0, 0]
    bytes += [UInt8(5 + options.count / 4) << 4, flags.rawValue]
    bytes += window.octets + [0, 0, 0, 0] + options + data
    let checksum = Packet.checksum(
      ProtocolNumber.tcp, from: local.address, to: remote.address, bytes)
    bytes.replaceSubrange(16..<18, with: checksum.value.octets)
    try tunnel.send(
      Packet(ProtocolNumber.tcp, from: local.address, to: remote.address, bytes))
  }

  /// The segment of this connection that a packet carries.
  func segment(_ packet: Packet) -> Segment? {
    guard let segment = Segment(packet), packet.source == remote.address,
      segment.source == remote.port, segment.destination == local.port
    else { return nil }
    return segment
  }

  /// The next segment of the connection that is wanted.
  func receive(_ what: String, _ isWanted: (Segment) -> Bool) throws -> Segment {
    try tunnel.receive(what) { packet in
      segment(packet).flatMap { isWanted($0) ? $0 : nil }
    }
  }

  /// The next segment with data, or that which begins at `sequence`; it is not acknowledged.
  func receiveData(at sequence: UInt32? = nil) throws -> Segment {
    try receive("data") { segment in
      !segment.data.isEmpty && (sequence == nil || segment.sequence == sequence)
    }
  }

  /// Acknowledges everything up to the end of a segment.
  mutating func acknowledge(_ segment: Segment) throws {
    expected = segment.end
    try send(.ack)
  }
}
