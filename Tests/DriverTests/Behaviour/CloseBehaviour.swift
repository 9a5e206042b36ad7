// Closing, on real drivers.
import MacTCP
import Testing

@Suite("3.4 Close", .timeLimit(.minutes(2)))
struct CloseBehaviour {
  /// The events of both sides until they are released; each ends with its one `terminated`.
  private func endings(_ events: StreamEvents<TCPEvent>, _ stream: TCPStream) async -> [TCPEvent] {
    stream.release()
    return await events.collected()
  }

  @Test(
    "3.4, 4.1 graceful in either order: each side closing, then terminated (closed) exactly once",
    arguments: DriverUnderTest.all, Side.allCases)
  func graceful(_ driver: DriverUnderTest, _ side: Side) async throws {
    let pair = try await driver.pair()
    let (near, far) = pair.seen(from: side)
    let (nearEvents, farEvents) = (near.events, far.events)
    try await near.close()
    #expect(try near.status().connectionState == .finWait2)
    #expect(try await farEvents.before(.closing) == [])
    #expect(try far.status().connectionState == .closeWait)
    try await far.close()
    #expect(try await farEvents.before(.terminated(.ulpClose)) == [])
    #expect(try await nearEvents.before(.closing) == [])
    #expect(try await nearEvents.before(.terminated(.ulpClose)) == [])
    for stream in [near, far] {
      #expect(try stream.status().connectionState == .closed)
      #expect(await result { try await stream.receive() } == .connectionClosing)
      #expect(await result { try await stream.send([1]) } == .connectionClosing)
      #expect(await result { try await stream.close() } == .connectionClosing)
      #expect(await result { try stream.abort() } == .connectionDoesntExist)
    }
    #expect(await endings(nearEvents, near) == [])
    #expect(await endings(farEvents, far) == [])
  }

