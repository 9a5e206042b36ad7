import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Random numbers and secrets")
struct RandomTests {
  private static let local = Endpoint(IPAddress(10, 0, 0, 1), 80)
  private static let remote = Endpoint(IPAddress(10, 0, 0, 2), 50_000)

  @Test(
    "SipHash-2-4 gives the published hashes of the messages 0, 1, 2, …",
    arguments: [
      (0, 0x726f_db47_dd0e_0e31), (1, 0x93f5_f579_9a93_2462), (2, 0x3f2a_cc7f_57c2_9bdb),
      (3, 0xb8ad_50c6_f649_af94), (4, 0x7127_512f_72f2_7cce), (5, 0x0e3e_a96b_5304_a7d0),
      (6, 0xe612_a3cb_9ecb_a951), (7, 0xb78d_bfaf_3a8d_83bd),
    ] as [(Int, UInt64)])
  func sipHash(words: Int, expected: UInt64) {
    func word(_ index: Int) -> UInt64 {
      (0..<8).reduce(0) { $0 | UInt64(8 * index + $1) << (8 * $1) }
    }
    var hash = SipHash(key: SipHash.Key(word(0), word(1)))
    for index in 0..<words { hash.add(word(index)) }
    #expect(hash.value == expected)
    #expect(hash.value == expected, "reading the value changes nothing")
  }

  @Test("xoshiro256** gives the numbers of its authors' program for their seeding")
  func generator() {
    // SplitMix64 of 0 gives the state; the numbers are those of the C program with it.
    var random = RandomGenerator(seed: 0)
    #expect((0..<4).map { _ in random.next() } == Self.xoshiroOfZero)
    var again = RandomGenerator(seed: 0)
    #expect(again.next() == Self.xoshiroOfZero[0])
  }

  @Test("A derived key depends on each half of its parent and on the purpose")
  func derivedKeys() {
    let keys = [
      SipHash.Key(1, 2).derived(for: 0), SipHash.Key(1, 2).derived(for: 1),
      SipHash.Key(1, 3).derived(for: 0), SipHash.Key(2, 2).derived(for: 0),
    ]
    #expect(Set(keys.flatMap { [$0.k0, $0.k1] }).count == 8)
  }

  @Test("Initial sequence numbers grow by one each 4 microseconds, apart for each four-tuple")
  func initialSequenceNumbers() {
    let numbers = InitialSequenceNumbers(key: SipHash.Key(1, 2))
    let now = Instant(microseconds: 1 << 40)
    let first = numbers.next(local: Self.local, remote: Self.remote, now: now)
    let later = numbers.next(
      local: Self.local, remote: Self.remote, now: now.advanced(by: 4_000_000))
    #expect(first.distance(to: later) == 1_000_000)
    var other = Self.remote
    other.port += 1
    #expect(numbers.next(local: Self.local, remote: other, now: now) != first)
    let stranger = InitialSequenceNumbers(key: SipHash.Key(1, 3))
    #expect(stranger.next(local: Self.local, remote: Self.remote, now: now) != first)
    _ = numbers.next(local: Self.local, remote: Self.remote, now: .never)
    let offset = numbers.timestampOffset(local: Self.local, remote: Self.remote)
    #expect(offset == numbers.timestampOffset(local: Self.local, remote: Self.remote))
    #expect(offset != numbers.timestampOffset(local: Self.local, remote: other))
    #expect(offset != stranger.timestampOffset(local: Self.local, remote: Self.remote))
  }

  @Test("Every free port of the range is found, and ports in use never are")
  func ephemeralPorts() {
    SeededGenerator.forSeeds { generator in
      let low = UInt16(generator.number(1...65_535))
      let high = UInt16(min(65_535, Int(low) + generator.number(0...300)))
      var ports = EphemeralPorts(
        range: low...high, key: SipHash.Key(generator.next(), generator.next()))
      var used: Set<UInt16> = []
      for _ in low...high {
        guard
          let port = ports.choose(
            local: Self.local.address, remote: Self.remote, isInUse: used.contains)
        else { throw Violation("none found with \(used.count) in use") }
        try check((low...high).contains(port) && used.insert(port).inserted, "port \(port)")
      }
      let none = ports.choose(
        local: Self.local.address, remote: Self.remote, isInUse: used.contains)
      try check(none == nil, "\(none ?? 0) of none")
    }
  }

  @Test("A port comes again for a destination only after all others, and tries are bounded")
  func portsInTurn() throws {
    var ports = EphemeralPorts(key: SipHash.Key(1, 2))
    #expect(ports.range == 49152...65535)
    var seen: Set<UInt16> = []
    for _ in 0..<16_384 {
      let port = ports.choose(local: .any, remote: Self.remote) { _ in false }
      try check(port.map { seen.insert($0).inserted } == true)
    }
    var questions = 0
    let port = ports.choose(local: .any, remote: Self.remote, mostTries: 5) { _ in
      questions += 1
      return true
    }
    #expect(port == nil && questions == 5)
    #expect(ports.choose(local: .any, remote: Self.remote, mostTries: .min) { _ in false } == nil)
  }

  // Computed by the authors' C program, with splitmix64.c for the state.
  private static let xoshiroOfZero: [UInt64] = [
    0x99EC_5F36_CB75_F2B4, 0xBF6E_1F78_4956_452A, 0x1A5F_849D_4933_E6E0, 0x6AA5_94F1_262D_2D2C,
  ]
}
