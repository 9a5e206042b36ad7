import MacTCPWire

/// Which local port a connection gets whose caller does not care: RFC 6056 §3.3.4, algorithm 4.
///
/// An outsider cannot guess the next port, and yet a port is not used again soon for the same destination.
/// Each of some counters serves many destinations, and no destination's ports tell how often another
/// one's have been used.
struct EphemeralPorts {
  /// The ports to choose from.
  let range: ClosedRange<UInt16>
  private let offsetKey: SipHash.Key
  private let counterKey: SipHash.Key
  private var counters = InlineArray<256, UInt16>(repeating: 0)

  /// Ports of the range, by default the dynamic ones of RFC 6335 §6, in an order that follows from a key
  /// that is used for nothing else.
  init(range: ClosedRange<UInt16> = 49152...65535, key: SipHash.Key) {
    self.range = range
    // RFC 6056 wants two secrets, and counters that begin anywhere.
    offsetKey = key.derived(for: 0)
    counterKey = key.derived(for: 1)
    for index in counters.indices {
      counters[index] = UInt16(truncatingIfNeeded: key.derived(for: 2 + UInt64(index)).k0)
    }
  }

  /// A port that is not in use, after at most `mostTries` questions; `nil` if none was found. Without
  /// `mostTries` every port of the range is tried.
  mutating func choose(
    local: IPAddress, remote: Endpoint, mostTries: Int = .max, isInUse: (UInt16) -> Bool
  ) -> UInt16? {
    let size = UInt64(range.upperBound) &- UInt64(range.lowerBound) &+ 1
    let offset = Self.hash(offsetKey, local, remote)
    let counter = Int(Self.hash(counterKey, local, remote) % UInt64(counters.count))
    let first = offset &>> 16 &+ UInt64(counters[counter])
    for tried in 0..<UInt64(max(0, min(Int(size), mostTries))) {
      let step = UInt16(truncatingIfNeeded: (first &+ tried) % size)
      let port = range.lowerBound &+ step
      if !isInUse(port) {
        counters[counter] &+= UInt16(truncatingIfNeeded: tried &+ 1)
        return port
      }
    }
    return nil
  }

  private static func hash(
    _ key: SipHash.Key, _ local: IPAddress, _ remote: Endpoint
  ) -> UInt64 {
    var hash = SipHash(key: key)
    hash.add(Endpoint(local, 0), remote)
    return hash.value
  }
}
