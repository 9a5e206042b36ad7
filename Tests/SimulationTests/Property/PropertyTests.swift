import Foundation
import MacTCPSimulation
import Testing

/// Random connections over random wires: whatever happens to packets, nothing happens to the bytes.
///
/// Each case is made from its seed. To see one that fails again, with its packets in a file:
///
///     MACTCP_CASE=4711 MACTCP_CAPTURE=/tmp/case.pcapng swift test --filter PropertyTests
@Suite("Random connections")
struct PropertyTests {
  private static let environment = ProcessInfo.processInfo.environment
  /// How many cases there are; `MACTCP_CASES` asks for more.
  private static let count = environment["MACTCP_CASES"].flatMap { UInt64($0) } ?? 10_000
  private static let batch: UInt64 = 100

  @Test(
    "Bytes arrive complete and in order, memory stays below its ceiling, and every connection ends",
    arguments: 0..<(count / batch))
  func cases(number: UInt64) {
    for seed in (number * Self.batch)..<((number + 1) * Self.batch) {
      var match = Match(Case(seed: seed))
      match.play()
      #expect(match.complaints == [], "seed \(seed)")
    }
  }

  @Test(
    "A case has the same packets at the same moments each time", arguments: 0..<20 as Range<UInt64>)
  func determinism(seed: UInt64) {
    let captures = (0..<2).map { _ in
      var match = Match(Case(seed: seed))
      match.play(capturing: true)
      return match.capture
    }
    #expect(captures[0] == captures[1])
    // More than the names of the interfaces.
    #expect(captures[0].count > 300)
  }

  @Test("A single case", .enabled(if: environment["MACTCP_CASE"] != nil, "MACTCP_CASE names none"))
  func single() throws {
    let seed = try #require(Self.environment["MACTCP_CASE"].flatMap { UInt64($0) })
    let single = Case(seed: seed)
    print(single.promise, single.wires, single.plans, separator: "\n")
    var match = Match(single)
    match.play(capturing: true)
    print("\(match.steps) steps, \(match.duration) µs; sent", match.players.map(\.sent))
    if let path = Self.environment["MACTCP_CAPTURE"] {
      try Data(match.capture).write(to: URL(filePath: path))
    }
    #expect(match.complaints == [], "seed \(seed)")
  }
}
