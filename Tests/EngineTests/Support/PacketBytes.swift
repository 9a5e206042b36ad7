import MacTCPEngine
import MacTCPWire

// Packets written byte by byte, by other means than the engine's: a fault in Wire does not hide itself.

/// The checksum as RFC 1071 §4.1 writes it, one 16-bit word at a time.
func referenceChecksum(_ bytes: [UInt8]) -> UInt16 {
  var sum = 0
  for index in bytes.indices {
    sum += index.isMultiple(of: 2) ? Int(bytes[index]) << 8 : Int(bytes[index])
    sum = (sum & 0xFFFF) + sum >> 16
  }
  return ~UInt16(sum)
}

func octets(_ value: some FixedWidthInteger) -> [UInt8] {
  stride(from: value.bitWidth - 8, through: 0, by: -8).map {
    UInt8(truncatingIfNeeded: value >> $0)
  }
}

func octets(_ address: IPAddress) -> [UInt8] { octets(address.v4) }
func octets(_ address: HardwareAddress) -> [UInt8] { Array(octets(address.bits).dropFirst(2)) }

/// An address from its text; the tests' own constants.
func ip(_ text: String) -> IPAddress { IPAddress(text) ?? .any }
func hw(_ text: String) -> HardwareAddress { HardwareAddress(text) ?? .nobody }

/// Prefixes from their texts.
func prefixes(_ texts: String...) -> [IPv4Prefix] { texts.compactMap { IPv4Prefix($0) } }

/// An IPv4 packet, with whatever is wrong in it that a test wants.
struct IPBytes {
  var source: IPAddress
  var destination: IPAddress
  var protocolNumber: UInt8 = 17
  var payload: [UInt8] = []
  var typeOfService: UInt8 = 0
  var identification: UInt16 = 0x1234
  var dontFragment = false
  var moreFragments = false
  /// In bytes.
  var offset = 0
  var timeToLive: UInt8 = 64
  var options: [UInt8] = []
  var versionAndLength: UInt8?
  var totalLength: Int?
  var checksum: UInt16?

  var bytes: [UInt8] {
    let padded = options + [UInt8](repeating: 0, count: (4 - options.count % 4) % 4)
    let length = 20 + padded.count
    var header = [versionAndLength ?? UInt8(0x40 | length / 4), typeOfService]
    header += octets(UInt16(totalLength ?? length + payload.count))
    header += octets(identification)
    header += octets(
      UInt16((dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0) | offset / 8))
    header += [timeToLive, protocolNumber, 0, 0] + octets(source) + octets(destination) + padded
    header.replaceSubrange(10..<12, with: octets(checksum ?? referenceChecksum(header)))
    return header + payload
  }
}

enum UDPChecksum { case right, none, wrong }

func pseudoHeader(
  _ source: IPAddress, _ destination: IPAddress, _ protocolNumber: UInt8, _ length: Int
) -> [UInt8] {
  octets(source) + octets(destination) + [0, protocolNumber] + octets(UInt16(length))
}

/// A UDP datagram, without its IP header.
func udpBytes(
  from source: Endpoint, to destination: Endpoint, _ data: [UInt8],
  checksum: UDPChecksum = .right, length: Int? = nil
) -> [UInt8] {
  var bytes = octets(source.port) + octets(destination.port)
  bytes += octets(UInt16(length ?? 8 + data.count)) + [0, 0] + data
  let pseudo = pseudoHeader(source.address, destination.address, 17, length ?? bytes.count)
  var sum = referenceChecksum(pseudo + bytes)
  if sum == 0 { sum = 0xFFFF }
  switch checksum {
  case .right: bytes.replaceSubrange(6..<8, with: octets(sum))
  case .none: break
  case .wrong: bytes.replaceSubrange(6..<8, with: octets(sum == 1 ? 2 : sum ^ 1))
  }
  return bytes
}

/// A UDP datagram in its packet.
func udpPacket(
  from source: Endpoint, to destination: Endpoint, _ data: [UInt8] = [],
  checksum: UDPChecksum = .right
) -> [UInt8] {
  IPBytes(
    source: source.address, destination: destination.address,
    payload: udpBytes(from: source, to: destination, data, checksum: checksum)
  ).bytes
}

/// An ICMP message, without its IP header.
func icmpBytes(_ type: UInt8, _ code: UInt8 = 0, _ parameter: UInt32 = 0, _ data: [UInt8] = [])
  -> [UInt8]
{
  var bytes = [type, code, 0, 0] + octets(parameter) + data
  bytes.replaceSubrange(2..<4, with: octets(referenceChecksum(bytes)))
  return bytes
}

/// An ICMP message in its packet.
func icmpPacket(
  from source: IPAddress, to destination: IPAddress, _ type: UInt8, _ code: UInt8 = 0,
  _ parameter: UInt32 = 0, _ data: [UInt8] = []
) -> [UInt8] {
  IPBytes(
    source: source, destination: destination, protocolNumber: 1,
    payload: icmpBytes(type, code, parameter, data)
  ).bytes
}

/// A frame.
func frame(
  to destination: HardwareAddress, from source: HardwareAddress, type: UInt16 = 0x0800,
  _ payload: [UInt8]
) -> [UInt8] {
  octets(destination) + octets(source) + octets(type) + payload
}

/// An ARP packet in its frame.
func arpFrame(
  _ operation: UInt16, from sender: (HardwareAddress, IPAddress),
  to target: (HardwareAddress, IPAddress), frameTo destination: HardwareAddress = .everybody
) -> [UInt8] {
  frame(
    to: destination, from: sender.0, type: 0x0806,
    [0, 1, 8, 0, 6, 4] + octets(operation) + octets(sender.0) + octets(sender.1)
      + octets(target.0) + octets(target.1))
}

extension HardwareAddress {
  static var everybody: HardwareAddress { HardwareAddress(bits: 0xFFFF_FFFF_FFFF) }
  static var nobody: HardwareAddress { HardwareAddress(bits: 0) }
}
