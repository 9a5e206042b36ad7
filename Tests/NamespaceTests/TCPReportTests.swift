// What routers say of TCP's segments, and what the kernel makes of it.
import MacTCP
import Testing

extension NamespaceTests {
  @Suite("4.1 ICMP errors of TCP")
  struct TCPReportTests {
    /// An ICMP error in answer to a SYN, and what comes of it.
    struct Answer: Sendable, CustomTestStringConvertible {
      var type: UInt8
      var code: UInt8
      var report: ICMPReportType?
      var cause = MacTCPError.Cause.unreachable
      var testDescription: String { "type \(type), code \(code)" }

      static let all = [
        Answer(type: 3, code: 0, report: .netUnreach),
        Answer(type: 3, code: 1, report: .hostUnreach),
        Answer(type: 3, code: 2, report: .protocolUnreach),
        // The kernel makes no difference between this and a reset.
        Answer(type: 3, code: 3, report: nil, cause: .refused),
        Answer(type: 3, code: 5, report: .sourceRouteFailed),
        Answer(type: 3, code: 6, report: .netUnreach),
        Answer(type: 3, code: 7, report: .hostUnreach),
        Answer(type: 3, code: 8, report: .hostUnreach),
        Answer(type: 3, code: 13, report: .hostUnreach),
        // Nor between this and an unreachable host.
        Answer(type: 11, code: 0, report: .hostUnreach),
        Answer(type: 12, code: 0, report: .parmProblem),
      ]
    }

    @Test(
      "an ICMP error for a SYN: openFailed, TCPICMPReceived with its report", arguments: Answer.all)
    func open(_ answer: Answer) async throws {
      let tunnel = try Tunnel()
      let driver = try tunnel.driver()
      let stream = try driver.createTCPStream(receiveBuffer: 8192)
      let events = stream.events
      let remote = Endpoint(tunnel.far, 7)
      let open = stream.issueActiveOpen(to: remote)
      let syn = try Peer.syn(tunnel)
      let local = try #require(stream.localEndpoint)
      try tunnel.send(syn.packet.icmpError(answer.type, answer.code, from: tunnel.router))
      let error = try await failure { try await open.value }
      #expect(error.code == .openFailed && error.cause == answer.cause, "\(error)")
      #expect(error.message.contains("\(remote)"))
      stream.release()
      let expected = answer.report.map {
        [TCPEvent.icmpReceived(ICMPReport(type: $0, local: local, remote: remote))]
      }
      #expect(await events.collected() == expected ?? [])
      #expect(try driver.globalInfo().connectionsAttempted == 1)
      #expect(try driver.globalInfo().connectionsOpened == 0)
    }

    @Test("no ICMP error breaks an established connection, of whatever kind")
    func established() async throws {
      let tunnel = try Tunnel()
      var (stream, peer) = try await tunnel.connection()
      let events = stream.events
      try await stream.send([1, 2, 3])
      let segment = try peer.receiveData()
      let errors: [(UInt8, UInt8)] = [
        (3, 0), (3, 1), (3, 2), (3, 3), (3, 5), (3, 7), (3, 13), (4, 0), (11, 0), (12, 0),
      ]
      for (type, code) in errors {
        try tunnel.send(segment.packet.icmpError(type, code, from: tunnel.router))
      }
      // The kernel takes packets in the order in which they come: this one comes last.
      try peer.send([.ack, .psh], [4, 5])
      #expect(try await stream.receive().data == [4, 5])
      #expect(try stream.status().unacknowledged == 3)
      try peer.acknowledge(segment)
      try await until("it is acknowledged") { try stream.status().unacknowledged == 0 }
      try await stream.send([6])
      #expect(try peer.receiveData(at: segment.end).data == [6])
      #expect(try stream.status().connectionState == .established)
      #expect(try stream.statistics().sourceQuenches == 0)
      stream.release()
      #expect(await events.collected().filter { $0 != .dataArrival } == [.terminated(.ulpAbort)])
    }

    @Test("fragmentation needed: segments become smaller, and the connection goes on")
    func pathMTU() async throws {
      let tunnel = try Tunnel()
      var (stream, peer) = try await tunnel.connection()
      try await stream.send([UInt8](repeating: 1, count: 1400))
      let segment = try peer.receiveData()
      #expect(segment.data.count == 1400 && segment.packet.dontFragment)
      try tunnel.send(segment.packet.icmpError(3, 4, rest: 1000, from: tunnel.router))
      let first = try peer.receiveData()
      #expect(first.sequence == segment.sequence && first.data.count == 960)
      #expect(try stream.status().maximumSegmentSize == 960)
      try peer.acknowledge(first)
      #expect(try peer.receiveData(at: first.end).data.count == 440)
    }

    @Test(
      "3.2 the kernel gives a silent peer up: ULP time-out, or network failure when an ICMP error had come",
      arguments: [false, true])
    func givenUp(_ isReported: Bool) async throws {
      let tunnel = try Tunnel()
      try await Network.with("ipv4/tcp_retries2", "1") {
        let (stream, peer) = try await tunnel.connection(
          options: OpenOptions(ulpTimeoutAction: .report))
        let events = stream.events
        let local = try #require(stream.localEndpoint)
        let receive = stream.issueReceive()
        try await stream.send([1, 2, 3])
        let segment = try peer.receiveData()
        if isReported { try tunnel.send(segment.packet.icmpError(3, 1, from: tunnel.router)) }
        let error = try await failure { try await receive.value }
        #expect(error.code == .connectionTerminated)
        #expect(error.cause == (isReported ? .unreachable : .timedOut))
        stream.release()
        let report = ICMPReport(type: .hostUnreach, local: local, remote: peer.local)
        #expect(
          await events.collected()
            == (isReported
              ? [.icmpReceived(report), .terminated(.networkFailure)]
              : [.terminated(.ulpTimeoutTerminate)]))
      }
    }

    @Test("an unexpected SYN is answered, and breaks no connection")
    func unexpectedSYN() async throws {
      let tunnel = try Tunnel()
      var (stream, peer) = try await tunnel.connection()
      let events = stream.events
      let expected = peer.expected
      try peer.send(.syn, sequence: peer.next &+ 1000)
      // RFC 5961 §4.2: an acknowledgement of what was received, and nothing else.
      let challenge = try peer.receive("the answer") { $0.flags == .ack }
      #expect(challenge.acknowledgement == peer.next && challenge.sequence == expected)
      try peer.send([.ack, .psh], [1])
      #expect(try await stream.receive().data == [1])
      stream.release()
      #expect(await events.collected().filter { $0 != .dataArrival } == [.terminated(.ulpAbort)])
    }
  }
}
