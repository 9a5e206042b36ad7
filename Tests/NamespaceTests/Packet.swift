// Packets as the tests read and write them: IPv4 (RFC 791), ICMP errors (RFC 792) and UDP (RFC 768).
import MacTCP
import MacTCPWire

enum ProtocolNumber {
  static let icmp: UInt8 = 1
  static let tcp: UInt8 = 6
  static let udp: UInt8 = 17
}

/// An IPv4 packet.
struct Packet {
  var typeOfService: UInt8 = 0
  var dontFragment = false
  var moreFragments = false
  /// In bytes.
  var fragmentOffset = 0
  var timeToLive: UInt8 = 64
  var protocolNumber: UInt8
  var source: IPAddress
  var destination: IPAddress
  var options: [UInt8] = []
  var payload: [UInt8]

  init(
    _ protocolNumber: UInt8, from source: IPAddress, to destination: IPAddress, _ payload: [UInt8]
  ) {
    self.protocolNumber = protocolNumber
    self.source = source
    self.destination = destination
    self.payload = payload
  }

  /// `nil` for what is no IPv4 packet.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 20, bytes[0] >> 4 == 4 else { return nil }
    let headerSize = Int(bytes[0] & 0xF) * 4
    let size = Int(bytes.word(at: 2))
    guard headerSize >= 20, size >= headerSize, bytes.count >= size else { return nil }
    typeOfService = bytes[1]
    let fragment = bytes.word(at: 6)
    dontFragment = fragment & 0x4000 != 0
    moreFragments = fragment & 0x2000 != 0
    fragmentOffset = Int(fragment & 0x1FFF) * 8
    timeToLive = bytes[8]
    protocolNumber = bytes[9]
    source = IPAddress(v4: bytes.long(at: 12))
    destination = IPAddress(v4: bytes.long(at: 16))
    options = Array(bytes[20..<headerSize])
    payload = Array(bytes[headerSize..<size])
  }

  var bytes: [UInt8] {
    var header: [UInt8] = [0x40 | UInt8(5 + options.count / 4), typeOfService]
    header += UInt16(20 + options.count + payload.count).octets
    header += [0, 0]
    header += (UInt16(dontFragment ? 0x4000 : 0) | UInt16(fragmentOffset / 8)).octets
    header += [timeToLive, protocolNumber, 0, 0]
    header += source.v4.octets + destination.v4.octets + options
    header.replaceSubrange(10..<12, with: InternetChecksum(of: header.span).value.octets)
    return header + payload
  }

  /// The checksum of a TCP segment or UDP datagram, with its pseudo-header (RFC 9293 §3.1).
  static func checksum(
    _ protocolNumber: UInt8, from source: IPAddress, to destination: IPAddress, _ bytes: [UInt8]
  ) -> InternetChecksum {
    var sum = InternetChecksum()
    sum.add(source.v4)
    sum.add(destination.v4)
    sum.add(UInt16(protocolNumber))
    sum.add(UInt16(bytes.count))
    sum.add(bytes.span)
    return sum
  }

  /// What a router, or the destination, says of this packet: an ICMP error that carries its header and 8 bytes.
  ///
  /// `rest` is the word behind the checksum: the next hop's MTU, or a pointer in its first byte.
  func icmpError(_ type: UInt8, _ code: UInt8, rest: UInt32 = 0, from router: IPAddress) -> Packet {
    var original = self
    original.payload = []
    var message: [UInt8] = [type, code, 0, 0] + rest.octets
    var quoted = bytes
    quoted.removeLast(max(0, payload.count - 8))
    message += quoted
    message.replaceSubrange(2..<4, with: InternetChecksum(of: message.span).value.octets)
    return Packet(ProtocolNumber.icmp, from: router, to: source, message)
  }
}

/// A UDP datagram and where it goes.
struct UserDatagram {
  var source: Endpoint
  var destination: Endpoint
  /// 0 when there is none.
  var checksum: UInt16
  var data: [UInt8]

  /// `nil` for other packets, and for fragments.
  init?(_ packet: Packet) {
    guard packet.protocolNumber == ProtocolNumber.udp, packet.fragmentOffset == 0,
      !packet.moreFragments, packet.payload.count >= 8
    else { return nil }
    source = Endpoint(packet.source, packet.payload.word(at: 0))
    destination = Endpoint(packet.destination, packet.payload.word(at: 2))
    checksum = packet.payload.word(at: 6)
    data = Array(packet.payload[8...])
  }

  /// The packet that carries `data`, without a checksum.
  static func packet(_ data: [UInt8], from source: Endpoint, to destination: Endpoint) -> Packet {
    Packet(
      ProtocolNumber.udp, from: source.address, to: destination.address,
      source.port.octets + destination.port.octets + UInt16(8 + data.count).octets + [0, 0] + data)
  }
}

extension [UInt8] {
  /// The 16 bits at an offset, in network order.
  func word(at offset: Int) -> UInt16 { UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) }
  /// The 32 bits at an offset, in network order.
  func long(at offset: Int) -> UInt32 {
    UInt32(word(at: offset)) << 16 | UInt32(word(at: offset + 2))
  }
}

extension FixedWidthInteger {
  /// The bytes in network order.
  var octets: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
