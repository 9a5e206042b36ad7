/// The congestion control of RFC 5681, which counts bytes as RFC 3465 §2.1 does.
struct NewReno: CongestionControl {
  /// RFC 3465's bytes_acked: what has been acknowledged since cwnd last grew.
  private var acknowledged: UInt32 = 0

  mutating func avoidCongestion(
    _ window: inout CongestionWindow, acknowledged bytes: Int, mss: Int, srtt: Int, now: Instant
  ) {
    // One segment for every window's worth of bytes: RFC 5681 §3.1, (2).
    let sum = Int(acknowledged) &+ min(bytes, window.cwnd)
    if sum >= window.cwnd {
      acknowledged = UInt32(truncatingIfNeeded: sum &- window.cwnd)
      window.cwnd &+= mss
    } else {
      acknowledged = UInt32(truncatingIfNeeded: sum)
    }
  }

  mutating func congestion(_ window: CongestionWindow, flight: Int, mss: Int) -> Int {
    acknowledged = 0
    // RFC 5681 §3.1, (4).
    return max(flight / 2, 2 &* mss)
  }

  mutating func timeout(_ window: CongestionWindow, flight: Int, mss: Int) -> Int {
    congestion(window, flight: flight, mss: mss)
  }

  mutating func interrupted() {}

  mutating func undo() {}
}
