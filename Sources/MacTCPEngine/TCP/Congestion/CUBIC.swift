/// The congestion control of RFC 9438. Windows are in bytes here, in segments in the RFC.
struct CUBIC: CongestionControl {
  /// beta_cubic, C in segments per second to the third, and alpha_cubic: RFC 9438 §4.3, §4.6, §5.1.
  private static var beta: Double { 0.7 }
  private static var c: Double { 0.4 }
  private static var alpha: Double { 3 * (1 - beta) / (1 + beta) }

  /// W_max and cwnd_prior; 0 if there was no congestion yet.
  private var wMax: UInt32 = 0
  private var cwndPrior: UInt32 = 0
  /// The same before the last congestion, for `undo`.
  private var wMaxBefore: UInt32 = 0
  private var cwndPriorBefore: UInt32 = 0
  /// W_est: what Reno's window would be now.
  private var wEst: Double = 0
  /// K in seconds. Negative where the curve is met behind its plateau.
  private var k: Float = 0
  /// The part of a byte by which cwnd should be larger.
  private var fraction: Float = 0
  /// t_epoch in milliseconds; it may wrap.
  private var epoch: UInt32 = 0
  private var isInEpoch = false
  private var isAfterCongestion = true

  mutating func avoidCongestion(
    _ window: inout CongestionWindow, acknowledged bytes: Int, mss: Int, srtt: Int, now: Instant
  ) {
    let cwnd = Double(window.cwnd)
    let segment = Double(mss)
    let milliseconds = UInt32(truncatingIfNeeded: now.microseconds / 1000)
    if !isInEpoch { beginEpoch(cwnd, segment, milliseconds) }
    let t = Double(milliseconds &- epoch) / 1000
    let acked = Double(min(bytes, window.cwnd))

    // RFC 9438 §4.3. Above the window at which the last congestion was met Reno would grow by one segment
    // per round trip, and so does W_est.
    let alpha = wEst < Double(cwndPrior) ? Self.alpha : 1
    wEst += alpha * acked * segment / cwnd
    if cubic(t, segment) < wEst {
      if wEst > cwnd { window.cwnd = Int(min(wEst, Double(CongestionWindow.greatest))) }
      return
    }
    // §4.2: towards W_cubic(t + RTT), but by half a window per round trip at most.
    let target = min(max(cubic(t + Double(srtt) / 1_000_000, segment), cwnd), cwnd * 1.5)
    let growth = (target - cwnd) / cwnd * acked + Double(fraction)
    let whole = growth.rounded(.down)
    fraction = Float(growth - whole)
    window.cwnd &+= Int(whole)
  }

  /// W_cubic(t): RFC 9438 §4.2, figure 1. Bounded, so that it can be made a whole number.
  private func cubic(_ t: Double, _ segment: Double) -> Double {
    let distance = t - Double(k)
    let value = Self.c * distance * distance * distance * segment + Double(wMax)
    return min(max(value, 0), Double(CongestionWindow.greatest))
  }

  private mutating func beginEpoch(_ cwnd: Double, _ segment: Double, _ milliseconds: UInt32) {
    isInEpoch = true
    epoch = milliseconds
    // §4.8, §4.10: after a time-out, or a slow start that ended without a loss, the plateau is here.
    if wMax == 0 { wMax = UInt32(cwnd) }
    // §4.2, figure 2. After an interruption cwnd may lie behind the plateau: then K is negative, and the
    // curve goes on where it was left (§5.8, §4.9).
    k = Float(Self.cubeRoot((Double(wMax) - cwnd) / segment / Self.c))
    if isAfterCongestion || wEst > cwnd { wEst = cwnd }
    isAfterCongestion = false
  }

  mutating func congestion(_ window: CongestionWindow, flight: Int, mss: Int) -> Int {
    let cwnd = UInt32(truncatingIfNeeded: window.cwnd)
    (wMaxBefore, cwndPriorBefore) = (wMax, cwndPrior)
    cwndPrior = cwnd
    // §4.7, fast convergence: a flow whose share shrinks leaves more to the others.
    wMax = cwnd < wMax ? UInt32(Double(cwnd) * (1 + Self.beta) / 2) : cwnd
    endEpoch()
    return max(Int(Double(flight) * Self.beta), 2 &* mss)
  }

  mutating func timeout(_ window: CongestionWindow, flight: Int, mss: Int) -> Int {
    let ssthresh = congestion(window, flight: flight, mss: mss)
    // §4.8: the epoch that follows the slow start begins on its plateau.
    wMax = 0
    return ssthresh
  }

  private mutating func endEpoch() {
    isInEpoch = false
    isAfterCongestion = true
    fraction = 0
  }

  mutating func interrupted() {
    isInEpoch = false
  }

  mutating func undo() {
    (wMax, cwndPrior) = (wMaxBefore, cwndPriorBefore)
    endEpoch()
  }

  /// The cube root by Newton's method. The standard library has none.
  static func cubeRoot(_ value: Double) -> Double {
    guard value != 0, value.isFinite else { return 0 }
    let magnitude = abs(value)
    // From a power of two within a factor of two of the root, six steps lead to full precision.
    let exponent = Int(magnitude.exponent)
    var root = Double(sign: .plus, exponent: exponent / 3, significand: 1)
    for _ in 0..<6 { root -= (root - magnitude / (root * root)) / 3 }
    return value < 0 ? -root : root
  }
}
