// Fragments that wait for others: RFC 791 §3.2 ("Reassembly"), RFC 815, RFC 1122 §3.3.2, RFC 3168 §5.3.
//
// The data of one datagram are put together in one block, behind room for its header, so that in the end
// a whole packet lies there. What is missing is a list of holes, each described in its own first 8 bytes
// (RFC 815 §4: "a clever way"): there is no other memory.
//
// A fragment must lie within one hole. One that lies all within what has come is a duplicate if its bytes
// are the same, and passed over; every other overlap makes the whole datagram worthless, and all that
// comes of it until its time is over (RFC 5722 §4 for IPv6; RFC 1858 and RFC 3128 say what for).

internal import MacTCPWire

struct ReassemblyTable: ~Copyable {
  /// What the fragments of one datagram have in common.
  struct Key: BitwiseCopyable, Equatable {
    var source: IPAddress
    var destination: IPAddress
    var `protocol`: IPProtocol
    var identification: UInt16
  }

  struct Datagram: BitwiseCopyable {
    var key: Key
    var expires: Instant
    /// The block; `nil` once the datagram has been refused.
    var packet: StoredPacket<Holes>?
  }

  /// What is known of a datagram's data.
  struct Holes: BitwiseCopyable {
    /// Where the first hole begins; `none` if there is none.
    var first = 0
    /// How many holes there are.
    var count = 1
    /// The length of all data; -1 until the last fragment has come.
    var total = -1
    /// The header's length; 0 until the first fragment has come.
    var headerLength = 0
    /// Where the data end that have come.
    var end = 0
    /// The ECN fields that have come, a bit for each.
    var ecn: UInt8 = 0

    static var none: Int { 0x1_0000 }
  }

  /// Room for the longest header before the data.
  static var headerRoom: Int { 64 }
  /// How many datagrams wait at most, and how many holes one may have: a list of them is walked for each
  /// fragment. In the worst order, 128 holes are 257 fragments.
  static var mostDatagrams: Int { 64 }
  static var mostHoles: Int { 128 }

  private var slots: PlainArray<Datagram?>
  private var order = IndexQueue()
  private(set) var memory = 0
  let limit: Int
  let timeout: Int

  init(_ configuration: EngineConfiguration) {
    slots = PlainArray(repeating: nil, count: Self.mostDatagrams)
    limit = configuration.reassemblyMemory
    timeout = configuration.reassemblyTimeout
  }

  /// When the oldest datagram's time is over.
  @inline(__always) var nextDeadline: Instant {
    order.first.flatMap { slots[$0]?.expires } ?? .never
  }

  var oldest: Int? { order.first }

  func find(_ key: Key) -> Int? {
    var place = order.first
    while let current = place {
      if slots[current]?.key == key { return current }
      place = order.next(after: current)
    }
    return nil
  }

  func datagram(at place: Int) -> Datagram? { slots[place] }

  /// A place for a new datagram, if one is free.
  mutating func insert(_ datagram: Datagram) -> Int? {
    for place in 0..<slots.count where slots[place] == nil {
      slots[place] = datagram
      memory &+= datagram.packet?.memory ?? 0
      order.append(place)
      return place
    }
    return nil
  }

  /// Gives a datagram another block, or none; the old one is the caller's.
  mutating func replace(_ packet: StoredPacket<Holes>?, at place: Int) {
    memory &-= slots[place]?.packet?.memory ?? 0
    memory &+= packet?.memory ?? 0
    slots[place]?.packet = packet
  }

  /// Frees a place; the block is the caller's.
  mutating func remove(_ place: Int) -> Datagram? {
    guard let datagram = slots[place] else { return nil }
    memory &-= datagram.packet?.memory ?? 0
    order.remove(place)
    slots[place] = nil
    return datagram
  }
}

/// The description of a hole, in its first 8 bytes: where it ends and where the next one begins, which is not
/// below that.
struct Hole {
  /// Behind its last byte; `ReassemblyTable.Holes.none` if it has no end yet.
  var end: Int
  var next: Int

  init(end: Int, next: Int) {
    self.end = end
    self.next = next
  }

  /// Reads a description that has been written; `nil` outside of the block.
  init?(at offset: Int, in bytes: Span<UInt8>) {
    let place = ReassemblyTable.headerRoom &+ offset
    guard let end = bytes.networkUInt32(at: place), let next = bytes.networkUInt32(at: place &+ 4)
    else { return nil }
    self.end = Int(end)
    self.next = Int(next)
  }

  func write(at offset: Int, in bytes: inout MutableSpan<UInt8>) {
    let place = ReassemblyTable.headerRoom &+ offset
    guard place &+ 8 <= bytes.count else { return }
    for index in 0..<4 {
      let shift = 24 &- 8 &* index
      bytes[place &+ index] = UInt8(truncatingIfNeeded: end &>> shift)
      bytes[place &+ 4 &+ index] = UInt8(truncatingIfNeeded: next &>> shift)
    }
  }
}
