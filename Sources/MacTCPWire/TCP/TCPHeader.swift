// The TCP header: RFC 9293 §3.1.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |          source port          |       destination port        |
// +-------------------------------+-------------------------------+
// |                        sequence number                        |
// +---------------------------------------------------------------+
// |                     acknowledgment number                     |
// +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
// | data  |       |C|E|U|A|P|R|S|F|                               |
// |offset |  rsv  |W|C|R|C|S|S|Y|I|            window             |
// |       |       |R|E|G|K|H|T|N|N|                               |
// +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
// |           checksum            |        urgent pointer         |
// +-------------------------------+-------------------------------+
// |           options, padded to 32 bits ...

/// The header of a TCP segment. The data offset follows from the options: see ``headerLength``, and
/// ``TCPSegment`` for one that came.
public struct TCPHeader: Hashable, Sendable {
  /// Its length in bytes without options, the least there is.
  @inlinable public static var leastLength: Int { 20 }
  /// Its length in bytes with as many options as fit.
  @inlinable public static var mostLength: Int { 60 }

  /// The sender's port.
  public var sourcePort: UInt16
  /// The receiver's port.
  public var destinationPort: UInt16
  /// SEG.SEQ: of the first byte of data, or of SYN where that is set.
  public var sequenceNumber: SequenceNumber
  /// SEG.ACK: the number that is expected next; without meaning where ACK is not set.
  public var acknowledgmentNumber: SequenceNumber
  /// The four reserved bits: sent as zero, and ignored.
  public var reservedBits: UInt8
  /// The control bits.
  public var flags: TCPFlags
  /// The window field, not shifted.
  public var window: UInt16
  /// The checksum as it came; what is written has its own.
  public var checksum: UInt16
  /// SEG.UP: from the sequence number to the last byte of urgent data; without meaning where URG is not set
  /// (RFC 6093 §2.1).
  public var urgentPointer: UInt16
  /// The options.
  public var options: TCPOptions

  /// The header of a segment that is to be sent.
  @inlinable @inline(__always)
  public init(
    sourcePort: UInt16, destinationPort: UInt16, sequenceNumber: SequenceNumber,
    acknowledgmentNumber: SequenceNumber = SequenceNumber(0), flags: TCPFlags = [],
    window: UInt16 = 0, urgentPointer: UInt16 = 0, options: TCPOptions = TCPOptions()
  ) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.sequenceNumber = sequenceNumber
    self.acknowledgmentNumber = acknowledgmentNumber
    reservedBits = 0
    self.flags = flags
    self.window = window
    checksum = 0
    self.urgentPointer = urgentPointer
    self.options = options
  }

  /// The length of the header in bytes when it is written: 20...60, a multiple of 4.
  @inlinable public var headerLength: Int { Self.leastLength &+ options.byteCount }

  /// Appends the whole segment to `output`: the header, then `payload` and `rest`, which are copied and
  /// summed in one pass.
  ///
  /// - Parameters:
  ///   - output: where the segment goes; what it holds before is left alone.
  ///   - source: the address it is sent from.
  ///   - destination: the address it is sent to.
  ///   - payload: its data.
  ///   - rest: more data, for those who keep theirs in a ring.
  /// - Throws: ``WireError/noRoom`` if fewer than ``headerLength`` bytes and the data are free.
  public func write(
    to output: inout OutputSpan<UInt8>, from source: IPAddress, to destination: IPAddress,
    payload: Span<UInt8> = Span(), _ rest: Span<UInt8> = Span()
  ) throws(WireError) {
    try write(headerLength, to: &output, from: source, to: destination, payload, rest) {
      options.write(to: &$0, addingTo: &$1)
    }
  }

  /// The same for what nearly every segment is: `timestamps` stand in place of the header's options, all of which are left
  /// out. So a header of which only this is asked need not be in memory.
  ///
  /// - Throws: ``WireError/noRoom`` as above.
  @inlinable @inline(__always)
  public func write(
    withoutOptionsBut timestamps: TCPTimestamps?, to output: inout OutputSpan<UInt8>,
    from source: IPAddress, to destination: IPAddress, payload: Span<UInt8>, _ rest: Span<UInt8>
  ) throws(WireError) {
    let headerLength = timestamps == nil ? Self.leastLength : Self.leastLength &+ 12
    try write(headerLength, to: &output, from: source, to: destination, payload, rest) {
      guard let words = timestamps?.words else { return }
      $1.add(words)
      $0.append(networkOrder: words)
    }
  }

  @inlinable @inline(__always)
  func write(
    _ headerLength: Int, to output: inout OutputSpan<UInt8>, from source: IPAddress,
    to destination: IPAddress, _ payload: Span<UInt8>, _ rest: Span<UInt8>,
    _ writeOptions: (inout OutputSpan<UInt8>, inout InternetChecksum) -> Void
  ) throws(WireError) {
    let length = headerLength &+ payload.count &+ rest.count
    guard output.freeCapacity >= length else { throw .noRoom }
    let start = output.count
    var sum = InternetChecksum(
      pseudoHeaderFrom: source, to: destination, protocol: .tcp, length: length)
    let words = fixedPart(headerLength)
    sum.add(words)
    output.append(networkOrder: words)
    writeOptions(&output, &sum)
    if !payload.isEmpty { try sum.add(payload, appendingTo: &output) }
    if !rest.isEmpty { try sum.add(rest, appendingTo: &output) }
    output.overwrite(networkOrder: sum.value, at: start &+ 16)
  }

  /// The header without options, with a checksum of zero.
  @inlinable @inline(__always)
  func fixedPart(_ headerLength: Int) -> InlineArray<5, UInt32> {
    // The length is the offset in words, times 4, and stands 12 bits up.
    let offset = UInt16(truncatingIfNeeded: headerLength) << 10
    let bits = offset | UInt16(reservedBits & 0xF) << 8 | UInt16(flags.rawValue)
    return [
      UInt32(sourcePort, destinationPort), sequenceNumber.rawValue, acknowledgmentNumber.rawValue,
      UInt32(bits, window), UInt32(0, urgentPointer),
    ]
  }
}
