import MacTCPEngine
import MacTCPWire
import Testing

@Suite("A closed window is probed (RFC 9293 §3.8.6.1)")
struct ClosedWindowTests {
  /// A connection whose peer has closed its window, and 100 bytes that wait.
  static func closed(_ host: OneHost) throws -> ConnectionID {
    let id = try host.connect(window: 0)
    try host.send(id, 100)
    try #require(host.takeSent() == [])
    return id
  }

  @Test("The first probe comes after one RTO, the others at doubled times up to the largest RTO")
  func backOff() throws {
    let host = try OneHost()
    _ = try Self.closed(host)
    var times: [Int] = []
    for _ in 0..<12 {
      let time = try #require(host.passUntilSent(atMost: 120_000_000))
      #expect(host.takeSent() == ["ACK 1:2 ack 1"])
      times.append(time)
      host.arrive(.ack, 1, ack: 1, window: 0)
    }
    // RFC 6298 §2: RTO is 1 s, and what the handshake, which took no time, makes of it: the least.
    #expect(times[0] <= 1_000_000)
    for (earlier, later) in zip(times, times.dropFirst()) {
      #expect(later == min(2 * earlier, 60_000_000))
    }
    #expect(times.last == 60_000_000)
  }

  @Test("As long as the peer answers a window may stay closed: a day (MUST-37)")
  func forEver() throws {
    let host = try OneHost()
    let id = try Self.closed(host)
    var probes = 0
    let end = host.now.advanced(by: 86_400_000_000)
    while host.now < end {
      guard host.passUntilSent(atMost: 120_000_000) != nil else { break }
      probes += 1
      host.takeSent()
      host.arrive(.ack, 1, ack: 1, window: 0)
    }
    #expect(host.now >= end && probes > 1_400)
    #expect(try host.state(id) == .established)
    host.arrive(.ack, 1, ack: 1, window: 1_000)
    #expect(host.takeSent() == ["PSH,ACK 1:101 ack 1"])
  }

  @Test("A released stream ends by R2 although its peer answers with a closed window (RFC 6429)")
  func released() throws {
    let host = try OneHost()
    let id = try Self.closed(host)
    try host.close(id)
    try host.release(id)
    let timeout = host.engine.configuration.userTimeout
    let end = host.now.advanced(by: 2 * timeout)
    while host.now < end, host.passUntilSent(atMost: 2 * timeout) != nil {
      if host.takeSent().contains(where: { $0.contains("RST") }) { break }
      host.arrive(.ack, 1, ack: 1, window: 0)
    }
    #expect(host.now < end)
    #expect(host.engine.nextDeadline == nil)
    #expect(host.engine.memoryInUse == 0)
  }

