// The pseudo-header that TCP and UDP add to their checksums: RFC 9293 §3.1, RFC 768, RFC 8200 §8.1.
//
// +---------------------------------------+
// |            source address             |
// +---------------------------------------+
// |          destination address          |
// +---------+---------+-------------------+
// |  zero   |protocol |      length       |
// +---------+---------+-------------------+
//
// IPv6 has a longer length and more zeros. In a ones' complement sum neither matters, so that addresses
// are the only thing in which the two differ.

extension InternetChecksum {
  /// The checksum of the pseudo-header; the segment or datagram is added next.
  ///
  /// - Parameter length: of the transport header and its data, in bytes.
  @inlinable @inline(__always)
  public init(
    pseudoHeaderFrom source: IPAddress, to destination: IPAddress, protocol: IPProtocol,
    length: Int
  ) {
    self.init()
    sum =
      UInt64(source.v4) &+ UInt64(destination.v4) &+ UInt64(`protocol`.rawValue)
      &+ UInt64(UInt32(truncatingIfNeeded: length))
  }

  /// Adds an address as it stands in a header.
  @inlinable
  public mutating func add(_ address: IPAddress) {
    add(address.v4)
  }
}
