import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Out-of-order ranges")
struct OutOfOrderRangesTests {
  /// Ranges with their memory: in a class, because `#expect` cannot look into values that are never copied.
  private final class Ranges {
    private var ranges = OutOfOrderRanges()
    private var pool: MemoryPool

    init(ceiling: Int = 1 << 20) { pool = MemoryPool(ceiling: ceiling) }

    var count: Int { ranges.count }
    var isEmpty: Bool { ranges.isEmpty }
    var memory: Int { pool.bytesInUse }
    func insert(left: SequenceNumber, right: SequenceNumber) -> OutOfOrderRanges.Insertion {
      ranges.insert(left: left, right: right, pool: &pool)
    }
    func advance(to next: SequenceNumber) -> SequenceNumber {
      ranges.advance(to: next, pool: &pool)
    }
    func sackBlocks(limit: Int) -> SACKBlocks { ranges.sackBlocks(limit: limit) }
    func removeAll() { ranges.removeAll(pool: &pool) }
  }

  private static func block(_ left: Int, _ right: Int, from start: UInt32 = 0) -> SACKBlock {
    SACKBlock(
      left: SequenceNumber(start).advanced(by: left),
      right: SequenceNumber(start).advanced(by: right))
  }

  @Test("The last arrival's range is reported first, the others as they came (RFC 2018 §4)")
  func order() {
    let ranges = Ranges()
    for (left, right) in [(5500, 6000), (6500, 7000), (7500, 8000), (8500, 9000), (9500, 9700)] {
      #expect(
        ranges.insert(left: SequenceNumber(UInt32(left)), right: SequenceNumber(UInt32(right)))
          == OutOfOrderRanges.Insertion(isKept: true, duplicate: nil))
    }
    #expect(
      Array(ranges.sackBlocks(limit: 3)) == [
        Self.block(9500, 9700), Self.block(8500, 9000), Self.block(7500, 8000),
      ])
    #expect(ranges.sackBlocks(limit: .max).count == 4)
    #expect(ranges.sackBlocks(limit: -1).isEmpty)
    _ = ranges.insert(left: SequenceNumber(6000), right: SequenceNumber(6500))
    #expect(ranges.sackBlocks(limit: 1).first == Self.block(5500, 7000))
    #expect(ranges.count == 4)
  }

  @Test("An arrival that had come is a duplicate, and its range is reported first (RFC 2883 §4.1)")
  func duplicates() {
    let ranges = Ranges()
    _ = ranges.insert(left: SequenceNumber(100), right: SequenceNumber(200))
    _ = ranges.insert(left: SequenceNumber(300), right: SequenceNumber(400))
    let whole = ranges.insert(left: SequenceNumber(120), right: SequenceNumber(130))
    #expect(whole.duplicate == Self.block(120, 130) && whole.isKept)
    #expect(ranges.sackBlocks(limit: 1).first == Self.block(100, 200))
    let both = ranges.insert(left: SequenceNumber(150), right: SequenceNumber(350))
    #expect(both.duplicate == Self.block(150, 200))
    #expect(Array(ranges.sackBlocks(limit: 4)) == [Self.block(100, 400)])
  }

  @Test("The 65th range is refused, but not what closes a gap")
  func most() {
    let ranges = Ranges()
    for index in 0..<64 as Range<UInt32> {
      let left = SequenceNumber(index * 10)
      #expect(ranges.insert(left: left, right: left.advanced(by: 5)).isKept)
    }
    #expect(!ranges.insert(left: SequenceNumber(900), right: SequenceNumber(905)).isKept)
    #expect(ranges.count == 64)
    #expect(ranges.insert(left: SequenceNumber(5), right: SequenceNumber(10)).isKept)
    #expect(ranges.count == 63)
  }

  @Test(
    "Memory is taken for 32 ranges, then for 64; without it a range is refused, but not what closes a gap"
  )
  func memory() {
    for ceiling in [0, 255, 256, 767, 768] {
      let ranges = Ranges(ceiling: ceiling)
      var kept = 0
      for index in 0..<64 as Range<UInt32> {
        let left = SequenceNumber(index * 10)
        if ranges.insert(left: left, right: left.advanced(by: 5)).isKept { kept += 1 }
      }
      // While it grows both blocks are there.
      #expect(kept == (ceiling < 256 ? 0 : ceiling < 768 ? 32 : 64))
      #expect(ranges.count == kept)
      #expect(ranges.memory == (kept == 64 ? 512 : kept * 8))
      guard kept > 0 else { continue }
      #expect(ranges.insert(left: SequenceNumber(5), right: SequenceNumber(10)).isKept)
      #expect(ranges.sackBlocks(limit: 1).first == Self.block(0, 15))
      #expect(ranges.count == kept - 1)
      ranges.removeAll()
      #expect(ranges.isEmpty && ranges.memory == 0)
    }
  }

  @Test("Arguments that make no sense change nothing, and none traps")
  func extremes() {
    let ranges = Ranges()
    let numbers: [UInt32] = [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, .max]
    for left in numbers {
      for right in numbers {
        _ = ranges.insert(left: SequenceNumber(left), right: SequenceNumber(right))
        _ = ranges.sackBlocks(limit: .min)
      }
    }
    for number in numbers { _ = ranges.advance(to: SequenceNumber(number)) }
    let empty = Ranges()
    #expect(!empty.insert(left: SequenceNumber(5), right: SequenceNumber(5)).isKept)
    #expect(!empty.insert(left: SequenceNumber(6), right: SequenceNumber(5)).isKept)
    #expect(empty.isEmpty && empty.advance(to: SequenceNumber(3)) == SequenceNumber(3))
  }

  @Test("Arrivals and advances at random against a set of numbers, around the end of the space")
  func model() {
    SeededGenerator.forSeeds { generator in
      let start = UInt32(truncatingIfNeeded: generator.number(-500...500))
      let ranges = Ranges()
      // The numbers received, as offsets from the start; all before `next` are consumed.
      var model: Set<Int> = []
      var next = 0
      for _ in 0..<400 {
        if generator.number(0...3) > 0 {
          let left = next + generator.number(1...300)
          let right = left + generator.number(1...40)
          let arrival = Self.block(left, right, from: start)
          let insertion = ranges.insert(left: arrival.left, right: arrival.right)
          let had = (left..<right).filter(model.contains)
          guard insertion.isKept else {
            try check(had.isEmpty && ranges.count == 64, "refused")
            continue
          }
          // The first run of numbers that had come.
          let first = had.first.map { low in
            Self.block(
              low, (low..<right).first { !model.contains($0) } ?? right, from: start)
          }
          try check(insertion.duplicate == first, "duplicate \(insertion), \(had)")
          model.formUnion(left..<right)
          guard let reported = ranges.sackBlocks(limit: 1).first else {
            throw Violation("nothing to report")
          }
          try check(
            reported.left.precedesOrEquals(arrival.left)
              && arrival.right.precedesOrEquals(reported.right), "the arrival is not first")
        } else {
          next += generator.number(0...100)
          let reached = ranges.advance(to: SequenceNumber(start).advanced(by: next))
          while model.contains(next) { next += 1 }
          try check(reached == SequenceNumber(start).advanced(by: next), "advance to \(next)")
          model = model.filter { $0 > next }
        }
        let lefts = model.filter { !model.contains($0 - 1) }
        try check(ranges.count == lefts.count && ranges.isEmpty == lefts.isEmpty, "count")
        try check(ranges.isEmpty == (ranges.memory == 0), "memory")
        for block in ranges.sackBlocks(limit: 4) {
          let left = block.left.offset(from: SequenceNumber(start))
          let right = block.right.offset(from: SequenceNumber(start))
          try check(
            lefts.contains(left) && !model.contains(right)
              && (left..<right).allSatisfy(model.contains), "block \(block)")
        }
      }
    }
  }
}
