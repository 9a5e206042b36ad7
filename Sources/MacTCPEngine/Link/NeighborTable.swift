// Who has which hardware address, and the packets that wait until it is known: RFC 826, RFC 1122 §2.3.2.
//
//            used, not known                 answer
//   (none) ------------------> incomplete ------------> reachable
//                                  |                      |  ^
//                  three requests, |    a minute, and used|  | answer
//                        no answer |                      v  |
//   (none) <-----------------------+------------------- probing
//
// An entry that is not used stays as it is until its place is needed.

internal import MacTCPWire

struct NeighborTable: ~Copyable {
  enum State: BitwiseCopyable {
    /// Asked for; packets wait.
    case incomplete
    /// Known.
    case reachable
    /// Known for long, and asked whether it is still true (RFC 1122 §2.3.2.1, 2).
    case probing
  }

  struct Entry: BitwiseCopyable {
    var state = State.incomplete
    var hardware = HardwareAddress.zero
    /// When it was confirmed last.
    var confirmed = Instant.zero
    /// When the next request is due, while it is asked for.
    var deadline = Instant.never
    /// How many requests were sent since it is asked for.
    var requests = 0
    var queue = PacketQueue<HardwareAddress>()
  }

  static var capacity: Int { 512 }
  /// How long an entry is good, in microseconds (RFC 1122 §2.3.2.1: "on the order of a minute").
  static let lifetime = 60_000_000
  /// The time between two requests for one address (RFC 1122 §2.3.2.1: one per second), and how many there
  /// are before it is given up.
  static let interval = 1_000_000
  static let mostRequests = 3
  /// How much of the pool's memory may wait for one answer, and for all.
  static let mostQueued = 128 << 10
  static let mostQueuedInAll = 512 << 10

  private var table: AddressTable
  private var entries: PlainArray<Entry>
  /// Those that were used last are last.
  private var usage = IndexQueue()
  /// Those that are asked for, by the moment of their next request: all wait equally long.
  private var asking = IndexQueue()
  /// The memory of all packets that wait.
  private var queued = 0

  /// - Parameter isNeeded: `false` on a link without hardware addresses, for which no memory is taken.
  init(key: UInt64, isNeeded: Bool) {
    table = AddressTable(capacity: isNeeded ? Self.capacity : 1, key: key)
    entries = PlainArray(repeating: Entry(), count: table.capacity)
  }

  func find(_ address: IPAddress) -> Int? { table.find(address) }
  func entry(at place: Int) -> Entry { entries[place] }
  func address(at place: Int) -> IPAddress { table.address(at: place) }

  /// When the next request is due, or an entry to be given up.
  @inline(__always) var nextDeadline: Instant {
    asking.first.map { entries[$0].deadline } ?? .never
  }

  /// The entry whose request is due.
  func due(_ now: Instant) -> Int? {
    guard let place = asking.first, entries[place].deadline <= now else { return nil }
    return place
  }

  /// Says that an entry is needed.
  mutating func use(_ place: Int) { usage.moveToEnd(place) }

  /// A new entry without hardware address; the one that was not used for longest gives way.
  mutating func insert(_ address: IPAddress, _ context: inout Context) -> Int? {
    if table.isFull, let oldest = usage.first {
      var waiting = remove(oldest)
      let dropped = waiting.removeAll(&context.memory)
      for _ in 0..<dropped { context.counters.drop(.addressResolutionQueueFull) }
    }
    guard let place = table.insert(address) else { return nil }
    entries[place] = Entry()
    usage.append(place)
    return place
  }

  /// Notes that a request goes out.
  mutating func requested(_ place: Int, now: Instant) {
    if entries[place].state == .reachable { entries[place].state = .probing }
    entries[place].requests &+= 1
    entries[place].deadline = now.advanced(by: Self.interval)
    asking.moveToEnd(place)
  }

  /// Notes a neighbour's hardware address: the packets that have waited, to be sent now.
  mutating func confirm(_ place: Int, _ hardware: HardwareAddress, now: Instant)
    -> PacketQueue<HardwareAddress>
  {
    let waiting = entries[place].queue
    queued &-= waiting.memory
    asking.remove(place)
    entries[place] = Entry(state: .reachable, hardware: hardware, confirmed: now)
    return waiting
  }

  /// Keeps a packet until the hardware address is known. What is full gives its oldest packet away: the latest
  /// is the one to save (RFC 1122 §2.3.2.2).
  mutating func enqueue(_ packet: Span<UInt8>, at place: Int, _ context: inout Context) {
    guard
      let stored = StoredPacket(
        capacity: packet.count, HardwareAddress.zero, &context.memory)
    else {
      context.counters.drop(.memoryCeiling)
      return
    }
    while entries[place].queue.memory &+ stored.memory > Self.mostQueued
      || queued &+ stored.memory > Self.mostQueuedInAll
    {
      context.counters.drop(.addressResolutionQueueFull)
      guard let oldest = entries[place].queue.removeFirst() else {
        stored.release(to: &context.memory)
        return
      }
      queued &-= oldest.memory
      oldest.release(to: &context.memory)
    }
    stored.withOutput { $0.append(packet) }
    entries[place].queue.append(stored)
    queued &+= stored.memory
  }

  /// Removes an entry: the packets that have waited in vain, which are the caller's.
  mutating func remove(_ place: Int) -> PacketQueue<HardwareAddress> {
    let waiting = entries[place].queue
    queued &-= waiting.memory
    entries[place] = Entry()
    asking.remove(place)
    usage.remove(place)
    table.remove(place)
    return waiting
  }

  /// The whole table, those that were used last at the end.
  var all: [Neighbor] {
    var all: [Neighbor] = []
    var place = usage.first
    while let current = place {
      let entry = entries[current]
      all.append(
        Neighbor(
          address: table.address(at: current),
          hardware: entry.state == .incomplete ? nil : entry.hardware))
      place = usage.next(after: current)
    }
    return all
  }
}
