/// A TCP segment that came: its header, and where its data are (RFC 9293 §3.1).
public struct TCPSegment: Hashable, Sendable {
  /// The header with its options.
  public var header: TCPHeader
  /// Where in the segment its data are; they begin at the data offset.
  public var payloadRange: Range<Int>

  /// Parses the data of an IP packet, to their end.
  ///
  /// - Parameters:
  ///   - bytes: the segment, and nothing after it.
  ///   - source: the packet's source address.
  ///   - destination: the packet's destination address.
  ///   - verifyingChecksum: `false` where somebody else has verified it, or will while the data are
  ///     copied.
  /// - Throws: ``WireError/truncated`` if the header has not come whole, ``WireError/badLength`` for a
  ///   data offset below 5, ``WireError/badChecksum`` (RFC 9293 §3.1, MUST-3). Options never throw:
  ///   see ``TCPOptions/isMalformed``.
  public init(
    parsing bytes: Span<UInt8>, from source: IPAddress, to destination: IPAddress,
    verifyingChecksum: Bool = true
  ) throws(WireError) {
    guard let ports = bytes.networkUInt32(at: 0), let sequence = bytes.networkUInt32(at: 4),
      let acknowledgment = bytes.networkUInt32(at: 8), let fourth = bytes.networkUInt32(at: 12),
      let fifth = bytes.networkUInt32(at: 16)
    else { throw .truncated }
    let headerLength = Int(fourth >> 28) &* 4
    guard headerLength >= TCPHeader.leastLength else { throw .badLength }
    guard headerLength <= bytes.count else { throw .truncated }
    if verifyingChecksum {
      var sum = InternetChecksum(
        pseudoHeaderFrom: source, to: destination, protocol: .tcp, length: bytes.count)
      sum.add(bytes)
      guard sum.isValid else { throw .badChecksum }
    }
    header = TCPHeader(
      sourcePort: ports.upperHalf, destinationPort: ports.lowerHalf,
      sequenceNumber: SequenceNumber(sequence),
      acknowledgmentNumber: SequenceNumber(acknowledgment),
      flags: TCPFlags(rawValue: UInt8(truncatingIfNeeded: fourth >> 16)),
      window: fourth.lowerHalf, urgentPointer: fifth.lowerHalf)
    header.reservedBits = UInt8(truncatingIfNeeded: fourth >> 24) & 0xF
    header.checksum = fifth.upperHalf
    header.options.parse(bytes.extracting(TCPHeader.leastLength..<headerLength))
    payloadRange = headerLength..<bytes.count
  }

  /// SEG.LEN: how many sequence numbers the segment takes, SYN and FIN counted (RFC 9293 §3.4).
  @inlinable public var length: Int {
    payloadRange.count &+ (header.flags.contains(.syn) ? 1 : 0)
      &+ (header.flags.contains(.fin) ? 1 : 0)
  }

  /// The sequence number behind the segment: SEG.SEQ + SEG.LEN.
  @inlinable public var endSequenceNumber: SequenceNumber {
    header.sequenceNumber.advanced(by: length)
  }
}
