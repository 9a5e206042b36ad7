// The Internet checksum of IP, ICMP, UDP and TCP: RFC 1071.
//
// Order of calls: make one, `add` the parts of the message in the order in which they stand in it,
// read `value`. A sender adds the checksum field as zero and stores `value` in it; a receiver adds
// the field as it came and asks `isValid`. A part that is copied anyway is added while it is copied:
// see InternetChecksum+Memory.swift.

/// The 16-bit ones' complement sum of a message that is added part by part (RFC 1071 §1).
public struct InternetChecksum: Sendable {
  /// The ones' complement sum so far, in 64 bits and not yet folded to 16.
  @usableFromInline var sum: UInt64 = 0
  /// Whether an odd number of bytes has been added: the next byte is then the low half of a word.
  @usableFromInline var isOdd = false

  /// The checksum of nothing.
  @inlinable
  public init() {}

  /// The checksum of one piece of memory.
  @inlinable
  public init(of bytes: Span<UInt8>) {
    add(bytes)
  }

  /// Adds a 16-bit field of the message or of a pseudo-header.
  @inlinable @inline(__always)
  public mutating func add(_ word: UInt16) {
    accumulate(UInt64(word))
  }

  /// Adds a 32-bit field of the message or of a pseudo-header.
  @inlinable @inline(__always)
  public mutating func add(_ word: UInt32) {
    // Its two halves are added at once: 2^16 counts as 1 in a sum of 16 bits (RFC 1071 §2).
    accumulate(UInt64(word))
  }

  /// Adds a 32-bit field of the message, and appends it to `output`. The caller has checked
  /// `freeCapacity`.
  @inlinable @inline(__always)
  public mutating func add(_ word: UInt32, appendingTo output: inout OutputSpan<UInt8>) {
    add(word)
    output.append(networkOrder: word)
  }

  /// Adds 32-bit fields of the message, an even number of bytes from its start.
  @inlinable @inline(__always)
  mutating func add<let count: Int>(_ words: InlineArray<count, UInt32>) {
    // So few words cannot exceed 64 bits.
    var part: UInt64 = 0
    for index in words.indices { part &+= UInt64(words[index]) }
    accumulate(part)
  }

  /// The number for the checksum field: the complement of the sum (RFC 1071 §1, step 2).
  ///
  /// UDP sends 0 as `0xFFFF`, because 0 means "no checksum" there (RFC 768); ICMP and TCP do not.
  @inlinable
  public var value: UInt16 { ~Self.folded(sum) }

  /// Whether the message was added with its checksum field and is as it was sent: the sum is all
  /// ones (RFC 1071 §1, step 3).
  @inlinable
  public var isValid: Bool { value == 0 }

  /// Adds the sum of a part, below 2^56. Behind an odd number of bytes each byte stands in the other half
  /// of its word, which is 2^8 times as much (RFC 1071 §2, "Byte Order Independence"). What 64 bits
  /// cannot hold is added below, as in 16 bits: 2^64 counts as 1 too.
  @inlinable @inline(__always)
  mutating func accumulate(_ part: UInt64) {
    let (result, overflow) = sum.addingReportingOverflow(isOdd ? part &<< 8 : part)
    sum = result &+ (overflow ? 1 : 0)
  }

  /// The same ones' complement sum in 16 bits: the carries are added back in.
  @inlinable @inline(__always)
  static func folded(_ sum: UInt64) -> UInt16 {
    // A number and the same with its halves exchanged: the upper half of their sum is the sum of the halves, and the lower
    // half has just added the carry to it.
    let word = UInt32(truncatingIfNeeded: (sum &+ (sum &<< 32 | sum &>> 32)) &>> 32)
    return UInt16(truncatingIfNeeded: (word &+ (word &<< 16 | word &>> 16)) &>> 16)
  }
}
