// The UDP header: RFC 768; RFC 1122 §4.1.3.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |          source port          |       destination port        |
// +-------------------------------+-------------------------------+
// |            length             |           checksum            |
// +-------------------------------+-------------------------------+

/// The header of a UDP datagram.
public struct UDPHeader: Hashable, Sendable {
  /// Its length in bytes.
  @inlinable public static var byteCount: Int { 8 }
  /// The most bytes of data that the length field can tell of.
  @inlinable public static var mostPayload: Int { 65_535 - 8 }

  /// The sender's port; 0 if it wants no answer.
  public var sourcePort: UInt16
  /// The receiver's port.
  public var destinationPort: UInt16
  /// The length of the datagram in bytes, its header included.
  public var length: Int
  /// The checksum as it came, 0 for none; what is written has its own.
  public var checksum: UInt16

  /// The header of a datagram that is to be sent.
  @inlinable
  public init(sourcePort: UInt16, destinationPort: UInt16, payloadLength: Int) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    length = Self.byteCount &+ payloadLength
    checksum = 0
  }

  /// Parses the header at the start of `datagram`. Bytes behind the datagram's own length are not its
  /// data.
  ///
  /// - Parameters:
  ///   - datagram: the data of an IP packet.
  ///   - source: the packet's source address.
  ///   - destination: the packet's destination address.
  ///   - verifyingChecksum: `false` where somebody else has verified it, or will. No checksum at all is
  ///     right in any case (RFC 1122 §4.1.3.4).
  /// - Throws: ``WireError/truncated`` if the header or the data have not come whole,
  ///   ``WireError/badLength`` for a length below 8, ``WireError/badChecksum``.
  public init(
    parsing datagram: Span<UInt8>, from source: IPAddress, to destination: IPAddress,
    verifyingChecksum: Bool = true
  ) throws(WireError) {
    guard let ports = datagram.networkUInt32(at: 0), let rest = datagram.networkUInt32(at: 4) else {
      throw .truncated
    }
    sourcePort = ports.upperHalf
    destinationPort = ports.lowerHalf
    length = Int(rest.upperHalf)
    checksum = rest.lowerHalf
    guard length >= Self.byteCount else { throw .badLength }
    guard length <= datagram.count else { throw .truncated }
    if verifyingChecksum && checksum != 0 {
      var sum = InternetChecksum(
        pseudoHeaderFrom: source, to: destination, protocol: .udp, length: length)
      sum.add(datagram.extracting(first: length))
      guard sum.isValid else { throw .badChecksum }
    }
  }

  /// Where in the datagram its data are.
  @inlinable
  public var payloadRange: Range<Int> { Self.byteCount..<max(Self.byteCount, length) }

  /// Appends the whole datagram to `output`: the header, then `payload` and `rest`, which are copied and
  /// summed in one pass.
  ///
  /// - Parameters:
  ///   - output: where the datagram goes; what it holds before is left alone.
  ///   - source: the address it is sent from.
  ///   - destination: the address it is sent to.
  ///   - payload: its data; as many bytes, with `rest`, as the header was made for.
  ///   - rest: more data.
  ///   - withChecksum: `false` sends 0, "no checksum"; a checksum that is 0 is sent as `0xFFFF` (RFC 768).
  /// - Throws: ``WireError/noRoom`` if fewer than ``length`` bytes are free, ``WireError/badLength`` if
  ///   the data have another length than the header says, or one that does not fit its field.
  public func write(
    to output: inout OutputSpan<UInt8>, from source: IPAddress, to destination: IPAddress,
    payload: Span<UInt8>, _ rest: Span<UInt8> = Span(), withChecksum: Bool = true
  ) throws(WireError) {
    guard let field = UInt16(exactly: length),
      length == Self.byteCount &+ payload.count &+ rest.count
    else { throw .badLength }
    guard output.freeCapacity >= length else { throw .noRoom }
    let start = output.count
    var sum = InternetChecksum(
      pseudoHeaderFrom: source, to: destination, protocol: .udp, length: length)
    sum.add(UInt32(sourcePort, destinationPort), appendingTo: &output)
    sum.add(UInt32(field, 0), appendingTo: &output)
    try sum.add(payload, appendingTo: &output)
    try sum.add(rest, appendingTo: &output)
    if withChecksum {
      output.overwrite(networkOrder: sum.value == 0 ? 0xFFFF : sum.value, at: start &+ 6)
    }
  }
}
