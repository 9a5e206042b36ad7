import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Ethernet frames")
struct FrameTests {
  @Test("A frame that is too short, of another type, or with a length for a type, is dropped")
  func unknown() throws {
    let host = try TestHost.withNeighbor()
    let before = host.drops[.unknownFrame] ?? 0
    let packet = icmpPacket(from: TestHost.peer, to: TestHost.address, 8)
    let good = frame(to: TestHost.hardware, from: TestHost.peerHardware, packet)
    for length in 0..<14 { host.receive(Array(good.prefix(length))) }
    for type: UInt16 in [0x86DD, 0x0801, 0x05DC, 0] {
      host.receive(frame(to: TestHost.hardware, from: TestHost.peerHardware, type: type, packet))
    }
    #expect(host.drops == [.unknownFrame: before + 18])
    try host.sendsNothing()
    host.receive(good)
    #expect(try host.sentOne().icmpType == 0)
  }

  @Test("Frames for other hosts, and such as come from a group, are dropped")
  func others() throws {
    let host = try TestHost.withNeighbor()
    let packet = icmpPacket(from: TestHost.peer, to: TestHost.address, 8)
    host.receive(frame(to: hw("02:00:00:00:00:09"), from: TestHost.peerHardware, packet))
    host.receive(frame(to: TestHost.hardware, from: hw("03:00:00:00:00:09"), packet))
    host.receive(frame(to: TestHost.hardware, from: .everybody, packet))
    #expect(host.drops == [.frameForAnother: 3])
    try host.sendsNothing()
  }

  @Test("One host's address in a frame for many is dropped (RFC 1122 §3.3.6)")
  func unicastInBroadcast() throws {
    let host = try TestHost.withNeighbor()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    let packet = udpPacket(
      from: Endpoint(TestHost.peer, 1), to: Endpoint(TestHost.address, 7000), [1])
    host.receive(ip: packet, to: .everybody)
    host.receive(ip: packet, to: hw("01:00:5e:00:00:01"))
    #expect(host.drops == [.frameForAnother: 2])
    #expect(try host.read(stream) == nil)
    host.receive(ip: packet)
    #expect(try host.read(stream) != nil)
  }

  @Test("A frame's padding is not the packet's")
  func padding() throws {
    let host = try TestHost.withNeighbor()
    let packet = icmpPacket(from: TestHost.peer, to: TestHost.address, 8, 0, 1, [3])
    host.receive(ip: packet + [UInt8](repeating: 0xEE, count: 17))
    #expect(try host.sentOne().data == [3])
  }

  @Test("Broadcasts and multicasts need no address resolution (RFC 1112 §6.4)")
  func groups() throws {
    let host = try TestHost.onEthernet()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    for (address, hardware) in [
      ("255.255.255.255", "ff:ff:ff:ff:ff:ff"), ("192.0.2.255", "ff:ff:ff:ff:ff:ff"),
      ("224.0.0.251", "01:00:5e:00:00:fb"), ("239.255.255.250", "01:00:5e:7f:ff:fa"),
    ] {
      try host.send(stream, to: Endpoint(ip(address), 9), [1])
      let packet = try host.sentOne()
      #expect(packet.link?.destination == hw(hardware))
      #expect(packet.ip.timeToLive == (ip(address).isMulticast ? 1 : 64))
    }
    #expect(host.engine.neighbors.isEmpty)
  }

  @Test("A frame has room for the MTU and 14 bytes")
  func largest() throws {
    let host = try TestHost.withNeighbor()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    try host.send(stream, to: Endpoint(TestHost.peer, 9), [UInt8](repeating: 1, count: 1472))
    #expect(host.transmitted().map(\.count) == [1514])
  }
}
