import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Closing a connection, TIME-WAIT and release (RFC 9293 §3.6)")
struct ClosingTests {
  @Test("A released connection ends when its peer is gone, although it had no user time-out")
  func orphan() throws {
    var configuration = OneHost.plain
    configuration.userTimeout = 0
    let host = try OneHost(configuration)
    let id = try host.connect()
    try host.send(id, 100)
    try host.close(id)
    host.pass(600_000_000)
    #expect(try host.state(id) == .finWait1)
    try host.release(id)
    host.pass(121_000_000)
    #expect(host.takeSent().last?.hasPrefix("RST") == true)
    #expect(host.engine.memoryInUse == 0)
    #expect(host.engine.nextDeadline == nil)
  }

  @Test("Normal close sequence (Figure 12): our FIN first, then 2 MSL of TIME-WAIT (MUST-13)")
  func first() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.close(id)
    #expect(host.takeSent() == ["FIN,ACK 1 ack 1"])
    host.arrive(.ack, 1, ack: 2)
    #expect(try host.state(id) == .finWait2)
    host.arrive(.fin, 1, ack: 2)
    #expect(host.takeSent() == ["ACK 2 ack 2"])
    #expect(
      host.takeEvents() == [.finAcknowledged(id), .closing(id), .terminated(id, .close)])
    host.pass(59_999_999)
    #expect(try host.state(id) == .timeWait)
    host.pass(1)
    #expect(try host.state(id) == .closed)
    #expect(host.takeEvents() == [])
  }

  @Test("The peer closes first: CLOSE-WAIT, LAST-ACK, and no TIME-WAIT")
  func second() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.fin, 1, ack: 1)
    #expect(host.takeSent() == ["ACK 1 ack 2"])
    try host.send(id, 10)
    try host.close(id)
    #expect(host.takeSent() == ["PSH,ACK 1:11 ack 2", "FIN,ACK 11 ack 2"])
    #expect(try host.state(id) == .lastAck)
    host.arrive(.ack, 2, ack: 12)
    #expect(try host.state(id) == .closed)
    #expect(
      host.takeEvents()
        == [.closing(id), .acknowledged(id), .finAcknowledged(id), .terminated(id, .close)])
  }

  @Test("Simultaneous close (Figure 13)")
  func simultaneous() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.close(id)
    host.arrive(.fin, 1, ack: 1)
    #expect(host.takeSent() == ["FIN,ACK 1 ack 1", "ACK 2 ack 2"])
    #expect(try host.state(id) == .closing)
    host.arrive(.ack, 2, ack: 2)
    #expect(try host.state(id) == .timeWait)
  }

  @Test("A half-closed connection goes on receiving")
  func halfClosed() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.close(id)
    host.arrive(.ack, 1, ack: 2)
    for start in stride(from: 1, to: 20_001, by: 1_000) {
      host.arrive(.psh, start, ack: 2, text: 1_000)
      #expect(try host.read(id).bytes == OneHost.pattern(start, 1_000))
    }
    host.arrive(.fin, 20_001, ack: 2)
    #expect(try host.state(id) == .timeWait)
    #expect(try host.read(id).result.isEnd)
  }

  @Test("Data that came before the end can be read after it, in TIME-WAIT and in CLOSED")
  func unreadData() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.close(id)
    host.arrive(.fin, 1, ack: 2, text: 100)
    #expect(try host.state(id) == .timeWait)
    host.pass(100_000_000)
    #expect(try host.state(id) == .closed)
    #expect(try host.read(id).bytes == OneHost.pattern(1, 100))
    #expect(try host.read(id).result.isEnd)
  }

  @Test("Data from behind a FIN are forgotten when the FIN has come")
  func dataBehindFIN() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.ack, 200, ack: 1, text: 50)
    host.arrive(.fin, 101, ack: 1)
    host.arrive(.ack, 1, ack: 1, text: 100)
    #expect(try host.state(id) == .closeWait)
    #expect(try host.read(id).bytes == OneHost.pattern(1, 100))
    try host.close(id)
    try host.release(id)
    host.arrive(.ack, 102, ack: 2)
    #expect(host.engine.memoryInUse == 0)
  }

  @Test(
    "A reset in LAST-ACK is the normal end, unless data of ours were not acknowledged (MUST-12)")
  func resetAtTheEnd() throws {
    for (count, reason) in [(0, TerminationReason.close), (10, .remoteAbort)] {
      let host = try OneHost()
      let id = try host.connect()
      host.arrive(.fin, 1, ack: 1)
      try host.send(id, count)
      try host.close(id)
      host.arrive(.rst, 2)
      #expect(host.takeEvents().last == .terminated(id, reason))
    }
  }

  // MARK: TIME-WAIT

  /// A connection in TIME-WAIT on port 80, where somebody listens. RCV.NXT is 2.
  static func timeWait(_ host: OneHost) throws -> ConnectionID {
    _ = try host.listen()
    let id = try host.connect()
    try host.close(id)
    host.arrive(.fin, 1, ack: 2)
    try #require(try host.state(id) == .timeWait)
    host.sent = []
    host.events = []
    return id
  }

  @Test("The peer's FIN again is acknowledged, and 2 MSL begin anew")
  func finAgain() throws {
    let host = try OneHost()
    let id = try Self.timeWait(host)
    host.pass(50_000_000)
    host.arrive(.fin, 1, ack: 2)
    #expect(host.takeSent() == ["ACK 2 ack 2"])
    host.pass(59_999_999)
    #expect(try host.state(id) == .timeWait)
    host.pass(1)
    #expect(try host.state(id) == .closed)
  }

  @Test("A FIN that is not the peer's last does not prolong TIME-WAIT")
  func strangeFIN() throws {
    let host = try OneHost()
    let id = try Self.timeWait(host)
    host.pass(50_000_000)
    host.arrive(.fin, 500, ack: 2)
    host.pass(10_000_000)
    #expect(try host.state(id) == .closed)
  }

  @Test(
    "A SYN with a later number opens the connection anew, with our numbers behind the old ones (MAY-2)"
  )
  func reopened() throws {
    let host = try OneHost()
    let id = try Self.timeWait(host)
    let old = host.iss
    host.arrive(.syn, 100_000)
    #expect(host.sent.map(\.header.flags.description) == ["SYN,ACK"])
    #expect(old.advanced(by: 2).precedes(host.iss))
    #expect(try host.state(id) == .closed)
    #expect(host.engine.counters.tcp.timeWaitReused == 1)
    host.arrive(.ack, 100_001, ack: 1)
    #expect(host.takeEvents().contains { if case .incoming = $0 { true } else { false } })
  }

  @Test("RFC 6191 §2: the time stamp says whether a SYN is new")
  func reopenedByTimestamp() throws {
    // The SYN's number behind the old ones or not, its time stamp (the last one was 1,000): new or not.
    let cases: [(sequence: Int, timestamp: UInt32?, isNew: Bool)] = [
      (-5_000, 1_001, true), (100_000, 1_001, true), (100_000, 1_000, true), (-5_000, 1_000, false),
      (100_000, 999, false), (-5_000, 999, false), (100_000, nil, true), (-5_000, nil, false),
    ]
    for row in cases {
      var configuration = OneHost.plain
      configuration.usesTimestamps = true
      let host = try OneHost(configuration)
      host.options.timestamps = TCPTimestamps(value: 1_000, echoReply: 0)
      let id = try Self.timeWait(host)
      host.options.timestamps = row.timestamp.map { TCPTimestamps(value: $0, echoReply: 0) }
      host.arrive(.syn, row.sequence)
      let expected = row.isNew ? ["SYN,ACK"] : ["ACK"]
      #expect(host.sent.map(\.header.flags.description) == expected, "\(row)")
      #expect(try host.state(id) == (row.isNew ? .closed : .timeWait))
    }
  }

  @Test(
    "The connections in TIME-WAIT are bounded: the oldest gives way, and the last FIN is acknowledged always"
  )
  func bounded() throws {
    for limit in [0, 3] {
      var configuration = OneHost.plain
      configuration.timeWaitLimit = limit
      let host = try OneHost(configuration)
      var ids: [ConnectionID] = []
      for turn in 0..<6 {
        host.port = UInt16(1_000 + turn)
        let id = try host.connect()
        try host.close(id)
        host.takeSent()
        host.arrive(.fin, 1, ack: 2)
        #expect(host.takeSent() == ["ACK 2 ack 2"])
        ids.append(id)
      }
      let waiting = try ids.filter { try host.state($0) == .timeWait }
      #expect(waiting == ids.suffix(limit))
    }
  }

  @Test("Abort in TIME-WAIT: no second end is told")
  func abortInTimeWait() throws {
    let host = try OneHost()
    let id = try Self.timeWait(host)
    try host.abort(id)
    #expect(try host.state(id) == .closed)
    #expect(host.takeEvents() == [])
    #expect(host.takeSent() == [])
    host.pass(100_000_000)
    #expect(host.takeEvents() == [])
  }

  @Test("A stream can be opened again in TIME-WAIT, and the old record changes nothing of it")
  func openAgain() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.close(id)
    host.arrive(.fin, 1, ack: 2)
    host.port = 81
    try host.engine.activeOpen(
      id, to: Endpoint(host.peer, host.peerPort), from: Endpoint(.any, 81), at: host.now)
    host.settle()
    host.arrive(.syn, 0, ack: 1)
    host.pass(100_000_000)
    #expect(try host.state(id) == .established)
  }

  // MARK: Abort and release

  @Test(
    "Abort sends RST where the peer knows of the connection (RFC 9293 §3.10.5)",
    arguments: Setting.allCases)
  func abort(_ setting: Setting) throws {
    let (host, id) = try setting.reach()
    switch setting {
    case .noStream:
      #expect(throws: EngineError.connectionDoesntExist) { try host.abort(id) }
      #expect(host.takeSent() == [])
    case .listen, .listener, .synSent, .timeWait:
      try host.abort(id)
      #expect(host.takeSent() == [])
    default:
      try host.abort(id)
      #expect(host.takeSent() == ["RST,ACK \(setting.nxt) ack \(setting.rcvNxt)"])
      #expect(host.takeEvents() == [.terminated(id, .abort)])
    }
    #expect(try host.state(id) == .closed)
    let port = host.port
    try host.engine.activeOpen(
      id, to: Endpoint(host.peer, 9_000), from: Endpoint(.any, port), at: host.now)
  }

  @Test("Release with data that nobody has read: the peer is told by a RST (SHLD-3)")
  func releaseUnread() throws {
    for isClosed in [false, true] {
      let host = try OneHost()
      let id = try host.connect()
      host.arrive(.psh, 1, ack: 1, text: 10)
      if isClosed { try host.close(id) }
      host.takeSent()
      try host.release(id)
      #expect(host.takeSent().map { String($0.prefix(7)) } == ["RST,ACK"])
      #expect(throws: EngineError.invalidStream) { try host.status(id) }
      #expect(host.engine.memoryInUse == 0)
    }
  }

  @Test("Data that come for a released connection are answered with a RST (RFC 9293 §3.6.1, MAY-1)")
  func dataAfterRelease() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.close(id)
    try host.release(id)
    host.arrive(.ack, 1, ack: 2)
    host.takeSent()
    host.arrive(.psh, 1, ack: 2, text: 10)
    #expect(host.takeSent() == ["RST,ACK 2 ack 1"])
    #expect(host.engine.memoryInUse == 0)
  }

  @Test("A connection that was closed and released comes to its end by itself")
  func releaseAfterClose() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 3_000)
    try host.close(id)
    try host.release(id)
    #expect(
      host.takeSent() == [
        "ACK 1:1461 ack 1", "ACK 1461:2921 ack 1", "PSH,ACK 2921:3001 ack 1", "FIN,ACK 3001 ack 1",
      ])
    host.arrive(.ack, 1, ack: 3_002)
    host.arrive(.fin, 1, ack: 3_002)
    #expect(host.takeSent() == ["ACK 3002 ack 2"])
    host.pass(60_000_000)
    #expect(host.takeEvents() == [])
    #expect(host.engine.memoryInUse == 0)
  }

  @Test("FIN-WAIT-2 of a released connection ends after its time; of one that is not, never")
  func finWait2() throws {
    for isReleased in [false, true] {
      let host = try OneHost()
      let id = try host.connect()
      try host.close(id)
      host.arrive(.ack, 1, ack: 2)
      if isReleased { try host.release(id) }
      host.pass(60_000_000)
      #expect((host.engine.memoryInUse == 0) == isReleased)
      if !isReleased {
        host.pass(86_400_000_000)
        #expect(try host.state(id) == .finWait2)
      }
    }
  }

  @Test("Release in any state leaves nothing behind", arguments: Setting.allCases)
  func releaseAnywhere(_ setting: Setting) throws {
    let (host, id) = try setting.reach()
    try host.release(id)
    host.pass(400_000_000)
    #expect(host.engine.memoryInUse == 0)
    #expect(host.engine.nextDeadline == nil)
    #expect(host.takeEvents() == [])
  }

  @Test("A released stream whose user time-out was for ever ends after the configuration's")
  func releasedForEver() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.set(.userTimeout(0, aborts: true), id)
    try host.send(id, 100)
    host.pass(600_000_000)
    #expect(try host.state(id) == .established)
    try host.release(id)
    host.pass(1)
    #expect(host.engine.memoryInUse == 0)
    #expect(host.sent.last?.header.flags.contains(.rst) == true)
  }
}
