#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A point on the driver's clock, in nanoseconds. The host driver's clock is the kernel's monotonic one; the
/// rules never read a clock themselves, so that a driver may bring a virtual one.
package struct MonotonicTime: Comparable, Hashable, Sendable {
  package var nanoseconds: Int64

  package init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  /// The kernel's monotonic clock.
  package static var now: MonotonicTime {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicTime(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
  }

  /// Before every deadline.
  package static var distantPast: MonotonicTime { MonotonicTime(nanoseconds: .min) }

  /// Saturates: a time-out longer than the clock can express never expires.
  package static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
    let (sum, overflow) = time.nanoseconds.addingReportingOverflow(duration.saturatedNanoseconds)
    return MonotonicTime(nanoseconds: overflow ? (duration < .zero ? .min : .max) : sum)
  }

  /// Saturates: a deadline in the far past has passed.
  package static func - (a: MonotonicTime, b: MonotonicTime) -> Duration {
    let (difference, overflow) = a.nanoseconds.subtractingReportingOverflow(b.nanoseconds)
    return .nanoseconds(overflow ? (a < b ? .min : .max) : difference)
  }

  package static func < (a: MonotonicTime, b: MonotonicTime) -> Bool {
    a.nanoseconds < b.nanoseconds
  }
}

extension Duration {
  /// Whole nanoseconds, at most what 64 bits hold.
  package var saturatedNanoseconds: Int64 {
    // `components` traps beyond 64 bits of seconds.
    if self >= .nanoseconds(Int64.max) { return .max }
    if self <= .nanoseconds(Int64.min) { return .min }
    let (seconds, attoseconds) = components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }

  /// Milliseconds as MacTCP's status blocks carry them, rounded to nearest, 0 and up.
  package var milliseconds: Int {
    let nanoseconds = max(0, saturatedNanoseconds)
    return Int(nanoseconds / 1_000_000) + (nanoseconds % 1_000_000 >= 500_000 ? 1 : 0)
  }
}
