import Testing

@testable import MacTCPEngine

/// Counts how many there are, and cannot be copied.
private struct Counted: ~Copyable {
  final class Census {
    var alive = 0
  }
  let census: Census
  var value: Int

  init(_ value: Int, _ census: Census) {
    self.census = census
    self.value = value
    census.alive += 1
  }

  deinit { census.alive -= 1 }
}

@Suite("Slab")
struct SlabTests {
  @Test("A handle finds its element until it is removed, and never another in its place")
  func handles() throws {
    var slab = Slab<Int>()
    guard let first = slab.insert(7) else { throw Violation("full") }
    try check(slab.index(of: first) == first.index && slab[first.index] == 7)
    try check(slab.handle(at: first.index) == first)
    try check(first.rawValue > 0 && Handle(rawValue: first.rawValue) == first)
    slab[first.index] += 1
    try check(slab[first.index] == 8)
    slab.remove(first.index)
    try check(slab.index(of: first) == nil && slab.count == 0)
    guard let second = slab.insert(9) else { throw Violation("full") }
    try check(second.index == first.index && second != first)
    try check(slab.index(of: first) == nil && slab.index(of: second) == second.index)
  }

  @Test("Any handle and any number may be asked about")
  func extremes() throws {
    var slab = Slab<UInt8>()
    try check(slab.insert(1) != nil)
    for index in [Int.min, -1, 1, 63, 64, 1 << 31, .max] {
      try check(!slab.isOccupied(index))
      for generation in [0, 1, UInt32.max] {
        try check(slab.index(of: Handle(index: index, generation: generation)) == nil)
      }
    }
    try check(slab.index(of: Handle(index: 0, generation: 0)) == nil)
    try check(slab.index(of: Handle(index: 0, generation: .max)) == nil)
  }

  @Test("Inserts and removals at random against a dictionary; no element is lost or kept")
  func model() {
    SeededGenerator.forSeeds { generator in
      let census = Counted.Census()
      try Self.run(&generator, census)
      try check(census.alive == 0, "\(census.alive) elements left behind")
    }
  }

  private static func run(
    _ generator: inout SeededGenerator, _ census: Counted.Census
  ) throws(Violation) {
    var slab = Slab<Counted>()
    var alive: [Handle: Int] = [:]
    var dead: [Handle] = []
    for turn in 0..<6000 {
      // Times of growth alternate with times of decline, so that chunks come and go.
      let inserts = turn / 1000 % 2 == 0 ? 70 : 25
      if generator.number(0...99) < inserts {
        let value = generator.number(0...1_000_000)
        guard let handle = slab.insert(Counted(value, census)) else { throw Violation("full") }
        try check(alive[handle] == nil && handle.generation > 0, "a handle twice")
        alive[handle] = value
      } else if let (handle, value) = alive.randomElement(using: &generator) {
        guard let index = slab.index(of: handle) else { throw Violation("lost \(handle)") }
        try check(slab[index].value == value, "another element")
        try check(slab.handle(at: index) == handle, "another handle")
        slab.remove(index)
        alive[handle] = nil
        dead.append(handle)
      }
      try check(slab.count == alive.count && census.alive == alive.count, "count")
      if let handle = dead.randomElement(using: &generator) {
        try check(slab.index(of: handle) == nil, "an old handle finds something")
      }
    }
    for handle in dead { try check(slab.index(of: handle) == nil, "an old handle") }
    try check(
      (0..<slab.bound).filter { slab.isOccupied($0) }.sorted()
        == alive.keys.map(\.index).sorted(), "places")
  }
}
