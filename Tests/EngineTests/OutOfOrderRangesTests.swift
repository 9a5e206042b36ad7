import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Out-of-order ranges")
struct OutOfOrderRangesTests {
  private static func block(_ left: Int, _ right: Int, from start: UInt32 = 0) -> SACKBlock {
    SACKBlock(
      left: SequenceNumber(start).advanced(by: left),
      right: SequenceNumber(start).advanced(by: right))
  }

  @Test("The last arrival's range is reported first, the others as they came (RFC 2018 §4)")
  func order() {
    var ranges = OutOfOrderRanges()
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
    var ranges = OutOfOrderRanges()
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
    var ranges = OutOfOrderRanges()
    for index in 0..<64 as Range<UInt32> {
      let left = SequenceNumber(index * 10)
      #expect(ranges.insert(left: left, right: left.advanced(by: 5)).isKept)
    }
    #expect(!ranges.insert(left: SequenceNumber(900), right: SequenceNumber(905)).isKept)
    #expect(ranges.count == 64)
    #expect(ranges.insert(left: SequenceNumber(5), right: SequenceNumber(10)).isKept)
    #expect(ranges.count == 63)
  }

  @Test("Arguments that make no sense change nothing, and none traps")
  func extremes() {
    var ranges = OutOfOrderRanges()
    let numbers: [UInt32] = [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, .max]
    for left in numbers {
      for right in numbers {
        _ = ranges.insert(left: SequenceNumber(left), right: SequenceNumber(right))
        _ = ranges.sackBlocks(limit: .min)
      }
    }
    for number in numbers { _ = ranges.advance(to: SequenceNumber(number)) }
    var empty = OutOfOrderRanges()
    #expect(!empty.insert(left: SequenceNumber(5), right: SequenceNumber(5)).isKept)
    #expect(!empty.insert(left: SequenceNumber(6), right: SequenceNumber(5)).isKept)
    #expect(empty.isEmpty && empty.advance(to: SequenceNumber(3)) == SequenceNumber(3))
  }

  @Test("Arrivals and advances at random against a set of numbers, around the end of the space")
  func model() {
    SeededGenerator.forSeeds { generator in
      let start = UInt32(truncatingIfNeeded: generator.number(-500...500))
      var ranges = OutOfOrderRanges()
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
