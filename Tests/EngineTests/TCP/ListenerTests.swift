import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Listeners: backlog, accept, floods (RFC 4987)")
struct ListenerTests {
  /// So many connections of different ports shake hands.
  static func connect(_ host: OneHost, _ ports: Range<UInt16>) {
    for port in ports {
      host.peerPort = port
      host.arrive(.syn, 0)
      host.arrive(.ack, 1, ack: 1)
    }
  }

  @Test("Connections are accepted in their order, and the listener goes on")
  func order() throws {
    let host = try OneHost()
    let listener = try host.listen()
    Self.connect(host, 1_000..<1_005)
    #expect(
      host.takeEvents() == [
        .incoming(listener), .incoming(listener), .incoming(listener), .incoming(listener),
        .incoming(listener),
      ])
    for port in UInt16(1_000)..<1_005 {
      let id = try #require(try host.engine.accept(listener))
      #expect(try host.status(id).remote.port == port)
      #expect(try host.state(id) == .established)
    }
    #expect(try host.engine.accept(listener) == nil)
    #expect(try host.state(listener) == .listen)
    #expect(host.takeEvents() == [])
  }

  @Test("What a connection has to tell is told when it has been accepted, and not before")
  func events() throws {
    let host = try OneHost()
    let listener = try host.listen()
    Self.connect(host, 1_000..<1_001)
    host.arrive(.psh, 1, ack: 1, text: 10)
    host.arrive(.fin, 11, ack: 1)
    #expect(host.takeEvents() == [.incoming(listener)])
    let id = try #require(try host.engine.accept(listener))
    host.settle()
    #expect(host.takeEvents() == [.dataArrived(id), .closing(id)])
  }

  @Test("A connection that ends before it is accepted is gone without a word")
  func goneBefore() throws {
    let host = try OneHost()
    let listener = try host.listen()
    Self.connect(host, 1_000..<1_003)
    host.peerPort = 1_001
    host.arrive(.rst, 1)
    _ = host.takeEvents()
    let ports = try (0..<2).map { _ in
      try host.status(try #require(try host.engine.accept(listener))).remote.port
    }
    #expect(ports == [1_000, 1_002])
    #expect(try host.engine.accept(listener) == nil)
    #expect(host.takeEvents() == [])
  }

  @Test("A half-open connection that a RST ends makes room")
  func halfOpenReset() throws {
    var configuration = OneHost.plain
    configuration.usesSYNCookies = false
    let host = try OneHost(configuration)
    _ = try host.listen(backlog: 1)
    for port in UInt16(1_000)..<1_020 {
      host.peerPort = port
      host.arrive(.syn, 0)
      #expect(host.takeSent() == ["SYN,ACK 0 ack 1"])
      host.arrive(.rst, 1)
    }
  }

  @Test("Half-open connections end after their time")
  func halfOpenTimeout() throws {
    let host = try OneHost()
    _ = try host.listen()
    let empty = host.engine.memoryInUse
    for port in UInt16(1_000)..<1_020 {
      host.peerPort = port
      host.arrive(.syn, 0)
    }
    #expect(host.engine.memoryInUse > empty)
    host.pass(181_000_000)
    #expect(host.engine.memoryInUse == empty)
    #expect(host.takeEvents() == [])
  }

  @Test("A full queue without cookies is silent")
  func full() throws {
    var configuration = OneHost.plain
    configuration.usesSYNCookies = false
    let host = try OneHost(configuration)
    let listener = try host.listen(backlog: 3)
    Self.connect(host, 1_000..<1_003)
    host.takeSent()
    host.peerPort = 1_004
    host.arrive(.syn, 0)
    #expect(host.takeSent() == [])
    #expect(host.engine.counters[.listenQueueFull] == 1)
    _ = try host.engine.accept(listener)
    host.arrive(.syn, 0)
    #expect(host.takeSent() == ["SYN,ACK 0 ack 1"])
  }

  @Test(
    "A flood of SYNs: memory stays bounded, and who answers gets his connection (RFC 4987 §3.6)",
    arguments: [false, true])
  func flood(_ timestamps: Bool) throws {
    var configuration = OneHost.plain
    configuration.usesTimestamps = true
    configuration.usesSACK = true
    configuration.usesWindowScale = true
    configuration.receiveBuffer = 1 << 20
    let host = try OneHost(configuration)
    let listener = try host.listen(backlog: 16)
    for number in 0..<5_000 {
      host.peer = IPAddress(10, 0, UInt8(number >> 8), UInt8(number & 0xFF) | 1)
      host.peerPort = UInt16(2_000 + number)
      host.arrive(.syn, number * 1_000)
    }
    let memory = host.engine.memoryInUse
    #expect(memory < 100_000)
    host.peer = OneHost.peerAddress
    host.peerPort = 50_000
    host.options = OpeningTests.options(
      mss: 1_000, scale: 5, timestamp: timestamps ? 77 : nil, sack: true)
    host.sent = []
    host.arrive(.syn, 0)
    let answer = try #require(host.sent.last)
    #expect(answer.description == "SYN,ACK 0 ack 1")
    #expect(host.engine.memoryInUse == memory)
    if timestamps {
      host.judge.agree(
        onShift: Int(try #require(answer.header.options.windowScale)),
        local: Endpoint(OneHost.address, 80), remote: Endpoint(host.peer, 50_000))
    }
    #expect(host.engine.counters.tcp.cookiesSent > 4_000)
    host.options = TCPOptions()
    if let sent = answer.header.options.timestamps {
      host.options.timestamps = TCPTimestamps(value: 78, echoReply: sent.value)
    }
    host.arrive(.psh, 1, ack: 1, text: 10)
    #expect(host.takeEvents() == [.incoming(listener)])
    let id = try #require(try host.engine.accept(listener))
    let status = try host.status(id)
    #expect(status.state == .established)
    #expect(try host.read(id).bytes == OneHost.pattern(1, 10))
    #expect(status.usesTimestamps == timestamps && status.usesSACK == timestamps)
    #expect(status.windowScaleReceived == (timestamps ? 5 : nil))
    #expect((536...1_000).contains(status.maximumSegmentSize + (timestamps ? 12 : 0)))
    #expect(host.engine.counters.tcp.cookiesAccepted == 1)
  }

  @Test("A made-up cookie is answered with a RST")
  func badCookie() throws {
    let host = try OneHost()
    let listener = try host.listen(backlog: 1)
    for port in UInt16(1_000)..<1_010 {
      host.peerPort = port
      host.arrive(.syn, 0)
    }
    #expect(host.engine.counters.tcp.cookiesSent == 9)
    host.takeSent()
    for guess in 0..<50 { host.arrive(.ack, 1, ack: 77_777 + guess) }
    #expect(host.takeSent().allSatisfy { $0.hasPrefix("RST ") })
    #expect(host.takeEvents() == [])
    #expect(host.engine.counters[.badCookie] == 50)
    #expect(try host.engine.accept(listener) == nil)
  }

  @Test(
    "A listener that is closed, aborted or released takes its children with it", arguments: 0..<3)
  func gone(_ way: Int) throws {
    let host = try OneHost()
    let listener = try host.listen()
    Self.connect(host, 1_000..<1_003)
    host.peerPort = 1_003
    host.arrive(.syn, 0)
    let accepted = try #require(try host.engine.accept(listener))
    host.takeSent()
    _ = host.takeEvents()
    switch way {
    case 0: try host.close(listener)
    case 1: try host.abort(listener)
    default: try host.release(listener)
    }
    // Two that were not accepted, and the half-open one.
    #expect(host.takeSent().count == 3)
    #expect(host.sent.allSatisfy { $0.header.flags.contains(.rst) })
    #expect(try host.state(accepted) == .established)
    host.peerPort = 1_009
    host.arrive(.syn, 0)
    #expect(host.sent.last?.header.flags.description == "RST,ACK")
    let expected: [EngineEvent] = [
      [.terminated(listener, .close)], [.terminated(listener, .abort)], [],
    ][way]
    #expect(host.takeEvents() == expected)
  }

  @Test(
    "The ceiling of memory holds under a flood of connections, data out of order and half-open ones"
  )
  func ceiling() throws {
    var configuration = OneHost.plain
    configuration.memoryCeiling = 128 << 10
    configuration.receiveBuffer = 65_536
    let host = try OneHost(configuration)
    let listener = try host.listen(backlog: 1_000)
    var highest = 0
    for port in UInt16(1_000)..<1_400 {
      host.peerPort = port
      host.arrive(.syn, 0)
      host.arrive(.ack, 1, ack: 1)
      for number in 0..<10 { host.arrive(.ack, 10 + 2_000 * number, ack: 1, text: 1_000) }
      highest = max(highest, host.engine.memoryInUse)
    }
    #expect(highest <= 128 << 10 && highest > 100 << 10)
    #expect(host.engine.counters[.memoryCeiling] > 0)
    try host.release(listener)
    #expect(host.engine.memoryInUse == 0)
  }

  @Test("A SYN with text that finds no memory for the answer is answered when there is some")
  func answerAtTheCeiling() throws {
    var waited = 0
    for ceiling in stride(from: 65_536, to: 68_608, by: 64) {
      var configuration = OneHost.plain
      configuration.memoryCeiling = ceiling
      configuration.acknowledgmentDelay = 0
      configuration.usesSYNCookies = false
      let host = try OneHost(configuration)
      _ = try host.listen(backlog: 1_000)
      for port in UInt16(1_000)..<1_030 {
        host.peerPort = port
        host.arrive(.syn, 0, text: 1_000)
      }
      let answered = Set(host.sent.map(\.header.destinationPort))
      let opens = Int(host.engine.counters.tcp.passiveOpens)
      guard answered.count < opens else { continue }
      waited += 1
      for port in answered {
        host.peerPort = port
        host.arrive(.rst, 1_001)
      }
      host.pass(2_000_000)
      #expect(Set(host.sent.map(\.header.destinationPort)).count == opens)
    }
    #expect(waited > 0)
  }
}
