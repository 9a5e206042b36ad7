// Abort and release, on real drivers.
import MacTCP
import Testing

@Suite("3.4 Abort and release", .timeLimit(.minutes(2)))
struct AbortBehaviour {
  @Test(
    "3.4 abort: terminated (aborted by this side) exactly once; the peer sees a reset",
    arguments: DriverUnderTest.all, Side.allCases)
  func abort(_ driver: DriverUnderTest, _ side: Side) async throws {
    let pair = try await driver.pair()
    let (near, far) = pair.seen(from: side)
    let (nearEvents, farEvents) = (near.events, far.events)
    try near.abort()
    #expect(try near.status().connectionState == .closed)
    #expect(try await farEvents.before(.terminated(.remoteAbort)) == [])
    #expect(await result { try near.abort() } == .connectionDoesntExist)
    #expect(await result { try near.statistics() } == .connectionDoesntExist)
    near.release()
    far.release()
    #expect(await nearEvents.collected() == [.terminated(.ulpAbort)])
    #expect(await farEvents.collected() == [])
  }

  @Test("3.4 abort drops what was not received and not sent", arguments: DriverUnderTest.foreign)
  func drops(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair(peerBuffer: smallBuffer)
    try pair.peer.send(bytes("unread"))
    try await pair.stream.arrived(6)
    let send = pair.stream.issueSend(tooMuch)
    try pair.stream.abort()
    #expect(await send.completion == .connectionTerminated)
    #expect(try pair.stream.status().unread == 0)
    #expect(await result { try await pair.stream.receive() } == .connectionDoesntExist)
    // The peer has what was in its buffer, and then the reset.
    var received = 0
    var failed = false
    while !failed {
      do { received += try pair.peer.receive().count } catch { failed = true }
    }
    #expect(received < tooMuch.count)
  }

  /// What is pending on a connection, one of each kind and form. Statement by statement: as one literal it takes the
  /// compiler minutes.
  private func pendingCommands(_ stream: TCPStream) -> [(String, Command<Void>)] {
    func ignoring(_ command: Command<Received>) -> Command<Void> {
      suspending { () async throws -> Void in _ = try await command.value }
    }
    let inThread: Command<Received> = blocking { () throws -> Received in try stream.receive() }
    let inTask: Command<Received> = suspending { () async throws -> Received in
      try await stream.receive()
    }
    var commands: [(String, Command<Void>)] = []
    commands.append(("send", stream.issueSend(tooMuch)))
    commands.append(("send until acknowledged", stream.issueSend(bytes("1"), until: .acknowledged)))
    commands.append(("receive", ignoring(stream.issueReceive())))
    commands.append(
      ("receive with a time-out", ignoring(stream.issueReceive(timeout: .seconds(100)))))
    commands.append(("blocking receive", ignoring(inThread)))
    commands.append(
      ("blocking send", blocking { () throws -> Void in try stream.send(bytes("2")) }))
    commands.append(("async receive", ignoring(inTask)))
    commands.append(
      ("async send", suspending { () async throws -> Void in try await stream.send(bytes("3")) }))
    return commands
  }

  @Test(
    "3.4 pending commands complete with connectionTerminated, each exactly once",
    arguments: DriverUnderTest.foreign, [true, false])
  func pending(_ driver: DriverUnderTest, _ releases: Bool) async throws {
    let pair = try await driver.foreignPair(peerBuffer: smallBuffer)
    let stream = pair.stream
    let log = EventLog<String>()
    var commands = pendingCommands(stream)
    // The calls in threads and tasks are under way when the peer's buffer is full and data waits to be sent.
    try await until("the peer's buffer is full") { pair.peer.unread > 0 }
    commands.append(("close", stream.issueClose()))
    for (name, command) in commands { command.onCompletion { _ in log.add(name) } }
    if releases { stream.release() } else { try stream.abort() }
    for (name, command) in commands {
      let code = await command.completion
      // A call that came after the end finds none; one that came after the close must not send.
      let late: [ResultCode] =
        ["blocking", "async"].contains { name.hasPrefix($0) }
        ? [.connectionDoesntExist, .invalidStreamPtr, .connectionClosing] : []
      #expect(code == .connectionTerminated || late.contains(code), "\(name)")
    }
    try await until("every routine was called") { log.all.count == commands.count }
    #expect(Set(log.all) == Set(commands.map(\.0)))
  }

  @Test(
    "3.4 release with a connection: the peer sees a reset, every later call gives invalidStreamPtr",
    arguments: DriverUnderTest.all)
  func release(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let (events, peerEvents) = (pair.client.events, pair.server.events)
    pair.client.release()
    pair.client.release()
    #expect(await events.collected() == [.terminated(.ulpAbort)])
    #expect(try await peerEvents.before(.terminated(.remoteAbort)) == [])
    #expect(await result { try await pair.client.send([1]) } == .invalidStreamPtr)
    #expect(await result { try await pair.client.receive() } == .invalidStreamPtr)
    #expect(await result { try await pair.client.close() } == .invalidStreamPtr)
  }

  @Test(
    "1.1 dropping the last reference releases the stream, and completes what is pending",
    arguments: DriverUnderTest.all)
  func dropped(_ driver: DriverUnderTest) async throws {
    var pair: Pair? = try await driver.pair()
    let server = try #require(pair?.server)
    let serverEvents = server.events
    let events = try #require(pair?.client.events)
    let receive = try #require(pair?.client.issueReceive())
    let close = try #require(pair?.client.issueClose())
    pair = nil
    #expect(await receive.completion == .connectionTerminated)
    #expect([.noErr, .connectionTerminated].contains(await close.completion))
    #expect(await events.collected().last == .terminated(.ulpAbort))
    let seen = try await serverEvents.before(.terminated(.remoteAbort))
    #expect(seen == [] || seen == [.closing])
    withExtendedLifetime(server) {}
  }

  @Test("1.1 dropping the last reference gives a pending open up", arguments: DriverUnderTest.all)
  func droppedWhileOpening(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    var waiting: (stream: TCPStream, open: Command<Endpoint>, local: Endpoint)? =
      try driver.waiting(own, on: TestPort().number)
    let (open, local) = (try #require(waiting?.open), try #require(waiting?.local))
    waiting = nil
    #expect(await open.completion == .connectionTerminated)
    let client = try own.createTCPStream()
    #expect(await client.issueActiveOpen(to: local).error?.cause == .refused)
  }

  @Test(
    "3.4 release after both have closed ends in peace, also when the end was not received",
    arguments: DriverUnderTest.all)
  func peaceful(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let serverEvents = pair.server.events
    try await pair.client.close()
    try await pair.server.close()
    #expect(await result { try await pair.server.receive() } == .connectionClosing)
    pair.client.release()
    #expect(try await serverEvents.before(.terminated(.ulpClose)) == [.closing])
  }

  @Test(
    "2 a stream keeps its driver: it works on when nobody else holds the driver",
    arguments: DriverUnderTest.all)
  func keepsDriver(_ driver: DriverUnderTest) async throws {
    func streams() async throws -> (TCPStream, TCPStream) {
      let pair = try await driver.pair()
      return (pair.client, pair.server)
    }
    let (client, server) = try await streams()
    let receive = server.issueReceive()
    try await client.send(bytes("x"))
    #expect(try await receive.value.text == "x")
    try await client.close()
    try await server.close()
  }
}
