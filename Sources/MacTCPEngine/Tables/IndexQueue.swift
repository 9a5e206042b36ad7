/// A queue in which a number stands at most once: which connections have something to send.
///
/// The numbers are small, as those of a slab's places: there is a node for each up to the largest.
struct IndexQueue: ~Copyable {
  struct Node: BitwiseCopyable {
    /// The number behind this one, -1 behind the last, or `Node.absent`.
    var next = Node.absent
    /// The number before this one, -1 before the first.
    var previous: Int32 = -1

    static var absent: Int32 { -2 }
  }

  private var nodes = PlainArray(repeating: Node(), count: 0)
  private var head: Int32 = -1
  private var tail: Int32 = -1
  /// How many numbers are in the queue.
  private(set) var count = 0

  /// No numbers.
  init() {}

  @inline(__always) var isEmpty: Bool { head < 0 }
  /// The number that has been in the queue for the longest.
  @inline(__always) var first: Int? { head < 0 ? nil : Int(head) }

  /// The number behind another one that is in the queue.
  func next(after index: Int) -> Int? {
    let next = nodes[index].next
    return next < 0 ? nil : Int(next)
  }

  /// Whether a number is in the queue. Any may be asked about.
  @inline(__always)
  func contains(_ index: Int) -> Bool {
    UInt(bitPattern: index) < UInt(bitPattern: nodes.count) && nodes[index].next != Node.absent
  }

  /// Puts a number, which must not be negative, at the end; one that is in the queue stays where it is.
  @inline(__always)
  mutating func append(_ index: Int) {
    if index >= nodes.count { grow(toHold: index) }
    guard nodes[index].next == Node.absent else { return }
    nodes[index] = Node(next: -1, previous: tail)
    if tail >= 0 {
      nodes[Int(tail)].next = Int32(truncatingIfNeeded: index)
    } else {
      head = Int32(truncatingIfNeeded: index)
    }
    tail = Int32(truncatingIfNeeded: index)
    count &+= 1
  }

  /// Puts a number, which must not be negative, at the end, wherever it was before.
  mutating func moveToEnd(_ index: Int) {
    remove(index)
    append(index)
  }

  /// Takes the first number out; `nil` if there is none.
  @inline(__always)
  mutating func popFirst() -> Int? {
    guard head >= 0 else { return nil }
    let index = Int(head)
    remove(index)
    return index
  }

  /// Takes a number out, if it is in the queue.
  @inline(__always)
  mutating func remove(_ index: Int) {
    guard contains(index) else { return }
    let node = nodes[index]
    nodes[index].next = Node.absent
    if node.next >= 0 {
      nodes[Int(node.next)].previous = node.previous
    } else {
      tail = node.previous
    }
    if node.previous >= 0 {
      nodes[Int(node.previous)].next = node.next
    } else {
      head = node.next
    }
    count &-= 1
  }

  @inline(never)
  private mutating func grow(toHold index: Int) {
    precondition(index < 1 << 31)
    nodes.grow(to: max(64, index &+ 1, 2 &* nodes.count), repeating: Node())
  }
}
