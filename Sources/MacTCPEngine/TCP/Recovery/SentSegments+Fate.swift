// What becomes of the segments that are outstanding: sacked, lost, sent again. The totals follow.
//
// None of the questions here walks over the whole queue at every call. `nextNotSacked` leaves in each
// segment it has visited how far to jump next time, as the forests of union-find do: a block that covers
// thousands of sacked segments costs a few steps. `firstLost` and `firstUnsettled` begin where they ended;
// they go back only when segments are marked, each of which is marked once for each time it is sent.

internal import MacTCPWire

extension SentSegments {
  /// The number of the segment at `position`, which stays when segments before it are removed.
  @inline(__always)
  private func number(_ position: Int) -> UInt32 {
    header.firstNumber &+ UInt32(truncatingIfNeeded: position)
  }

  /// Where the segment with a number is now, or will be; 0 for one that is not there any more.
  @inline(__always)
  private func position(_ number: UInt32) -> Int {
    let position = number &- header.firstNumber
    return position <= header.count ? Int(position) : 0
  }

  /// The position of the first segment that begins at `number` or behind it; `count` if none does.
  func firstPosition(from number: SequenceNumber) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low &+ high) &>> 1
      if self[middle].start.precedes(number) { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  /// The first segment at or behind `position` that is not sacked; `count` if there is none.
  mutating func nextNotSacked(_ position: Int) -> Int {
    var end = position
    while end < count, self[end].flags.contains(.sacked) {
      end &+= max(1, Int(self[end].sentAt))
    }
    end = min(end, count)
    var visited = position
    while visited < end {
      let jump = max(1, Int(self[visited].sentAt))
      self[visited].sentAt = UInt32(truncatingIfNeeded: end &- visited)
      visited &+= jump
    }
    return end
  }

  /// The peer has the segment, which was not sacked.
  mutating func markSacked(_ position: Int) {
    let segment = self[position]
    let bytes = UInt32(truncatingIfNeeded: segment.count)
    if segment.isInFlight {
      header.bytesInFlight &-= bytes
    } else {
      header.lostCount &-= 1
    }
    header.sackedBytes &+= bytes
    header.sackedCount &+= 1
    self[position].flags = segment.flags.subtracting(.lost).union(.sacked)
    self[position].sentAt = 1
  }

  /// The segment, which is in flight, is taken for lost.
  mutating func markLost(_ position: Int) {
    header.bytesInFlight &-= UInt32(truncatingIfNeeded: self[position].count)
    self[position].flags.insert(.lost)
    if header.lostCount == 0 || position < self.position(header.lostNumber) {
      header.lostNumber = number(position)
    }
    header.lostCount &+= 1
  }

  /// Every segment that is in flight and has been sent again or, if it was sent once, was sent longer than
  /// `age` microseconds ago is taken for lost.
  mutating func markAllLost(olderThan age: UInt32, now: UInt32) {
    guard !isEmpty else { return }
    for position in 0..<count where self[position].isInFlight {
      let segment = self[position]
      if segment.flags.contains(.retransmitted) || now &- segment.sentAt >= age {
        markLost(position)
      }
    }
    header.orderCount = 0
  }

  /// Every segment that is in flight and has more than `count` sequence numbers is taken for lost. Whether
  /// there were any. `ordered`: see `markRetransmitted`.
  mutating func markLost(longerThan count: Int, ordered: Bool) -> Bool {
    var found = false
    for position in 0..<self.count where self[position].isInFlight {
      guard self[position].count > count else { continue }
      markLost(position)
      found = true
    }
    // An entry whose segment is lost must not come back to life.
    if found {
      header.orderCount = 0
      if ordered { listRetransmissions() }
    }
    return found
  }

  /// Nothing is taken for lost any more: it was a mistake. What is lost nevertheless is for RACK to find again, also
  /// among the segments that have been sent again. `ordered`: see `markRetransmitted`.
  mutating func unmarkLost(ordered: Bool) {
    guard !isEmpty else { return }
    header.unsettledNumber = header.firstNumber
    guard header.lostCount > 0 else { return }
    var isMissing = false
    for position in 0..<count where self[position].flags.contains(.lost) {
      self[position].flags.remove(.lost)
      header.bytesInFlight &+= UInt32(truncatingIfNeeded: self[position].count)
      if self[position].flags.contains(.retransmitted) { isMissing = true }
    }
    header.lostCount = 0
    if ordered && isMissing { listRetransmissions() }
  }

  /// What the peer had is not believed any more (RFC 2018 §8); it is taken for lost. To be followed by
  /// `markAllLost`, which empties the list of retransmissions. `sentAt`: when the last of what the peer had was sent.
  mutating func forgetSacked(sentAt: UInt32) {
    guard !isEmpty, header.sackedCount > 0 else { return }
    for position in 0..<count where self[position].flags.contains(.sacked) {
      // When it was sent is not known any more: no round-trip time may be taken from it, and it does not pass for
      // younger than it can be.
      self[position].flags = [.lost, .retransmitted]
      self[position].sentAt = sentAt
      header.lostCount &+= 1
    }
    (header.sackedCount, header.sackedBytes) = (0, 0)
    header.lostNumber = header.firstNumber
  }

  /// The segment has been sent again. With `ordered` it enters the list that ``oldestRetransmission()`` reads.
  mutating func markRetransmitted(_ position: Int, sentAt: UInt32, ordered: Bool) {
    let segment = self[position]
    guard !segment.flags.contains(.sacked) else { return }
    if segment.flags.contains(.lost) {
      header.lostCount &-= 1
      header.bytesInFlight &+= UInt32(truncatingIfNeeded: segment.count)
    }
    self[position].flags = .retransmitted
    self[position].sentAt = sentAt
    if ordered { appendToOrder(number(position)) }
  }

  /// The first segment that is lost and has not been sent again.
  mutating func firstLost() -> Int? {
    guard !isEmpty, header.lostCount > 0 else { return nil }
    var next = position(header.lostNumber)
    while next < count, !self[next].flags.contains(.lost) { next &+= 1 }
    header.lostNumber = number(next)
    return next < count ? next : nil
  }

  /// The first segment that is in flight and has been sent only once: of all such the one sent first.
  mutating func firstUnsettled() -> Int? {
    guard !isEmpty else { return nil }
    var next = position(header.unsettledNumber)
    while next < count, !self[next].flags.isEmpty {
      next = self[next].flags.contains(.sacked) ? nextNotSacked(next) : next &+ 1
    }
    header.unsettledNumber = number(next)
    return next < count ? next : nil
  }
}

