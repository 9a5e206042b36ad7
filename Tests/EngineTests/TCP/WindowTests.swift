import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Windows, silly windows, Nagle and acknowledgements (RFC 9293 §3.7.4, §3.8.6)")
struct WindowTests {
  // MARK: When an acknowledgement is sent

  @Test("One segment alone is acknowledged after a while, below 0.5 s (SHLD-18, MUST-40)")
  func delayed() throws {
    let host = try OneHost()
    _ = try host.connect()
    host.arrive(.psh, 1, ack: 1, text: 100)
    #expect(host.takeSent() == [])
    #expect(host.passUntilSent(atMost: 1_000_000) == 40_000)
    #expect(host.takeSent() == ["ACK 1 ack 101"])
    #expect(host.passUntilSent(atMost: 100_000_000) == nil)
  }

  @Test("The time of a delayed acknowledgement cannot be 0.5 s or more (MUST-40)")
  func greatestDelay() throws {
    var configuration = OneHost.plain
    configuration.acknowledgmentDelay = 500_000
    #expect(throws: EngineError.invalidLength) { _ = try OneHost(configuration) }
  }

  @Test("Every second segment is acknowledged at once (SHLD-19)")
  func everySecond() throws {
    let host = try OneHost()
    _ = try host.connect()
    host.arrive(.ack, 1, ack: 1, text: 1_460)
    #expect(host.takeSent() == [])
    host.arrive(.ack, 1_461, ack: 1, text: 1_460)
    #expect(host.takeSent() == ["ACK 1 ack 2921"])
  }

  @Test("What has come before the engine sends is acknowledged together (MUST-58, MUST-59)")
  func aggregated() throws {
    var configuration = OneHost.plain
    configuration.receiveBuffer = 65_536
    let host = try OneHost(configuration)
    let id = try host.connect()
    for start in stride(from: 1, to: 10_001, by: 1_000) {
      var header = TCPHeader(
        sourcePort: host.peerPort, destinationPort: host.port,
        sequenceNumber: host.irs.advanced(by: start),
        acknowledgmentNumber: host.iss.advanced(by: 1),
        flags: .ack, window: 65_535)
      header.checksum = 0
      let packet = host.packet(header, OneHost.pattern(start, 1_000))
      host.engine.receive(packet.span, at: host.now)
    }
    host.settle()
    #expect(host.takeSent() == ["ACK 1 ack 10001"])
    #expect(try host.status(id).unread == 10_000)
  }

