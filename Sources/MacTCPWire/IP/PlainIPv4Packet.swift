/// The fields of an IPv4 packet of the kind that nearly all are of: whole, and without options. To find that out takes a few
/// comparisons, and nothing is copied (``IPv4Header`` parses every packet).
public struct PlainIPv4Packet: Sendable {
  /// The type of service.
  public let typeOfService: UInt8
  /// The hops that are left.
  public let timeToLive: UInt8
  /// What its data are.
  public let `protocol`: IPProtocol
  /// Where it comes from.
  public let source: IPAddress
  /// Where it goes to.
  public let destination: IPAddress
  /// Where in the packet its data are.
  public let payloadRange: Range<Int>

  /// Looks at a packet and verifies the checksum of its header. Bytes behind its end are not the packet's.
  ///
  /// - Returns: `nil` for a packet of another kind, and for one with any fault.
  @inlinable @inline(__always)
  public init?(_ packet: Span<UInt8>) {
    guard packet.count >= IPv4Header.leastLength, let first = packet.networkUInt32(at: 0),
      let second = packet.networkUInt32(at: 4), let third = packet.networkUInt32(at: 8),
      let source = packet.networkUInt32(at: 12), let destination = packet.networkUInt32(at: 16)
    else { return nil }
    let length = Int(first.lowerHalf)
    // Version 4 and an IHL of 5; neither MF nor an offset.
    guard first >> 24 == 0x45, second & 0x3FFF == 0, length >= IPv4Header.leastLength,
      length <= packet.count, IPv4Header.hasValidChecksum(packet)
    else { return nil }
    typeOfService = UInt8(truncatingIfNeeded: first >> 16)
    timeToLive = UInt8(truncatingIfNeeded: third >> 24)
    self.protocol = IPProtocol(rawValue: UInt8(truncatingIfNeeded: third >> 16))
    self.source = IPAddress(v4: source)
    self.destination = IPAddress(v4: destination)
    payloadRange = IPv4Header.leastLength..<length
  }
}
