// A bounded table by address: what the neighbours and the paths are found in.
//
// A place is found in a few steps whatever a stranger sends: he does not know the key of the hash, and the
// table is small.

internal import MacTCPWire

/// Which place of some other array an address has; at most as many as the table was made for.
struct AddressTable: ~Copyable {
  struct Place: BitwiseCopyable {
    var address: IPAddress
    /// The next place in the chain, or of the free ones; -1 for none.
    var next: Int32
  }

  private var places: PlainArray<Place>
  private var chains: PlainArray<Int32>
  private var free: Int32
  private let key: UInt64
  /// How many addresses are in the table.
  private(set) var count = 0

  /// - Parameter capacity: a power of two.
  init(capacity: Int, key: UInt64) {
    precondition(capacity > 0 && capacity & (capacity &- 1) == 0 && capacity <= 1 << 16)
    places = PlainArray(repeating: Place(address: .any, next: -1), count: capacity)
    chains = PlainArray(repeating: -1, count: capacity)
    for index in 0..<(capacity - 1) { places[index].next = Int32(index + 1) }
    free = 0
    self.key = key
  }

  var capacity: Int { places.count }
  var isFull: Bool { free < 0 }

  /// The place of an address.
  func find(_ address: IPAddress) -> Int? {
    var index = chains[chain(address)]
    while index >= 0 {
      if places[Int(index)].address == address { return Int(index) }
      index = places[Int(index)].next
    }
    return nil
  }

  /// The address in a place that is taken.
  func address(at place: Int) -> IPAddress { places[place].address }

  /// Gives an address that is not in the table a place; `nil` if none is free.
  mutating func insert(_ address: IPAddress) -> Int? {
    guard free >= 0 else { return nil }
    let index = free
    free = places[Int(index)].next
    let chain = chain(address)
    places[Int(index)] = Place(address: address, next: chains[chain])
    chains[chain] = index
    count &+= 1
    return Int(index)
  }

  /// Frees a place that is taken.
  mutating func remove(_ place: Int) {
    let chain = chain(places[place].address)
    let next = places[place].next
    if chains[chain] == Int32(truncatingIfNeeded: place) {
      chains[chain] = next
    } else {
      var index = Int(chains[chain])
      while index >= 0, Int(places[index].next) != place { index = Int(places[index].next) }
      guard index >= 0 else { return }
      places[index].next = next
    }
    places[place].next = free
    free = Int32(truncatingIfNeeded: place)
    count &-= 1
  }

  private func chain(_ address: IPAddress) -> Int {
    Int(truncatingIfNeeded: address.mixed(with: key)) & (chains.count &- 1)
  }
}

/// A table by address in which the one that was noted longest ago gives way to a new one.
struct AgingAddressTable: ~Copyable {
  private var table: AddressTable
  private var order = IndexQueue()

  /// - Parameter capacity: a power of two.
  init(capacity: Int, key: UInt64) {
    table = AddressTable(capacity: capacity, key: key)
  }

  var capacity: Int { table.capacity }
  /// The place of the address that was noted longest ago.
  @inline(__always) var oldest: Int? { order.first }

  /// The place of an address. Nothing is looked for in an empty table.
  @inline(__always)
  func find(_ address: IPAddress) -> Int? { table.count > 0 ? table.find(address) : nil }

  /// Whether a place is taken.
  func isTaken(_ place: Int) -> Bool { order.contains(place) }

  /// The place of an address, which is the youngest now.
  mutating func note(_ address: IPAddress) -> Int? {
    let known = find(address)
    if known == nil, table.isFull, let oldest { remove(oldest) }
    guard let place = known ?? table.insert(address) else { return nil }
    order.moveToEnd(place)
    return place
  }

  /// Frees a place that is taken.
  mutating func remove(_ place: Int) {
    order.remove(place)
    table.remove(place)
  }
}

extension IPAddress {
  /// A number that nobody who does not know the key can steer. Good enough where chains are short at worst.
  @inline(__always)
  func mixed(with key: UInt64) -> UInt64 {
    var mixed = (UInt64(v4) ^ key) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed &>> 32) ^ (key &>> 17)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed &>> 29)
  }
}
