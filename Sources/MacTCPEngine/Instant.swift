/// A moment, in microseconds since a zero that the caller chooses.
///
/// The engine has no clock: every call that depends on time is given the present. It need not be exact, and
/// one clock must be used for all calls. A present that is earlier than the last one counts as the last.
public struct Instant: Hashable, Comparable, Sendable, BitwiseCopyable {
  /// Microseconds since the caller's zero.
  public let microseconds: UInt64

  /// The moment so many microseconds after the caller's zero. Moments later than ``never`` are ``never``.
  @inlinable
  public init(microseconds: UInt64) {
    self.microseconds = min(microseconds, Self.greatest)
  }

  /// The caller's zero.
  @inlinable public static var zero: Instant { Instant(microseconds: 0) }
  /// Later than every moment that comes: no deadline. About 146,000 years.
  @inlinable public static var never: Instant { Instant(microseconds: greatest) }

  /// So small that sums of a moment and a time cannot overflow.
  @usableFromInline static var greatest: UInt64 { 1 << 62 }

  /// Whether one moment is before the other.
  @inlinable
  public static func < (a: Instant, b: Instant) -> Bool { a.microseconds < b.microseconds }

  /// The moment `microseconds` later, ``never`` at most; the zero at least.
  @inlinable
  public func advanced(by microseconds: Int) -> Instant {
    // The moment is at most 2^62: only what is later than every moment overflows.
    let (sum, isTooLate) = Int(truncatingIfNeeded: self.microseconds)
      .addingReportingOverflow(microseconds)
    return isTooLate ? .never : Instant(microseconds: UInt64(truncatingIfNeeded: max(0, sum)))
  }

  /// Microseconds from this moment to `other`; negative if that is earlier.
  @inlinable
  public func microseconds(to other: Instant) -> Int {
    Int(other.microseconds) &- Int(microseconds)
  }
}