// MARK: Another segment size

extension SentSegments {
  /// Makes two segments of the one at `position`, the first with `count` sequence numbers; `false` if there
  /// is no memory. Those before it move by a place: their number is the cost.
  mutating func split(_ position: Int, at count: Int, pool: inout MemoryPool) -> Bool {
    let segment = self[position]
    guard count > 0, count < segment.count, !segment.flags.contains(.sacked),
      makeRoom(for: 1, pool: &pool)
    else { return false }
    let numberOfRest = number(position)
    header.head = header.head == 0 ? header.capacity &- 1 : header.head &- 1
    header.firstNumber &-= 1
    header.count &+= 1
    for moved in 0..<position { self[moved].replace(with: self[moved &+ 1]) }
    self[position].replace(with: segment)
    self[position].count = count
    self[position &+ 1].start = segment.start.advanced(by: count)
    self[position &+ 1].count &-= count
    if segment.flags.contains(.lost) { header.lostCount &+= 1 }

    // The numbers of those that moved, and that of the front part, are less by one.
    func isMoved(_ number: UInt32) -> Bool { Int32(bitPattern: number &- numberOfRest) < 0 }
    header.lostNumber &-= isMoved(header.lostNumber &- 1) ? 1 : 0
    header.unsettledNumber &-= isMoved(header.unsettledNumber &- 1) ? 1 : 0
    for index in 0..<header.orderCount {
      let entry = order(index)
      if isMoved(entry) { setOrder(index, entry &- 1) }
    }
    return true
  }
}

