// The demultiplexer: which connection a segment belongs to (RFC 9293 §3.3.1, "fully specified").
//
// A hash table with open addressing and linear probing; a removal shifts back what was pushed on, so that
// there are no tombstones. The hash is keyed by a secret: who does not know it cannot choose addresses
// and ports that fall into one place and make every look-up long.

import MacTCPWire

/// Four-tuples with a small number each.
struct ConnectionTable: ~Copyable {
  struct Slot: BitwiseCopyable {
    /// The local address above the remote one.
    var addresses: UInt64 = 0
    /// The local port above the remote one.
    var ports: UInt32 = 0
    /// The number of the connection; -1 in a free slot.
    var value: Int32 = -1

    @inline(__always) init() {}

    @inline(__always)
    init(_ local: Endpoint, _ remote: Endpoint) {
      addresses = UInt64(local.address.v4) &<< 32 | UInt64(remote.address.v4)
      ports = UInt32(local.port) &<< 16 | UInt32(remote.port)
    }

    @inline(__always)
    func isSame(_ other: Slot) -> Bool { addresses == other.addresses && ports == other.ports }
  }

  private static var leastCapacity: Int { 16 }

  private let key: SipHash.Key
  /// A power of two of slots; at least three eighths of them are free.
  private(set) var slots = PlainArray(repeating: Slot(), count: 16)
  /// How many four-tuples there are.
  private(set) var count = 0

  /// An empty table whose order nobody can guess who does not know the key.
  init(key: SipHash.Key) {
    self.key = key
  }

  /// The number of a connection.
  @inline(__always)
  func find(local: Endpoint, remote: Endpoint) -> Int? {
    let key = Slot(local, remote)
    var place = home(of: key)
    // There is always a free slot: the loop ends.
    while slots[place].value >= 0 {
      if slots[place].isSame(key) { return Int(slots[place].value) }
      place = next(place)
    }
    return nil
  }

  /// Adds a connection; `value` must be 0..<2^31. `false`, and nothing is done, if the four-tuple is there
  /// already.
  mutating func insert(local: Endpoint, remote: Endpoint, value: Int) -> Bool {
    precondition(value >= 0 && value < 1 << 31)
    guard find(local: local, remote: remote) == nil else { return false }
    if (count &+ 1) &* 8 > slots.count &* 5 { resize(to: slots.count &* 2) }
    var slot = Slot(local, remote)
    slot.value = Int32(truncatingIfNeeded: value)
    place(slot)
    count &+= 1
    return true
  }

  /// Removes a connection: its number, `nil` if there is none.
  @discardableResult
  mutating func remove(local: Endpoint, remote: Endpoint) -> Int? {
    let key = Slot(local, remote)
    var hole = home(of: key)
    while !slots[hole].isSame(key) || slots[hole].value < 0 {
      guard slots[hole].value >= 0 else { return nil }
      hole = next(hole)
    }
    let value = Int(slots[hole].value)
    let mask = slots.count &- 1
    var place = next(hole)
    // What would be found behind the hole no more moves into it: all that began at it or before.
    while slots[place].value >= 0 {
      let distance = (place &- home(of: slots[place])) & mask
      if distance >= (place &- hole) & mask {
        slots[hole] = slots[place]
        hole = place
      }
      place = next(place)
    }
    slots[hole] = Slot()
    count &-= 1
    if count &* 8 < slots.count, slots.count > Self.leastCapacity {
      resize(to: slots.count &>> 1)
    }
    return value
  }

  // MARK: Slots

  @inline(__always)
  private func next(_ place: Int) -> Int { (place &+ 1) & (slots.count &- 1) }

  /// Where a four-tuple is looked for first.
  @inline(__always)
  private func home(of slot: Slot) -> Int {
    // Two multiplications whose 128 bits are folded to 64. The first has the secret in both factors: which
    // four-tuples fall together depends on it. The second spreads what the first left together.
    let first = Self.folded(slot.addresses ^ key.k0, UInt64(slot.ports) ^ key.k1)
    let second = Self.folded(first ^ key.k1, 0x9E37_79B9_7F4A_7C15)
    return Int(truncatingIfNeeded: second) & (slots.count &- 1)
  }

  @inline(__always)
  private static func folded(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  private mutating func place(_ slot: Slot) {
    var place = home(of: slot)
    while slots[place].value >= 0 { place = next(place) }
    slots[place] = slot
  }

  @inline(never)
  private mutating func resize(to capacity: Int) {
    var old = PlainArray(repeating: Slot(), count: capacity)
    swap(&slots, &old)
    var index = 0
    while index < old.count {
      if old[index].value >= 0 { place(old[index]) }
      index &+= 1
    }
  }
}
