import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Path MTU and reports of errors")
struct PathMTUTests {
  let peer = Endpoint(TestHost.peer, 5000)
  let router = ip("192.0.2.254")

  /// What a host sends that has sent `length` bytes with DF from port 7000 to the peer.
  private func quotation(
    _ length: Int, to destination: IPAddress = TestHost.peer, dontFragment: Bool = true,
    port: UInt16 = 7000, source: IPAddress = TestHost.address, protocolNumber: UInt8 = 17
  ) -> [UInt8] {
    let packet = IPBytes(
      source: source, destination: destination, protocolNumber: protocolNumber,
      payload: octets(port) + octets(peer.port) + [0, 0, 0, 0], dontFragment: dontFragment,
      totalLength: length)
    return packet.bytes
  }

  private func tooLarge(_ host: TestHost, _ mtu: UInt32, _ quoted: [UInt8]) {
    report(host, 3, 4, mtu, quoted)
  }

  private func report(
    _ host: TestHost, _ type: UInt8, _ code: UInt8, _ parameter: UInt32, _ quoted: [UInt8]
  ) {
    host.receive(icmpPacket(from: router, to: TestHost.address, type, code, parameter, quoted))
  }

  private func size(_ host: TestHost, to address: IPAddress = TestHost.peer) throws -> Int {
    try host.engine.maximumDatagramSize(to: address)
  }

