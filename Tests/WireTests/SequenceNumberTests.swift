import MacTCPWire
import Testing

/// Sequence numbers on their circle: RFC 9293 §3.4.
@Suite("Sequence numbers") struct SequenceNumberTests {
  private static let edges: [UInt32] = [
    0, 1, 2, 0x7FFF_FFFE, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, 0xFFFF_FFFE, 0xFFFF_FFFF,
  ]

  @Test("The number after 2^32 - 1 is 0, and comes later")
  func wrap() {
    let last = SequenceNumber(.max)
    let first = SequenceNumber(0)
    #expect(last.advanced(by: 1) == first && first.advanced(by: -1) == last)
    #expect(last.precedes(first) && !first.precedes(last))
    #expect(last.distance(to: first) == 1 && first.distance(to: last) == -1)
    #expect(first.offset(from: last) == 1 && last.offset(from: first) == 0xFFFF_FFFF)
    var number = SequenceNumber(0xFFFF_FFF0)
    number.advance(by: 0x20)
    #expect(number == SequenceNumber(0x10))
  }

  @Test("Less than 2^31 ahead is later, as far behind is earlier, from every edge")
  func order() {
    for start in Self.edges.map(SequenceNumber.init) {
      for step in [1, 2, 1000, 0x7FFF_FFFE, 0x7FFF_FFFF] {
        let later = start.advanced(by: step)
        #expect(start.precedes(later) && !later.precedes(start), "\(start) \(step)")
        #expect(start.precedesOrEquals(later) && !later.precedesOrEquals(start))
        #expect(start.distance(to: later) == step && later.distance(to: start) == -step)
        #expect(SequenceNumber.later(start, later) == later)
        #expect(SequenceNumber.later(later, start) == later)
      }
      #expect(!start.precedes(start) && start.precedesOrEquals(start))
      #expect(start.distance(to: start) == 0)
    }
  }

  @Test("Of two numbers 2^31 apart neither precedes the other")
  func opposite() {
    for start in Self.edges.map(SequenceNumber.init) {
      let opposite = start.advanced(by: 1 << 31)
      #expect(!start.precedes(opposite) && !opposite.precedes(start))
      #expect(!start.precedesOrEquals(opposite) && !opposite.precedesOrEquals(start))
      #expect(start.distance(to: opposite) == Int(Int32.min))
    }
  }

  @Test("A window holds its first number and not the one behind its last, across the wrap too")
  func window() {
    for start in Self.edges.map(SequenceNumber.init) {
      for size in [1, 2, 65_535, 1 << 30] {
        #expect(start.isInWindow(from: start, size: size))
        #expect(start.advanced(by: size - 1).isInWindow(from: start, size: size))
        #expect(!start.advanced(by: size).isInWindow(from: start, size: size))
        #expect(!start.advanced(by: -1).isInWindow(from: start, size: size))
      }
      #expect(!start.isInWindow(from: start, size: 0))
      #expect(!start.isInWindow(from: start, size: -1))
    }
  }

  @Test("Random numbers: an advance is the distance, and steps add up modulo 2^32")
  func arithmetic() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<5000 {
      let start = SequenceNumber(.random(in: .min ... .max, using: &generator))
      let a = Int.random(in: Int(Int32.min)...Int(Int32.max), using: &generator)
      let b = Int.random(in: .min ... .max, using: &generator)
      #expect(start.distance(to: start.advanced(by: a)) == a, "seed \(seed)")
      #expect(start.advanced(by: a).advanced(by: b) == start.advanced(by: a &+ b), "seed \(seed)")
      #expect(start.advanced(by: a).offset(from: start) == a & 0xFFFF_FFFF, "seed \(seed)")
      let other = start.advanced(by: b)
      #expect(
        start.precedesOrEquals(other) == (start.precedes(other) || start == other), "seed \(seed)")
      #expect(!(start.precedes(other) && other.precedes(start)), "seed \(seed)")
    }
  }

  @Test("A number is shown in decimal digits")
  func text() {
    #expect(SequenceNumber(.max).description == "4294967295")
  }
}
