// What has been received beyond rcv.nxt: RFC 9293 §3.10.7.4 (SHLD-31), RFC 2018 §4, RFC 2883 §4.
//
// The ranges stand in the order in which they will be reported, the one with the last arrival first
// (RFC 2018 §4). They neither overlap nor touch each other. There are few of them: a scan beats a tree.
// They are in a block of the pool, of 32 ranges first and then of 64, which is there while there are ranges.
//
// This file works on pointers. The invariant: `base` is `nil`, or a block of 2^`log2` bytes of the pool that all calls
// are given, of which the first `used` places have ranges. Every access goes through the subscript, which checks that.

import MacTCPWire

/// Ranges of sequence numbers beyond the next expected one. It gives its memory back when the last range goes.
struct OutOfOrderRanges: ~Copyable {
  /// The most ranges. A peer can make as many as it has segments in flight, and each costs all others.
  static var most: Int { 64 }

  /// What has become of an arrival.
  struct Insertion: Equatable {
    /// Whether the numbers are in the ranges now. If not, the segment must be dropped: there is no place for
    /// another range, or no memory.
    var isKept: Bool
    /// The lowest numbers of the arrival that had come before (RFC 2883 §4): what a D-SACK block reports.
    var duplicate: SACKBlock?
  }

  private var base: UnsafeMutablePointer<SACKBlock>?
  private var used: UInt8 = 0
  private var log2: UInt8 = 0

  /// No ranges, no memory.
  init() {}

  @inline(__always) var isEmpty: Bool { used == 0 }
  /// How many ranges there are.
  var count: Int { Int(used) }
  /// How much of the pool's memory the ranges have.
  var memory: Int { unsafe base == nil ? 0 : 1 &<< Int(log2) }

  private subscript(index: Int) -> SACKBlock {
    get {
      guard let base = unsafe base, index >= 0, index < count else { preconditionFailure() }
      return unsafe base[index]
    }
    set {
      guard let base = unsafe base, index >= 0, index < count else { preconditionFailure() }
      unsafe base[index] = newValue
    }
  }

  /// Adds the numbers from `left` up to, and without, `right`: they must be in the receive window. Nothing
  /// is done where `right` does not come after `left`.
  mutating func insert(
    left: SequenceNumber, right: SequenceNumber, pool: inout MemoryPool
  ) -> Insertion {
    guard left.precedes(right) else { return Insertion(isKept: false, duplicate: nil) }
    let arrival = SACKBlock(left: left, right: right)
    var union = arrival
    var duplicate: SACKBlock?
    /// Where the range ends up before it goes to the front: at the first that it is united with.
    var place: Int?
    var kept = 0
    for index in 0..<count {
      let range = self[index]
      guard range.touches(arrival) else {
        self[kept] = range
        kept &+= 1
        continue
      }
      let overlap = SACKBlock(
        left: .later(left, range.left), right: .earlier(right, range.right))
      if overlap.left.precedes(overlap.right),
        duplicate.map({ overlap.left.precedes($0.left) }) ?? true
      {
        duplicate = overlap
      }
      union.left = .earlier(union.left, range.left)
      union.right = .later(union.right, range.right)
      if place == nil {
        place = kept
        kept &+= 1
      }
    }
    if place == nil {
      guard makeRoom(pool: &pool) else { return Insertion(isKept: false, duplicate: nil) }
      place = kept
      kept &+= 1
    }
    used = UInt8(truncatingIfNeeded: kept)
    // Mostly it is the first range: those before it move back by one.
    var last = place ?? 0
    while last > 0 {
      self[last] = self[last &- 1]
      last &-= 1
    }
    self[0] = union
    return Insertion(isKept: true, duplicate: duplicate)
  }

  /// Forgets what lies before `next`, and the range that contains or begins at it: the number behind that
  /// range, which is the next one to be expected, or `next` itself.
  mutating func advance(to next: SequenceNumber, pool: inout MemoryPool) -> SequenceNumber {
    guard !isEmpty else { return next }
    var reached = next
    var kept = 0
    for index in 0..<count {
      let range = self[index]
      if next.precedes(range.left) {
        self[kept] = range
        kept &+= 1
      } else {
        reached = .later(reached, range.right)
      }
    }
    used = UInt8(truncatingIfNeeded: kept)
    if kept == 0 { removeAll(pool: &pool) }
    return reached
  }

  /// The first `limit` ranges to report, the one with the last arrival first; four at most.
  func sackBlocks(limit: Int) -> SACKBlocks {
    var blocks = SACKBlocks()
    var index = 0
    while index < min(limit, count, SACKBlocks.most) {
      blocks.append(self[index])
      index &+= 1
    }
    return blocks
  }

  /// Forgets all ranges, and gives their memory back.
  mutating func removeAll(pool: inout MemoryPool) {
    guard let base = unsafe base else { return }
    unsafe pool.release(MemoryPool.Block(base: UnsafeMutableRawPointer(base), log2: log2))
    unsafe self.base = nil
    (used, log2) = (0, 0)
  }

  /// Room for one more range; `false`, and nothing is changed, if there is none.
  private mutating func makeRoom(pool: inout MemoryPool) -> Bool {
    let stride = MemoryLayout<SACKBlock>.stride
    guard count < Self.most else { return false }
    guard (count &+ 1) &* stride > memory else { return true }
    guard let block = pool.allocate(atLeast: max(1, 2 &* memory)) else { return false }
    let capacity = block.capacity / stride
    let ranges = unsafe block.base.bindMemory(to: SACKBlock.self, capacity: capacity)
    unsafe ranges.initialize(
      repeating: SACKBlock(left: SequenceNumber(0), right: SequenceNumber(0)), count: capacity)
    for index in 0..<count { unsafe ranges[index] = self[index] }
    let used = used
    removeAll(pool: &pool)
    unsafe base = ranges
    (self.used, log2) = (used, block.log2)
    return true
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
