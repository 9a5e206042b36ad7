// What has been received beyond rcv.nxt: RFC 9293 §3.10.7.4 (SHLD-31), RFC 2018 §4, RFC 2883 §4.
//
// The ranges stand in the order in which they will be reported, the one with the last arrival first
// (RFC 2018 §4). They neither overlap nor touch each other. There are few of them: a scan beats a tree.

import MacTCPWire

/// Ranges of sequence numbers beyond the next expected one.
struct OutOfOrderRanges {
  /// The most ranges. A peer can make as many as it has segments in flight, and each costs all others.
  static var most: Int { 64 }

  /// What has become of an arrival.
  struct Insertion: Equatable {
    /// Whether the numbers are in the ranges now. If not, the segment must be dropped: there is no place for
    /// another range.
    var isKept: Bool
    /// The lowest numbers of the arrival that had come before (RFC 2883 §4): what a D-SACK block reports.
    var duplicate: SACKBlock?
  }

  private var ranges: [SACKBlock] = []

  /// No ranges, no memory.
  init() {}

  @inline(__always) var isEmpty: Bool { ranges.isEmpty }
  /// How many ranges there are.
  var count: Int { ranges.count }

  /// Adds the numbers from `left` up to, and without, `right`: they must be in the receive window. Nothing
  /// is done where `right` does not come after `left`.
  mutating func insert(left: SequenceNumber, right: SequenceNumber) -> Insertion {
    guard left.precedes(right) else { return Insertion(isKept: false, duplicate: nil) }
    let arrival = SACKBlock(left: left, right: right)
    var union = arrival
    var duplicate: SACKBlock?
    var united = 0
    var last = 0
    for index in ranges.indices where ranges[index].touches(arrival) {
      let range = ranges[index]
      let overlap = SACKBlock(
        left: .later(left, range.left), right: .earlier(right, range.right))
      if overlap.left.precedes(overlap.right),
        duplicate.map({ overlap.left.precedes($0.left) }) ?? true
      {
        duplicate = overlap
      }
      union.left = .earlier(union.left, range.left)
      union.right = .later(union.right, range.right)
      united &+= 1
      last = index
    }
    switch united {
    case 0:
      guard ranges.count < Self.most else { return Insertion(isKept: false, duplicate: nil) }
      ranges.insert(union, at: 0)
    case 1:
      // The usual case, and mostly with the first range: those before it move back by one.
      while last > 0 {
        ranges[last] = ranges[last &- 1]
        last &-= 1
      }
      ranges[0] = union
    default:
      ranges.removeAll { $0.touches(arrival) }
      ranges.insert(union, at: 0)
    }
    return Insertion(isKept: true, duplicate: duplicate)
  }

  /// Forgets what lies before `next`, and the range that contains or begins at it: the number behind that
  /// range, which is the next one to be expected, or `next` itself.
  mutating func advance(to next: SequenceNumber) -> SequenceNumber {
    guard !isEmpty else { return next }
    var reached = next
    var kept = 0
    for index in ranges.indices {
      let range = ranges[index]
      if next.precedes(range.left) {
        if kept != index { ranges[kept] = range }
        kept &+= 1
      } else {
        reached = .later(reached, range.right)
      }
    }
    if kept == 0 {
      removeAll()
    } else {
      ranges.removeLast(ranges.count &- kept)
    }
    return reached
  }

  /// The first `limit` ranges to report, the one with the last arrival first; four at most.
  func sackBlocks(limit: Int) -> SACKBlocks {
    var blocks = SACKBlocks()
    var index = 0
    while index < min(limit, ranges.count, SACKBlocks.most) {
      blocks.append(ranges[index])
      index &+= 1
    }
    return blocks
  }

  /// Forgets all ranges, and gives their memory back.
  mutating func removeAll() {
    ranges = []
  }
}

extension SACKBlock {
  /// Whether two blocks have numbers in common, or one begins where the other ends.
  @inline(__always)
  fileprivate func touches(_ other: SACKBlock) -> Bool {
    left.precedesOrEquals(other.right) && other.left.precedesOrEquals(right)
  }
}

extension SequenceNumber {
  /// The one of the two that comes first.
  fileprivate static func earlier(_ a: SequenceNumber, _ b: SequenceNumber) -> SequenceNumber {
    a.precedes(b) ? a : b
  }
}
