// The round-trip time: smoothed for the retransmission timer (RFC 6298), and the smallest of late for
// RACK (RFC 8985 §6.2 step 1).

/// RFC 6298's estimator. Times are in microseconds.
struct RoundTripEstimator {
  // As Float: with 24 bits they are exact to less than a microsecond below 16 s, and the small gains of
  // many samples per round trip cost a multiplication.
  private var smoothed: Float = 0
  private var variation: Float = 0
  private var leastMilliseconds: UInt32
  private var greatestMilliseconds: UInt32
  /// RTO before it is doubled, in microseconds, 71 minutes at most; before the first measurement the initial value.
  private var base: UInt32
  /// How often the time-out has been doubled since the last sample (RFC 6298 §5.5).
  private(set) var doublings: UInt8 = 0

  /// The smallest round-trip time of the last 10 to 20 seconds; `UInt32.max` if there was none.
  private(set) var least = UInt32.max
  private var leastOfPeriod = UInt32.max
  /// The tick with which the period ends. Ticks are of 2^20 microseconds: the low 32 bits of microseconds would go
  /// round while a connection is idle for an hour, and keep the smallest round trip of before.
  private var periodEnd: UInt32 = 0

  /// The times are in microseconds; they are kept in milliseconds.
  init(least: Int, initial: Int, greatest: Int) {
    func milliseconds(_ time: Int) -> UInt32 { UInt32(clamping: max(1, time / 1000)) }
    leastMilliseconds = milliseconds(least)
    base = UInt32(clamping: max(1000, initial))
    greatestMilliseconds = milliseconds(greatest)
  }

  /// Whether a round trip has been measured.
  var hasSample: Bool { smoothed > 0 }
  /// SRTT; 0 before the first sample.
  var srtt: Int { Int(smoothed) }
  /// RTTVAR.
  var rttvar: Int { Int(variation) }

  /// RTO.
  var rto: Int { min(Int(base) &<< Int(doublings), Int(greatestMilliseconds) &* 1000) }

  /// Enters a measurement. `outstanding` is the number of segments in flight, from which RFC 7323's
  /// appendix G takes how many measurements a round trip gives: the gains are divided by that.
  mutating func sample(_ time: Int, outstanding: Int) {
    // Zero would read as "no sample"; the upper bound keeps nonsense out of the sums.
    let clamped = UInt32(clamping: max(1, min(time, 1 << 30)))
    let measured = Float(clamped)
    doublings = 0
    if hasSample {
      // One measurement for two segments; as a power of two, so that the gain is exact.
      let expected = max(1, outstanding &>> 1)
      let shift = UInt32(truncatingIfNeeded: Int.bitWidth &- 1 &- expected.leadingZeroBitCount)
      let gain = Float(bitPattern: (127 &- 3 &- shift) &<< 23)
      // RFC 6298 §2.3: first RTTVAR, with the SRTT before this sample.
      // Where all round trips are alike it would shrink to a number so small that to reckon with it takes a hundred times
      // as long. Four times what is left is the clock's granularity, the G of RFC 6298 §2.3.
      variation = max(
        0.25, variation + (abs(smoothed - measured) - variation) * (gain + gain))
      smoothed += (measured - smoothed) * gain
    } else {
      smoothed = measured
      variation = measured / 2
    }
    // The least value is a floor for four times the variation, not only for the sum: on a path whose round-trip
    // time hardly varies the sum alone would leave no time for a delayed acknowledgement.
    base = UInt32(
      clamping: Int(smoothed) &+ max(Int(leastMilliseconds) &* 1000, Int(variation * 4)))
  }

  /// The time-out has run out: RFC 6298 §5.5.
  mutating func backOff() {
    doublings = min(doublings &+ 1, 16)
  }

  /// The time-out was a mistake, the segments were delayed only.
  mutating func withdrawBackOff() {
    doublings = 0
  }

  /// RFC 6298 §5.7: the SYN's timer ran out while it was shorter than 3 s; data begin with 3 s.
  mutating func beginAfterRetransmittedSYN() {
    guard !hasSample else { return }
    doublings = 0
    base = max(base, UInt32(min(3000, greatestMilliseconds)) &* 1000)
  }

  /// Enters a measurement without the delay of an acknowledgement that was held back.
  mutating func sampleLeast(_ time: UInt32, now: Instant) {
    let tick = UInt32(truncatingIfNeeded: now.microseconds &>> 20)
    if Int32(bitPattern: tick &- periodEnd) >= 0 || least == .max {
      least = leastOfPeriod
      leastOfPeriod = .max
      periodEnd = tick &+ 10
    }
    leastOfPeriod = min(leastOfPeriod, max(1, time))
    least = min(least, leastOfPeriod)
  }
}
