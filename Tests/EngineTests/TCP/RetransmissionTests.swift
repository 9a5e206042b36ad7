import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Retransmission and the user time-out (RFC 6298, RFC 9293 §3.8)")
struct RetransmissionTests {
  /// RTO 1 s at first and at least, so that the times are round; no probes of the tail before it.
  static var slow: EngineConfiguration {
    var configuration = OneHost.plain
    configuration.minimumRetransmissionTimeout = 1_000_000
    return configuration
  }

  /// How long after each other the next `count` packets are sent.
  static func times(_ host: OneHost, _ count: Int) throws -> [Int] {
    try (0..<count).map { _ in try #require(host.passUntilSent(atMost: 300_000_000)) }
  }

  @Test(
    "SYN is sent again after RTO, doubled each time, until the open time-out: 3 minutes (MUST-22, MUST-23)"
  )
  func synBackOff() throws {
    let host = try OneHost(Self.slow)
    let id = try host.activeOpen()
    let start = host.now
    #expect(
      try Self.times(host, 7) == [1, 2, 4, 8, 16, 32, 60].map { $0 * 1_000_000 })
    #expect(host.takeSent() == ["SYN 0"])
    host.pass(100_000_000)
    #expect(host.takeSent() == [])
    #expect(host.takeEvents() == [.deliveryProblem(id), .terminated(id, .networkFailure)])
    #expect(throws: EngineError.openFailed) { try host.send(id, 1) }
    host.sent = []
    host.pass(300_000_000)
    #expect(host.takeSent() == [])
    #expect(start < host.now)
  }

  @Test("The open time-out runs for 3 minutes exactly; the user's own takes its place (MUST-21)")
  func openTimeouts() throws {
    for (timeout, seconds) in [(nil, 180), (10_000_000, 10), (600_000_000, 600)] as [(Int?, Int)] {
      let host = try OneHost()
      var options = OpenOptions()
      options.userTimeout = timeout
      let id = try host.activeOpen(options)
      host.pass(seconds * 1_000_000 - 1)
      #expect(try host.state(id) == .synSent)
      host.pass(1)
      #expect(try host.state(id) == .closed)
    }
  }

  @Test("SYN,ACK is sent again too, and a passive open returns to LISTEN when nobody answers")
  func synAckBackOff() throws {
    let host = try OneHost(Self.slow)
    let id = try host.passiveOpen()
    host.arrive(.syn, 0)
    host.takeSent()
    #expect(try Self.times(host, 3) == [1_000_000, 2_000_000, 4_000_000])
    #expect(host.takeSent() == ["SYN,ACK 0 ack 1"])
    host.pass(180_000_000)
    #expect(try host.state(id) == .listen)
    #expect(host.takeEvents() == [])
    host.takeSent()
    host.peerPort = 4_001
    host.arrive(.syn, 0)
    #expect(host.takeSent() == ["SYN,ACK 0 ack 1"])
  }

