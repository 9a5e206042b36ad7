// The echo beside the wire, over both kinds of socket.
import MacTCP
import MacTCPWire
import Testing

extension NamespaceTests {
  @Suite("3.6 ICMP echo, on the wire")
  struct EchoTests {
    /// What an echo is sent by: a raw socket where ping sockets are for no group of users, as they are in a new network.
    enum Socket: String, CaseIterable { case raw, ping }

    @Test(
      "a request is answered; one that is reported unreachable is ipDestDeadErr at once",
      arguments: Socket.allCases)
    func echo(_ socket: Socket) async throws {
      let tunnel = try Tunnel()
      let driver = try tunnel.driver()
      // It stays so: no other test cares.
      if socket == .ping { try Network.set("ipv4/ping_group_range", "0 0") }
      let start = ContinuousClock.now
      for (type, code) in [(3, 0), (3, 1), (3, 2), (11, 0)] as [(UInt8, UInt8)] {
        let echo = driver.issueEcho(to: tunnel.far, data: [1, 2], timeout: .seconds(50))
        try tunnel.send(request(tunnel).icmpError(type, code, from: tunnel.router))
        let error = try #require(await echo.error)
        #expect(error.code == .ipDestDeadErr && error.cause == .unreachable)
        #expect(error.message.contains("\(tunnel.far)"))
      }
      #expect(ContinuousClock.now - start < .seconds(50))

      let echo = driver.issueEcho(to: tunnel.far, data: [1, 2], timeout: .seconds(20))
      let other = driver.issueEcho(to: tunnel.router, data: [3], timeout: .seconds(20))
      let packets = try [request(tunnel), request(tunnel)]
      let unanswered = try #require(packets.first { $0.destination == tunnel.router })
      let answered = try #require(packets.first { $0.destination == tunnel.far })
      // An error of another echo comes first: it is not this one's, and keeps no reply back.
      try tunnel.send(unanswered.icmpError(3, 1, from: tunnel.router))
      try tunnel.send(reply(to: answered))
      let reply = try await echo.value
      #expect(reply.from == tunnel.far && reply.data == [1, 2])
      #expect(await other.error?.code == .ipDestDeadErr)
    }

    private func request(_ tunnel: Tunnel) throws -> Packet {
      try tunnel.receive("an echo request") { packet in
        packet.protocolNumber == ProtocolNumber.icmp && packet.payload.first == 8 ? packet : nil
      }
    }

    private func reply(to request: Packet) -> Packet {
      var message = request.payload
      message.replaceSubrange(0..<4, with: [0, 0, 0, 0])
      message.replaceSubrange(2..<4, with: InternetChecksum(of: message.span).value.octets)
      return Packet(
        ProtocolNumber.icmp, from: request.destination, to: request.source, message)
    }
  }
}
