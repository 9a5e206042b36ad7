import MacTCPEngine
import MacTCPWire
import Testing

@Suite("The path MTU of TCP")
struct PathMTUOfTCPTests {
  /// "Fragmentation needed" about a datagram with DF from port 7000 to the peer.
  private func report(_ host: OneHost, mtu: UInt32) {
    let quoted = IPBytes(
      source: OneHost.address, destination: OneHost.peerAddress, protocolNumber: 17,
      payload: octets(UInt16(7_000)) + octets(UInt16(53)) + [0, 0, 0, 0], dontFragment: true,
      totalLength: 1_500)
    host.receive(
      icmpPacket(from: ip("10.0.0.254"), to: OneHost.address, 3, 4, mtu, quoted.bytes))
  }

  @Test("A report about a datagram, which is easily forged, makes no crumbs (RFC 5927 §7.3)")
  func datagrams() throws {
    let host = try OneHost()
    _ = try host.engine.createUDPStream(on: 7_000, at: host.now)
    let open = try host.connect()
    report(host, mtu: 68)
    #expect(try host.engine.maximumDatagramSize(to: OneHost.peerAddress) == 40)
    try host.send(open, 1_072)
    #expect(host.takeSent() == ["ACK 1:537 ack 1", "PSH,ACK 537:1073 ack 1"])
    #expect(try host.status(open).maximumSegmentSize == 536)
    // Nor for a connection that begins later.
    host.port = 81
    let later = try host.connect()
    #expect(try host.status(later).maximumSegmentSize == 536)
  }
}