  @Test(
    "Data are sent again with the time-out doubled up to its largest, then the connection is aborted (MUST-19, MUST-20)"
  )
  func dataBackOff() throws {
    var configuration = Self.slow
    configuration.userTimeout = 300_000_000
    let host = try OneHost(configuration)
    let id = try host.connect()
    let start = host.now
    try host.send(id, 100)
    #expect(host.takeSent() == ["PSH,ACK 1:101 ack 1"])
    var times: [Int] = []
    while let time = host.passUntilSent(atMost: 100_000_000), try host.state(id) != .closed {
      times.append(time)
      #expect(host.sent.map(\.payload) == [OneHost.pattern(1, 100)])
    }
    // The first may be a probe of the tail (RFC 8985 §7).
    let doubled = times.suffix(6)
    #expect(doubled.last == 60_000_000)
    for (earlier, later) in zip(doubled, doubled.dropFirst()) { #expect(later >= earlier) }
    #expect(host.takeSent() == ["RST,ACK 101 ack 1"])
    #expect(start.microseconds(to: host.now) == 300_000_000)
    #expect(host.takeEvents() == [.deliveryProblem(id), .terminated(id, .userTimeout)])
    #expect(throws: EngineError.connectionTerminated) { try host.send(id, 1) }
  }

  @Test(
    "A plain duplicate says that a probe of the tail was in vain, with nothing outstanding (RFC 8985 §7.4)"
  )
  func probeInVain() throws {
    for isTold in [true, false] {
      var configuration = OneHost.plain
      configuration.usesSACK = true
      let host = try OneHost(configuration)
      host.options.isSACKPermitted = true
      let id = try host.connect()
      host.options.isSACKPermitted = false
      try host.send(id, 100)
      host.pass(100_000)
      host.arrive(.ack, 1, ack: 101)
      try host.send(id, 3_000)
      #expect(host.passUntilSent(atMost: 10_000_000) != nil)
      #expect(host.takeSent() == ["PSH,ACK 3021:3101 ack 1"])
      host.arrive(.ack, 1, ack: 3_101)
      if isTold { host.arrive(.ack, 1, ack: 3_101) }
      try host.send(id, 100)
      host.arrive(.ack, 1, ack: 3_201)
      // Without it the peer may have needed the probe: a loss.
      let hasThreshold = try host.status(id).slowStartThreshold < 1 << 29
      #expect(hasThreshold == !isTold)
    }
  }

  @Test("R2 is 2 minutes where nobody says otherwise: 100 s or more (SHLD-11)")
  func defaultR2() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 100)
    host.pass(119_999_999)
    #expect(try host.state(id) == .established)
    host.pass(1)
    #expect(try host.state(id) == .closed)
  }

  @Test(
    "With the action \"report\" the user is told each time, and the connection stays (RFC 9293 §3.9.1.6)"
  )
  func report() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.set(.userTimeout(10_000_000, aborts: false), id)
    try host.send(id, 100)
    for round in 0..<5 {
      host.pass(9_999_999)
      // R1 comes before R2, and once.
      #expect(host.takeEvents() == (round == 0 ? [.deliveryProblem(id)] : []))
      host.pass(1)
      #expect(host.takeEvents() == [.userTimeout(id)])
    }
    #expect(try host.state(id) == .established)
    host.arrive(.ack, 1, ack: 101)
    #expect(host.takeEvents() == [.acknowledged(id)])
    host.pass(100_000_000)
    #expect(host.takeEvents() == [])
  }

  @Test(
    "Without tail loss probes what is lost at the end waits for the retransmission time-out (RFC 8985 §7)",
    arguments: [true, false])
  func tailLossProbe(isUsed: Bool) throws {
    var configuration = OneHost.plain
    configuration.usesSACK = true
    configuration.usesTailLossProbe = isUsed
    let host = try OneHost(configuration)
    host.options.isSACKPermitted = true
    let id = try host.connect()
    // The first measurement after the handshake.
    try host.send(id, 100)
    host.pass(50_000)
    host.arrive(.ack, 1, ack: 101)
    try host.send(id, 3_000)
    host.takeSent()
    let timeout = try host.status(id).retransmissionTimeout
    let waited = try #require(host.passUntilSent(atMost: 10_000_000))
    #expect(isUsed ? waited < timeout : waited == timeout)
  }

  @Test("A user time-out is a millisecond at least: one that is reported begins again each time")
  func leastTimeout() throws {
    let host = try OneHost()
    let id = try host.connect()
    for time in [Int.min, -1, 1, 999, 604_800_000_001, .max] {
      for aborts in [true, false] {
        #expect(throws: EngineError.invalidLength) {
          try host.set(.userTimeout(time, aborts: aborts), id)
        }
      }
      var options = OpenOptions()
      options.userTimeout = time
      #expect(throws: EngineError.invalidLength) { try host.activeOpen(options) }
      var configuration = OneHost.plain
      configuration.userTimeout = time
      #expect(throws: EngineError.invalidLength) { try OneHost(configuration) }
    }
    try host.set(.userTimeout(1_000, aborts: false), id)
    try host.send(id, 100)
    host.pass(1_000)
    #expect(host.takeEvents() == [.userTimeout(id)])
    host.pass(999)
    #expect(host.takeEvents() == [])
  }

  @Test("A time-out of 0 is for ever, with the SYN and with data")
  func forEver() throws {
    let host = try OneHost()
    var options = OpenOptions()
    options.userTimeout = 0
    let id = try host.activeOpen(options)
    host.pass(3_600_000_000)
    #expect(try host.state(id) == .synSent)
    host.arrive(.syn, 0, ack: 1)
    try host.send(id, 1)
    host.pass(36_000_000_000)
    #expect(try host.state(id) == .established)
  }

  @Test("R2 runs although the peer sends data, as long as ours are not acknowledged")
  func peerTalks() throws {
    let host = try OneHost()
    let id = try host.connect()
    let start = host.now
    try host.send(id, 100)
    var next = 1
    while try host.state(id) == .established, next < 500 {
      host.pass(1_000_000)
      host.arrive(.psh, next, ack: 1, text: 1)
      _ = try? host.read(id)
      next += 1
    }
    #expect(host.takeEvents().contains(.terminated(id, .userTimeout)))
    #expect((119_000_000...122_000_000).contains(start.microseconds(to: host.now)))
  }

  @Test("R2 begins anew with each acknowledgement of something new")
  func progress() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 100)
    for byte in 1...5 {
      host.pass(100_000_000)
      host.arrive(.ack, 1, ack: 1 + byte)
      #expect(try host.state(id) == .established)
    }
    host.pass(120_000_000)
    #expect(try host.state(id) == .closed)
  }

  @Test(
    "An acknowledgement of a segment that was sent twice measures nothing, and keeps the doubled time-out (MUST-18)"
  )
  func karn() throws {
    let host = try OneHost(Self.slow)
    let id = try host.connect()
    try host.send(id, 100)
    host.pass(40_000_000)
    let before = try host.status(id)
    host.arrive(.ack, 1, ack: 101)
    let after = try host.status(id)
    #expect(after.smoothedRoundTrip == before.smoothedRoundTrip)
    #expect(after.retransmissionTimeout == before.retransmissionTimeout)
    #expect(after.retransmissionTimeout > 10_000_000)
    // A segment that was sent once measures, and ends the back-off (RFC 6298 §5).
    try host.send(id, 100)
    host.pass(100_000)
    host.arrive(.ack, 1, ack: 201)
    #expect(try host.status(id).retransmissionTimeout < 10_000_000)
  }

  @Test("The time-out follows the round trip (RFC 6298 §2)")
  func estimate() throws {
    let host = try OneHost()
    let id = try host.connect()
    for turn in 1...50 {
      try host.send(id, 10)
      host.pass(100_000)
      host.arrive(.ack, 1, ack: 1 + 10 * turn)
    }
    let status = try host.status(id)
    #expect((95_000...105_000).contains(status.smoothedRoundTrip))
    #expect((200_000...320_000).contains(status.retransmissionTimeout))
    #expect(status.statistics.segmentsResent == 0)
  }

  @Test("A lost FIN is sent again, and so is one with data before it")
  func finAgain() throws {
    let host = try OneHost(Self.slow)
    let id = try host.connect()
    try host.send(id, 10)
    try host.close(id)
    #expect(host.takeSent() == ["PSH,ACK 1:11 ack 1", "FIN,ACK 11 ack 1"])
    host.arrive(.ack, 1, ack: 11)
    host.pass(20_000_000)
    let again = Set(host.takeSent())
    #expect(again == ["FIN,ACK 11 ack 1"])
    host.arrive(.ack, 1, ack: 12)
    #expect(try host.state(id) == .finWait2)
  }

  @Test(
    "After R1 retransmissions, three at least, IP is asked to look for a smaller path (MUST-20, SHLD-10)"
  )
  func advice() throws {
    let host = try OneHost(Self.slow)
    let id = try host.connect()
    try host.send(id, 3_000)
    let size = try host.status(id).maximumSegmentSize
    var retransmissions = 0
    while try host.status(id).maximumSegmentSize == size, retransmissions < 20 {
      _ = host.passUntilSent(atMost: 100_000_000)
      retransmissions = try host.status(id).retransmissions
    }
    #expect(retransmissions >= 3 && retransmissions < 20)
  }
}