  @Test("Fragmentation needed lowers the size of packets to that host, for ten minutes (RFC 1191)")
  func lower() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    #expect(try size(host) == 1472)
    tooLarge(host, 1400, quotation(1500))
    #expect(try size(host) == 1372)
    #expect(try size(host, to: ip("192.0.2.3")) == 1472)
    #expect(
      host.events() == [
        .datagramReport(
          stream,
          ICMPReport(
            local: Endpoint(TestHost.address, 7000), remote: peer, type: .fragReqd,
            additionalInfo: 1400, pointer: 0, sender: router))
      ])
    var options = DatagramOptions()
    options.dontFragment = true
    #expect(throws: EngineError.dontFragment) {
      try host.send(stream, to: peer, [UInt8](repeating: 0, count: 1373), options: options)
    }
    // What may be fragmented is, to what the path carries.
    try host.send(stream, to: peer, [UInt8](repeating: 0, count: 1373))
    #expect(try host.sent().map { 20 + $0.ip.payload.count } == [1396, 25])
    try host.pass(599_999_999)
    #expect(try size(host) == 1372)
    try host.pass(1)
    #expect(try size(host) == 1472)
    #expect(host.engine.nextDeadline == nil)
  }

  @Test("A router that does not say how much goes through makes for the next plateau (RFC 1191 §7)")
  func plateaus() throws {
    let host = try TestHost { $0.mtu = 65_535 }
    _ = try host.engine.createUDPStream(on: 7000, at: host.now)
    var sizes: [Int] = []
    for _ in 0..<12 {
      tooLarge(host, 0, quotation(try size(host) + 28))
      sizes.append(try size(host) + 28)
    }
    #expect(sizes == [32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, 68, 68, 68])
  }

  @Test("A number that cannot be true changes nothing (RFC 5927 §7)")
  func implausible() throws {
    let host = try TestHost()
    _ = try host.engine.createUDPStream(on: 7000, at: host.now)
    tooLarge(host, 1500, quotation(1500))
    tooLarge(host, 9000, quotation(1500))
    tooLarge(host, 1400, quotation(1300))
    #expect(try size(host) == 1472)
    tooLarge(host, 1300, quotation(1500))
    tooLarge(host, 1400, quotation(1500))
    #expect(try size(host) == 1272)
    tooLarge(host, 1, quotation(1500))
    #expect(try size(host) == 40)
  }

  @Test("A report about what was not sent from here is dropped")
  func unrelated() throws {
    let host = try TestHost()
    _ = try host.engine.createUDPStream(on: 7000, at: host.now)
    tooLarge(host, 1400, quotation(1500, dontFragment: false))
    tooLarge(host, 1400, quotation(1500, port: 7001))
    tooLarge(host, 1400, quotation(1500, source: ip("192.0.2.9")))
    tooLarge(host, 1400, quotation(1500, protocolNumber: 99))
    tooLarge(host, 1400, quotation(1500, protocolNumber: 6))
    tooLarge(host, 1400, Array(quotation(1500).prefix(24)))
    #expect(try size(host) == 1472)
    #expect(host.drops == [.unrelatedICMP: 6])
    #expect(host.events().isEmpty)
  }

  @Test("A small number does not make crumbs of what may be fragmented")
  func crumbs() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    tooLarge(host, 68, quotation(1500))
    #expect(try size(host) == 40)
    try host.send(stream, to: peer, [UInt8](repeating: 0, count: 5000))
    #expect(try host.sent().map(\.ip.payload.count).max() == 552)
  }

  @Test("The table of paths is bounded; the oldest gives way")
  func bounded() throws {
    let host = try TestHost()
    _ = try host.engine.createUDPStream(on: 7000, at: host.now)
    for index in 0..<1000 {
      let destination = IPAddress(v4: ip("10.0.0.1").v4 + UInt32(index))
      tooLarge(host, 1000, quotation(1500, to: destination))
      try host.pass(1)
    }
    #expect(try size(host, to: ip("10.0.0.1")) == 1472)
    let lowered = try (0..<1000).count {
      try size(host, to: IPAddress(v4: ip("10.0.0.1").v4 + UInt32($0))) == 972
    }
    #expect(lowered == 256)
    try host.pass(600_000_000)
    #expect(host.engine.nextDeadline == nil)
    #expect(try size(host, to: IPAddress(v4: ip("10.0.0.1").v4 + 999)) == 1472)
  }

  // MARK: Other errors

  private static let reported: [(type: UInt8, code: UInt8, report: ICMPReportType)] = [
    (3, 0, .netUnreach), (3, 1, .hostUnreach), (3, 2, .protocolUnreach), (3, 3, .portUnreach),
    (3, 5, .sourceRouteFailed), (3, 13, .hostUnreach), (11, 0, .timeExceeded),
    (11, 1, .timeExceeded), (12, 0, .parmProblem), (12, 1, .missingOption),
  ]

  @Test("Errors about a stream's datagrams are reported to it", arguments: reported)
  func reports(_ type: UInt8, _ code: UInt8, _ expected: ICMPReportType) throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 6000, through: 7000, at: host.now)
    report(host, type, code, type == 12 ? 0x1400_0000 : 0, quotation(100))
    let events = host.events()
    #expect(
      events == [
        .datagramReport(
          stream,
          ICMPReport(
            local: Endpoint(TestHost.address, 7000), remote: peer, type: expected,
            additionalInfo: 0, pointer: type == 12 ? 0x14 : 0, sender: router))
      ])
  }

  @Test("Source quench and redirects have no effect (RFC 6633), nor have codes that nobody defined")
  func ignored() throws {
    let host = try TestHost()
    _ = try host.engine.createUDPStream(on: 7000, at: host.now)
    report(host, 4, 0, 0, quotation(100))
    report(host, 5, 1, ip("192.0.2.66").v4, quotation(100))
    report(host, 3, 200, 0, quotation(100))
    report(host, 12, 77, 0, quotation(100))
    #expect(host.events().isEmpty)
  }

  @Test("Several reports before they are asked for are one event, the last one")
  func lastReport() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    for _ in 0..<100 { report(host, 3, 1, 0, quotation(100)) }
    report(host, 3, 3, 0, quotation(100))
    host.receive(udpPacket(from: peer, to: Endpoint(TestHost.address, 7000), [1]))
    let events = host.events()
    #expect(events.count == 2 && events.first == .datagramArrived(stream))
    guard case .datagramReport(stream, let last) = events.last else {
      Issue.record("\(events)")
      return
    }
    #expect(last.type == .portUnreach)
  }
}
