/// A queue in which a number stands at most once, for a great many numbers of which few wait at a time: which
/// connections have something to send.
///
/// The numbers are small, as those of a slab's places. Each up to the largest costs a byte, and each that waits four
/// more, so that those who wait for nothing take next to no memory, and hardly a line of the cache.
struct TurnQueue: ~Copyable {
  /// How a number stands to the queue.
  enum Mark: UInt8, BitwiseCopyable {
    case absent
    case waiting
    /// It was taken out from the middle, and its place in the ring is still there. If it comes back before that is
    /// reached it has the place again: none has two.
    case left
  }

  private var marks = PlainArray(repeating: Mark.absent, count: 0)
  /// The first that waits, or -1; those behind it have places in the ring.
  private var head: Int32 = -1
  /// A power of two of places, of which `used` from `start` on are in use.
  private var ring = PlainArray(repeating: 0 as Int32, count: 64)
  private var start = 0
  private var used = 0

  /// No numbers.
  init() {}

  @inline(__always) var isEmpty: Bool { head < 0 }
  /// The number that has been in the queue for the longest.
  @inline(__always) var first: Int? { head < 0 ? nil : Int(head) }

  /// Whether a number is in the queue. Any may be asked about.
  @inline(__always)
  func contains(_ index: Int) -> Bool {
    UInt(bitPattern: index) < UInt(bitPattern: marks.count) && marks[index] == .waiting
  }

  /// Puts a number, which must not be negative, at the end; one that is in the queue stays where it is.
  @inline(__always)
  mutating func append(_ index: Int) {
    // As the subscript compares, so that it is compared once.
    if UInt(bitPattern: index) >= UInt(bitPattern: marks.count) { grow(toHold: index) }
    let mark = marks[index]
    guard mark != .waiting else { return }
    marks[index] = .waiting
    guard mark == .absent else { return }
    if head < 0 {
      head = Int32(truncatingIfNeeded: index)
    } else {
      appendToRing(index)
    }
  }

  /// Takes a number out, if it is in the queue.
  @inline(__always)
  mutating func remove(_ index: Int) {
    guard contains(index) else { return }
    guard Int(head) == index else {
      marks[index] = .left
      return
    }
    marks[index] = .absent
    head = -1
    if used > 0 { moveUp() }
  }

  @inline(never)
  private mutating func appendToRing(_ index: Int) {
    if used == ring.count { growRing() }
    ring[(start &+ used) & (ring.count &- 1)] = Int32(truncatingIfNeeded: index)
    used &+= 1
  }

  /// The next becomes the first, and those before it who have left lose their places.
  @inline(never)
  private mutating func moveUp() {
    while used > 0, head < 0 {
      let next = ring[start]
      start = (start &+ 1) & (ring.count &- 1)
      used &-= 1
      if marks[Int(next)] == .waiting { head = next } else { marks[Int(next)] = .absent }
    }
  }

  @inline(never)
  private mutating func grow(toHold index: Int) {
    precondition(index >= 0 && index < 1 << 31)
    marks.grow(to: max(64, index &+ 1, 2 &* marks.count), repeating: .absent)
  }

  @inline(never)
  private mutating func growRing() {
    var new = PlainArray(repeating: 0 as Int32, count: 2 &* ring.count)
    var position = 0
    while position < used {
      new[position] = ring[(start &+ position) & (ring.count &- 1)]
      position &+= 1
    }
    swap(&ring, &new)
    start = 0
  }
}
