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

extension OutputSpan<UInt8> {
  /// Appends `value`, most significant byte first. The caller has checked `freeCapacity`.
  @inlinable
  package mutating func append(networkOrder value: UInt16) {
    append(UInt8(truncatingIfNeeded: value >> 8))
    append(UInt8(truncatingIfNeeded: value))
  }
}