  @Test("Data that are sent bear the acknowledgement, and no other is sent")
  func piggybacked() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.psh, 1, ack: 1, text: 100)
    try host.send(id, 10)
    #expect(host.takeSent() == ["PSH,ACK 1:11 ack 101"])
    host.arrive(.ack, 101, ack: 11)
    #expect(host.passUntilSent(atMost: 100_000_000) == nil)
  }

  @Test(
    "A segment out of order is acknowledged at once (RFC 5681 §4.2, MAY-13), and so is one that fills a gap"
  )
  func outOfOrder() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.ack, 101, ack: 1, text: 100)
    #expect(host.takeSent() == ["ACK 1 ack 1"])
    host.arrive(.ack, 301, ack: 1, text: 100)
    #expect(host.takeSent() == ["ACK 1 ack 1"])
    #expect(host.takeEvents() == [])
    host.arrive(.ack, 1, ack: 1, text: 100)
    #expect(host.takeSent() == ["ACK 1 ack 201"])
    host.arrive(.ack, 201, ack: 1, text: 100)
    #expect(host.takeSent() == ["ACK 1 ack 401"])
    #expect(try host.read(id).bytes == OneHost.pattern(1, 400))
  }

  @Test("A FIN out of order waits for what precedes it")
  func finOutOfOrder() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.fin, 101, ack: 1)
    #expect(host.takeSent() == ["ACK 1 ack 1"])
    host.arrive(.ack, 1, ack: 1, text: 100)
    #expect(host.takeSent() == ["ACK 1 ack 102"])
    #expect(try host.state(id) == .closeWait)
    #expect(host.takeEvents() == [.dataArrived(id), .closing(id)])
  }

  @Test("SACK blocks: the newest first, and a duplicate before all (RFC 2018 §4, RFC 2883 §4)")
  func selective() throws {
    var configuration = OneHost.plain
    configuration.usesSACK = true
    let host = try OneHost(configuration)
    host.options.isSACKPermitted = true
    _ = try host.connect()
    host.options = TCPOptions()
    func blocks() -> [[Int]] {
      defer { host.sent = [] }
      return host.sent.last?.header.options.sackBlocks.map {
        [host.irs.distance(to: $0.left), host.irs.distance(to: $0.right)]
      } ?? []
    }
    host.arrive(.ack, 101, ack: 1, text: 100)
    #expect(blocks() == [[101, 201]])
    host.arrive(.ack, 301, ack: 1, text: 100)
    #expect(blocks() == [[301, 401], [101, 201]])
    host.arrive(.ack, 301, ack: 1, text: 100)
    #expect(blocks() == [[301, 401], [301, 401], [101, 201]])
    host.arrive(.ack, 1, ack: 1, text: 100)
    #expect(blocks() == [[301, 401]])
    host.arrive(.ack, 1, ack: 1, text: 100)
    #expect(blocks() == [[1, 101], [301, 401]])
  }

  // MARK: The window that is offered

  @Test(
    "A window that opens is told of when it is worth a segment (MUST-39), and never shrinks (SHLD-14)"
  )
  func receiverSillyWindow() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.ack, 1, ack: 1, text: 1_460)
    host.arrive(.ack, 1_461, ack: 1, text: 1_460)
    host.arrive(.ack, 2_921, ack: 1, text: 1_176)
    host.pass(100_000)
    #expect(host.sent.last?.header.window == 0)
    // A byte now and then tells nobody of a small window.
    host.sent = []
    for _ in 0..<14 { _ = try host.read(id, 100) }
    #expect(host.takeSent() == [])
    for _ in 0..<20 { _ = try host.read(id, 100) }
    #expect(!host.sent.isEmpty)
    #expect(host.sent.allSatisfy { $0.header.window >= 1_460 || $0.header.window >= 2_048 })
  }

  @Test("A window is unsigned, and counts as 32 bits when it is shifted (MUST-1, REC-1)")
  func large() throws {
    var configuration = OneHost.plain
    configuration.usesWindowScale = true
    configuration.receiveBuffer = 1 << 30
    let host = try OneHost(configuration)
    host.options.windowScale = 14
    let id = try host.connect(window: 65_535)
    host.options = TCPOptions()
    #expect(try host.status(id).sendWindow == 65_535)
    host.arrive(.ack, 1, ack: 1, window: 65_535)
    #expect(try host.status(id).sendWindow == 65_535 << 14)
    #expect(try host.status(id).windowScaleSent == 14)
    host.judge.agree(
      onShift: 14, local: Endpoint(OneHost.address, host.port),
      remote: Endpoint(host.peer, host.peerPort))
    host.arrive(.ack, 1, ack: 1, text: 1_460)
    host.pass(100_000)
    #expect(host.sent.last?.header.window == 65_535)
  }

  @Test("A send buffer holds what it was made for, however large, and is then full")
  func largeSendBuffer() throws {
    var configuration = OneHost.plain
    configuration.memoryCeiling = 128 << 20
    configuration.sendBuffer = 20 << 20
    let host = try OneHost(configuration)
    let id = try host.connect(window: 0)
    let bytes = [UInt8](repeating: 1, count: 4 << 20)
    for _ in 0..<5 {
      #expect(try host.engine.send(id, bytes.span, at: host.now) == bytes.count)
    }
    #expect(try host.engine.send(id, bytes.span, at: host.now) == 0)
    #expect(try host.status(id).unacknowledged == 20 << 20)
  }

  @Test("Data out of order take half of the memory at most: those that come in order find room")
  func outOfOrderMemory() throws {
    var configuration = OneHost.plain
    configuration.memoryCeiling = 256 << 10
    let host = try OneHost(configuration)
    for number in 0..<80 {
      host.port = UInt16(1_000 + number)
      let window = try host.status(host.connect()).receiveWindow
      host.arrive(.ack, window, ack: 1, bytes: [1])
    }
    #expect(host.engine.counters[.memoryCeiling] > 5)
    #expect(host.engine.memoryInUse < 192 << 10)
    host.port = 2_000
    let id = try host.connect()
    host.arrive(.ack, 1, ack: 1, text: 100)
    #expect(try host.read(id).bytes.count == 100)
  }

  @Test("A shift that is greater than 14 counts as 14 (RFC 7323 §2.3)")
  func shiftTooLarge() throws {
    var configuration = OneHost.plain
    configuration.usesWindowScale = true
    let host = try OneHost(configuration)
    let id = try host.activeOpen()
    // Kind 3, length 3, shift 200, after a NOP.
    var packet = host.packet(
      TCPHeader(
        sourcePort: host.peerPort, destinationPort: host.port, sequenceNumber: host.irs,
        acknowledgmentNumber: host.iss.advanced(by: 1), flags: TCPFlags.syn.union(.ack), window: 9,
        options: OpeningTests.options(scale: 14)))
    packet[packet.count - 1] = 200
    // The shift is the low byte of a word: the checksum falls by as much as it grows.
    let sum = UInt16(packet[36]) << 8 | UInt16(packet[37])
    let fixed = sum - 186
    packet[36] = UInt8(fixed >> 8)
    packet[37] = UInt8(fixed & 0xFF)
    host.receive(packet)
    #expect(try host.state(id) == .established)
    #expect(try host.status(id).windowScaleReceived == 14)
  }

  // MARK: When data are sent

  @Test("Nagle: one small segment at a time is outstanding (SHLD-7)")
  func nagle() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 10)
    try host.send(id, 10)
    try host.send(id, 10)
    #expect(host.takeSent() == ["PSH,ACK 1:11 ack 1"])
    host.arrive(.ack, 1, ack: 11)
    #expect(host.takeSent() == ["PSH,ACK 11:31 ack 1"])
  }

  @Test("Nagle can be switched off (MUST-17)")
  func noNagle() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.set(.nagle(false), id)
    for _ in 0..<3 { try host.send(id, 10) }
    #expect(
      host.takeSent() == ["PSH,ACK 1:11 ack 1", "PSH,ACK 11:21 ack 1", "PSH,ACK 21:31 ack 1"])
  }

  @Test("Minshall's variant: the tail of a large send does not wait for whole segments")
  func minshall() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 1_560)
    #expect(host.takeSent() == ["ACK 1:1461 ack 1", "PSH,ACK 1461:1561 ack 1"])
    try host.send(id, 10)
    #expect(host.takeSent() == [])
    host.arrive(.ack, 1, ack: 1_461)
    #expect(host.takeSent() == [])
    host.arrive(.ack, 1, ack: 1_561)
    #expect(host.takeSent() == ["PSH,ACK 1561:1571 ack 1"])
  }

  @Test(
    "Sender's silly windows: no small piece into a small window, until the override time (MUST-38)")
  func senderSillyWindow() throws {
    let host = try OneHost()
    let id = try host.connect(window: 4_000)
    try host.send(id, 4_000)
    host.takeSent()
    host.arrive(.ack, 1, ack: 4_001, window: 300)
    try host.send(id, 3_000)
    // 300 is neither a segment, nor half of 4,000, nor all.
    #expect(host.takeSent() == [])
    let time = try #require(host.passUntilSent(atMost: 10_000_000))
    #expect((100_000...1_000_000).contains(time))
    #expect(host.takeSent() == ["ACK 4001:4301 ack 1"])
    host.arrive(.ack, 1, ack: 4_301, window: 2_000)
    // Half of the largest window is worth a segment.
    #expect(host.takeSent() == ["ACK 4301:5761 ack 1"])
  }

  @Test(
    "Segments are as large as they may be, and PSH stands at the end (SHLD-28, MUST-61, MUST-60)")
  func largest() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 5_000)
    #expect(
      host.takeSent() == [
        "ACK 1:1461 ack 1", "ACK 1461:2921 ack 1", "ACK 2921:4381 ack 1", "PSH,ACK 4381:5001 ack 1",
      ])
  }

  @Test("Pushes that are outstanding together collapse into one PSH (SHLD-27, MAY-15)")
  func collapsed() throws {
    let host = try OneHost()
    let id = try host.connect()
    for _ in 0..<5 { try host.send(id, 10, push: true) }
    host.takeSent()
    host.arrive(.ack, 1, ack: 11)
    #expect(host.takeSent() == ["PSH,ACK 11:51 ack 1"])
  }

  @Test("Data that are not pushed are not held back either, and have no PSH (MUST-60, MAY-16)")
  func notPushed() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 10, push: false)
    #expect(host.takeSent() == ["ACK 1:11 ack 1"])
    host.arrive(.ack, 1, ack: 11)
    try host.send(id, 10, push: false)
    try host.send(id, 10, push: true)
    host.arrive(.ack, 1, ack: 21)
    #expect(host.takeSent() == ["ACK 11:21 ack 1", "PSH,ACK 21:31 ack 1"])
  }

  @Test("The receiver is told what was pushed (MAY-17)")
  func pushReported() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.ack, 1, ack: 1, text: 100)
    #expect(try !host.read(id).result.isPushed)
    host.arrive(.psh, 101, ack: 1, text: 100)
    #expect(try !host.read(id, 50).result.isPushed)
    #expect(try host.read(id, 50).result.isPushed)
  }

  // MARK: MSS

  @Test(
    "MSS: without the option 536; the peer's, the path's and the options' room otherwise (MUST-14, MUST-15, MUST-16)"
  )
  func mss() throws {
    for (option, timestamps, expected) in [
      (nil, false, 536), (1_460, false, 1_460), (9_000, false, 1_460), (1_000, false, 1_000),
      (nil, true, 524), (1_460, true, 1_448),
      // Less than 48 is taken as 48: nobody needs it but who wants packets without end.
      (0, false, 48), (1, true, 36), (47, false, 48), (49, false, 49),
    ] as [(UInt16?, Bool, Int)] {
      var configuration = OneHost.plain
      configuration.usesTimestamps = timestamps
      let host = try OneHost(configuration)
      if timestamps { host.options.timestamps = TCPTimestamps(value: 1, echoReply: 0) }
      let id = try host.connect(mss: option)
      #expect(try host.status(id).maximumSegmentSize == expected)
      try host.send(id, 3_000)
      #expect(host.sent.first?.payload.count == expected)
    }
  }

  @Test(
    "Where the link carries less than 48 bytes of data, the least that is sent to a peer is less too"
  )
  func mssOfSmallestLink() throws {
    for (option, expected) in [(nil, 28), (0, 28), (1_460, 28)] as [(UInt16?, Int)] {
      var configuration = OneHost.plain
      configuration.mtu = 68
      let host = try OneHost(configuration)
      let id = try host.connect(mss: option)
      #expect(try host.status(id).maximumSegmentSize == expected)
      try host.send(id, 100)
      #expect(host.sent.first?.payload.count == expected)
    }
  }

  @Test(
    "The MSS that is sent is what the link carries without headers, in SYN and SYN,ACK alone (MUST-14, MUST-65, MUST-67, SHLD-5)"
  )
  func offeredMSS() throws {
    for mtu in [576, 1_500, 9_000, 65_535] {
      var configuration = OneHost.plain
      configuration.mtu = mtu
      let host = try OneHost(configuration)
      _ = try host.activeOpen()
      #expect(host.sent.last?.header.options.maximumSegmentSize == UInt16(mtu - 40))
      host.arrive(.syn, 0, ack: 1)
      #expect(host.sent.last?.header.options.maximumSegmentSize == nil)
      let other = try OneHost(configuration)
      _ = try other.listen()
      other.arrive(.syn, 0)
      #expect(other.sent.last?.header.options.maximumSegmentSize == UInt16(mtu - 40))
    }
  }
}
