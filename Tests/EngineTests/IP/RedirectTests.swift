import MacTCPEngine
import MacTCPWire
import Testing

@Suite("ICMP redirects (RFC 1122 §3.2.2.2, §3.3.1.2)")
struct RedirectTests {
  static let router = ip("192.0.2.254")
  static let routerHardware = hw("02:00:00:00:00:fe")
  static let other = ip("192.0.2.253")
  static let otherHardware = hw("02:00:00:00:00:fd")
  static let remote = Endpoint(ip("198.51.100.7"), 5000)

  /// A host with two routers on its link, of which the routes know one, and a stream with the port 7000.
  private func host(follows: Bool = true) throws -> (TestHost, UDPStreamID) {
    let host = try TestHost.onEthernet {
      $0.routes = [.init(to: prefixes("0.0.0.0/0")[0], gateway: Self.router)]
      $0.followsRedirects = follows
    }
    for (hardware, address) in [
      (Self.routerHardware, Self.router), (Self.otherHardware, Self.other),
    ] {
      host.receive(arpFrame(1, from: (hardware, address), to: (.nobody, TestHost.address)))
    }
    _ = try host.sent()
    return (host, try host.engine.createUDPStream(on: 7000, at: host.now))
  }

  /// A redirect about a datagram from the stream to the remote host.
  private func redirect(
    _ host: TestHost, to gateway: IPAddress = RedirectTests.other,
    from sender: IPAddress = RedirectTests.router, code: UInt8 = 1, port: UInt16 = 7000,
    source: IPAddress = TestHost.address, destination: IPAddress = RedirectTests.remote.address
  ) {
    let quoted = IPBytes(
      source: source, destination: destination, protocolNumber: 17,
      payload: octets(port) + octets(Self.remote.port) + [0, 0, 0, 0], totalLength: 100
    ).bytes
    let message = icmpPacket(from: sender, to: TestHost.address, 5, code, gateway.v4, quoted)
    host.receive(frame(to: TestHost.hardware, from: Self.routerHardware, message))
  }

  /// Whom the next datagram to a remote host is given to.
  private func firstHop(
    _ host: TestHost, _ stream: UDPStreamID, to remote: Endpoint = RedirectTests.remote
  ) throws -> HardwareAddress {
    try host.send(stream, to: remote, [1])
    let packet = try #require(host.transmitted().first)
    return try EthernetHeader(parsing: packet.span).destination
  }

  @Test(
    "A redirect leads packets to its destination to the other router, for ten minutes",
    arguments: [0, 1, 2, 3] as [UInt8])
  func follows(code: UInt8) throws {
    let (host, stream) = try host()
    #expect(try firstHop(host, stream) == Self.routerHardware)
    redirect(host, code: code)
    #expect(try firstHop(host, stream) == Self.otherHardware)
    // No other destination is meant, whatever network it is in.
    let neighbor = Endpoint(ip("198.51.100.8"), 5000)
    #expect(try firstHop(host, stream, to: neighbor) == Self.routerHardware)
    #expect(host.engine.counters.icmp.redirectsFollowed == 1)
    let events = host.events()
    #expect(events.isEmpty)
    for _ in 0..<20 {
      try host.pass(30_000_000)
      for (hardware, address) in [
        (Self.routerHardware, Self.router), (Self.otherHardware, Self.other),
      ] {
        host.receive(arpFrame(1, from: (hardware, address), to: (.nobody, TestHost.address)))
      }
      _ = try host.sent()
    }
    #expect(try firstHop(host, stream) == Self.routerHardware)
  }

  @Test("Nothing is followed where the configuration does not say so, and all is counted")
  func isOff() throws {
    let (host, stream) = try host(follows: false)
    redirect(host)
    #expect(try firstHop(host, stream) == Self.routerHardware)
    #expect(host.engine.counters.icmp.redirectsReceived == 1)
    #expect(host.engine.counters.icmp.redirectsFollowed == 0)
  }

  @Test("Forged and senseless redirects are dropped")
  func refused() throws {
    let (host, stream) = try host()
    _ = try firstHop(host, stream)
    // Not from the router in use.
    redirect(host, from: Self.other)
    redirect(host, from: Self.remote.address)
    // To a host that is not on the link, to this one, to many, to the same.
    redirect(host, to: ip("203.0.113.1"))
    redirect(host, to: Self.remote.address)
    redirect(host, to: TestHost.address)
    redirect(host, to: ip("192.0.2.255"))
    redirect(host, to: .broadcast)
    redirect(host, to: .any)
    redirect(host, to: Self.router)
    // About nothing that was sent from here.
    redirect(host, port: 7001)
    redirect(host, source: TestHost.peer)
    // About a host on the link.
    redirect(host, from: TestHost.peer, destination: TestHost.peer)
    #expect(try firstHop(host, stream) == Self.routerHardware)
    #expect(host.engine.counters.icmp.redirectsReceived == 12)
    #expect(host.engine.counters.icmp.redirectsFollowed == 0)
    #expect(host.drops == [.unrelatedICMP: 12])
  }

  @Test("A segment must be outstanding (RFC 5927 §4.1)")
  func segments() throws {
    let (host, _) = try host()
    let id = try host.engine.createConnection()
    try host.engine.activeOpen(id, to: Self.remote, from: Endpoint(.any, 7000), at: host.now)
    let syn = try host.sentOne().ip.payload
    let sequence = syn[4..<8].reduce(0) { $0 << 8 | Int($1) }
    for (offset, followed) in [(1, 0), (-1, 0), (0, 1)] as [(Int, UInt64)] {
      let quoted = IPBytes(
        source: TestHost.address, destination: Self.remote.address, protocolNumber: 6,
        payload: octets(7000 as UInt16) + octets(Self.remote.port)
          + octets(UInt32(truncatingIfNeeded: sequence + offset)), totalLength: 40
      ).bytes
      let message = icmpPacket(
        from: Self.router, to: TestHost.address, 5, 1, Self.other.v4, quoted)
      host.receive(frame(to: TestHost.hardware, from: Self.routerHardware, message))
      #expect(host.engine.counters.icmp.redirectsFollowed == followed)
    }
  }

  @Test(
    "A router that does not answer any more is left for the one of the routes (RFC 1122 §3.3.1.4)")
  func deadRouter() throws {
    let (host, stream) = try host()
    redirect(host)
    #expect(try firstHop(host, stream) == Self.otherHardware)
    // Its entry is old, and nobody answers the requests.
    for _ in 0..<100 {
      try host.send(stream, to: Self.remote, [1])
      _ = try host.sent()
      try host.pass(1_000_000)
      host.receive(
        arpFrame(
          1, from: (Self.routerHardware, Self.router), to: (.nobody, TestHost.address)))
      _ = try host.sent()
    }
    #expect(try firstHop(host, stream) == Self.routerHardware)
  }

  @Test("The table is bounded, the oldest gives way")
  func bound() throws {
    let (host, stream) = try host()
    let remotes = (1...65).map { Endpoint(IPAddress(198, 51, 100, $0), 5000) }
    for remote in remotes { redirect(host, destination: remote.address) }
    #expect(host.engine.counters.icmp.redirectsFollowed == 65)
    #expect(try firstHop(host, stream, to: remotes[0]) == Self.routerHardware)
    #expect(try firstHop(host, stream, to: remotes[1]) == Self.otherHardware)
    #expect(try firstHop(host, stream, to: remotes[64]) == Self.otherHardware)
  }
}
