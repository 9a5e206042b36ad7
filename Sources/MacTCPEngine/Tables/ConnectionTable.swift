// The demultiplexer: which connection a segment belongs to (RFC 9293 §3.3.1, "fully specified").
//
// A hash table with open addressing and linear probing; a removal shifts back what was pushed on, so that
// there are no tombstones. The hash is keyed by a secret: who does not know it cannot choose addresses
// and ports that fall into one place and make every look-up long.

import MacTCPWire

/// Numbers of connections, by the hashes of their four-tuples.
///
/// The table does not keep the four-tuples, which the connections have: its user compares them. Hashes of 32 bits are
/// equal so rarely that the first number with the right one is nearly always the right number.
struct ConnectionTable: ~Copyable {
  struct Slot: BitwiseCopyable {
    /// The hash of the four-tuple. Its low bits say where the number is looked for first.
    var hash: UInt32 = 0
    /// The number of the connection; -1 in a free slot.
    var value: Int32 = -1
  }

  /// A search: the numbers with a hash, one after the other.
  struct Search {
    fileprivate let hash: UInt32
    fileprivate var place: Int
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

  /// Begins to look for a four-tuple.
  @inline(__always)
  func search(local: Endpoint, remote: Endpoint) -> Search {
    let hash = hash(local, remote)
    return Search(hash: hash, place: home(of: hash))
  }

  /// The next number that may be the one that is looked for; `nil` if there is no more.
  @inline(__always)
  func next(_ search: inout Search) -> Int? {
    // There is always a free slot: the loop ends.
    while true {
      let slot = slots[search.place]
      if slot.value < 0 { return nil }
      search.place = next(search.place)
      if slot.hash == search.hash { return Int(slot.value) }
    }
  }

  /// Adds a connection, whose four-tuple must not be there yet; `value` must be 0..<2^31, and of no other one.
  mutating func insert(local: Endpoint, remote: Endpoint, value: Int) {
    precondition(value >= 0 && value < 1 << 31)
    if (count &+ 1) &* 8 > slots.count &* 5 { resize(to: slots.count &* 2) }
    place(Slot(hash: hash(local, remote), value: Int32(truncatingIfNeeded: value)))
    count &+= 1
  }

  /// Removes a connection: `false` if it is not there.
  @discardableResult
  mutating func remove(local: Endpoint, remote: Endpoint, value: Int) -> Bool {
    var hole = home(of: hash(local, remote))
    while Int(slots[hole].value) != value || value < 0 {
      guard slots[hole].value >= 0 else { return false }
      hole = next(hole)
    }
    let mask = slots.count &- 1
    var place = next(hole)
    // What would be found behind the hole no more moves into it: all that began at it or before.
    while slots[place].value >= 0 {
      let distance = (place &- home(of: slots[place].hash)) & mask
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
    return true
  }

  // MARK: Slots

  @inline(__always)
  private func next(_ place: Int) -> Int { (place &+ 1) & (slots.count &- 1) }

  /// Where a four-tuple is looked for first: its low bits are as good as others.
  @inline(__always)
  private func home(of hash: UInt32) -> Int { Int(hash) & (slots.count &- 1) }

  @inline(__always)
  private func hash(_ local: Endpoint, _ remote: Endpoint) -> UInt32 {
    let addresses = UInt64(local.address.v4) &<< 32 | UInt64(remote.address.v4)
    let ports = UInt64(local.port) &<< 16 | UInt64(remote.port)
    // Two multiplications whose 128 bits are folded to 64. The first has the secret in both factors: which
    // four-tuples fall together depends on it. The second spreads what the first left together.
    let first = Self.folded(addresses ^ key.k0, ports ^ key.k1)
    let second = Self.folded(first ^ key.k1, 0x9E37_79B9_7F4A_7C15)
    return UInt32(truncatingIfNeeded: second)
  }

  @inline(__always)
  private static func folded(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  private mutating func place(_ slot: Slot) {
    var place = home(of: slot.hash)
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
