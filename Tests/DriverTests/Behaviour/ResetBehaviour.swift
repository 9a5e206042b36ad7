// A peer that resets the connection, at every stage.
import MacTCP
import Testing

@Suite("4.1, 5 The peer resets", .timeLimit(.minutes(2)))
struct ResetBehaviour {
  /// Checks that the stream is as it must be when its connection is lost, and its events.
  private func expectGone(
    _ pair: ForeignPair, _ events: StreamEvents<TCPEvent>?, after expected: [TCPEvent] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let stream = pair.stream
    if let events {
      #expect(
        try await events.before(.terminated(.remoteAbort)).filter { $0 != .dataArrival }
          == expected,
        sourceLocation: sourceLocation)
    }
    #expect(try stream.status().connectionState == .closed, sourceLocation: sourceLocation)
    let codes = [
      await result { try await stream.receive() },
      await result { try await stream.send([1]) },
      await stream.issueSend([1], until: .acknowledged).completion,
      await result { try await stream.close() },
    ]
    #expect(codes.allSatisfy { $0 == .connectionTerminated }, sourceLocation: sourceLocation)
    #expect(
      await result { try stream.abort() } == .connectionDoesntExist, sourceLocation: sourceLocation)
    // The stream can be opened again.
    let open = stream.issuePassiveOpen(at: .loopback)
    #expect(!open.isDone, sourceLocation: sourceLocation)
    stream.release()
    if let events {
      #expect(await events.collected() == [], sourceLocation: sourceLocation)
    }
  }

  @Test(
    "5 a connection that is reset before it was accepted, and the next one",
    arguments: DriverUnderTest.foreign)
  func handshake(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    for round in 0..<20 {
      let waiting = try driver.waiting(own)
      let events = waiting.stream.events
      let peer = try ForeignSocket.connected(to: waiting.local)
      if round % 2 == 0 { try peer.send(bytes("data")) }
      peer.reset()
      // The driver may have seen it, and the open has completed, or not: then it completes with the next one.
      let next = try? ForeignSocket.connected(to: waiting.local)
      #expect(await waiting.open.completion == .noErr)
      waiting.stream.release()
      withExtendedLifetime(next) {}
      let ends = await events.collected().filter {
        if case .terminated = $0 { true } else { false }
      }
      #expect(ends.count <= 1)
    }
  }

  @Test("4.1 while idle: the event, exactly once", arguments: DriverUnderTest.foreign)
  func idle(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair()
    let events = pair.stream.events
    pair.peer.reset()
    try await expectGone(pair, events)
  }

  @Test(
    "5 while idle and nobody listens: the next call tells", arguments: DriverUnderTest.foreign,
    0..<5)
  func unheard(_ driver: DriverUnderTest, _ call: Int) async throws {
    let pair = try await driver.foreignPair()
    let stream = pair.stream
    pair.peer.reset()
    let code =
      switch call {
      case 0: await result { try await stream.receive() }
      case 1: await blocking { try stream.receive() }.completion
      case 2: await stream.issueReceive().completion
      case 3: await result { while true { try await stream.send([1]) } }
      default: await blocking { while true { try stream.send([1]) } }.completion
      }
    #expect(code == .connectionTerminated)
    try await expectGone(pair, nil)
  }

  @Test(
    "5 with data unread: it can still be read, then connectionTerminated",
    arguments: DriverUnderTest.foreign,
    [true, false])
  func dataUnread(_ driver: DriverUnderTest, _ isHeard: Bool) async throws {
    let pair = try await driver.foreignPair()
    let stream = pair.stream
    let events = isHeard ? stream.events : nil
    try pair.peer.send(bytes("0123456789"))
    try await stream.arrived(10)
    pair.peer.reset()
    if let events { #expect(try await events.before(.terminated(.remoteAbort)) == [.dataArrival]) }
    if isHeard { #expect(try stream.status().unread == 10) }
    #expect(try await stream.receive(upTo: 1).text == "0")
    #expect(try await blocking { try stream.receive(upTo: 1) }.value.text == "1")
    #expect(try await stream.issueReceive(upTo: 1).value.text == "2")
    var buffer: [UInt8] = [0]
    #expect(try await stream.receive(into: &buffer).count == 1)
    #expect(buffer == bytes("3"))
    let loan = try await stream.receiveWithoutCopying()
    #expect(loan.count == 6)
    loan.giveBack()
    try await expectGone(pair, nil)
    if let events { #expect(await events.collected() == []) }
  }

  @Test(
    "5 with receives pending, in every form: connectionTerminated",
    arguments: DriverUnderTest.foreign)
  func pendingReceive(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair()
    let stream = pair.stream
    let events = stream.events
    let commands = [
      stream.issueReceive(), stream.issueReceive(timeout: .seconds(60)),
      blocking { try stream.receive() }, blocking { try stream.receive() },
      suspending { try await stream.receive() },
    ]
    pair.peer.reset()
    for command in commands { #expect(await command.completion == .connectionTerminated) }
    try await expectGone(pair, events)
  }

  @Test(
    "5 with sends pending, in every form: connectionTerminated", arguments: DriverUnderTest.foreign)
  func pendingSend(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair(peerBuffer: smallBuffer)
    let stream = pair.stream
    let events = stream.events
    let commands = [
      stream.issueSend(tooMuch), stream.issueSend([1], until: .acknowledged),
      stream.issueSend(gathering: [[1], [2]]),
      blocking { try stream.send(tooMuch) },
      blocking { try stream.send([1], until: .acknowledged) },
      suspending { try await stream.send([3]) },
    ]
    try await until("the peer's buffer is full") { pair.peer.unread > 0 }
    pair.peer.reset()
    for command in commands { #expect(await command.completion == .connectionTerminated) }
    try await expectGone(pair, events)
  }

  @Test(
    "5 during close: connectionTerminated, terminated (aborted by the peer)",
    arguments: DriverUnderTest.foreign)
  func duringClose(_ driver: DriverUnderTest) async throws {
    for size in [1 << 20, tooMuch.count] {
      let pair = try await driver.foreignPair(peerBuffer: smallBuffer)
      let events = pair.stream.events
      // With the smaller amount the FIN has been handed to the kernel, with the larger one it waits for the data.
      let send = pair.stream.issueSend(Array(tooMuch.prefix(size)))
      let close = pair.stream.issueClose()
      try await until("the peer's buffer is full") { pair.peer.unread > 0 }
      #expect(!close.isDone)
      pair.peer.reset()
      #expect(await close.completion == .connectionTerminated)
      #expect(await send.completion == (size == tooMuch.count ? .connectionTerminated : .noErr))
      try await expectGone(pair, events)
    }
  }

  @Test(
    "5 after this side has closed: terminated (aborted by the peer)",
    arguments: DriverUnderTest.foreign)
  func afterClose(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair()
    let events = pair.stream.events
    try await pair.stream.close()
    let receive = pair.stream.issueReceive()
    pair.peer.reset()
    #expect(await receive.completion == .connectionTerminated)
    try await expectGone(pair, events)
  }

  @Test(
    "5 after the peer has closed: closing, then terminated (aborted by the peer)",
    arguments: DriverUnderTest.foreign)
  func afterPeersClose(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair()
    let events = pair.stream.events
    try pair.peer.send(bytes("last"))
    pair.peer.closeSendSide()
    #expect(try await pair.stream.receiveAll(4) == bytes("last"))
    #expect(await result { try await pair.stream.receive() } == .connectionClosing)
    pair.peer.reset()
    try await expectGone(pair, events, after: [.closing])
  }

  @Test(
    "2 writing to a connection that is reset kills nobody by SIGPIPE",
    arguments: DriverUnderTest.foreign)
  func brokenPipe(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair()
    pair.peer.reset()
    for _ in 0..<3 {
      _ = await result { try await pair.stream.send([1]) }
      _ = await result { try await pair.stream.send(gathering: [[1], [2]], until: .acknowledged) }
      _ = await result { try await pair.stream.send([1], urgent: true) }
    }
    #expect(await result { try await pair.stream.send([1]) } == .connectionTerminated)
  }
}
