// How congestion control is chosen, and what all kinds of it have in common.

/// The window that congestion control moves. In bytes.
struct CongestionWindow {
  private var size: UInt32
  private var threshold: UInt32 = .max

  init(_ size: Int) { self.size = UInt32(clamping: size) }

  /// So large that no connection ever needs it, and so small that sums of such stay below 2^31.
  static var greatest: Int { 1 << 30 }

  /// cwnd: what may be in the network.
  var cwnd: Int {
    get { Int(size) }
    set { size = UInt32(truncatingIfNeeded: max(0, min(newValue, Self.greatest))) }
  }

  /// ssthresh: below it cwnd grows by slow start. At first arbitrarily high (RFC 5681 §3.1).
  var ssthresh: Int {
    get { Int(threshold) }
    set { threshold = UInt32(truncatingIfNeeded: max(0, min(newValue, Self.greatest))) }
  }

  /// Makes ssthresh what it is in `other`.
  mutating func restoreThreshold(of other: CongestionWindow) { threshold = other.threshold }

  var isInSlowStart: Bool { cwnd < ssthresh }
  /// Whether the slow start has met no limit yet.
  var isInInitialSlowStart: Bool { threshold == .max }
}

/// What a kind of congestion control decides: how the window grows behind slow start, and how far it
/// shrinks. Slow start, PRR, idle times and the undoing are the same for all and stand in LossRecovery.
protocol CongestionControl {
  /// In congestion avoidance `bytes` have been acknowledged, and cwnd was used in full.
  mutating func avoidCongestion(
    _ window: inout CongestionWindow, acknowledged bytes: Int, mss: Int, srtt: Int, now: Instant)

  /// Congestion: the new ssthresh. `flight` is what the window was used for: at most cwnd.
  mutating func congestion(_ window: CongestionWindow, flight: Int, mss: Int) -> Int

  /// A retransmission time-out: the new ssthresh.
  mutating func timeout(_ window: CongestionWindow, flight: Int, mss: Int) -> Int

  /// cwnd was not used in full for a time, or changed by other hands than this one's.
  mutating func interrupted()

  /// The last congestion was none.
  mutating func undo()
}

/// The kinds of congestion control in one value, so that no call goes through a witness table.
enum CongestionController: CongestionControl {
  case newReno(NewReno)
  case cubic(CUBIC)

  init(_ algorithm: EngineConfiguration.CongestionControlAlgorithm) {
    switch algorithm {
    case .newReno: self = .newReno(NewReno())
    case .cubic: self = .cubic(CUBIC())
    }
  }

  mutating func avoidCongestion(
    _ window: inout CongestionWindow, acknowledged bytes: Int, mss: Int, srtt: Int, now: Instant
  ) {
    switch self {
    case .newReno(var control):
      control.avoidCongestion(&window, acknowledged: bytes, mss: mss, srtt: srtt, now: now)
      self = .newReno(control)
    case .cubic(var control):
      control.avoidCongestion(&window, acknowledged: bytes, mss: mss, srtt: srtt, now: now)
      self = .cubic(control)
    }
  }

  mutating func congestion(_ window: CongestionWindow, flight: Int, mss: Int) -> Int {
    switch self {
    case .newReno(var control):
      defer { self = .newReno(control) }
      return control.congestion(window, flight: flight, mss: mss)
    case .cubic(var control):
      defer { self = .cubic(control) }
      return control.congestion(window, flight: flight, mss: mss)
    }
  }

  mutating func timeout(_ window: CongestionWindow, flight: Int, mss: Int) -> Int {
    switch self {
    case .newReno(var control):
      defer { self = .newReno(control) }
      return control.timeout(window, flight: flight, mss: mss)
    case .cubic(var control):
      defer { self = .cubic(control) }
      return control.timeout(window, flight: flight, mss: mss)
    }
  }

  mutating func interrupted() {
    switch self {
    case .newReno(var control):
      control.interrupted()
      self = .newReno(control)
    case .cubic(var control):
      control.interrupted()
      self = .cubic(control)
    }
  }

  mutating func undo() {
    switch self {
    case .newReno(var control):
      control.undo()
      self = .newReno(control)
    case .cubic(var control):
      control.undo()
      self = .cubic(control)
    }
  }
}