// MARK: The list of retransmissions

extension SentSegments {
  /// The segment that has been in flight for longest among those that have been sent again.
  mutating func oldestRetransmission() -> Int? {
    guard !isEmpty else { return nil }
    while header.orderCount > 0 {
      if let position = retransmitted(order(0)) { return position }
      header.orderHead = place(1, from: header.orderHead)
      header.orderCount &-= 1
    }
    return nil
  }

  /// Where the segment of an entry is, if that is still in flight.
  private func retransmitted(_ number: UInt32) -> Int? {
    let position = number &- header.firstNumber
    guard position < header.count, self[Int(position)].flags == .retransmitted else { return nil }
    return Int(position)
  }

  func order(_ index: UInt32) -> UInt32 {
    self[place: place(index, from: header.orderHead)].order
  }

  private mutating func setOrder(_ index: UInt32, _ number: UInt32) {
    let place = place(index, from: header.orderHead)
    self[place: place].order = number
  }

  /// So many retransmissions are sorted at most.
  private static var mostSorted: Int { 256 }

  /// Makes the list anew, of all segments that are in flight and have been sent again: sorted in its place (heap
  /// sort), so that it takes no memory.
  ///
  /// A peer can bring this about with two packets. Many are listed only if they were sent again in the order of their
  /// numbers, as they nearly always were: otherwise the list stays as it is, and the time-out finds what it lacks.
  private mutating func listRetransmissions() {
    var found = 0
    var isSorted = true
    var previous: Int?
    for position in 0..<count where self[position].flags == .retransmitted {
      if let previous, isSent(at: position, before: previous) { isSorted = false }
      previous = position
      found &+= 1
    }
    guard isSorted || found <= Self.mostSorted else { return }
    (header.orderHead, header.orderCount) = (0, 0)
    for position in 0..<count where self[position].flags == .retransmitted {
      header.orderCount &+= 1
      setOrder(header.orderCount &- 1, number(position))
    }
    if !isSorted { sortOrder() }
  }

  private mutating func sortOrder() {
    var root = header.orderCount / 2
    while root > 0 {
      root &-= 1
      sift(root, end: header.orderCount)
    }
    var end = header.orderCount
    while end > 1 {
      end &-= 1
      let last = order(end)
      setOrder(end, order(0))
      setOrder(0, last)
      sift(0, end: end)
    }
  }

  /// Lets the entry at `root` sink in the heap of the entries before `end`, the one that was sent last on top.
  private mutating func sift(_ root: UInt32, end: UInt32) {
    let entry = order(root)
    var place = root
    while 2 &* place &+ 1 < end {
      var child = 2 &* place &+ 1
      if child &+ 1 < end, isSent(order(child), before: order(child &+ 1)) { child &+= 1 }
      guard isSent(entry, before: order(child)) else { break }
      setOrder(place, order(child))
      place = child
    }
    setOrder(place, entry)
  }

  /// Whether of two segments, by their numbers, the first was sent before the second; at the same time, whether it
  /// stands before it.
  private func isSent(_ first: UInt32, before second: UInt32) -> Bool {
    isSent(at: position(first), before: position(second))
  }

  private func isSent(at first: Int, before second: Int) -> Bool {
    let age = Int32(bitPattern: self[second].sentAt &- self[first].sentAt)
    return age > 0 || age == 0 && first < second
  }

  /// A segment has at most one entry: it is marked lost by one who reads the list from the front and goes on
  /// until the entry is passed over, or with all others, which empties the list. So the entries that count
  /// are never more than the segments, and when the list is full others can be left out.
  private mutating func appendToOrder(_ number: UInt32) {
    if header.orderCount == header.capacity {
      var kept: UInt32 = 0
      for index in 0..<header.orderCount {
        let entry = order(index)
        guard retransmitted(entry) != nil, entry != number else { continue }
        setOrder(kept, entry)
        kept &+= 1
      }
      header.orderCount = kept
      guard kept < header.capacity else { return }
    }
    header.orderCount &+= 1
    setOrder(header.orderCount &- 1, number)
  }
}
