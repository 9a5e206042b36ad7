// Numbers in network byte order, most significant byte first (RFC 1700, "Data Notations").
//
// These are the only places where Wire turns bytes into numbers and back.

extension Span<UInt8> {
  /// The 16-bit number at `offset`, or `nil` if the bytes end before it does.
  @inlinable
  package func networkUInt16(at offset: Int) -> UInt16? {
    guard offset >= 0, count >= 2, offset <= count &- 2 else { return nil }
    return UInt16(self[offset]) << 8 | UInt16(self[offset &+ 1])
  }

  /// The 32-bit number at `offset`, or `nil` if the bytes end before it does.
  @inlinable
  package func networkUInt32(at offset: Int) -> UInt32? {
    guard offset >= 0, count >= 4, offset <= count &- 4 else { return nil }
    return UInt32(self[offset]) << 24 | UInt32(self[offset &+ 1]) << 16
      | UInt32(self[offset &+ 2]) << 8 | UInt32(self[offset &+ 3])
  }
}

extension UInt32 {
  /// The number whose upper and lower half are two 16-bit fields that follow each other.
  @inlinable
  package init(_ upper: UInt16, _ lower: UInt16) {
    self = UInt32(upper) << 16 | UInt32(lower)
  }

  /// The first of the two 16-bit fields in a 32-bit word.
  @inlinable package var upperHalf: UInt16 { UInt16(truncatingIfNeeded: self >> 16) }
  /// The second of the two 16-bit fields in a 32-bit word.
  @inlinable package var lowerHalf: UInt16 { UInt16(truncatingIfNeeded: self) }
}

extension OutputSpan<UInt8> {
  /// Appends `value`, most significant byte first. The caller has checked `freeCapacity`.
  @inlinable
  package mutating func append(networkOrder value: UInt16) {
    append(UInt8(truncatingIfNeeded: value >> 8))
    append(UInt8(truncatingIfNeeded: value))
  }

  /// Appends `value`, most significant byte first. The caller has checked `freeCapacity`.
  @inlinable
  package mutating func append(networkOrder value: UInt32) {
    append(networkOrder: value.upperHalf)
    append(networkOrder: value.lowerHalf)
  }

  /// Writes `value` over two bytes that were appended before, at `offset`: a checksum, which is known
  /// last. Nothing happens where no two bytes are.
  @inlinable
  package mutating func overwrite(networkOrder value: UInt16, at offset: Int) {
    guard offset >= 0, offset <= count &- 2 else { return }
    var written = mutableSpan
    written[offset] = UInt8(truncatingIfNeeded: value >> 8)
    written[offset &+ 1] = UInt8(truncatingIfNeeded: value)
  }
}
