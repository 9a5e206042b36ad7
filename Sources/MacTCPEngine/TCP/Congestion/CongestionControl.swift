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

  /// cwnd was not used in full for a time, or was changed by other hands than this one's.
  mutating func interrupted()

  /// The last congestion was none.
  mutating func undo()
}

/// The kinds of congestion control in one value, so that no call goes through a witness table.
///
/// During the initial slow start it is HyStart++, if that is wanted; afterwards it is what was chosen.
enum CongestionController {
  case hystart(HyStart, EngineConfiguration.CongestionControlAlgorithm)
  case newReno(NewReno)
  case cubic(CUBIC)

  init(_ algorithm: EngineConfiguration.CongestionControlAlgorithm, usesHyStart: Bool) {
    self = usesHyStart ? .hystart(HyStart(), algorithm) : Self.chosen(algorithm)
  }

  private static func chosen(
    _ algorithm: EngineConfiguration.CongestionControlAlgorithm
  ) -> CongestionController {
    switch algorithm {
    case .newReno: .newReno(NewReno())
    case .cubic: .cubic(CUBIC())
    }
  }

  // MARK: Slow start

  /// A round-trip time has been measured.
  @inline(__always)
  mutating func sample(_ time: UInt32) {
    guard case .hystart(var hystart, let algorithm) = self else { return }
    hystart.sample(time)
    self = .hystart(hystart, algorithm)
  }

  /// A round trip begins. `true` if the initial slow start is to end here.
  mutating func beginRound() -> Bool {
    guard case .hystart(var hystart, let algorithm) = self else { return false }
    let ends = hystart.beginRound()
    self = ends ? Self.chosen(algorithm) : .hystart(hystart, algorithm)
    return ends
  }

  /// By how much cwnd grows in slow start for `bytes` acknowledged. Without HyStart++ by two segments at
  /// most (RFC 3465 §2.2).
  func slowStartGrowth(acknowledged bytes: Int, mss: Int) -> Int {
    guard case .hystart(let hystart, _) = self else { return min(bytes, 2 &* mss) }
    return hystart.growth(acknowledged: bytes, mss: mss)
  }

  private mutating func leaveSlowStart() {
    if case .hystart(_, let algorithm) = self { self = Self.chosen(algorithm) }
  }

  // MARK: Congestion avoidance and congestion

  mutating func avoidCongestion(
    _ window: inout CongestionWindow, acknowledged bytes: Int, mss: Int, srtt: Int, now: Instant
  ) {
    leaveSlowStart()
    switch self {
    case .hystart: break
    case .newReno(var control):
      control.avoidCongestion(&window, acknowledged: bytes, mss: mss, srtt: srtt, now: now)
      self = .newReno(control)
    case .cubic(var control):
      control.avoidCongestion(&window, acknowledged: bytes, mss: mss, srtt: srtt, now: now)
      self = .cubic(control)
    }
  }

  mutating func congestion(_ window: CongestionWindow, flight: Int, mss: Int) -> Int {
    leaveSlowStart()
    switch self {
    case .hystart: return window.ssthresh
    case .newReno(var control):
      defer { self = .newReno(control) }
      return control.congestion(window, flight: flight, mss: mss)
    case .cubic(var control):
      defer { self = .cubic(control) }
      return control.congestion(window, flight: flight, mss: mss)
    }
  }

  mutating func timeout(_ window: CongestionWindow, flight: Int, mss: Int) -> Int {
    leaveSlowStart()
    switch self {
    case .hystart: return window.ssthresh
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
    case .hystart, .newReno: break
    case .cubic(var control):
      control.interrupted()
      self = .cubic(control)
    }
  }

  /// The last congestion was none. If it ended the initial slow start that goes on without HyStart++.
  mutating func undo() {
    switch self {
    case .hystart, .newReno: break
    case .cubic(var control):
      control.undo()
      self = .cubic(control)
    }
  }
}
