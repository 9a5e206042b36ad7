// The timers of all connections: a hierarchical timing wheel (Varghese and Lauck 1987, scheme 7).
//
// Time is cut into digits of 6 bits. A timer stands on the level of the highest digit in which its moment
// differs from the wheel's present, in the slot that this digit says: on level 0 one slot is one
// microsecond. So all timers of a level come before those of the levels above it, and all of a slot
// before those of the slots behind it: the first timer is found with two bit operations. When the present
// reaches a slot above level 0, its timers move down.

/// One timer for each small number.
struct TimerWheel: ~Copyable {
  struct Node: BitwiseCopyable {
    /// The moment for which the timer was armed, in microseconds.
    var deadline: UInt64 = 0
    /// The neighbours in the slot's list, or -1; `next` is `unarmed` when the timer is not armed.
    var next = Node.unarmed
    var previous: Int32 = -1

    static var unarmed: Int32 { -2 }
    @inline(__always) var isArmed: Bool { next != Node.unarmed }
  }

  struct Slot: BitwiseCopyable {
    var first: Int32 = -1
    var last: Int32 = -1
  }

  /// 11 digits of 6 bits hold every moment.
  private static var levels: Int { 11 }

  private var nodes = PlainArray(repeating: Node(), count: 0)
  private var slots = PlainArray(repeating: Slot(), count: 64 * 11)
  /// For each level one bit for every slot with timers.
  private var occupied = PlainArray(repeating: 0 as UInt64, count: 11)
  /// One bit for every level with timers.
  private var occupiedLevels: UInt32 = 0
  /// No slot with timers begins before this moment.
  private var soonest = UInt64.max
  /// Every armed timer's slot is that of its deadline as seen from here, or from this moment itself: the present never
  /// passes the first moment of a slot before that slot is empty.
  private var present: UInt64 = 0

  /// No timers. The present is the zero of moments.
  init() {}

  /// Arms the timer of `index`, which must not be negative, also if it is armed already. A moment that is
  /// past comes at once; a timer for ``Instant/never`` is none.
  @inline(__always)
  mutating func arm(_ index: Int, at deadline: Instant) {
    if index >= nodes.count { grow(toHold: index) }
    if nodes[index].isArmed { unlink(index) }
    guard deadline < .never else { return }
    nodes[index].deadline = deadline.microseconds
    link(index)
  }

  /// Disarms the timer of `index`, if it is armed.
  @inline(__always)
  mutating func cancel(_ index: Int) {
    guard index < nodes.count, nodes[index].isArmed else { return }
    unlink(index)
  }

  /// The moment for which the timer of `index` is armed; `nil` if it is not.
  @inline(__always)
  func deadline(of index: Int) -> Instant? {
    guard index < nodes.count, nodes[index].isArmed else { return nil }
    return Instant(microseconds: nodes[index].deadline)
  }

  /// When ``nextExpired(at:)`` should be called; `nil` if no timer is armed. Never later than the first
  /// timer, or than the wheel's present if that timer was armed for an earlier moment. Often earlier than
  /// the first timer: at most once for each level, and each call then brings it nearer.
  @inline(__always) var nextDeadline: Instant? {
    guard occupiedLevels != 0 else { return nil }
    return Instant(microseconds: start(ofSlot: firstSlot))
  }

  /// Disarms one of the timers that have come at `now`, and returns its number; `nil` if none has. They
  /// come in the order of their moments, and those of the same moment in the order in which they were
  /// armed. A `now` before the last one counts as the last.
  @inline(__always)
  mutating func nextExpired(at now: Instant) -> Int? {
    let now = max(now.microseconds, present)
    guard now < soonest else { return findExpired(at: now) }
    present = now
    return nil
  }

  @inline(never)
  private mutating func findExpired(at now: UInt64) -> Int? {
    while occupiedLevels != 0 {
      let slot = firstSlot
      let start = start(ofSlot: slot)
      guard start <= now else { break }
      present = start
      if slot < 64 {
        let index = Int(slots[slot].first)
        unlink(index)
        return index
      }
      // Each timer moves down at least one level: at most 10 times in its life.
      moveDown(slot)
    }
    present = now
    soonest = occupiedLevels == 0 ? .max : start(ofSlot: firstSlot)
    return nil
  }

  // MARK: Slots

  /// The slot of the first timers. There must be one.
  @inline(__always)
  private var firstSlot: Int {
    let level = occupiedLevels.trailingZeroBitCount
    return level &<< 6 | occupied[level].trailingZeroBitCount
  }

  /// The slot of a timer's deadline.
  @inline(__always)
  private func slot(of deadline: UInt64) -> Int {
    let moment = max(deadline, present)
    let level = (63 &- (moment ^ present | 63).leadingZeroBitCount) / 6
    return level &<< 6 | Int(truncatingIfNeeded: moment &>> UInt64(level &* 6)) & 63
  }

  /// The first moment that belongs to a slot: the present with this digit, and zeros below it.
  @inline(__always)
  private func start(ofSlot slot: Int) -> UInt64 {
    let shift = UInt64(slot &>> 6 &* 6)
    // The highest level has digits only up to bit 65: those above it are none.
    let above = shift &+ 6 >= 64 ? 0 : (present &>> (shift &+ 6)) &<< (shift &+ 6)
    return above | UInt64(slot & 63) &<< shift
  }

  private mutating func moveDown(_ slot: Int) {
    var next = slots[slot].first
    slots[slot] = Slot()
    removeBit(of: slot)
    while next >= 0 {
      let index = Int(next)
      next = nodes[index].next
      link(index)
    }
  }

  /// Appends a timer, which is in no list, to the list of its slot.
  @inline(__always)
  private mutating func link(_ index: Int) {
    let moment = max(nodes[index].deadline, present)
    let slot = slot(of: nodes[index].deadline)
    let level = slot &>> 6
    let shift = UInt64(level &* 6)
    soonest = min(soonest, (moment &>> shift) &<< shift)
    let last = slots[slot].last
    nodes[index].next = -1
    nodes[index].previous = last
    slots[slot].last = Int32(truncatingIfNeeded: index)
    if last >= 0 {
      nodes[Int(last)].next = Int32(truncatingIfNeeded: index)
    } else {
      slots[slot].first = Int32(truncatingIfNeeded: index)
      occupied[level] |= 1 &<< UInt64(slot & 63)
      occupiedLevels |= 1 &<< UInt32(truncatingIfNeeded: level)
    }
  }

  @inline(__always)
  private mutating func unlink(_ index: Int) {
    let node = nodes[index]
    let slot = slot(of: node.deadline)
    nodes[index].next = Node.unarmed
    if node.next >= 0 {
      nodes[Int(node.next)].previous = node.previous
    } else {
      slots[slot].last = node.previous
    }
    if node.previous >= 0 {
      nodes[Int(node.previous)].next = node.next
    } else {
      slots[slot].first = node.next
      if node.next < 0 { removeBit(of: slot) }
    }
  }

  /// Notes that a slot has no timers any more.
  @inline(__always)
  private mutating func removeBit(of slot: Int) {
    let level = slot &>> 6
    occupied[level] &= ~(1 &<< UInt64(slot & 63))
    if occupied[level] == 0 {
      occupiedLevels &= ~(1 &<< UInt32(truncatingIfNeeded: level))
    }
  }

  @inline(never)
  private mutating func grow(toHold index: Int) {
    precondition(index < 1 << 31)
    nodes.grow(to: max(64, index &+ 1, 2 &* nodes.count), repeating: Node())
  }
}
