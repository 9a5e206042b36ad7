/// What happens to packets in one direction, by chance, the same for the same seed.
struct Impairment {
  /// The shares of packets that are lost, that come twice, and that come after those behind them: 0...1.
  var loss = 0.0
  var duplication = 0.0
  var lateness = 0.0
  var random = SeededGenerator(seed: 0)

  /// How many were.
  private(set) var lost = 0
  private(set) var duplicated = 0
  private(set) var delayed = 0

  enum Fate { case arrives, isLost, arrivesTwice, isLate }

  mutating func fate() -> Fate {
    guard loss + duplication + lateness > 0 else { return .arrives }
    let chance = Double(random.next() >> 11) / Double(1 << 53)
    if chance < loss {
      lost += 1
      return .isLost
    } else if chance < loss + duplication {
      duplicated += 1
      return .arrivesTwice
    } else if chance < loss + duplication + lateness {
      delayed += 1
      return .isLate
    }
    return .arrives
  }

  /// How many packets overtake a late one, and how long it waits for them at most, in microseconds.
  static let overtaking = 4
  static let patience = 1_000
}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
