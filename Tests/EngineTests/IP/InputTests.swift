import MacTCPEngine
import MacTCPWire
import Testing

@Suite("IP packets that come")
struct InputTests {
  private func datagram(_ change: (inout IPBytes) -> Void = { _ in }) -> [UInt8] {
    var packet = IPBytes(source: TestHost.peer, destination: TestHost.address)
    change(&packet)
    packet.payload = udpBytes(
      from: Endpoint(packet.source, 5000), to: Endpoint(packet.destination, 7000), [1])
    return packet.bytes
  }

  @Test("A header that cannot be is dropped, at every length a packet can be cut to")
  func badHeaders() throws {
    let host = try TestHost()
    let good = datagram()
    for length in 0..<good.count { host.receive(Array(good.prefix(length))) }
    #expect(host.drops == [.badIPHeader: UInt64(good.count)])
    host.receive(datagram { $0.versionAndLength = 0x65 })
    host.receive(datagram { $0.versionAndLength = 0x44 })
    host.receive(datagram { $0.versionAndLength = 0x4F })
    host.receive(datagram { $0.totalLength = 19 })
    host.receive(datagram { $0.totalLength = 100 })
    #expect(host.drops == [.badIPHeader: UInt64(good.count) + 5])
    try host.sendsNothing()
  }

  @Test("A wrong header checksum is told from a wrong header")
  func badChecksum() throws {
    let host = try TestHost()
    for bit in 0..<160 {
      var packet = datagram()
      packet[bit / 8] ^= UInt8(1 << (bit % 8))
      host.receive(packet)
    }
    #expect(host.drops.keys.allSatisfy { $0 == .badIPChecksum || $0 == .badIPHeader })
    #expect(host.drops.values.reduce(0, +) == 160)
    try host.sendsNothing()
  }

