// The sum of memory, and of memory while it is copied: RFC 1071 §2 and §4.
//
// To copy and sum in one pass reads each byte once. This is the one file of Wire that works on pointers:
// the same loop over a span, with its checks, takes a quarter longer for a full packet and twice as
// long for a header. The invariant: whoever calls `sum(of:count:copyingTo:)` has memory of `count`
// bytes behind both pointers, and the two do not overlap. Its three callers take the first from a span,
// and compare its length with the room in the second, which Swift's law of exclusivity keeps apart.

extension InternetChecksum {
  /// Adds the next bytes of the message, at any alignment and of any length.
  public mutating func add(_ bytes: Span<UInt8>) {
    let part = unsafe bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return UInt64(0) }
      return unsafe Self.sum(of: start, count: source.count, copyingTo: nil)
    }
    add(part: part, byteCount: bytes.count)
  }

  /// Adds the next bytes of the message and appends them to `output`, in one pass.
  ///
  /// - Throws: ``WireError/noRoom`` if `output` has not room for all of them; then nothing is done.
  public mutating func add(_ bytes: Span<UInt8>, appendingTo output: inout OutputSpan<UInt8>)
    throws(WireError)
  {
    guard output.freeCapacity >= bytes.count else { throw .noRoom }
    let part = unsafe bytes.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBufferPointer { buffer, initializedCount in
        guard let start = source.baseAddress, let memory = buffer.baseAddress else {
          return UInt64(0)
        }
        let end = unsafe UnsafeMutableRawPointer(memory + initializedCount)
        initializedCount &+= source.count
        return unsafe Self.sum(of: start, count: source.count, copyingTo: end)
      }
    }
    add(part: part, byteCount: bytes.count)
  }

  /// Adds the next bytes of the message and copies them to `memory`, from `offset` on, in one pass.
  ///
  /// - Throws: ``WireError/noRoom`` if they do not fit there; then nothing is done.
  public mutating func add(
    _ bytes: Span<UInt8>, copyingTo memory: inout MutableSpan<UInt8>, at offset: Int = 0
  ) throws(WireError) {
    guard offset >= 0, offset <= memory.count, bytes.count <= memory.count &- offset else {
      throw .noRoom
    }
    let part = unsafe bytes.withUnsafeBytes { source in
      unsafe memory.withUnsafeMutableBytes { buffer in
        guard let start = source.baseAddress, let memory = buffer.baseAddress else {
          return UInt64(0)
        }
        return unsafe Self.sum(of: start, count: source.count, copyingTo: memory + offset)
      }
    }
    add(part: part, byteCount: bytes.count)
  }

  /// Adds the sum of a part of `byteCount` bytes.
  private mutating func add(part: UInt64, byteCount: Int) {
    accumulate(part)
    if byteCount & 1 != 0 { isOdd.toggle() }
  }

  /// The ones' complement sum of `count` bytes, padded with a zero byte to an even length, not folded to
  /// 16 bits and below 2^42; with a `destination` the bytes are copied there as well.
  ///
  /// Words are loaded as the machine stores them and summed as 32-bit halves in 64 bits, so that no
  /// carry is lost. Where the machine stores the least significant byte first, the sum of the message
  /// is that sum with its bytes exchanged (RFC 1071 §2), which is 2^8 times as much.
  @inline(__always)
  private static func sum(
    of source: UnsafeRawPointer, count: Int, copyingTo destination: UnsafeMutableRawPointer?
  ) -> UInt64 {
    var sum: UInt64 = 0
    var offset = 0
    if count >= 64 {
      sum = unsafe sumOfBlocks(of: source, count: count, copyingTo: destination)
      offset = count & ~63
    }
    // What is left is the bits of `count`: no loop, which the compiler would prepare for long ones.
    if count & 32 != 0 {
      let lanes = unsafe source.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
      unsafe destination?.storeBytes(of: lanes, toByteOffset: offset, as: SIMD4<UInt64>.self)
      sum &+= ((lanes & 0xFFFF_FFFF) &+ (lanes &>> 32)).wrappedSum()
      offset &+= 32
    }
    if count & 16 != 0 {
      let lanes = unsafe source.loadUnaligned(fromByteOffset: offset, as: SIMD2<UInt64>.self)
      unsafe destination?.storeBytes(of: lanes, toByteOffset: offset, as: SIMD2<UInt64>.self)
      sum &+= ((lanes & 0xFFFF_FFFF) &+ (lanes &>> 32)).wrappedSum()
      offset &+= 16
    }
    if count & 8 != 0 {
      let word = unsafe source.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      unsafe destination?.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
      sum &+= (word & 0xFFFF_FFFF) &+ (word &>> 32)
      offset &+= 8
    }
    if count & 4 != 0 {
      let word = unsafe source.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
      unsafe destination?.storeBytes(of: word, toByteOffset: offset, as: UInt32.self)
      sum &+= UInt64(word)
      offset &+= 4
    }
    if count & 2 != 0 {
      let word = unsafe source.loadUnaligned(fromByteOffset: offset, as: UInt16.self)
      unsafe destination?.storeBytes(of: word, toByteOffset: offset, as: UInt16.self)
      sum &+= UInt64(word)
      offset &+= 2
    }
    if count & 1 != 0 {
      let byte = unsafe source.load(fromByteOffset: offset, as: UInt8.self)
      unsafe destination?.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
      sum &+= UInt64((UInt16(byte) &<< 8).bigEndian)
    }
    let halved = (sum & 0xFFFF_FFFF) &+ (sum &>> 32)
    return UInt16(1).bigEndian == 1 ? halved : halved &<< 8
  }

  /// The sum of all whole 64 bytes at the start of the source, not folded; they are copied as above.
  @inline(__always)
  private static func sumOfBlocks(
    of source: UnsafeRawPointer, count: Int, copyingTo destination: UnsafeMutableRawPointer?
  ) -> UInt64 {
    // The sum of all lanes of 64 bits modulo 2^64, and the sum of their upper halves. What is left of
    // the first without the second is the sum of the lower halves: three operations in place of four.
    // A lane's halves sum up to less than 2^33 for every 64 bytes, the four lanes of both accumulators
    // to less than 2^36: nothing is lost below 16 GB.
    var all0 = SIMD4<UInt64>.zero
    var all1 = SIMD4<UInt64>.zero
    var upper0 = SIMD4<UInt64>.zero
    var upper1 = SIMD4<UInt64>.zero
    var offset = 0
    while count &- offset >= 64 {
      let a = unsafe source.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
      let b = unsafe source.loadUnaligned(fromByteOffset: offset &+ 32, as: SIMD4<UInt64>.self)
      unsafe destination?.storeBytes(of: a, toByteOffset: offset, as: SIMD4<UInt64>.self)
      unsafe destination?.storeBytes(of: b, toByteOffset: offset &+ 32, as: SIMD4<UInt64>.self)
      all0 &+= a
      all1 &+= b
      upper0 &+= a &>> 32
      upper1 &+= b &>> 32
      offset &+= 64
    }
    let upper = upper0 &+ upper1
    let lower = all0 &+ all1 &- (upper &<< 32)
    return (upper &+ lower).wrappedSum()
  }
}
