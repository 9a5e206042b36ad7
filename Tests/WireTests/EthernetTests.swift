import MacTCPWire
import Testing

/// Ethernet II and ARP: RFC 894, RFC 826, RFC 5227. The golden bytes are what scapy 2.5.0 makes of `Ether()` and
/// `ARP()` with these fields.
@Suite("Ethernet and ARP") struct EthernetTests {
  private static let one = HardwareAddress(bits: 0x0200_0000_0001)
  private static let two = HardwareAddress(bits: 0x0200_0000_0002)
  private static let host = IPAddress(192, 0, 2, 1)
  private static let peer = IPAddress(192, 0, 2, 2)
  private static let free = IPAddress(192, 0, 2, 9)

  private static let header = EthernetHeader(destination: .broadcast, source: one, etherType: .arp)
  private static let headerBytes = hex("ffffffffffff 020000000001 0806")

  private static let request = ARPPacket(
    operation: .request, senderHardware: one, sender: host, target: peer)
  private static let packets: [(ARPPacket, String)] = [
    (request, "0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202"),
    (
      ARPPacket(
        operation: .reply, senderHardware: one, sender: peer, targetHardware: two, target: host),
      "0001 0800 06 04 0002 020000000001 c0000202 020000000002 c0000201"
    ),
    (
      .probe(for: free, from: one),
      "0001 0800 06 04 0001 020000000001 00000000 000000000000 c0000209"
    ),
    (
      .announcement(of: free, from: one),
      "0001 0800 06 04 0001 020000000001 c0000209 000000000000 c0000209"
    ),
  ]

  // MARK: Hardware addresses

  @Test("Addresses are read and printed as six pairs of hexadecimal digits")
  func text() {
    #expect(HardwareAddress("02:00:5e:10:00:ff")?.bits == 0x0200_5E10_00FF)
    #expect(HardwareAddress("AB:cd:EF:01:02:03")?.description == "ab:cd:ef:01:02:03")
    #expect(HardwareAddress.broadcast.description == "ff:ff:ff:ff:ff:ff")
    let refused = [
      "", ":", ":::::", "02:00:5e:10:00", "02:00:5e:10:00:00:00", "2:00:5e:10:00:00",
      "02-00-5e-10-00-00", "02:00:5e:10:00:0g", "02:00:5e:10:00:000", " 02:00:5e:10:00:00",
      "02:00:5e:10:00:00:", "+2:00:5e:10:00:00", "０２:00:5e:10:00:00",
    ]
    for text in refused { #expect(HardwareAddress(text) == nil, "\(text)") }
  }

  @Test("Broadcast, multicast and local addresses are told by their bits")
  func kinds() {
    #expect(HardwareAddress.broadcast.isBroadcast && HardwareAddress.broadcast.isMulticast)
    let group = HardwareAddress(multicast: IPAddress(224, 129, 2, 3))
    #expect(group.description == "01:00:5e:01:02:03")
    #expect(group.isMulticast && !group.isBroadcast && !group.isLocal)
    #expect(!Self.one.isMulticast && !Self.one.isBroadcast && Self.one.isLocal)
    #expect(HardwareAddress(bits: .max) == .broadcast)
    #expect(!HardwareAddress.zero.isMulticast)
  }

  // MARK: Ethernet

  @Test("A header is written as the golden bytes and parsed from them, whatever follows")
  func header() throws {
    try expectRoom(for: 14, Self.header.write)
    #expect(try written(Self.header.write) == Self.headerBytes)
    #expect(try EthernetHeader(parsing: Self.headerBytes.span) == Self.header)
    #expect(try EthernetHeader(parsing: (Self.headerBytes + [1, 2, 3]).span) == Self.header)
  }

  @Test("Below 14 bytes every length is truncated")
  func truncatedHeader() {
    for count in 0..<14 {
      let cut = Self.headerBytes.span.extracting(first: count)
      #expect(throws: WireError.truncated) { try EthernetHeader(parsing: cut) }
    }
  }

  @Test("A length in place of the type, below 0x0600, is a frame of another kind")
  func lengthField() throws {
    var bytes = Self.headerBytes
    bytes[12] = 0x05
    bytes[13] = 0xFF
    #expect(throws: WireError.wrongType) { try EthernetHeader(parsing: bytes.span) }
    bytes[12] = 0x06
    bytes[13] = 0x00
    #expect(try EthernetHeader(parsing: bytes.span).etherType.rawValue == 0x0600)
  }

  // MARK: ARP

  @Test(
    "Request, reply, probe and announcement are written as the golden bytes and parsed from them")
  func packets() throws {
    for (packet, text) in Self.packets {
      try expectRoom(for: 28, packet.write)
      #expect(try written(packet.write) == hex(text))
      #expect(try ARPPacket(parsing: hex(text).span) == packet)
      #expect(try ARPPacket(parsing: (hex(text) + [UInt8](repeating: 0, count: 18)).span) == packet)
      for count in 0..<28 {
        let bytes = hex(text)
        let cut = bytes.span.extracting(first: count)
        #expect(throws: WireError.truncated) { try ARPPacket(parsing: cut) }
      }
    }
  }

  @Test("A probe has no sender, an announcement its own address as target (RFC 5227 §1.1)")
  func probes() {
    #expect(Self.packets.map(\.0.isProbe) == [false, false, true, false])
    #expect(Self.packets.map(\.0.isAnnouncement) == [false, false, false, true])
    var reply = Self.packets[3].0
    reply.operation = .reply
    #expect(!reply.isAnnouncement && !reply.isProbe)
    let nothing = ARPPacket.probe(for: .any, from: Self.one)
    #expect(!nothing.isProbe && !nothing.isAnnouncement)
  }

  @Test("The reply has sender and target exchanged, and the answering host's hardware address")
  func reply() {
    let reply = Self.request.reply(from: Self.two)
    #expect(reply.operation == .reply)
    #expect(reply.sender == Self.peer && reply.senderHardware == Self.two)
    #expect(reply.target == Self.host && reply.targetHardware == Self.one)
  }

  @Test("Other hardware, protocols, operations and lengths are refused")
  func refused() {
    let good = hex(Self.packets[0].1)
    let changes: [(Int, UInt8, WireError)] = [
      (0, 1, .wrongType), (1, 6, .wrongType), (2, 0x86, .wrongType), (3, 6, .wrongType),
      (4, 8, .badLength), (4, 0, .badLength), (5, 16, .badLength), (5, 0, .badLength),
      (6, 1, .wrongType), (7, 0, .wrongType), (7, 3, .wrongType),
    ]
    for (offset, value, error) in changes {
      var bytes = good
      bytes[offset] = value
      #expect(throws: error, "byte \(offset)") { try ARPPacket(parsing: bytes.span) }
    }
  }
}
