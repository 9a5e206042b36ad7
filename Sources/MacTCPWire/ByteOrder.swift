// Numbers in network byte order, most significant byte first (RFC 1700, "Data Notations").
//
// These are the only places where Wire turns bytes into numbers and back.

// Each number is one load or one store: put together from bytes, a header took four times as long. The
// names say `unsafe` because not every type has a value for every pattern of bits; integers have, and all
// bounds are checked.

extension Span<UInt8> {
  /// The 16-bit number at `offset`, or `nil` if the bytes end before it does.
  @inlinable @inline(__always)
  public func networkUInt16(at offset: Int) -> UInt16? {
    guard offset >= 0, count >= 2, offset <= count &- 2 else { return nil }
    return UInt16(
      bigEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  /// The 32-bit number at `offset`, or `nil` if the bytes end before it does.
  @inlinable @inline(__always)
  public func networkUInt32(at offset: Int) -> UInt32? {
    guard offset >= 0, count >= 4, offset <= count &- 4 else { return nil }
    return UInt32(
      bigEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
}

extension UInt32 {
  /// The number whose upper and lower half are two 16-bit fields that follow each other.
  @inlinable @inline(__always)
  public init(_ upper: UInt16, _ lower: UInt16) {
    self = UInt32(upper) << 16 | UInt32(lower)
  }

  /// The first of the two 16-bit fields in a 32-bit word.
  @inlinable public var upperHalf: UInt16 { UInt16(truncatingIfNeeded: self >> 16) }
  /// The second of the two 16-bit fields in a 32-bit word.
  @inlinable public var lowerHalf: UInt16 { UInt16(truncatingIfNeeded: self) }
}

extension OutputSpan<UInt8> {
  /// Appends `value`, most significant byte first. The caller has checked `freeCapacity`.
  @inlinable @inline(__always)
  public mutating func append(networkOrder value: UInt16) {
    appendBytes(of: value.bigEndian)
  }

  /// Appends `value`, most significant byte first. The caller has checked `freeCapacity`.
  @inlinable @inline(__always)
  public mutating func append(networkOrder value: UInt32) {
    appendBytes(of: value.bigEndian)
  }

  /// Appends words, each most significant byte first, as one piece. The caller has checked `freeCapacity`.
  @inlinable @inline(__always)
  mutating func append<let count: Int>(networkOrder words: InlineArray<count, UInt32>) {
    precondition(freeCapacity >= 4 &* count)
    unsafe withUnsafeMutableBufferPointer { buffer, initializedCount in
      guard let start = buffer.baseAddress else { return }
      // Room for all of them behind `initializedCount`: checked above.
      let end = unsafe UnsafeMutableRawPointer(start + initializedCount)
      for index in words.indices {
        unsafe end.storeBytes(of: words[index].bigEndian, toByteOffset: 4 &* index, as: UInt32.self)
      }
      initializedCount &+= 4 &* count
    }
  }

  /// Appends the bytes of an integer as they are in memory; traps if there is no room for them, as
  /// `append` does, so that nothing is ever written outside of the output.
  @inlinable @inline(__always)
  mutating func appendBytes<T: FixedWidthInteger & BitwiseCopyable>(of value: T) {
    let length = MemoryLayout<T>.size
    precondition(freeCapacity >= length)
    unsafe withUnsafeMutableBufferPointer { buffer, initializedCount in
      guard let start = buffer.baseAddress else { return }
      // Room for `length` bytes behind `initializedCount`: checked above.
      let end = unsafe UnsafeMutableRawPointer(start + initializedCount)
      unsafe end.storeBytes(of: value, as: T.self)
      initializedCount &+= length
    }
  }

  /// Writes `value` over two bytes that were appended before, at `offset`: a checksum, which is known
  /// last. Nothing happens where no two bytes are.
  @inlinable @inline(__always)
  public mutating func overwrite(networkOrder value: UInt16, at offset: Int) {
    guard offset >= 0, offset <= count &- 2 else { return }
    unsafe withUnsafeMutableBufferPointer { buffer, _ in
      guard let start = buffer.baseAddress else { return }
      unsafe UnsafeMutableRawPointer(start).storeBytes(
        of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
    }
  }
}
