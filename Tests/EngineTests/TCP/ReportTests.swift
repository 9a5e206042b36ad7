import MacTCPEngine
import MacTCPWire
import Testing

@Suite("ICMP errors about TCP (RFC 9293 §3.9.2.2, RFC 5927)")
struct ReportTests {
  /// An ICMP error about the segment that was sent last, with SEG.SEQ moved by `offset`.
  static func report(_ host: OneHost, _ problem: ICMPProblem, _ offset: Int = 0) throws {
    let last = try #require(host.sent.last)
    var header = last.header
    header.sequenceNumber.advance(by: offset)
    let quotation = [UInt8](capacity: 100) { output in
      try? last.packet.write(to: &output)
      try? header.write(to: &output, from: last.packet.source, to: last.packet.destination)
    }
    let length = ICMPProblem.messageLength(quoting: 28)
    let packet = IPv4Header(
      source: IPAddress(10, 0, 0, 254), destination: OneHost.address, protocol: .icmp,
      payloadLength: length)
    host.receive(
      [UInt8](capacity: 200) { output in
        try? packet.write(to: &output)
        try? problem.write(to: &output, quoting: quotation.span.extracting(first: 28))
      })
  }

  /// Each error, and what the user is told.
  static let problems: [(ICMPProblem, ICMPReportType?)] = [
    (.destinationUnreachable(code: 0), .netUnreach),
    (.destinationUnreachable(code: 1), .hostUnreach),
    (.destinationUnreachable(code: 2), .protocolUnreach),
    (.destinationUnreachable(code: 3), .portUnreach),
    (.destinationUnreachable(code: 5), .sourceRouteFailed), (.timeExceeded(code: 0), .timeExceeded),
    (.timeExceeded(code: 1), .timeExceeded), (.parameterProblem(code: 0, pointer: 9), .parmProblem),
    (.sourceQuench, nil), (.redirect(code: 1, gateway: OneHost.peerAddress), nil),
  ]

  static func reports(_ events: [EngineEvent]) -> [ICMPReport] {
    events.compactMap { if case .icmpReport(_, let report) = $0 { report } else { nil } }
  }

  @Test(
    "No ICMP error ends a connection, and the user is told of each (MUST-47, MUST-54 to MUST-56, SHLD-25)"
  )
  func established() throws {
    for (problem, type) in Self.problems {
      let host = try OneHost()
      let id = try host.connect()
      try host.send(id, 100)
      let window = try host.status(id).congestionWindow
      try Self.report(host, problem)
      let reports = Self.reports(host.takeEvents())
      #expect(reports.map(\.type) == (type.map { [$0] } ?? []), "\(problem)")
      #expect(try host.state(id) == .established)
      #expect(try host.status(id).congestionWindow == window)
      guard let report = reports.first else { continue }
      #expect(report.local == Endpoint(OneHost.address, 80))
      #expect(report.remote == Endpoint(OneHost.peerAddress, 4_000))
      #expect(report.sender == IPAddress(10, 0, 0, 254))
    }
  }

  @Test(
    "An opening ends at protocol unreachable and port unreachable alone (RFC 1122 §4.2.3.9)"
  )
  func opening() throws {
    for (problem, type) in Self.problems {
      let host = try OneHost()
      let id = try host.activeOpen()
      try Self.report(host, problem)
      let isEnd = type == .protocolUnreach || type == .portUnreach
      #expect(try host.state(id) == (isEnd ? .closed : .synSent), "\(problem)")
      if isEnd { #expect(host.takeEvents().last == .terminated(id, .networkFailure)) }
    }
  }

  @Test("An error about numbers that are not outstanding is a forgery (RFC 5927 §4.1)")
  func unrelated() throws {
    for offset in [-1, 100, 50_000, -1 << 20] {
      let host = try OneHost()
      let id = try host.connect()
      try host.send(id, 100)
      try Self.report(host, .destinationUnreachable(code: 1), offset)
      #expect(host.takeEvents() == [], "\(offset)")
      #expect(host.engine.counters[.unrelatedICMP] == 1)
      try Self.report(host, .destinationUnreachable(code: 4, nextHopMTU: 600), offset)
      #expect(try host.status(id).maximumSegmentSize == 1_460)
    }
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 100)
    host.arrive(.ack, 1, ack: 101)
    try Self.report(host, .destinationUnreachable(code: 1))
    #expect(Self.reports(host.takeEvents()) == [])
  }

  @Test(
    "Fragmentation needed makes segments smaller, and what was lost is sent again at once (SHLD-6, RFC 1191)"
  )
  func pathMTU() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 2_920)
    #expect(host.sent.map(\.payload.count) == [1_460, 1_460])
    #expect(host.sent.allSatisfy { $0.packet.dontFragment })
    try Self.report(host, .destinationUnreachable(code: 4, nextHopMTU: 1_000), -1_460)
    #expect(try host.status(id).maximumSegmentSize == 960)
    #expect(host.sent.dropFirst(2).map(\.payload.count) == [960, 500, 960, 500])
    #expect(Self.reports(host.takeEvents()).map(\.additionalInfo) == [1_000])
    try Self.report(host, .destinationUnreachable(code: 4, nextHopMTU: 30))
    #expect(try host.status(id).maximumSegmentSize >= 28)
  }

  @Test("Without path MTU discovery DF is not set, and the error changes nothing")
  func withoutDiscovery() throws {
    var configuration = OneHost.plain
    configuration.usesPathMTUDiscovery = false
    let host = try OneHost(configuration)
    let id = try host.connect()
    try host.send(id, 1_460)
    #expect(host.sent.allSatisfy { !$0.packet.dontFragment })
    try Self.report(host, .destinationUnreachable(code: 4, nextHopMTU: 1_000))
    #expect(try host.status(id).maximumSegmentSize == 1_460)
  }
}
