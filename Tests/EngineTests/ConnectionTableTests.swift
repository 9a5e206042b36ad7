import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Connection table")
struct ConnectionTableTests {
  private struct Pair: Hashable {
    var local: Endpoint
    var remote: Endpoint
  }

  /// One of few addresses and ports, so that many four-tuples differ in one part only.
  private static func pair(_ generator: inout SeededGenerator) -> Pair {
    func endpoint() -> Endpoint {
      Endpoint(
        IPAddress(v4: 0x0A00_0000 + UInt32(generator.number(0...4))),
        UInt16(generator.number(0...4)))
    }
    return Pair(local: endpoint(), remote: endpoint())
  }

  /// The number of a four-tuple, as the table's user finds it: among those that it names, by comparing.
  private static func find(
    _ pair: Pair, in table: borrowing ConnectionTable, _ pairs: [Int: Pair]
  ) -> Int? {
    var search = table.search(local: pair.local, remote: pair.remote)
    while let number = table.next(&search) {
      if pairs[number] == pair { return number }
    }
    return nil
  }

  @Test("Inserts, look-ups and removals at random against a dictionary, also when it shrinks")
  func model() {
    SeededGenerator.forSeeds { generator in
      var table = ConnectionTable(key: SipHash.Key(generator.next(), generator.next()))
      var model: [Pair: Int] = [:]
      var pairs: [Int: Pair] = [:]
      for turn in 0..<6000 {
        let pair = Self.pair(&generator)
        let inserts = turn / 1500 % 2 == 0 ? 75 : 20
        if generator.number(0...99) < inserts {
          let value = generator.number(0...0x7FFF_FFFF)
          if model[pair] == nil, pairs[value] == nil {
            table.insert(local: pair.local, remote: pair.remote, value: value)
            (model[pair], pairs[value]) = (value, pair)
          }
        } else {
          let pair = generator.number(0...3) == 0 ? pair : model.keys.first ?? pair
          let value = model.removeValue(forKey: pair)
          let removed = table.remove(
            local: pair.local, remote: pair.remote, value: value ?? 0x7FFF_FFFF)
          try check(removed == (value != nil), "remove \(pair)")
          if let value { pairs[value] = nil }
        }
        let other = Self.pair(&generator)
        try check(Self.find(other, in: table, pairs) == model[other], "find \(other)")
        try check(table.count == model.count, "count")
      }
      for (pair, value) in model {
        try check(Self.find(pair, in: table, pairs) == value, "find \(pair)")
      }
    }
  }

  @Test("The zero four-tuple is one like others, and the order of the two ends counts")
  func corners() throws {
    var table = ConnectionTable(key: SipHash.Key(0, 0))
    let zero = Endpoint(.any, 0)
    let one = Endpoint(.broadcast, 65535)
    let pairs = [0: Pair(local: zero, remote: zero), 0x7FFF_FFFF: Pair(local: zero, remote: one)]
    try check(Self.find(Pair(local: zero, remote: zero), in: table, pairs) == nil)
    try check(!table.remove(local: zero, remote: zero, value: 0))
    try check(!table.remove(local: zero, remote: zero, value: -1))
    table.insert(local: zero, remote: zero, value: 0)
    table.insert(local: zero, remote: one, value: 0x7FFF_FFFF)
    try check(Self.find(Pair(local: one, remote: zero), in: table, pairs) == nil)
    try check(Self.find(Pair(local: zero, remote: one), in: table, pairs) == 0x7FFF_FFFF)
    try check(!table.remove(local: zero, remote: zero, value: 1))
    try check(table.remove(local: zero, remote: zero, value: 0))
    try check(Self.find(Pair(local: zero, remote: zero), in: table, pairs) == nil)
    try check(table.count == 1)
  }

  @Test("One peer's ports, and many peers' same port, are found in a few steps under any secret")
  func spread() {
    SeededGenerator.forSeeds { generator in
      let local = Endpoint(IPAddress(10, 0, 0, 1), 80)
      for step: UInt32 in [1, 2, 256, 4096, 65536] {
        var table = ConnectionTable(key: SipHash.Key(generator.next(), generator.next()))
        for number in 0..<5000 as Range<UInt32> {
          let product = number &* step
          let remote = Endpoint(
            IPAddress(v4: 0xC0A8_0000 &+ product &>> 16 &+ product &<< 8),
            UInt16(truncatingIfNeeded: product))
          table.insert(local: local, remote: remote, value: Int(number))
        }
        // Linear probing at a load of at most 5/8 needs 4.1 steps for a miss on average (Knuth 6.4).
        let steps = Self.meanStepsOfMisses(table)
        try check(steps < 8, "\(steps) steps for a miss, step \(step)")
      }
    }
  }

  /// How many slots a look-up that finds nothing reads, on average over all places to begin at.
  private static func meanStepsOfMisses(_ table: borrowing ConnectionTable) -> Double {
    let slots = table.slots.count
    var steps = 0
    for start in 0..<slots {
      var place = start
      while table.slots[place % slots].value >= 0 { place += 1 }
      steps += place - start + 1
    }
    return Double(steps) / Double(slots)
  }
}
