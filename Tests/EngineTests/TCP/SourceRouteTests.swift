import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Source routes of connections (RFC 9293 §3.9.2.1)")
struct SourceRouteTests {
  /// A SYN from 198.51.100.7 to port 80 that has followed its route to the end.
  private func syn(route: [UInt8]) -> [UInt8] { packet(.syn, 1, route: route) }

  private func packet(
    _ flags: TCPFlags, _ number: UInt32, acknowledging acknowledgment: UInt32 = 0,
    route: [UInt8] = []
  ) -> [UInt8] {
    let source = ip("198.51.100.7")
    let header = TCPHeader(
      sourcePort: 5000, destinationPort: 80, sequenceNumber: SequenceNumber(number),
      acknowledgmentNumber: SequenceNumber(acknowledgment), flags: flags, window: 1_000)
    let segment = [UInt8](capacity: 60) { output in
      try? header.write(to: &output, from: source, to: TestHost.address)
    }
    return IPBytes(
      source: source, destination: TestHost.address, protocolNumber: 6, payload: segment,
      options: route
    ).bytes
  }

  /// The options of the SYN,ACK to a SYN that came over 10.0.0.1 and 10.0.0.2.
  private func answer(to route: [UInt8], _ options: OpenOptions = OpenOptions()) throws -> [UInt8] {
    let host = try TestHost()
    let listener = try host.engine.createConnection()
    try host.engine.listen(
      listener, on: Endpoint(.any, 80), options: options, at: host.now)
    host.receive(syn(route: route))
    let packet = try #require(host.transmitted().first)
    return Array(packet[16..<20]) + Array(packet[20..<(Int(packet[0] & 15) * 4)])
  }

  @Test("An active open sends its packets by the route that the user gives (MUST-51)")
  func given() throws {
    let host = try TestHost()
    let stream = try host.engine.createConnection()
    var options = OpenOptions()
    options.ipOptions = [131, 7, 4, 10, 0, 0, 1]
    try host.engine.activeOpen(
      stream, to: Endpoint(ip("192.0.2.2"), 80), options: options, at: host.now)
    let packet = try #require(host.transmitted().first)
    #expect(Array(packet[16..<28]) == [10, 0, 0, 1, 131, 7, 4, 192, 0, 2, 2, 0])
  }

  @Test("A passive open answers by the way that the SYN came (MUST-53)")
  func returned() throws {
    #expect(
      try answer(to: [1, 131, 11, 12, 10, 0, 0, 1, 10, 0, 0, 2])
        == [10, 0, 0, 2, 131, 11, 4, 10, 0, 0, 1, 198, 51, 100, 7, 0])
  }

  @Test("The user's route counts for more than the SYN's (MUST-52)")
  func overridden() throws {
    var options = OpenOptions()
    options.ipOptions = [131, 7, 4, 10, 0, 0, 9]
    #expect(
      try answer(to: [131, 7, 8, 10, 0, 0, 1], options)
        == [10, 0, 0, 9, 131, 7, 4, 198, 51, 100, 7, 0])
  }

  @Test("A SYN that comes to nothing leaves no route to the next one (MUST-11, MUST-53)")
  func nextOne() throws {
    let host = try TestHost()
    let stream = try host.engine.createConnection()
    try host.engine.passiveOpen(stream, on: Endpoint(.any, 80), at: host.now)
    host.receive(syn(route: [131, 7, 8, 10, 0, 0, 1, 0]))
    let routed = try #require(host.transmitted().first)
    #expect(Array(routed[16..<20]) == [10, 0, 0, 1])
    host.receive(packet(.rst, 2))
    #expect(try host.engine.status(of: stream, at: host.now).state == .listen)
    host.receive(packet(.syn, 100))
    let plain = try #require(host.transmitted().first)
    #expect(plain[0] == 0x45 && Array(plain[16..<20]) == [198, 51, 100, 7])
  }

  @Test("A SYN that comes to nothing leaves no back-off to the next one (MUST-11)")
  func backOff() throws {
    let host = try TestHost()
    let stream = try host.engine.createConnection()
    try host.engine.passiveOpen(stream, on: Endpoint(.any, 80), at: host.now)
    host.receive(packet(.syn, 1))
    // Nobody answers the SYN,ACK for a while, then it is refused.
    _ = try host.pass(100_000_000)
    host.receive(packet(.rst, 2))
    host.receive(packet(.syn, 100))
    let answer = try #require(host.transmitted().last)
    let status = try host.engine.status(of: stream, at: host.now)
    #expect(status.retransmissionTimeout == EngineConfiguration().initialRetransmissionTimeout)
    let number = answer[24..<28].reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
    host.receive(packet(.ack, 101, acknowledging: number &+ 1))
    let open = try host.engine.status(of: stream, at: host.now)
    #expect(open.state == .established && open.congestionWindow == 10 * 536)
  }

  @Test("Options that cannot be sent are refused")
  func refused() throws {
    let host = try TestHost()
    let stream = try host.engine.createConnection()
    var options = OpenOptions()
    options.ipOptions = [131, 8, 4, 1, 1, 1, 1, 1]
    #expect(throws: EngineError.invalidLength) {
      try host.engine.activeOpen(
        stream, to: Endpoint(ip("192.0.2.2"), 80), options: options, at: host.now)
    }
  }
}
