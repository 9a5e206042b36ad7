// The queue of the segments that are not acknowledged, in the order of their sequence numbers, with its
// totals, and the list of those that have been sent again, in the order in which they were.
//
// All lies in one block of the pool, which exists only while something is outstanding: a header of 96
// bytes, then the segments, a ring. The list of retransmissions is a second ring in the same places: the
// field `order` of the place i holds the number of the segment that is the i-th of that list. An entry
// whose segment has been acknowledged or sacked is passed over when it comes to the front.
//
// This file works on pointers. The invariants: `base` is `nil`, or a block of 2^`log2` bytes of the pool
// that all calls are given; the header's `capacity` is what fits into it; `head` and `orderHead` are below
// `capacity`, `count` and `orderCount` not above. Every access goes through `header`, `subscript` and
// `order`, which check that.

internal import MacTCPWire

/// The segments that are outstanding (RFC 8985 §5.1, RFC 6675 §3's scoreboard).
struct SentSegments: ~Copyable {
  /// What stands before the ring.
  struct Header: BitwiseCopyable {
    var head: UInt32 = 0
    var count: UInt32 = 0
    var capacity: UInt32
    /// The number of the first segment: segments are numbered as they are appended.
    var firstNumber: UInt32 = 0
    var orderHead: UInt32 = 0
    var orderCount: UInt32 = 0
    /// No segment with a smaller number is lost.
    var lostNumber: UInt32 = 0
    /// Every segment with a smaller number is sacked, lost or has been sent again.
    var unsettledNumber: UInt32 = 0
    var bytesInFlight: UInt32 = 0
    var sackedBytes: UInt32 = 0
    var sackedCount: UInt32 = 0
    var lostCount: UInt32 = 0
    var reduction = ProportionalRateReduction()
    /// SND.NXT when the present round trip began.
    var roundEnd = SequenceNumber(0)
    /// When the probe or RACK's reordering timer is due.
    var otherDeadline = Instant.never
    /// The most bytes in flight in this round trip and in the one before.
    var roundPeak: UInt32 = 0
    var lastRoundPeak: UInt32 = 0
    var rack = RACK()
  }

  /// A multiple of a segment's size, so that its block has no gap.
  private static var headerSize: Int { (MemoryLayout<Header>.size &+ 15) & ~15 }
  private var base: UnsafeMutableRawPointer?
  private var log2: UInt8 = 0

  /// Nothing outstanding, no memory.
  init() {}

  /// Whether nothing is outstanding.
  @inline(__always) var isEmpty: Bool { unsafe base == nil }
  /// How much of the pool's memory the queue has.
  var memory: Int { isEmpty ? 0 : 1 &<< Int(log2) }

  var header: Header {
    @inline(__always) unsafeAddress {
      guard let base = unsafe base else { preconditionFailure("no segment is outstanding") }
      return unsafe UnsafePointer(base.assumingMemoryBound(to: Header.self))
    }
    @inline(__always) unsafeMutableAddress {
      guard let base = unsafe base else { preconditionFailure("no segment is outstanding") }
      return unsafe base.assumingMemoryBound(to: Header.self)
    }
  }

  /// The place `index` of both rings, 0..<capacity.
  subscript(place index: UInt32) -> SentSegment {
    @inline(__always) unsafeAddress {
      guard let base = unsafe base, index < header.capacity else { preconditionFailure() }
      return unsafe UnsafePointer(
        (base + Self.headerSize).assumingMemoryBound(to: SentSegment.self) + Int(index))
    }
    @inline(__always) unsafeMutableAddress {
      guard let base = unsafe base, index < header.capacity else { preconditionFailure() }
      return unsafe (base + Self.headerSize).assumingMemoryBound(to: SentSegment.self) + Int(index)
    }
  }

  /// The place that is `position` places behind `head`.
  @inline(__always)
  func place(_ position: UInt32, from head: UInt32) -> UInt32 {
    let place = head &+ position
    return place < header.capacity ? place : place &- header.capacity
  }

