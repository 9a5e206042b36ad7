import MacTCPSimulation
import Testing

@Suite("Random numbers")
struct GeneratorTests {
  @Test("The numbers of a seed are SplitMix64's")
  func golden() {
    var generator = SeededGenerator(seed: 1_234_567)
    let expected: [UInt64] = [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
    ]
    #expect(expected.map { _ in generator.next() } == expected)
  }

  @Test("Numbers below a bound are below it, and each comes about equally often")
  func bound() {
    var generator = SeededGenerator(seed: 1)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[Int(generator.next(below: 7))] += 1 }
    #expect(counts.allSatisfy { (9_600...10_400).contains($0) }, "\(counts)")
    #expect(generator.next(below: 0) == 0)
    #expect(generator.next(below: 1) == 0)
  }

  @Test("What never happens does not, what always happens does")
  func extremes() {
    var generator = SeededGenerator(seed: 2)
    #expect((0..<1_000).allSatisfy { _ in !generator.happens(.never) })
    #expect((0..<1_000).allSatisfy { _ in generator.happens(.always) })
  }

  @Test(
    "Probabilities are brought into their range",
    arguments: [
      (-1.0, 0), (0, 0), (1e-7, 1), (0.01, 100_000), (33.333_333_3, 333_333_333),
      (100, 1_000_000_000), (101, 1_000_000_000), (.infinity, 1_000_000_000), (.nan, 0),
    ])
  func percentages(value: Double, perBillion: Int) {
    #expect(Probability.percent(value).perBillion == perBillion)
    #expect(Probability(perBillion: .min) == .never)
    #expect(Probability(perBillion: .max) == .always)
  }
}
