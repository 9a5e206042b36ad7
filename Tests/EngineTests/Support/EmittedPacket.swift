import MacTCPEngine
import MacTCPWire
import Testing

/// What the engine has sent, taken apart. Taking it apart checks it: lengths, checksums, and what no packet of a
/// host may be.
struct EmittedPacket {
  /// The frame's destination and source; `nil` on a raw link.
  var link: (destination: HardwareAddress, source: HardwareAddress)?
  var arp: ARP?
  var ip = IPBytes(source: .any, destination: .any)

  struct ARP: Equatable {
    var operation: UInt16
    var senderHardware: HardwareAddress
    var sender: IPAddress
    var targetHardware: HardwareAddress
    var target: IPAddress
  }

  var isFragment: Bool { ip.moreFragments || ip.offset > 0 }

  /// Of a datagram that is no fragment.
  var ports: (source: UInt16, destination: UInt16)? {
    guard ip.protocolNumber == 17, !isFragment else { return nil }
    return (number(ip.payload, 0), number(ip.payload, 2))
  }

  /// The data of UDP or of ICMP.
  var data: [UInt8] { Array(ip.payload.dropFirst(8)) }
  /// Of an ICMP message.
  var icmpType: UInt8? { ip.protocolNumber == 1 ? ip.payload.first : nil }
  var icmpCode: UInt8 { ip.payload[1] }
  var icmpParameter: UInt32 { UInt32(number(ip.payload, 4)) << 16 | UInt32(number(ip.payload, 6)) }

  init(checking bytes: [UInt8], isEthernet: Bool, mtu: Int) throws {
    var rest = bytes
    if isEthernet {
      try #require(rest.count >= 14)
      link = (address(rest, 0), address(rest, 6))
      #expect(link?.source.bits ?? 1 & 0x0100_0000_0000 == 0 || link != nil)
      let type = number(rest, 12)
      rest.removeFirst(14)
      if type == 0x0806 {
        arp = try Self.checkedARP(rest, from: address(bytes, 6))
        return
      }
      #expect(type == 0x0800)
    }
    #expect(rest.count <= mtu)
    try checkIP(rest)
    if !isFragment { checkPayload() }
  }

  private static func checkedARP(_ bytes: [UInt8], from source: HardwareAddress) throws -> ARP {
    try #require(bytes.count == 28)
    #expect(Array(bytes.prefix(6)) == [0, 1, 8, 0, 6, 4])
    let arp = ARP(
      operation: number(bytes, 6), senderHardware: address(bytes, 8),
      sender: ipAddress(bytes, 14), targetHardware: address(bytes, 18),
      target: ipAddress(bytes, 24))
    #expect(arp.operation == 1 || arp.operation == 2)
    #expect(arp.senderHardware == source)
    return arp
  }

  private mutating func checkIP(_ bytes: [UInt8]) throws {
    try #require(bytes.count >= 20 && bytes[0] >> 4 == 4)
    let headerLength = Int(bytes[0] & 15) * 4
    try #require(headerLength >= 20 && headerLength <= bytes.count)
    #expect(Int(number(bytes, 2)) == bytes.count, "total length")
    #expect(referenceChecksum(Array(bytes.prefix(headerLength))) == 0, "IP checksum")
    let flags = number(bytes, 6)
    #expect(flags & 0x8000 == 0, "reserved flag")
    ip = IPBytes(source: ipAddress(bytes, 12), destination: ipAddress(bytes, 16))
    ip.typeOfService = bytes[1]
    ip.identification = number(bytes, 4)
    ip.dontFragment = flags & 0x4000 != 0
    ip.moreFragments = flags & 0x2000 != 0
    ip.offset = Int(flags & 0x1FFF) * 8
    ip.timeToLive = bytes[8]
    ip.protocolNumber = bytes[9]
    ip.options = Array(bytes[20..<headerLength])
    ip.payload = Array(bytes[headerLength...])
    #expect(ip.timeToLive > 0)
    #expect(!(ip.dontFragment && isFragment), "a fragment with DF")
    #expect(!ip.moreFragments || ip.payload.count % 8 == 0, "length of a fragment")
    // RFC 1122 §3.2.1.3: what never leaves a host, or is no source.
    #expect(ip.source.v4 >> 24 != 127 && ip.destination.v4 >> 24 != 127)
    #expect(ip.source.isUnicastForTests)
    #expect(ip.destination != .any)
  }

  private func checkPayload() {
    let bytes = ip.payload
    switch ip.protocolNumber {
    case 1:
      #expect(bytes.count >= 8)
      #expect(referenceChecksum(bytes) == 0, "ICMP checksum")
      if let type = bytes.first, [3, 4, 5, 11, 12].contains(type) {
        #expect(bytes.count <= 576 - 20 && bytes.count >= 8 + 20)
      }
    case 6, 17:
      let pseudo = pseudoHeader(ip.source, ip.destination, ip.protocolNumber, bytes.count)
      if ip.protocolNumber == 17 {
        #expect(bytes.count >= 8 && Int(number(bytes, 4)) == bytes.count, "UDP length")
        if number(bytes, 6) == 0 { return }
      }
      #expect(referenceChecksum(pseudo + bytes) == 0, "TCP or UDP checksum")
    default: break
    }
  }
}

extension IPAddress {
  var isUnicastForTests: Bool { v4 >> 24 != 0 && v4 >> 28 < 14 }
}

private func number(_ bytes: [UInt8], _ offset: Int) -> UInt16 {
  UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
}

private func ipAddress(_ bytes: [UInt8], _ offset: Int) -> IPAddress {
  IPAddress(bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3])
}

private func address(_ bytes: [UInt8], _ offset: Int) -> HardwareAddress {
  HardwareAddress(bits: bytes[offset..<offset + 6].reduce(0) { $0 << 8 | UInt64($1) })
}
