// The host's own addresses and the kinds that others have: RFC 1122 §3.2.1.3.

internal import MacTCPWire

struct HostAddresses: ~Copyable {
  /// An address of the host and the network that it is in, in host order.
  struct Entry: BitwiseCopyable {
    var address: UInt32
    var mask: UInt32
    /// The two addresses of all hosts of the network (RFC 1122 §3.3.6), or 255.255.255.255.
    var network: UInt32
    var broadcast: UInt32
    /// Nobody else has the address, as far as is known.
    var isUsable: Bool

    /// What fills an array before its contents.
    init() {
      (address, mask, network, broadcast, isUsable) = (.max, .max, .max, .max, false)
    }

    init(_ prefix: IPv4Prefix) {
      address = prefix.address.v4
      mask = prefix.mask.v4
      network = prefix.directedBroadcast == nil ? .max : prefix.network.v4
      broadcast = prefix.directedBroadcast?.v4 ?? .max
      isUsable = true
    }
  }

  private var entries: PlainArray<Entry>

  init(_ prefixes: [IPv4Prefix]) {
    entries = PlainArray(repeating: Entry(), count: prefixes.count)
    for (index, prefix) in prefixes.enumerated() { entries[index] = Entry(prefix) }
  }

  /// Whether an address is the host's. Those of the loopback network are not asked for.
  @inline(__always)
  func contains(_ address: IPAddress) -> Bool {
    for index in 0..<entries.count
    where entries[index].address == address.v4 && entries[index].isUsable {
      return true
    }
    return false
  }

  /// Whether an address is that of all hosts of one of the networks.
  @inline(__always)
  func isDirectedBroadcast(_ address: IPAddress) -> Bool {
    for index in 0..<entries.count
    where entries[index].broadcast == address.v4 || entries[index].network == address.v4 {
      return true
    }
    return false
  }

  /// Whether an address is one that several hosts have: broadcast or multicast.
  @inline(__always)
  func isGroup(_ address: IPAddress) -> Bool {
    address.isLimitedBroadcast || address.isMulticast || isDirectedBroadcast(address)
  }

  /// Whether a packet from the link can come from such a host (RFC 1122 §3.2.1.3: a source is one host's
  /// and no loopback address; one's own address outside is a forgery).
  @inline(__always)
  func isPossibleSource(_ source: IPAddress) -> Bool {
    let v4 = source.v4
    // 0/8, 127/8, and from 224.0.0.0 on (as `isUnicast`, of which this is the fast form).
    guard v4 &>> 29 != 7, v4 &>> 24 != 0, v4 &>> 24 != 127 else { return false }
    for index in 0..<entries.count {
      let entry = entries[index]
      if v4 == entry.broadcast || v4 == entry.network { return false }
      if v4 == entry.address && entry.isUsable { return false }
    }
    return true
  }

  /// The first address that can be used, on the network of `neighbor` if there is one (RFC 1122 §3.3.4.3).
  func source(for neighbor: IPAddress) -> IPAddress? {
    var first: IPAddress?
    for index in 0..<entries.count where entries[index].isUsable {
      let entry = entries[index]
      if (entry.address ^ neighbor.v4) & entry.mask == 0 { return IPAddress(v4: entry.address) }
      if first == nil { first = IPAddress(v4: entry.address) }
    }
    return first
  }

  /// Which of the host's addresses it is, in the order of the configuration; usable or not.
  func index(of address: IPAddress) -> Int? {
    for index in 0..<entries.count where entries[index].address == address.v4 { return index }
    return nil
  }

  /// An address of the host by its place in the configuration.
  func address(at index: Int) -> IPAddress { IPAddress(v4: entries[index].address) }

  var count: Int { entries.count }

  /// Begins or ends the use of an address.
  mutating func setUsable(_ isUsable: Bool, at index: Int) {
    entries[index].isUsable = isUsable
  }

  func isUsable(at index: Int) -> Bool { entries[index].isUsable }

  /// Whether any address can be used.
  var isAnyUsable: Bool {
    for index in 0..<entries.count where entries[index].isUsable { return true }
    return false
  }
}
