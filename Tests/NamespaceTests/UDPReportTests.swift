// What routers say of datagrams, and what that does to the stream.
import MacTCP
import Testing

extension NamespaceTests {
  @Suite("4.1 ICMP reports of UDP")
  struct UDPReportTests {
    /// An ICMP error, and the report that it becomes.
    struct Answer: Sendable, CustomTestStringConvertible {
      var type: UInt8
      var code: UInt8
      var rest: UInt32 = 0
      var report: ICMPReportType
      var additionalInfo: UInt32 = 0
      var pointer: UInt8 = 0
      var testDescription: String { "type \(type), code \(code)" }

      static let all = [
        Answer(type: 3, code: 0, report: .netUnreach),
        Answer(type: 3, code: 1, report: .hostUnreach),
        Answer(type: 3, code: 2, report: .protocolUnreach),
        Answer(type: 3, code: 3, report: .portUnreach),
        Answer(type: 3, code: 4, rest: 600, report: .fragReqd, additionalInfo: 600),
        Answer(type: 3, code: 5, report: .sourceRouteFailed),
        Answer(type: 3, code: 7, report: .hostUnreach),
        Answer(type: 3, code: 9, report: .netUnreach),
        Answer(type: 3, code: 13, report: .hostUnreach),
        Answer(type: 11, code: 0, report: .timeExceeded),
        Answer(type: 12, code: 0, rest: 20 << 24, report: .parmProblem, pointer: 20),
        Answer(type: 12, code: 1, report: .missingOption),
      ]
    }

    @Test(
      "every type: the report, with the datagram's destination; the stream goes on as if nothing had come",
      arguments: Answer.all)
    func types(_ answer: Answer) async throws {
      let tunnel = try Tunnel()
      let stream = try tunnel.driver().createUDPStream()
      let events = stream.events
      let read = stream.issueRead()
      let remote = Endpoint(tunnel.far, 9)
      let local = Endpoint(tunnel.near, stream.port)
      try await stream.write([UInt8](repeating: 1, count: 1000), to: remote)
      let packet = try datagram(tunnel).packet
      try tunnel.send(
        packet.icmpError(answer.type, answer.code, rest: answer.rest, from: tunnel.router))
      let report = ICMPReport(
        type: answer.report, local: local, remote: remote, additionalInfo: answer.additionalInfo,
        pointer: answer.pointer)
      #expect(try await events.first() == .icmpReceived(report))
      try await goesOn(stream, tunnel, read)
    }

    @Test(
      "an error that nobody listens for is no error of the calls that follow", arguments: Answer.all
    )
    func unheard(_ answer: Answer) async throws {
      let tunnel = try Tunnel()
      let stream = try tunnel.driver().createUDPStream()
      try await stream.write([UInt8](repeating: 1, count: 1000), to: Endpoint(tunnel.far, 9))
      let packet = try datagram(tunnel).packet
      for _ in 0..<3 {
        try tunnel.send(
          packet.icmpError(answer.type, answer.code, rest: answer.rest, from: tunnel.router))
        try await stream.write([2], to: Endpoint(tunnel.far, 9))
        #expect(try datagram(tunnel).datagram.data == [2])
      }
      try await goesOn(stream, tunnel, stream.issueRead())
    }

    @Test("time exceeded in a reassembly, and what is no error at all, is not told of")
    func ignored() async throws {
      let tunnel = try Tunnel()
      let stream = try tunnel.driver().createUDPStream()
      let events = stream.events
      let remote = Endpoint(tunnel.far, 9)
      try await stream.write([1], to: remote)
      let packet = try datagram(tunnel).packet
      // A source quench, a redirect, and codes that nobody has defined are among them.
      let ignored: [(UInt8, UInt8)] = [(11, 1), (4, 0), (5, 1), (3, 16), (12, 9), (40, 0)]
      for (type, code) in ignored + [(3, 1)] {
        try tunnel.send(packet.icmpError(type, code, from: tunnel.router))
      }
      let local = Endpoint(tunnel.near, stream.port)
      #expect(
        try await events.first()
          == .icmpReceived(ICMPReport(type: .hostUnreach, local: local, remote: remote)))
    }

    @Test("a multi-port stream: the report names the port that the datagram went from")
    func multiPort() async throws {
      let tunnel = try Tunnel()
      let stream = try tunnel.driver().createUDPStream(
        receiveBuffer: 2048, ports: 5000...5003, address: .any)
      let events = stream.events
      for port in stream.ports.reversed() {
        let remote = Endpoint(tunnel.far, port + 1000)
        try await stream.write([1], to: remote, from: port)
        try tunnel.send(datagram(tunnel).packet.icmpError(3, 1, from: tunnel.router))
        let report = ICMPReport(
          type: .hostUnreach, local: Endpoint(tunnel.near, port), remote: remote)
        #expect(try await events.first() == .icmpReceived(report))
      }
      // Each port receives, and none is starved by the errors of another.
      for port in stream.ports {
        try tunnel.send(
          UserDatagram.packet(
            [1], from: Endpoint(tunnel.far, 9), to: Endpoint(tunnel.near, port)))
        #expect(try await stream.read().localPort == port)
      }
    }

    private func goesOn(
      _ stream: UDPStream, _ tunnel: Tunnel, _ read: Command<ReceivedDatagram>
    ) async throws {
      let remote = Endpoint(tunnel.far, 9)
      #expect(!read.isDone)
      try await stream.write([3], to: remote)
      #expect(try datagram(tunnel).datagram.data == [3])
      try tunnel.send(
        UserDatagram.packet([4], from: remote, to: Endpoint(tunnel.near, stream.port)))
      #expect(try await read.value.data == [4])
    }
  }
}

/// The next datagram on the link.
func datagram(_ tunnel: Tunnel) throws -> (packet: Packet, datagram: UserDatagram) {
  try tunnel.receive("a datagram") { packet in UserDatagram(packet).map { (packet, $0) } }
}
