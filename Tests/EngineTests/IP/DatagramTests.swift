import MacTCPEngine
import MacTCPWire
import Testing

@Suite("UDP")
struct DatagramTests {
  let peer = Endpoint(TestHost.peer, 5000)

  @Test(
    "A datagram goes out with the right header, and one that comes is received with who sent it")
  func bothWays() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    try host.send(stream, to: peer, [1, 2, 3])
    let packet = try host.sentOne()
    #expect(packet.ip.source == TestHost.address && packet.ip.destination == TestHost.peer)
    #expect(packet.ports! == (7000, 5000))
    #expect(packet.data == [1, 2, 3])
    #expect(packet.ip.timeToLive == 64 && !packet.ip.dontFragment)

    host.receive(udpPacket(from: peer, to: Endpoint(TestHost.address, 7000), [4, 5]))
    #expect(host.events() == [.datagramArrived(stream)])
    let (datagram, data) = try #require(try host.read(stream))
    #expect(data == [4, 5])
    #expect(datagram.source == peer && datagram.length == 2)
    #expect(datagram.destination == Endpoint(TestHost.address, 7000))
    #expect(try host.read(stream) == nil)
    #expect(host.engine.memoryInUse < 70_000)
  }

  @Test("An echo request is answered with its data, identifier and sequence number")
  func echo() throws {
    let host = try TestHost()
    host.receive(
      icmpPacket(from: TestHost.peer, to: TestHost.address, 8, 0, 0xABCD_0001, [9, 8, 7]))
    let reply = try host.sentOne()
    #expect(reply.icmpType == 0 && reply.icmpParameter == 0xABCD_0001 && reply.data == [9, 8, 7])
    #expect(reply.ip.destination == TestHost.peer)
    #expect(host.engine.counters.icmp.echoesAnswered == 1)
  }

  @Test("What is sent to the host itself comes in again, and never gets on the link")
  func loopback() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    for address in [TestHost.address, .loopback, ip("127.1.2.3")] {
      try host.send(stream, to: Endpoint(address, 7000), [1])
      try host.sendsNothing()
      let (datagram, data) = try #require(try host.read(stream))
      #expect(data == [1] && datagram.source == Endpoint(address, 7000))
    }
    let id = try host.ping(.loopback, [1, 2, 3])
    try host.sendsNothing()
    #expect(host.events().contains(.echoReply(id, roundTrip: 0)))
  }
}
