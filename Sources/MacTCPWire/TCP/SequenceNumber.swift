// Sequence numbers and their arithmetic modulo 2^32: RFC 9293 §3.4.

/// A number in TCP's sequence space, which begins anew after 2^32 bytes (RFC 9293 §3.4).
///
/// Not `Comparable`: on a circle "less" has no transitivity, so that a sorted order or a maximum of many
/// numbers means nothing. Two numbers less than 2^31 apart have an order; no TCP connection has numbers
/// in use that are further apart (RFC 7323 §2.2).
public struct SequenceNumber: Hashable, Sendable, BitwiseCopyable {
  /// The 32 bits.
  public var rawValue: UInt32

  /// The sequence number with the given bits.
  @inlinable @inline(__always)
  public init(_ rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// Whether both are the same number.
  @inlinable @inline(__always)
  public static func == (a: SequenceNumber, b: SequenceNumber) -> Bool { a.rawValue == b.rawValue }

  /// The way from this number to `other`: positive if `other` comes later. -2^31 where the two are 2^31
  /// apart and neither comes first.
  @inlinable @inline(__always)
  public func distance(to other: SequenceNumber) -> Int {
    Int(Int32(bitPattern: other.rawValue &- rawValue))
  }

  /// How far this number is behind `start` going forward only, 0..<2^32.
  @inlinable @inline(__always)
  public func offset(from start: SequenceNumber) -> Int {
    Int(truncatingIfNeeded: rawValue &- start.rawValue)
  }

  /// The number `count` further; before this one where `count` is negative. Counts are taken modulo
  /// 2^32.
  @inlinable @inline(__always)
  public func advanced(by count: Int) -> SequenceNumber {
    SequenceNumber(rawValue &+ UInt32(truncatingIfNeeded: count))
  }

  /// Makes this the number `count` further.
  @inlinable @inline(__always)
  public mutating func advance(by count: Int) {
    self = advanced(by: count)
  }

  /// Whether this number comes before `other`: `<` of RFC 9293 §3.4. Of two numbers 2^31 apart neither
  /// does (as in RFC 1982 §3.2).
  @inlinable @inline(__always)
  public func precedes(_ other: SequenceNumber) -> Bool {
    distance(to: other) > 0
  }

  /// Whether this number is `other` or comes before it: `=<` of RFC 9293 §3.4.
  @inlinable @inline(__always)
  public func precedesOrEquals(_ other: SequenceNumber) -> Bool {
    distance(to: other) >= 0
  }

  /// Whether this number is one of the `size` numbers from `start` on: `start =< self < start + size`
  /// as in RFC 9293 §3.4. None is in a window of size 0 or less.
  @inlinable @inline(__always)
  public func isInWindow(from start: SequenceNumber, size: Int) -> Bool {
    offset(from: start) < size
  }

  /// The one of the two that comes later.
  @inlinable @inline(__always)
  public static func later(_ a: SequenceNumber, _ b: SequenceNumber) -> SequenceNumber {
    a.precedes(b) ? b : a
  }
}

extension SequenceNumber: CustomStringConvertible {
  /// The number in decimal digits.
  public var description: String { "\(rawValue)" }
}
