/// The fields of a TCP segment of the kind that nearly all are of: ACK, with or without PSH, and no option but time
/// stamps. To find that out takes a few comparisons, and nothing is copied (``TCPSegment`` parses every segment).
public struct PlainTCPSegment: Sendable {
  /// SEG.SEQ.
  public let sequenceNumber: SequenceNumber
  /// SEG.ACK.
  public let acknowledgmentNumber: SequenceNumber
  /// The window field, not shifted.
  public let window: UInt16
  /// Whether PSH is set.
  public let isPushed: Bool
  /// TSval; 0 without time stamps.
  public let timestamp: UInt32
  /// Where its data begin, in bytes: 20, or 32 with time stamps.
  public let headerLength: Int
  /// The sum of the header's words, which are added faster here, where they are loaded, than by a walk through memory:
  /// see ``InternetChecksum/add(headerOf:)``.
  @usableFromInline let sum: UInt64

  /// Looks at the data of an IP packet. The checksum is not verified: that can be done while the data are copied.
  ///
  /// - Parameter hasTimestamps: whether there must be time stamps; otherwise there must be no options at all.
  /// - Returns: `nil` for every segment of another kind, whole or not.
  @inlinable @inline(__always)
  public init?(_ bytes: Span<UInt8>, hasTimestamps: Bool) {
    let headerLength = hasTimestamps ? TCPHeader.leastLength &+ 12 : TCPHeader.leastLength
    guard bytes.count >= headerLength, let ports = bytes.networkUInt32(at: 0),
      let sequence = bytes.networkUInt32(at: 4), let acknowledgment = bytes.networkUInt32(at: 8),
      let word = bytes.networkUInt32(at: 12), let checksum = bytes.networkUInt32(at: 16)
    else { return nil }
    // The data offset and the flags. The reserved bits are ignored (RFC 9293 §3.1).
    guard word & 0xF0F7_0000 == (hasTimestamps ? 0x8010_0000 : 0x5010_0000) else { return nil }
    // So few words cannot exceed 64 bits.
    var sum =
      UInt64(ports) &+ UInt64(sequence) &+ UInt64(acknowledgment) &+ UInt64(word)
      &+ UInt64(checksum)
    if hasTimestamps {
      // In the form that everybody sends.
      guard bytes.networkUInt32(at: 20) == TCPTimestamps.kindAndLength,
        let value = bytes.networkUInt32(at: 24), let reply = bytes.networkUInt32(at: 28)
      else { return nil }
      timestamp = value
      sum &+= UInt64(TCPTimestamps.kindAndLength) &+ UInt64(value) &+ UInt64(reply)
    } else {
      timestamp = 0
    }
    sequenceNumber = SequenceNumber(sequence)
    acknowledgmentNumber = SequenceNumber(acknowledgment)
    window = word.lowerHalf
    isPushed = word & 0x0008_0000 != 0
    self.headerLength = headerLength
    self.sum = sum
  }
}

extension InternetChecksum {
  /// Adds the header of a segment, an even number of bytes from the start of the message.
  @inlinable @inline(__always)
  public mutating func add(headerOf segment: PlainTCPSegment) {
    accumulate(segment.sum)
  }
}
