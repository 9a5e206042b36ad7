// The header of an Ethernet II frame: RFC 894; RFC 1122 §2.3.3.
//
// +-----------------------+-----------------------+-----------+
// |      destination      |        source         | EtherType |   6, 6 and 2 bytes
// +-----------------------+-----------------------+-----------+

/// What an Ethernet frame carries (RFC 9542, appendix B.1).
public struct EtherType: RawRepresentable, Hashable, Sendable {
  /// The type's number.
  public let rawValue: UInt16
  /// The type with a number.
  @inlinable
  public init(rawValue: UInt16) { self.rawValue = rawValue }
  /// Whether both are the same number: what `RawRepresentable` has for it is not specialized in other modules.
  @inlinable @inline(__always)
  public static func == (a: Self, b: Self) -> Bool { a.rawValue == b.rawValue }

  /// IPv4 (RFC 894).
  @inlinable public static var ipv4: EtherType { EtherType(rawValue: 0x0800) }
  /// ARP (RFC 826).
  @inlinable public static var arp: EtherType { EtherType(rawValue: 0x0806) }
  /// IPv6 (RFC 2464 §3).
  @inlinable public static var ipv6: EtherType { EtherType(rawValue: 0x86DD) }
  /// The least number of a type; a smaller one is the length of a frame of IEEE 802.3.
  @inlinable public static var least: UInt16 { 0x0600 }
}

/// The header of an Ethernet II frame, without preamble and check sequence.
public struct EthernetHeader: Hashable, Sendable {
  /// Its length in bytes.
  @inlinable public static var byteCount: Int { 14 }

  /// Whom the frame is for.
  public var destination: HardwareAddress
  /// Who sent the frame.
  public var source: HardwareAddress
  /// What the frame carries.
  public var etherType: EtherType

  /// A header from its parts.
  @inlinable
  public init(destination: HardwareAddress, source: HardwareAddress, etherType: EtherType) {
    self.destination = destination
    self.source = source
    self.etherType = etherType
  }

  /// Parses the header at the start of `frame`; everything behind its 14 bytes is data, and padding
  /// that only the data's own format can tell apart.
  ///
  /// - Throws: ``WireError/truncated`` below 14 bytes, ``WireError/wrongType`` for a frame of
  ///   IEEE 802.3, whose length stands where the type is.
  @inlinable @inline(__always)
  public init(parsing frame: Span<UInt8>) throws(WireError) {
    guard let destinationUpper = frame.networkUInt16(at: 0),
      let destinationLower = frame.networkUInt32(at: 2),
      let sourceUpper = frame.networkUInt16(at: 6), let sourceLower = frame.networkUInt32(at: 8),
      let type = frame.networkUInt16(at: 12)
    else { throw .truncated }
    guard type >= EtherType.least else { throw .wrongType }
    destination = HardwareAddress(destinationUpper, destinationLower)
    source = HardwareAddress(sourceUpper, sourceLower)
    etherType = EtherType(rawValue: type)
  }

  /// Appends the header to `output`.
  ///
  /// - Throws: ``WireError/noRoom`` if fewer than 14 bytes are free.
  @inlinable @inline(__always)
  public func write(to output: inout OutputSpan<UInt8>) throws(WireError) {
    guard output.freeCapacity >= Self.byteCount else { throw .noRoom }
    output.append(destination)
    output.append(source)
    output.append(networkOrder: etherType.rawValue)
  }
}
