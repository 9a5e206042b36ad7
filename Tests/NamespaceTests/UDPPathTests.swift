// Datagrams on the wire: checksums, fragments, and ways that do not exist.
import MacTCP
import MacTCPWire
import Testing

extension NamespaceTests {
  @Suite("3.5 UDP, on the wire")
  struct UDPPathTests {
    @Test("the checksum is there, and right, or it is 0, as asked for with each write")
    func checksum() async throws {
      let tunnel = try Tunnel()
      let stream = try tunnel.driver().createUDPStream()
      for isAsked in [true, false, true] {
        try await stream.write([1, 2, 3], to: Endpoint(tunnel.far, 9), checksum: isAsked)
        let (packet, datagram) = try datagram(tunnel)
        #expect(datagram.data == [1, 2, 3])
        #expect((datagram.checksum != 0) == isAsked)
        let sum = Packet.checksum(
          ProtocolNumber.udp, from: packet.source, to: packet.destination, packet.payload)
        #expect(sum.isValid == isAsked)
      }
    }

    @Test(
      "MaxMTUSize: of a path whose packets are smaller than the interface's, as routed and as learnt"
    )
    func pathMTU() async throws {
      let tunnel = try Tunnel()
      let driver = try tunnel.driver()
      #expect(try driver.maxDatagramSize(to: tunnel.far) == 1472)
      try Network.ip(
        "route add 198.51.100.0/24 via \(tunnel.router) dev \(tunnel.name) mtu 1000")
      #expect(try driver.maxDatagramSize(to: IPAddress(198, 51, 100, 1)) == 972)

      let stream = try driver.createUDPStream()
      try await stream.write([UInt8](repeating: 1, count: 1472), to: Endpoint(tunnel.far, 9))
      let packet = try datagram(tunnel).packet
      try tunnel.send(packet.icmpError(3, 4, rest: 600, from: tunnel.router))
      try await until("the kernel has learnt it") {
        try driver.maxDatagramSize(to: tunnel.far) == 572
      }
      #expect(try driver.maxDatagramSize(to: tunnel.router) == 1472)

      // The largest one goes in one packet, one byte more in two: it is never refused.
      try await stream.write([UInt8](repeating: 2, count: 572), to: Endpoint(tunnel.far, 9))
      #expect(try datagram(tunnel).datagram.data.count == 572)
      try await stream.write([UInt8](repeating: 3, count: 573), to: Endpoint(tunnel.far, 9))
      let parts = try (0..<2).map { _ in
        try tunnel.receive("a fragment") { packet in
          packet.protocolNumber == ProtocolNumber.udp ? packet : nil
        }
      }
      #expect(parts.map(\.moreFragments).sorted { $0 && !$1 } == [true, false])
      #expect(parts.reduce(0) { $0 + $1.payload.count } == 8 + 573)
    }

    /// A destination without a way to it: the route, and what calls fail with.
    struct Way: Sendable, CustomTestStringConvertible {
      let testDescription: String
      let cause: MacTCPError.Cause
      static let all = [
        Way(testDescription: "none", cause: .unreachable),
        Way(testDescription: "unreachable", cause: .unreachable),
        Way(testDescription: "prohibit", cause: .permissionDenied),
        Way(testDescription: "blackhole", cause: .other),
      ]
    }

    @Test(
      "3.1, 3.5, 3.6 no route: ipRouteErr, for an open openFailed; sentences name the host",
      arguments: Way.all)
    func noRoute(_ way: Way) async throws {
      let tunnel = try Tunnel()
      let host = IPAddress(203, 0, 113, tunnel.network)
      if way.testDescription != "none" {
        try Network.ip("route add \(way.testDescription) \(host)")
      }
      let driver = try tunnel.driver()
      let stream = try driver.createUDPStream()
      let errors = [
        try await failure { try await stream.write([1], to: Endpoint(host, 9)) },
        try await failure { try driver.maxDatagramSize(to: host) },
        try await failure { try await driver.echo(to: host) },
      ]
      for error in errors {
        #expect(error.code == .ipRouteErr && error.cause == way.cause, "\(error)")
      }
      let connection = try driver.createTCPStream(receiveBuffer: 8192)
      let events = connection.events
      let refused = try await failure { try await connection.activeOpen(to: Endpoint(host, 9)) }
      #expect(refused.code == .openFailed && refused.cause == way.cause, "\(refused)")
      for error in errors + [refused] {
        #expect(error.message.contains("\(host)") && !error.message.contains("\(host):0"))
      }
      // Nothing was sent: there was no attempt, and nobody reported anything.
      #expect(try driver.globalInfo().connectionsAttempted == 0)
      connection.release()
      #expect(await events.collected() == [])
    }

    @Test("a link that takes nothing: insufficientResources; afterwards everything works")
    func noResources() async throws {
      let tunnel = try Tunnel()
      let driver = try tunnel.driver()
      let stream = try driver.createUDPStream()
      let (connection, peer) = try await tunnel.connection(driver)
      try Network.run("tc", "qdisc replace dev \(tunnel.name) root pfifo limit 0")
      let error = try await failure { try await stream.write([1], to: Endpoint(tunnel.far, 9)) }
      #expect(error.code == .insufficientResources)
      // TCP takes it for a loss, and sends again.
      try await connection.send([7])
      try Network.run("tc", "qdisc replace dev \(tunnel.name) root pfifo limit 100")
      try await stream.write([2], to: Endpoint(tunnel.far, 9))
      #expect(try datagram(tunnel).datagram.data == [2])
      #expect(try peer.receiveData().data == [7])
    }
  }
}
