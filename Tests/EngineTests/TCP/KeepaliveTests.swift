import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Keepalive (RFC 9293 §3.8.4)")
struct KeepaliveTests {
  @Test("It is off unless a connection wants it (MUST-24, MUST-25)")
  func off() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.pass(10 * 86_400_000_000)
    #expect(host.takeSent() == [])
    #expect(try host.state(id) == .established)
  }

  @Test(
    "The first probe after 2 hours at least, without data, with the number before the window (MUST-28, SHLD-12)"
  )
  func first() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.set(.keepalive(true), id)
    #expect(host.passUntilSent(atMost: 86_400_000_000) == 7_200_000_000)
    #expect(host.takeSent() == ["ACK 0 ack 1"])
    host.arrive(.ack, 1, ack: 1)
    #expect(host.passUntilSent(atMost: 86_400_000_000) == 7_200_000_000)
    #expect(try host.state(id) == .established)
  }

  @Test("One probe without an answer is not death; so many are (MUST-29)")
  func death() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.set(.keepalive(true), id)
    var times: [Int] = []
    for _ in 0..<9 {
      times.append(try #require(host.passUntilSent(atMost: 86_400_000_000)))
      #expect(host.takeSent() == ["ACK 0 ack 1"])
    }
    #expect(times == [7_200_000_000] + Array(repeating: 75_000_000, count: 8))
    host.pass(74_999_999)
    #expect(try host.state(id) == .established)
    host.pass(1)
    #expect(host.takeEvents() == [.terminated(id, .networkFailure)])
    #expect(host.takeSent() == ["RST,ACK 1 ack 1"])
  }

  @Test("As many probes as are wanted, and no more", arguments: [1, 255, 256, 1_000])
  func count(_ probes: Int) throws {
    var configuration = OneHost.plain
    configuration.keepaliveProbes = probes
    let host = try OneHost(configuration)
    let id = try host.connect()
    try host.set(.keepalive(true), id)
    host.pass(7_200_000_000 + probes * 75_000_000 - 1)
    #expect(host.takeSent().count == probes)
    #expect(try host.state(id) == .established)
    host.pass(1)
    #expect(host.takeEvents() == [.terminated(id, .networkFailure)])
  }

  @Test("An answer to the last probe saves the connection")
  func saved() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.set(.keepalive(true), id)
    for _ in 0..<9 { _ = host.passUntilSent(atMost: 86_400_000_000) }
    host.arrive(.ack, 1, ack: 1)
    host.pass(3_600_000_000)
    #expect(try host.state(id) == .established)
  }

  @Test("A probe that finds a rebooted peer ends the connection")
  func rebooted() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.set(.keepalive(true), id)
    _ = host.passUntilSent(atMost: 86_400_000_000)
    // A host that knows nothing answers an ACK with <SEQ=SEG.ACK><CTL=RST>.
    host.arrive(.rst, 1)
    #expect(host.takeEvents() == [.terminated(id, .remoteAbort)])
  }

  @Test(
    "Probes are sent only where nothing has come for so long (MUST-26), at times of the user's choice (MUST-27)"
  )
  func idle() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.set(.keepaliveTimes(idle: 10_000_000, interval: 2_000_000, probes: 3), id)
    for turn in 0..<10 {
      host.pass(9_000_000)
      #expect(host.takeSent() == [])
      host.arrive(.psh, 1 + turn, ack: 1, text: 1)
      host.pass(100_000)
      host.takeSent()
    }
    var times: [Int] = []
    while let time = host.passUntilSent(atMost: 60_000_000) {
      times.append(time)
      if try host.state(id) == .closed { break }
    }
    #expect(times == [9_900_000, 2_000_000, 2_000_000, 2_000_000])
    #expect(host.takeEvents().last == .terminated(id, .networkFailure))
  }

  @Test("While data are outstanding their retransmissions are the probes (MUST-26)")
  func outstanding() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.set(.userTimeout(0, aborts: true), id)
    try host.set(.keepaliveTimes(idle: 10_000_000, interval: 2_000_000, probes: 3), id)
    try host.send(id, 10)
    host.takeSent()
    host.pass(600_000_000)
    #expect(Set(host.takeSent()) == ["PSH,ACK 1:11 ack 1"])
    #expect(try host.state(id) == .established)
    host.arrive(.ack, 1, ack: 11)
    #expect(host.passUntilSent(atMost: 60_000_000) == 10_000_000)
    #expect(host.takeSent() == ["ACK 10 ack 1"])
  }

  @Test("While data are outstanding the timer does not tick")
  func quiet() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.set(.keepaliveTimes(idle: 1_000, interval: 1_000, probes: 3), id)
    try host.send(id, 10)
    host.takeSent()
    host.pass(10_000)
    let end = host.now.advanced(by: 100_000)
    var deadlines = 0
    while let deadline = host.engine.nextDeadline, deadline < end {
      host.engine.advance(to: deadline)
      deadlines += 1
    }
    // Those of the timer wheel's levels; the keepalive's would be a hundred.
    #expect(deadlines <= 11)
  }

  @Test("It can be switched off again, and times out of range are refused")
  func switching() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.set(.keepaliveTimes(idle: 10_000_000, interval: 2_000_000, probes: 3), id)
    try host.set(.keepalive(false), id)
    host.pass(86_400_000_000)
    #expect(host.takeSent() == [])
    for (idle, interval, probes) in [
      (0, 1_000, 1), (1_000, 0, 1), (1_000, 1_000, 0), (.max, 1_000, 1),
    ] {
      #expect(throws: EngineError.invalidLength) {
        try host.set(.keepaliveTimes(idle: idle, interval: interval, probes: probes), id)
      }
    }
  }

  @Test("A peer's probe is answered, with a byte of garbage or without (RFC 9293 §3.8.4)")
  func answered() throws {
    let host = try OneHost()
    _ = try host.connect()
    host.arrive(.ack, 0, ack: 1)
    #expect(host.takeSent() == ["ACK 1 ack 1"])
    host.arrive(.ack, 0, ack: 1, text: 1)
    #expect(host.takeSent() == ["ACK 1 ack 1"])
  }

  @Test("A child of a listener has the listener's keepalive")
  func inherited() throws {
    let host = try OneHost()
    let listener = try host.listen()
    try host.set(.keepaliveTimes(idle: 10_000_000, interval: 2_000_000, probes: 3), listener)
    host.arrive(.syn, 0)
    host.arrive(.ack, 1, ack: 1)
    host.takeSent()
    #expect(host.passUntilSent(atMost: 60_000_000) == 10_000_000)
    #expect(host.takeSent() == ["ACK 0 ack 1"])
  }
}
