// The Internet checksum of IP, ICMP, UDP and TCP: RFC 1071.
//
// Order of calls: make one, `add` the parts of the message in the order in which they stand in it,
// read `value`. A sender adds the checksum field as zero and stores `value` in it; a receiver adds
// the field as it came and asks `isValid`.

/// The 16-bit ones' complement sum of a message that is added part by part (RFC 1071 §1).
package struct InternetChecksum: Sendable {
  /// The ones' complement sum so far, not yet folded to 16 bits. Stays far below `UInt64.max`:
  /// every part adds at most 16 bits, and `add` folds it when it passes 32.
  private var sum: UInt64 = 0
  /// Whether an odd number of bytes has been added: the next byte is then the low half of a word.
  private var isOdd = false

  /// The checksum of nothing.
  package init() {}

  /// The checksum of one piece of memory.
  package init(of bytes: Span<UInt8>) {
    add(bytes)
  }

  /// Adds the next bytes of the message, at any alignment and of any length. After an odd number of
  /// bytes the sum of the part is exchanged byte by byte (RFC 1071 §2, "Byte Order Independence").
  package mutating func add(_ bytes: Span<UInt8>) {
    let part = Self.sum(of: bytes)
    accumulate(isOdd ? part.byteSwapped : part)
    if bytes.count & 1 != 0 { isOdd.toggle() }
  }

  /// Adds a 16-bit field of the message or of a pseudo-header.
  package mutating func add(_ word: UInt16) {
    accumulate(isOdd ? word.byteSwapped : word)
  }

  /// Adds a 32-bit field of the message or of a pseudo-header.
  package mutating func add(_ word: UInt32) {
    add(UInt16(truncatingIfNeeded: word >> 16))
    add(UInt16(truncatingIfNeeded: word))
  }

  /// The number for the checksum field: the complement of the sum (RFC 1071 §1, step 2).
  ///
  /// UDP sends 0 as `0xFFFF`, because 0 means "no checksum" there (RFC 768); ICMP and TCP do not.
  package var value: UInt16 { ~Self.folded(sum) }

  /// Whether the message was added with its checksum field and is as it was sent: the sum is all
  /// ones (RFC 1071 §1, step 3).
  package var isValid: Bool { value == 0 }

  private mutating func accumulate(_ word: UInt16) {
    sum &+= UInt64(word)
    if sum >> 32 != 0 { sum = UInt64(Self.folded(sum)) }
  }

  /// The ones' complement sum of `bytes`, padded with a zero byte to an even length, in host order.
  ///
  /// Words are loaded as the machine stores them and summed as 32-bit halves in 64 bits, so that no
  /// carry is lost; the sum of words in the other byte order is the other byte order
  /// of the sum (RFC 1071 §2), and one exchange at the end puts it right.
  private static func sum(of bytes: Span<UInt8>) -> UInt16 {
    let count = bytes.count
    let raw = bytes.bytes
    let low = SIMD4<UInt64>(repeating: 0xFFFF_FFFF)
    var first = SIMD4<UInt64>.zero
    var second = SIMD4<UInt64>.zero
    var offset = 0
    // `unsafe` below: each load is bounds-checked; what the name warns of is a type for which not
    // every bit pattern is a value, and every pattern is a value of an integer vector.
    while count &- offset >= 64 {
      let a = unsafe raw.unsafeLoadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
      let b = unsafe raw.unsafeLoadUnaligned(fromByteOffset: offset &+ 32, as: SIMD4<UInt64>.self)
      first &+= (a & low) &+ (a &>> 32)
      second &+= (b & low) &+ (b &>> 32)
      offset &+= 64
    }
    // A lane grows by less than 2^33 for each 64 bytes: none overflows below 128 GB.
    let lanes = (first & low) &+ (first &>> 32) &+ (second & low) &+ (second &>> 32)
    var native = lanes.wrappedSum()
    while count &- offset >= 4 {
      native &+= UInt64(unsafe raw.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
      offset &+= 4
    }
    var sum = UInt64(UInt16(bigEndian: folded(native)))
    while offset < count {
      let byte = UInt64(bytes[offset])
      sum &+= offset & 1 == 0 ? byte &<< 8 : byte
      offset &+= 1
    }
    return folded(sum)
  }

  /// The same ones' complement sum in 16 bits: the carries are added back in.
  private static func folded(_ sum: UInt64) -> UInt16 {
    var rest = (sum & 0xFFFF_FFFF) &+ (sum &>> 32)
    rest = (rest & 0xFFFF) &+ (rest &>> 16 & 0xFFFF) &+ (rest &>> 32)
    rest = (rest & 0xFFFF) &+ (rest &>> 16)
    rest = (rest & 0xFFFF) &+ (rest &>> 16)
    return UInt16(truncatingIfNeeded: rest)
  }
}