  /// The segment at `position`, counted from the oldest: 0..<count.
  subscript(position: Int) -> SentSegment {
    @inline(__always) get {
      precondition(UInt(bitPattern: position) < UInt(header.count))
      return self[place: place(UInt32(truncatingIfNeeded: position), from: header.head)]
    }
    @inline(__always) _modify {
      precondition(UInt(bitPattern: position) < UInt(header.count))
      let place = place(UInt32(truncatingIfNeeded: position), from: header.head)
      yield &self[place: place]
    }
  }
}

// MARK: Totals

extension SentSegments {
  /// How many segments are outstanding.
  var count: Int { isEmpty ? 0 : Int(header.count) }
  /// The sequence numbers that are in the network as far as the sender knows: RFC 6675's pipe.
  var bytesInFlight: Int { isEmpty ? 0 : Int(header.bytesInFlight) }
  /// The sequence numbers and the segments that the peer has, but has not acknowledged cumulatively.
  var sackedBytes: Int { isEmpty ? 0 : Int(header.sackedBytes) }
  var sackedCount: Int { isEmpty ? 0 : Int(header.sackedCount) }
  /// The segments that are lost and not sent again.
  var lostCount: Int { isEmpty ? 0 : Int(header.lostCount) }
  /// Whether every segment is in flight, and has been sent once: the state without losses.
  var isUndisturbed: Bool {
    isEmpty || header.sackedCount | header.lostCount | header.orderCount == 0
  }
  /// The state of a fast recovery, which is over when nothing is outstanding.
  var reduction: ProportionalRateReduction {
    get { isEmpty ? ProportionalRateReduction() : header.reduction }
    set { if !isEmpty { header.reduction = newValue } }
  }
  /// The oldest sequence number, SND.UNA; `nil` if nothing is outstanding.
  var start: SequenceNumber? { count == 0 ? nil : self[0].start }
  /// The number behind the youngest, SND.NXT; `nil` if nothing is outstanding.
  var end: SequenceNumber? { count == 0 ? nil : self[count &- 1].end }
}

// MARK: The two ends

extension SentSegments {
  /// Appends a segment that has just been sent; `false` if there is no memory.
  @inline(__always)
  mutating func append(
    start: SequenceNumber, count: Int, sentAt: UInt32, pool: inout MemoryPool
  ) -> Bool {
    if isEmpty || header.count == header.capacity {
      guard grow(toHold: self.count &+ 1, pool: &pool) else { return false }
    }
    let place = place(header.count, from: header.head)
    self[place: place].replace(with: SentSegment(start: start, count: count, sentAt: sentAt))
    header.count &+= 1
    header.bytesInFlight &+= UInt32(truncatingIfNeeded: count)
    return true
  }

  /// Lets the youngest segment have `count` more sequence numbers; `false` if there is none, or if it would
  /// be too long.
  mutating func extendLast(by count: Int) -> Bool {
    guard canExtendLast(by: count) else { return false }
    self[self.count &- 1].count &+= count
    header.bytesInFlight &+= UInt32(truncatingIfNeeded: count)
    return true
  }

  /// Whether the youngest segment is in flight and may have `count` more sequence numbers.
  func canExtendLast(by count: Int) -> Bool {
    guard self.count > 0 else { return false }
    let last = self[self.count &- 1]
    return last.isInFlight && last.count &+ count <= SentSegment.greatestCount
  }

  /// Takes the oldest segment away: it has been acknowledged.
  @inline(__always)
  mutating func removeFirst() -> SentSegment {
    let segment = self[0]
    subtract(segment, bytes: UInt32(truncatingIfNeeded: segment.count), segments: 1)
    header.head = place(1, from: header.head)
    header.firstNumber &+= 1
    header.count &-= 1
    return segment
  }

