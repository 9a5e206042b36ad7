import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Opening a connection (RFC 9293 §3.5)")
struct OpeningTests {
  /// Options of the peer's SYN.
  static func options(
    mss: UInt16? = nil, scale: UInt8? = nil, timestamp: UInt32? = nil, sack: Bool = false
  ) -> TCPOptions {
    var options = TCPOptions()
    options.maximumSegmentSize = mss
    options.windowScale = scale
    options.timestamps = timestamp.map { TCPTimestamps(value: $0, echoReply: 0) }
    options.isSACKPermitted = sack
    return options
  }

  @Test("Basic synchronization (Figure 6): SYN, SYN,ACK, ACK")
  func active() throws {
    let host = try OneHost()
    let id = try host.activeOpen()
    #expect(host.takeSent() == ["SYN 0"])
    host.arrive(.syn, 0, ack: 1)
    #expect(host.takeSent() == ["ACK 1 ack 1"])
    #expect(host.takeEvents() == [.opened(id)])
  }

  @Test("A passive open answers one SYN and remembers that it was passive")
  func passive() throws {
    let host = try OneHost()
    let id = try host.passiveOpen()
    host.arrive(.syn, 0)
    #expect(host.takeSent() == ["SYN,ACK 0 ack 1"])
    #expect(host.takeEvents() == [])
    host.arrive(.ack, 1, ack: 1)
    #expect(host.takeEvents() == [.opened(id)])
    #expect(try host.status(id).remote == Endpoint(OneHost.peerAddress, 4_000))
  }

  @Test("Simultaneous open (Figure 8)")
  func simultaneous() throws {
    let host = try OneHost()
    let id = try host.activeOpen()
    #expect(host.takeSent() == ["SYN 0"])
    host.arrive(.syn, 0)
    #expect(host.takeSent() == ["SYN,ACK 0 ack 1"])
    host.arrive(.syn, 0, ack: 1)
    #expect(try host.state(id) == .established)
    #expect(host.takeEvents() == [.opened(id)])
    try host.send(id, 10)
    #expect(host.takeSent() == ["PSH,ACK 1:11 ack 1"])
  }

  @Test("A simultaneous open that is over before its SYN,ACK is fetched: an ACK is enough")
  func simultaneousSlowly() throws {
    let host = try OneHost()
    let id = try host.activeOpen()
    host.takeSent()
    for flags in [.syn, TCPFlags.syn.union(.ack)] {
      let header = TCPHeader(
        sourcePort: host.peerPort, destinationPort: host.port, sequenceNumber: host.irs,
        acknowledgmentNumber: flags == .syn ? SequenceNumber(0) : host.iss.advanced(by: 1),
        flags: flags, window: 1_000)
      host.engine.receive(host.packet(header).span, at: host.now)
    }
    host.settle()
    #expect(host.takeSent() == ["ACK 1 ack 1"])
    #expect(try host.state(id) == .established)
    try host.send(id, 10)
    #expect(host.takeSent() == ["PSH,ACK 1:11 ack 1"])
  }

  @Test("Two engines open to each other at the same moment")
  func simultaneousEngines() throws {
    var hosts = try TwoHosts()
    let a = try hosts.a.createConnection()
    let b = try hosts.b.createConnection()
    let ends = (Endpoint(TwoHosts.addressA, 7), Endpoint(TwoHosts.addressB, 8))
    try hosts.a.activeOpen(a, to: ends.1, from: ends.0, at: hosts.now)
    try hosts.b.activeOpen(b, to: ends.0, from: ends.1, at: hosts.now)
    hosts.exchange()
    #expect(hosts.eventsA == [.opened(a)])
    #expect(hosts.eventsB == [.opened(b)])
    let bytes = TransferTests.pattern(100_000)
    #expect(try TransferTests.transfer(bytes, &hosts, a, b) == bytes)
  }

  @Test("The window in a SYN,ACK is not shifted, in a simultaneous open neither (RFC 7323 §2.2)")
  func unshiftedWindow() throws {
    var configuration = OneHost.plain
    configuration.usesWindowScale = true
    let host = try OneHost(configuration)
    let id = try host.activeOpen()
    host.arrive(.syn, 0, window: 1_000, options: Self.options(mss: 1_460, scale: 7))
    host.arrive(.syn, 0, ack: 1, window: 1_000, options: Self.options(mss: 1_460, scale: 7))
    #expect(try host.status(id).sendWindow == 1_000)
    host.arrive(.ack, 1, ack: 1, window: 1_000)
    #expect(try host.status(id).sendWindow == 128_000)
  }

  @Test(
    "Text and FIN that come with a SYN wait until the connection is there (RFC 9293 §3.10.7.2, third)"
  )
  func textWithSYN() throws {
    let host = try OneHost()
    let id = try host.passiveOpen()
    host.arrive(TCPFlags.syn.union(.fin), 0, text: 10)
    #expect(host.takeSent() == ["SYN,ACK 0 ack 11"])
    #expect(host.takeEvents() == [])
    #expect(try host.read(id).bytes == [])
    host.arrive(.ack, 12, ack: 1)
    #expect(try host.state(id) == .closeWait)
    #expect(host.takeEvents() == [.opened(id), .dataArrived(id), .closing(id)])
    #expect(host.takeSent() == ["ACK 1 ack 12"])
    let (bytes, result) = try host.read(id)
    #expect(bytes == OneHost.pattern(1, 10) && result.isEnd)
  }

  @Test("Text that comes with a SYN of a simultaneous open is kept")
  func textWithSimultaneousSYN() throws {
    let host = try OneHost()
    let id = try host.activeOpen()
    host.takeSent()
    host.arrive(.syn, 0, text: 10)
    #expect(host.takeSent() == ["SYN,ACK 0 ack 11"])
    host.arrive(.ack, 11, ack: 1)
    #expect(host.takeEvents() == [.opened(id), .dataArrived(id)])
    #expect(try host.read(id).bytes == OneHost.pattern(1, 10))
  }

  @Test("A peer's SYN that comes again is answered again, and its text is not taken twice")
  func repeatedSYN() throws {
    let host = try OneHost()
    let id = try host.passiveOpen()
    host.arrive(.syn, 0, text: 5)
    host.arrive(.syn, 0, text: 5)
    #expect(host.takeSent() == ["SYN,ACK 0 ack 6", "SYN,ACK 0 ack 6"])
    host.arrive(.ack, 6, ack: 1)
    #expect(try host.read(id).bytes == OneHost.pattern(1, 5))
  }
}
