// The header of an Ethernet II frame: RFC 894; RFC 1122 §2.3.3.
//
// +-----------------------+-----------------------+-----------+
// |      destination      |        source         | EtherType |   6, 6 and 2 bytes
// +-----------------------+-----------------------+-----------+

/// What an Ethernet frame carries (RFC 9542, appendix B.1).
package struct EtherType: RawRepresentable, Hashable, Sendable {
  /// The type's number.
  package let rawValue: UInt16
  /// The type with a number.
  @inlinable
  package init(rawValue: UInt16) { self.rawValue = rawValue }

  /// IPv4 (RFC 894).
  @inlinable package static var ipv4: EtherType { EtherType(rawValue: 0x0800) }
  /// ARP (RFC 826).
  @inlinable package static var arp: EtherType { EtherType(rawValue: 0x0806) }
  /// IPv6 (RFC 2464 §3).
  @inlinable package static var ipv6: EtherType { EtherType(rawValue: 0x86DD) }
  /// The least number of a type; a smaller one is the length of a frame of IEEE 802.3.
  @inlinable package static var least: UInt16 { 0x0600 }
}

/// The header of an Ethernet II frame, without preamble and check sequence.
package struct EthernetHeader: Hashable, Sendable {
  /// Its length in bytes.
  package static let byteCount = 14

  /// Whom the frame is for.
  package var destination: HardwareAddress
  /// Who sent the frame.
  package var source: HardwareAddress
  /// What the frame carries.
  package var etherType: EtherType

  /// A header from its parts.
  @inlinable
  package init(destination: HardwareAddress, source: HardwareAddress, etherType: EtherType) {
    self.destination = destination
    self.source = source
    self.etherType = etherType
  }

  /// Parses the header at the start of `frame`; everything behind its 14 bytes is data, and padding
  /// that only the data's own format can tell apart.
  ///
  /// - Throws: ``WireError/truncated`` below 14 bytes, ``WireError/wrongType`` for a frame of
  ///   IEEE 802.3, whose length stands where the type is.
  package init(parsing frame: Span<UInt8>) throws(WireError) {
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
  package func write(to output: inout OutputSpan<UInt8>) throws(WireError) {
    guard output.freeCapacity >= Self.byteCount else { throw .noRoom }
    output.append(destination)
    output.append(source)
    output.append(networkOrder: etherType.rawValue)
  }
}
