/// Numbers that look random and follow from a seed: xoshiro256** of Blackman and Vigna.
///
/// For what must differ from connection to connection, not for what must be secret: who sees some of the
/// numbers can compute the others.
struct RandomGenerator: RandomNumberGenerator {
  private var state: (UInt64, UInt64, UInt64, UInt64)

  /// The sequence of a seed. Its state comes from SplitMix64, as the authors advise: it is never all zero.
  init(seed: UInt64) {
    var mixer = seed
    func mixed() -> UInt64 {
      mixer &+= 0x9E37_79B9_7F4A_7C15
      var z = mixer
      z = (z ^ z &>> 30) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ z &>> 27) &* 0x94D0_49BB_1331_11EB
      return z ^ z &>> 31
    }
    state = (mixed(), mixed(), mixed(), mixed())
  }

  mutating func next() -> UInt64 {
    let result = Self.rotated(state.1 &* 5, by: 7) &* 9
    let shifted = state.1 &<< 17
    state.2 ^= state.0
    state.3 ^= state.1
    state.1 ^= state.2
    state.0 ^= state.3
    state.2 ^= shifted
    state.3 = Self.rotated(state.3, by: 45)
    return result
  }

  @inline(__always)
  private static func rotated(_ word: UInt64, by count: UInt64) -> UInt64 {
    word &<< count | word &>> (64 &- count)
  }
}
