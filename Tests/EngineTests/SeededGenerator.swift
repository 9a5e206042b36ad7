import Testing

/// A small generator whose whole state is its seed, so that a failed test can be run again: SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number of the range.
  mutating func number(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(next() % UInt64(range.count))
  }

  /// `count` random bytes.
  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }

  /// Runs `body` for some seeds of its own choice; what it throws is reported with the seed that led to it.
  static func forSeeds(
    _ count: Int = 20, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (inout SeededGenerator) throws -> Void
  ) {
    for _ in 0..<count {
      let seed = UInt64.random(in: .min ... .max)
      var generator = SeededGenerator(seed: seed)
      do {
        try body(&generator)
      } catch {
        Issue.record("seed \(seed): \(error)", sourceLocation: sourceLocation)
        return
      }
    }
  }
}

/// A property that does not hold.
struct Violation: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) {
    self.description = description
  }
}

/// Throws unless the condition holds: where `#expect` cannot stand, as it takes neither mutating calls nor
/// values that cannot be copied, and where it would take too long, in loops of many thousand turns.
func check(
  _ condition: Bool, _ text: @autoclosure () -> String = "", line: Int = #line
) throws(Violation) {
  if !condition { throw Violation("line \(line): \(text())") }
}
