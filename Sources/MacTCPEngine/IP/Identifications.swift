// The identification field: RFC 791 §3.1, RFC 6864, RFC 7739 (which algorithms can be guessed).
//
// Packets that nobody may fragment need none: they have 0 (RFC 6864 §4.1). Others take the next number of
// one of many counters, chosen by a keyed hash of source, destination and protocol, so that a number comes
// again after 65,536 packets of its kind at the earliest, and no one learns from the packets he gets how many
// others got.

internal import MacTCPWire

struct Identifications: ~Copyable {
  private var counters: PlainArray<UInt16>
  private let key: UInt64

  init(key: UInt64) {
    counters = PlainArray(repeating: 0, count: 1024)
    self.key = key
  }

  /// The next number for a packet that may be fragmented.
  mutating func next(
    from source: IPAddress, to destination: IPAddress, protocol: IPProtocol
  ) -> UInt16 {
    let hash = destination.mixed(
      with: source.mixed(with: key &+ UInt64(`protocol`.rawValue)))
    let index = Int(truncatingIfNeeded: hash) & 1023
    counters[index] &+= 1
    // Its own start for each kind; the counter's steps are the same for all that share it.
    return counters[index] &+ UInt16(truncatingIfNeeded: hash &>> 32)
  }
}