  /// Takes away all segments that end at `number` or before, and what lies before it of the next one, of a queue that
  /// ``isUndisturbed``: the first and the last of those that are gone, `nil` if none is.
  @inline(__always)
  mutating func removeUndisturbed(to number: SequenceNumber) -> (SentSegment, SentSegment)? {
    guard count > 0, self[0].end.precedesOrEquals(number) else {
      if count > 0 { trimFirst(to: number) }
      return nil
    }
    let first = self[0]
    var last = first
    var bytes = 0
    var left = header.count
    var head = header.head
    while left > 0 {
      let segment = self[place: head]
      guard segment.end.precedesOrEquals(number) else { break }
      last = segment
      bytes &+= segment.count
      head = place(1, from: head)
      left &-= 1
    }
    header.firstNumber &+= header.count &- left
    header.head = head
    header.count = left
    header.bytesInFlight &-= UInt32(truncatingIfNeeded: bytes)
    if left > 0 { trimFirst(to: number) }
    return (first, last)
  }

  /// Takes away what lies before `number` from the oldest segment, which is longer.
  mutating func trimFirst(to number: SequenceNumber) {
    let bytes = self[0].start.distance(to: number)
    guard bytes > 0, bytes < self[0].count else { return }
    subtract(self[0], bytes: UInt32(truncatingIfNeeded: bytes), segments: 0)
    self[0].start = number
    self[0].count &-= bytes
  }

  @inline(__always)
  private mutating func subtract(_ segment: SentSegment, bytes: UInt32, segments: UInt32) {
    if segment.isInFlight {
      header.bytesInFlight &-= bytes
    } else if segment.flags.contains(.sacked) {
      header.sackedBytes &-= bytes
      header.sackedCount &-= segments
    } else {
      header.lostCount &-= segments
    }
  }

  /// Gives the memory back if nothing is outstanding any more.
  @inline(__always)
  mutating func releaseIfEmpty(pool: inout MemoryPool) {
    if !isEmpty, header.count == 0 { removeAll(pool: &pool) }
  }

  /// Forgets everything and gives the memory back.
  mutating func removeAll(pool: inout MemoryPool) {
    guard let base = unsafe base else { return }
    unsafe pool.release(MemoryPool.Block(base: base, log2: log2))
    unsafe self.base = nil
  }

  /// Makes sure that so many more segments can be appended; `false` if there is no memory.
  mutating func makeRoom(for more: Int, pool: inout MemoryPool) -> Bool {
    guard isEmpty || count &+ more > Int(header.capacity) else { return true }
    return grow(toHold: count &+ more, pool: &pool)
  }

  /// Moves to a block with room for `count` segments; `false`, and nothing is changed, if there is none.
  @inline(never)
  mutating func grow(toHold count: Int, pool: inout MemoryPool) -> Bool {
    let stride = MemoryLayout<SentSegment>.stride
    guard count <= MemoryPool.greatestCapacity / stride,
      let block = pool.allocate(atLeast: Self.headerSize &+ count &* stride)
    else { return false }
    let capacity = (block.capacity &- Self.headerSize) / stride
    var new = Header(capacity: UInt32(truncatingIfNeeded: capacity))
    // What the places hold does not matter before they are used, and a segment is nothing but its bits.
    let places = unsafe (block.base + Self.headerSize)
      .bindMemory(to: SentSegment.self, capacity: capacity)
    if !isEmpty {
      new = header
      new.capacity = UInt32(truncatingIfNeeded: capacity)
      (new.head, new.orderHead) = (0, 0)
      for position in 0..<header.count {
        unsafe places[Int(position)] = self[Int(position)]
      }
      for position in 0..<header.orderCount {
        unsafe places[Int(position)].order = order(position)
      }
      if let base = unsafe base {
        unsafe pool.release(MemoryPool.Block(base: base, log2: log2))
      }
    }
    unsafe block.base.initializeMemory(as: Header.self, to: new)
    unsafe base = block.base
    log2 = block.log2
    return true
  }
}