  @Test(
    "A source that is no single other host is refused (RFC 1122 §3.2.1.3)",
    arguments: [
      "0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
      "255.255.255.255", "192.0.2.255", "192.0.2.0", "192.0.2.1",
    ])
  func badSources(_ source: String) throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    host.receive(datagram { $0.source = ip(source) })
    #expect(host.drops == [.badSource: 1])
    #expect(try host.read(stream) == nil)
    try host.sendsNothing()
  }

  @Test("Packets for others, for groups, and for loopback addresses from outside are dropped")
  func otherDestinations() throws {
    let host = try TestHost()
    for destination in ["192.0.2.9", "198.51.100.1", "127.0.0.1", "0.0.0.0", "240.0.0.1"] {
      host.receive(datagram { $0.destination = ip(destination) })
    }
    #expect(host.drops == [.packetForAnother: 5])
    host.receive(datagram { $0.destination = ip("224.0.0.251") })
    #expect(host.drops[.multicast] == 1)
    try host.sendsNothing()
  }

  @Test("Broadcasts reach UDP, and nothing about them is answered")
  func broadcasts() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    for destination in ["255.255.255.255", "192.0.2.255", "192.0.2.0"] {
      host.receive(datagram { $0.destination = ip(destination) })
      let datagram = try #require(try host.read(stream))
      #expect(datagram.0.destination.address == ip(destination))
      host.receive(udpPacket(from: Endpoint(TestHost.peer, 1), to: Endpoint(ip(destination), 2)))
      host.receive(icmpPacket(from: TestHost.peer, to: ip(destination), 8))
      host.receive(datagram0(protocol: 99, to: ip(destination)))
      host.receive(datagram0(protocol: 6, to: ip(destination)))
    }
    try host.sendsNothing()
    #expect(host.drops[.noUDPPort] == 3 && host.drops[.unknownProtocol] == 3)
  }

  private func datagram0(protocol number: UInt8, to destination: IPAddress) -> [UInt8] {
    IPBytes(
      source: TestHost.peer, destination: destination, protocolNumber: number,
      payload: [UInt8](repeating: 0, count: 40)
    ).bytes
  }

  @Test("What is behind the packet's own end is not the packet's")
  func trailer() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    host.receive(datagram() + [0xEE, 0xEE, 0xEE])
    #expect(try #require(try host.read(stream)).1 == [1])
    host.receive(icmpPacket(from: TestHost.peer, to: TestHost.address, 8, 0, 7, [5]) + [0xEE])
    #expect(try host.sentOne().data == [5])
  }

  @Test("A packet whose time to live ends here is received (RFC 1122 §3.2.1.7)")
  func timeToLive() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    host.receive(datagram { $0.timeToLive = 0 })
    #expect(try host.read(stream) != nil)
  }

  @Test("An unknown protocol is answered with protocol unreachable and the start of the packet")
  func unknownProtocol() throws {
    let host = try TestHost()
    let packet = datagram0(protocol: 99, to: TestHost.address)
    host.receive(packet)
    let answer = try host.sentOne()
    #expect(answer.icmpType == 3 && answer.icmpCode == 2 && answer.data == packet)
    #expect(answer.ip.destination == TestHost.peer)
    #expect(host.drops == [.unknownProtocol: 1])
  }

  // MARK: Options

  @Test("Options are passed over, known ones and others")
  func options() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    let all: [[UInt8]] = [
      [1, 1, 1, 0], [0], [7, 7, 4, 0, 0, 0, 0, 0], [148, 4, 0, 0], [0xDE, 4, 1, 2, 1],
      [68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0], [UInt8](repeating: 1, count: 40), [0, 0xDE, 0, 0],
      // Security, of 11 bytes; and a source route that has been followed to its end.
      [130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0], [131, 7, 8, 198, 51, 100, 1],
    ]
    for options in all {
      host.receive(datagram { $0.options = options })
      // They are the receiver's to look at (RFC 1122 §4.1.3.2).
      let (datagram, data) = try #require(try host.read(stream))
      #expect(datagram.ipOptions.starts(with: options) && data == [1] && datagram.length == 1)
    }
    #expect(host.drops.isEmpty)
  }

  private static let malformed: [(options: [UInt8], pointer: UInt8)] = [
    ([1, 1, 1, 0x44], 23), ([1, 1, 0x07, 1], 22), ([0x07, 0, 0, 0], 20), ([1, 0x83, 200, 0], 21),
    ([131, 2, 1, 1], 20),
    // Two source routes.
    ([131, 7, 8, 1, 1, 1, 1, 131, 7, 8, 2, 2, 2, 2], 27),
  ]

  @Test(
    "A malformed option is answered with a parameter problem that points to it",
    arguments: malformed)
  func malformedOptions(_ options: [UInt8], pointer: UInt8) throws {
    let host = try TestHost()
    _ = try host.engine.createUDPStream(on: 7000, at: host.now)
    host.receive(datagram { $0.options = options })
    let answer = try host.sentOne()
    #expect(answer.icmpType == 12 && answer.icmpCode == 0)
    #expect(UInt8(answer.icmpParameter >> 24) == pointer)
    #expect(host.drops == [.badIPHeader: 1])
  }

  @Test("A host on a source route that goes on does not pass the packet on (RFC 1122 §3.3.5)")
  func sourceRouteForOthers() throws {
    let host = try TestHost()
    host.receive(datagram { $0.options = [131, 7, 4, 198, 51, 100, 1] })
    let answer = try host.sentOne()
    #expect(answer.icmpType == 3 && answer.icmpCode == 5)
    #expect(host.drops == [.packetForAnother: 1])
  }

  @Test("An echo that came by a source route goes back the same way (RFC 1122 §3.2.2.6)")
  func echoBySourceRoute() throws {
    let host = try TestHost()
    let route: [UInt8] = [1, 131, 11, 12, 10, 0, 0, 1, 10, 0, 0, 2]
    host.receive(
      IPBytes(
        source: ip("198.51.100.7"), destination: TestHost.address, protocolNumber: 1,
        payload: icmpBytes(8, 0, 5, [1]), options: route
      ).bytes)
    let reply = try host.sentOne()
    #expect(reply.icmpType == 0 && reply.ip.destination == ip("10.0.0.2"))
    #expect(reply.ip.options == [131, 11, 4, 10, 0, 0, 1, 198, 51, 100, 7, 0])
  }
}
