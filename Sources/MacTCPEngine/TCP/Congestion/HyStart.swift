/// HyStart++ (RFC 9406): the initial slow start ends before it fills the bottleneck's queue.
///
/// Rounds are those of LossRecovery: one ends when what was SND.NXT at its beginning is acknowledged.
struct HyStart {
  /// MIN_RTT_THRESH and MAX_RTT_THRESH in microseconds, and the other constants of RFC 9406 §4.3.
  private static var leastThreshold: UInt32 { 4_000 }
  private static var greatestThreshold: UInt32 { 16_000 }
  private static var samplesNeeded: UInt8 { 8 }
  private static var conservativeDivisor: Int { 4 }
  private static var conservativeRounds: UInt8 { 5 }
  /// L: the most segments by which one acknowledgement lets cwnd grow, without pacing.
  static var segmentsPerAcknowledgement: Int { 8 }

  private var lastRoundLeast = UInt32.max
  private var roundLeast = UInt32.max
  /// cssBaselineMinRtt; `UInt32.max` outside of Conservative Slow Start.
  private var baseline = UInt32.max
  private var samples: UInt8 = 0
  private var rounds: UInt8 = 0

  /// Whether it is in Conservative Slow Start.
  var isConservative: Bool { baseline != .max }

  /// A round begins. `true` if the slow start is to end here.
  mutating func beginRound() -> Bool {
    lastRoundLeast = roundLeast
    roundLeast = .max
    samples = 0
    guard isConservative else { return false }
    rounds &+= 1
    return rounds >= Self.conservativeRounds
  }

  /// A round-trip time has been measured.
  mutating func sample(_ time: UInt32) {
    roundLeast = min(roundLeast, time)
    samples = min(samples &+ 1, 250)
    guard samples >= Self.samplesNeeded else { return }
    if isConservative {
      // The delay was no queue: back to slow start.
      if roundLeast < baseline { baseline = .max }
    } else if lastRoundLeast != .max {
      let threshold = max(Self.leastThreshold, min(lastRoundLeast / 8, Self.greatestThreshold))
      if roundLeast >= lastRoundLeast &+ threshold {
        baseline = roundLeast
        rounds = 0
      }
    }
  }

  /// By how much cwnd grows for `bytes` acknowledged.
  func growth(acknowledged bytes: Int, mss: Int) -> Int {
    let growth = min(bytes, Self.segmentsPerAcknowledgement &* mss)
    return isConservative ? growth / Self.conservativeDivisor : growth
  }
}
