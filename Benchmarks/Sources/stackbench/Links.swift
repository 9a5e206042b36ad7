// What carries packets from one host to the other, in one direction.
//
// The memory is a plain allocation: a packet is made where it is read, and nothing is counted, copied or allocated
// for it. Invariant: `vacantSlot` and `arrival` lie within the allocation, and are not used after the next
// `push` or `pop`.

/// One direction of a link.
protocol Link: ~Copyable {
  /// Where the next packet may be made; `nil` while the link takes none.
  var vacantSlot: UnsafeMutableBufferPointer<UInt8>? { get }
  /// Sends the packet that was made in the vacant slot.
  mutating func push(_ count: Int)
  /// The packet that has arrived first, until ``pop()``.
  var arrival: UnsafeBufferPointer<UInt8>? { get }
  mutating func pop()
  var traffic: Traffic { get }
}

/// What a link has carried.
struct Traffic {
  private(set) var packets = 0
  /// TCP segments with data.
  private(set) var dataSegments = 0

  /// - Returns: Whether the packet has data.
  mutating func count(_ packet: UnsafeMutableBufferPointer<UInt8>) -> Bool {
    packets += 1
    let headerLength = Int(packet[0] & 15) * 4
    let hasData = packet.count > headerLength + Int(packet[headerLength + 12] >> 4) * 4
    if hasData { dataSegments += 1 }
    return hasData
  }
}

/// A ring of slots. When it is full the device is not ready: nothing is lost.
struct Ring: ~Copyable, Link {
  private let memory: UnsafeMutablePointer<UInt8>
  private let counts: UnsafeMutablePointer<Int>
  private let slotSize: Int
  /// A power of two.
  private let slots: Int
  private var head = 0
  private var tail = 0
  private(set) var traffic = Traffic()
  /// Every so many segments with data have a wrong byte; 0: none.
  var corruptionInterval = 0
  private(set) var corrupted = 0

  init(mtu: Int, slots: Int) {
    slotSize = mtu <= 2000 ? 2048 : 65600
    self.slots = slots > 0 ? slots : mtu <= 2000 ? 256 : 32
    memory = .allocate(capacity: self.slots * slotSize)
    memory.initialize(repeating: 0, count: self.slots * slotSize)
    counts = .allocate(capacity: self.slots)
    counts.initialize(repeating: 0, count: self.slots)
  }

  deinit {
    memory.deallocate()
    counts.deallocate()
  }

  var vacantSlot: UnsafeMutableBufferPointer<UInt8>? {
    guard head &- tail != slots else { return nil }
    return .init(start: memory + (head & (slots &- 1)) &* slotSize, count: slotSize)
  }

  mutating func push(_ count: Int) {
    let index = head & (slots &- 1)
    let packet = UnsafeMutableBufferPointer(start: memory + index &* slotSize, count: count)
    if traffic.count(packet), corruptionInterval > 0,
      traffic.dataSegments % corruptionInterval == 0
    {
      packet[count - 1] ^= 0x55
      corrupted += 1
    }
    counts[index] = count
    head &+= 1
  }

  var arrival: UnsafeBufferPointer<UInt8>? {
    guard head != tail else { return nil }
    let index = tail & (slots &- 1)
    return .init(start: memory + index &* slotSize, count: counts[index])
  }

  mutating func pop() { tail &+= 1 }

  mutating func resetTraffic() { traffic = Traffic() }
}

/// A link with a rate, a delay, a queue that drops what does not fit, and losses, in virtual time. The figures are
/// worked out as the peers do it, with the same random numbers, so that all see the same link.
struct LossyLink: ~Copyable, Link {
  private struct Packet {
    /// In nanoseconds.
    var arrival = 0.0
    var count = 0
  }

  private static let slotSize = 2048
  /// A power of two, and more than can be under way: rate times delay, and the queue.
  private static let slots = 8192

  private let memory: UnsafeMutablePointer<UInt8>
  private let packets: UnsafeMutablePointer<Packet>
  private let nanosecondsPerByte: Double
  /// How far ahead of the present the sender may be, in nanoseconds.
  private let longestQueue: Double
  /// In nanoseconds.
  private let delay: Double
  private let loss: Double
  private var random: UInt64 = 88_172_645_463_325_252
  /// When all that was sent has left the queue, in nanoseconds.
  private var free = 0.0
  private var head = 0
  private var tail = 0
  /// The present in nanoseconds.
  var now = 0.0
  private(set) var traffic = Traffic()
  private(set) var dropped = 0
  private(set) var lost = 0

  init(_ settings: Settings, loss: Double) {
    nanosecondsPerByte = 8e9 / settings.number("rate", default: 1e8)
    longestQueue = settings.number("queue", default: 256) * 1500 * nanosecondsPerByte
    delay = settings.number("rtt_ms", default: 20) / 2 * 1e6
    self.loss = loss
    memory = .allocate(capacity: Self.slots * Self.slotSize)
    packets = .allocate(capacity: Self.slots)
    packets.initialize(repeating: Packet(), count: Self.slots)
    random ^= UInt64(settings.count("seed", default: 1)) &* 0x9E37_79B9_7F4A_7C15
    for _ in 0..<10 { _ = nextRandom() }
  }

  deinit {
    memory.deallocate()
    packets.deallocate()
  }

  var vacantSlot: UnsafeMutableBufferPointer<UInt8>? {
    .init(start: memory + head % Self.slots * Self.slotSize, count: Self.slotSize)
  }

  mutating func push(_ count: Int) {
    let index = head % Self.slots
    _ = traffic.count(.init(start: memory + index * Self.slotSize, count: count))
    let start = max(free, now)
    guard start - now <= longestQueue, head - tail < Self.slots - 1 else {
      dropped += 1
      return
    }
    free = start + (Double(count) * nanosecondsPerByte).rounded(.down)
    if loss > 0, nextRandom() < loss {
      lost += 1
      return
    }
    packets[index] = Packet(arrival: free + delay, count: count)
    head += 1
  }

  var arrival: UnsafeBufferPointer<UInt8>? {
    let index = tail % Self.slots
    guard head != tail, packets[index].arrival <= now else { return nil }
    return .init(start: memory + index * Self.slotSize, count: packets[index].count)
  }

  mutating func pop() { tail += 1 }

  /// xorshift64, 0..<1.
  private mutating func nextRandom() -> Double {
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    return Double(random >> 11) * (1 / 9_007_199_254_740_992)
  }
}
