/// Random numbers that are the same on every machine: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
///
/// Only whole numbers come out and only whole numbers are compared, so no rounding decides about anything.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// The numbers of this seed.
  public init(seed: UInt64) {
    state = seed
  }

  /// The next number.
  @inline(__always)
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }

  /// A number below `bound`, all as good as equally likely; 0 if the bound is 0. The standard library's own way to
  /// do this may change from release to release.
  @inline(__always)
  public mutating func next(below bound: UInt64) -> UInt64 {
    next().multipliedFullWidth(by: bound).high
  }

  /// Whether something of this probability happens now. What never happens takes no number.
  @inline(__always)
  public mutating func happens(_ probability: Probability) -> Bool {
    if probability == .never { return false }
    return next(below: 1_000_000_000) < UInt64(probability.perBillion)
  }
}

/// How likely something is: a whole number of billionths.
public struct Probability: Hashable, Sendable {
  /// 0...1,000,000,000.
  public let perBillion: Int

  /// A probability of so many billionths; what is out of range is brought into it.
  public init(perBillion: Int) {
    self.perBillion = min(max(perBillion, 0), 1_000_000_000)
  }

  /// A probability in per cent, rounded to billionths; what is out of range is brought into it.
  public static func percent(_ value: Double) -> Probability {
    // A product and a rounding: IEEE 754 says for all machines what comes out.
    Probability(perBillion: Int(exactly: (min(max(value, 0), 100) * 1e7).rounded()) ?? 0)
  }

  /// It does not happen.
  public static let never = Probability(perBillion: 0)
  /// It happens each time.
  public static let always = Probability(perBillion: 1_000_000_000)
}