  @Test("A window that was closed over outstanding data opens: the user time-out runs from then on")
  func opensAndIsSilent() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 100)
    host.pass(100_000)
    host.arrive(.ack, 1, ack: 1, window: 0)
    host.pass(50_000)
    host.arrive(.ack, 1, ack: 1, window: 1_000)
    host.pass(119_999_999)
    #expect(try host.state(id) == .established)
    host.pass(1)
    #expect(try host.state(id) == .closed)
    #expect(host.takeEvents() == [.deliveryProblem(id), .terminated(id, .userTimeout)])
  }

  @Test("A peer that does not answer the probes is given up after the user time-out")
  func noAnswer() throws {
    let host = try OneHost()
    let id = try Self.closed(host)
    let start = host.now
    while try host.state(id) != .closed, host.passUntilSent(atMost: 600_000_000) != nil {}
    #expect(host.takeEvents() == [.terminated(id, .userTimeout)])
    let time = start.microseconds(to: host.now)
    #expect((120_000_000...122_000_000).contains(time), "\(time)")
  }

  @Test(
    "R2 runs from the moment at which a window that was closed under data opens again (RFC 9293 §3.8.3)"
  )
  func opensUnderData() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.set(.userTimeout(10_000_000, aborts: true), id)
    try host.send(id, 100)
    host.arrive(.ack, 1, ack: 1, window: 0)
    host.pass(100_000)
    host.arrive(.ack, 1, ack: 1, window: 1_000)
    host.pass(9_999_999)
    #expect(try host.state(id) == .established)
    host.pass(1)
    #expect(host.takeEvents() == [.deliveryProblem(id), .terminated(id, .userTimeout)])
  }

  @Test("A peer that takes the byte of the probe has it acknowledged, and the next one is probed")
  func byteTaken() throws {
    let host = try OneHost()
    let id = try Self.closed(host)
    _ = host.passUntilSent(atMost: 10_000_000)
    #expect(host.takeSent() == ["ACK 1:2 ack 1"])
    host.arrive(.ack, 1, ack: 2, window: 0)
    #expect(host.takeEvents() == [.acknowledged(id)])
    _ = host.passUntilSent(atMost: 10_000_000)
    #expect(host.takeSent() == ["ACK 2:3 ack 1"])
    host.arrive(.ack, 1, ack: 2, window: 1_000)
    #expect(host.takeSent() == ["PSH,ACK 2:101 ack 1"])
  }

  @Test("An acknowledgement of a byte behind the last one is refused, after a probe too")
  func noByteMore() throws {
    let host = try OneHost()
    let id = try Self.closed(host)
    _ = host.passUntilSent(atMost: 10_000_000)
    host.arrive(.ack, 1, ack: 1, window: 1_000)
    host.takeSent()
    // All 100 bytes have been sent, up to 101.
    host.arrive(.ack, 1, ack: 102)
    #expect(host.takeSent() == ["ACK 101 ack 1"])
    host.arrive(.ack, 1, ack: 101)
    try host.send(id, 10)
    #expect(host.takeSent() == ["PSH,ACK 101:111 ack 1"])
  }

  @Test("Urgent data are told of although the window is closed (RFC 9293 §3.8.6.1)")
  func urgent() throws {
    let host = try OneHost()
    let id = try host.connect(window: 0)
    try host.send(id, 10, urgent: true)
    #expect(host.takeSent() == ["URG,ACK 1 ack 1 urg 10"])
  }

  @Test("What waits at the memory ceiling is sent when there is memory again")
  func memoryCeiling() throws {
    var configuration = OneHost.plain
    configuration.memoryCeiling = 64 << 10
    let host = try OneHost(configuration)
    let id = try host.activeOpen()
    host.arrive(.syn, 0, ack: 1)
    // Other streams take all there is.
    var others: [ConnectionID] = []
    while let other = try? host.engine.createConnection() { others.append(other) }
    for (number, other) in others.enumerated() {
      let port = UInt16(5_000 + number)
      try host.engine.activeOpen(other, to: Endpoint(host.peer, port), at: host.now)
      guard (try? host.send(other, 1)) != nil else { break }
    }
    host.takeSent()
    #expect(throws: EngineError.insufficientResources) { try host.send(id, 10) }
    try host.close(id)
    #expect(host.takeSent() == [])
    #expect(host.engine.nextDeadline != nil)
    for other in others { try host.release(other) }
    _ = host.passUntilSent(atMost: 10_000_000)
    #expect(host.takeSent() == ["FIN,ACK 1 ack 1"])
  }

  @Test(
    "A window that was shrunk: nothing new is sent, and a peer that answers is never given up (MUST-34, SHLD-15, SHLD-17)"
  )
  func shrunk() throws {
    let host = try OneHost()
    let id = try host.connect(window: 2_920)
    try host.send(id, 4_000)
    #expect(host.takeSent() == ["ACK 1:1461 ack 1", "ACK 1461:2921 ack 1"])
    // The window ended at 2,921; now it ends at 501.
    host.arrive(.ack, 1, ack: 1, window: 500)
    #expect(host.takeSent() == [])
    host.arrive(.ack, 1, ack: 1, window: 0)
    let end = host.now.advanced(by: 3_600_000_000)
    var count = 0
    while host.now < end, host.passUntilSent(atMost: 120_000_000) != nil {
      count += 1
      for text in host.takeSent() { #expect(text == "ACK 1:1461 ack 1") }
      host.arrive(.ack, 1, ack: 1, window: 0)
    }
    #expect(host.now >= end && count > 50)
    #expect(try host.state(id) == .established)
    host.arrive(.ack, 1, ack: 2_921, window: 4_000)
    #expect(host.takeSent() == ["PSH,ACK 2921:4001 ack 1"])
  }
}