  @Test(
    "3.4, 4.1 both close at once: terminated (closed) exactly once on each side",
    arguments: DriverUnderTest.all)
  func simultaneous(_ driver: DriverUnderTest) async throws {
    for _ in 0..<20 {
      let pair = try await driver.pair()
      let (clientEvents, serverEvents) = (pair.client.events, pair.server.events)
      let closes = [
        blocking { try pair.client.close() }, blocking { try pair.server.close() },
      ]
      for close in closes { #expect(await close.completion == .noErr) }
      #expect(try await clientEvents.before(.terminated(.ulpClose)) == [.closing])
      #expect(try await serverEvents.before(.terminated(.ulpClose)) == [.closing])
      #expect(await endings(clientEvents, pair.client) == [])
      #expect(await endings(serverEvents, pair.server) == [])
    }
  }

  @Test("3.4 close in all three forms", arguments: DriverUnderTest.all)
  func forms(_ driver: DriverUnderTest) async throws {
    for form in 0..<3 {
      let pair = try await driver.pair()
      for stream in [pair.client, pair.server] {
        let close =
          switch form {
          case 0: stream.issueClose()
          case 1: blocking { try stream.close() }
          default: suspending { try await stream.close() }
          }
        #expect(await close.completion == .noErr)
      }
    }
  }

  @Test(
    "3.4 a second close: connectionClosing, whatever the first one has come to",
    arguments: DriverUnderTest.foreign)
  func second(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair(peerBuffer: smallBuffer)
    let send = pair.stream.issueSend(tooMuch)
    let close = pair.stream.issueClose()
    #expect(await pair.stream.issueClose().completion == .connectionClosing)
    #expect(!close.isDone && !send.isDone)
    #expect(same(try pair.peer.receiveToEnd(), tooMuch))
    #expect(await close.completion == .noErr)
    #expect(await pair.stream.issueClose().completion == .connectionClosing)
  }

  @Test(
    "3.4 close completes when everything, the FIN included, is acknowledged",
    arguments: DriverUnderTest.foreign)
  func acknowledged(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair(peerBuffer: smallBuffer)
    // So much that the kernel takes all of it and the peer's buffer does not.
    let data = pattern(1 << 20)
    try await pair.stream.send(data)
    let close = pair.stream.issueClose()
    try await until("the peer's buffer is full") { pair.peer.unread > 0 }
    #expect(!close.isDone)
    #expect(try pair.stream.status().connectionState == .finWait1)
    #expect(same(try pair.peer.receiveToEnd(), data))
    #expect(await close.completion == .noErr)
    #expect(try pair.stream.status().connectionState == .finWait2)
    #expect(try pair.stream.status().unacknowledged == 0)
  }

  @Test("1.1, 3.4 close does not stop receiving", arguments: DriverUnderTest.all, Side.allCases)
  func stillReceives(_ driver: DriverUnderTest, _ side: Side) async throws {
    let (near, far) = try await driver.pair().seen(from: side)
    try await near.send(bytes("bye"))
    try await near.close()
    #expect(try await far.receiveAll(3) == bytes("bye"))
    #expect(await result { try await far.receive() } == .connectionClosing)
    let data = pattern(500_000)
    let send = far.issueSend(data)
    #expect(same(try await near.receiveAll(data.count), data))
    #expect(await send.completion == .noErr)
    try await far.close()
    #expect(await result { try await near.receive() } == .connectionClosing)
  }

  @Test(
    "5 the peer half-closes first: this side still sends, then closes",
    arguments: DriverUnderTest.foreign)
  func peerFirst(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair()
    let events = pair.stream.events
    try pair.peer.send(bytes("question"))
    pair.peer.closeSendSide()
    #expect(try await pair.stream.receiveAll(8) == bytes("question"))
    #expect(try await events.before(.closing).allSatisfy { $0 == .dataArrival })
    let answer = pattern(300_000)
    let send = pair.stream.issueSend(answer)
    let close = pair.stream.issueClose()
    #expect(same(try pair.peer.receiveToEnd(), answer))
    #expect(await send.completion == .noErr)
    #expect(await close.completion == .noErr)
    #expect(try await events.before(.terminated(.ulpClose)) == [])
    #expect(await endings(events, pair.stream) == [])
  }

  @Test(
    "3.4, 4.1 both have closed and data is unread: it can be read, then closing and terminated",
    arguments: DriverUnderTest.all)
  func unreadAfterBoth(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let events = pair.server.events
    try await pair.client.send(bytes("unread"))
    try await pair.client.close()
    try await pair.server.arrived(6)
    try await pair.server.close()
    #expect(await result { try await pair.client.receive() } == .connectionClosing)
    #expect(try await pair.server.receive(upTo: 3).text == "unr")
    #expect(try await pair.server.receive().text == "ead")
    #expect(
      try await events.before(.terminated(.ulpClose)) == [.dataArrival, .dataArrival, .closing])
    #expect(await endings(events, pair.server) == [])
  }

  @Test("3 a close taken back: the waiting ends", arguments: DriverUnderTest.foreign)
  func cancelled(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair(peerBuffer: smallBuffer)
    let send = pair.stream.issueSend(tooMuch)
    let close = pair.stream.issueClose()
    let task = Task { try await close.value }
    task.cancel()
    #expect(await close.completion == .abortErr)
    // The FIN had not been sent: the stream is open for more.
    let more = pair.stream.issueSend(bytes("more"))
    let again = pair.stream.issueClose()
    #expect(same(try pair.peer.receiveToEnd(), tooMuch + bytes("more")))
    for command in [send, more, again] { #expect(await command.completion == .noErr) }
  }

  @Test(
    "3.4 nobody listens and nobody asks: the stream can still be closed, and opened again",
    arguments: DriverUnderTest.all)
  func unheard(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    try await pair.client.close()
    try await pair.server.close()
    // Both FINs are exchanged, and neither side has received: the end is found when it is looked for.
    for stream in [pair.client, pair.server] {
      try await until("the connection is gone") { try stream.status().connectionState == .closed }
    }
    try await driver.connect(pair)
    try await pair.client.send(bytes("again"))
    #expect(try await pair.server.receive().text == "again")
  }
}
