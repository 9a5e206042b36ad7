// Nothing keeps a stream, a listener or a driver that nobody has.
import MacTCP
import Testing

@Suite("1.1, 2 What is kept, and what is not", .timeLimit(.minutes(2)))
struct MemoryBehaviour {
  /// Watches an object without keeping it.
  private final class Trace: @unchecked Sendable {
    // Sendable: `object` is set once.
    private weak var object: AnyObject?
    init(_ object: AnyObject) { self.object = object }
    var isGone: Bool { object == nil }
  }

  /// The states that a stream may be in when it goes.
  enum State: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case idle, listening, established, peerClosed, closed, aborted
    var testDescription: String { rawValue }
  }

  /// A stream in a state, and a peer where it has one.
  private func stream(_ driver: DriverUnderTest, _ state: State) async throws -> (
    TCPStream, TCPStream?
  ) {
    switch state {
    case .idle:
      return (try driver.open().createTCPStream(), nil)
    case .listening:
      let waiting = try driver.waiting(try driver.open())
      return (waiting.stream, nil)
    case .established, .peerClosed, .closed, .aborted:
      let pair = try await driver.pair()
      if state == .peerClosed || state == .closed { try await pair.client.close() }
      if state == .closed {
        try await pair.server.close()
        #expect(await result { try await pair.server.receive() } == .connectionClosing)
      }
      if state == .aborted { try pair.server.abort() }
      return (pair.server, pair.client)
    }
  }

  @Test(
    "1.1 the last reference goes: so does the stream", arguments: DriverUnderTest.all,
    State.allCases)
  func dropped(_ driver: DriverUnderTest, _ state: State) async throws {
    func trace() async throws -> (Trace, TCPStream?) {
      let (stream, peer) = try await stream(driver, state)
      stream.onEvent = { _ in }
      return (Trace(stream), peer)
    }
    let (trace, peer) = try await trace()
    try await until("the stream is gone") { trace.isGone }
    withExtendedLifetime(peer) {}
  }

  @Test(
    "1.1 a closure that holds its stream keeps it until it is released",
    arguments: DriverUnderTest.all, State.allCases)
  func cycle(_ driver: DriverUnderTest, _ state: State) async throws {
    func trace() async throws -> (Trace, @Sendable () -> Void) {
      let (stream, _) = try await stream(driver, state)
      stream.onEvent = { [stream] _ in _ = try? stream.status() }
      return (Trace(stream), { [weak stream] in stream?.release() })
    }
    let (trace, release) = try await trace()
    #expect(!trace.isGone)
    release()
    try await until("the stream is gone") { trace.isGone }
  }

  @Test(
    "3 pending commands, their closures and event sequences do not keep the stream",
    arguments: DriverUnderTest.all, [State.listening, .established, .peerClosed])
  func commands(_ driver: DriverUnderTest, _ state: State) async throws {
    struct Kept: Sendable {
      var commands: [Command<ResultCode>] = []
      var events: StreamEvents<TCPEvent>
      var receive: Command<Received>?
      var open: Command<Endpoint>?
    }
    func trace() async throws -> (Trace, Kept) {
      let (stream, _) = try await stream(driver, state)
      var kept = Kept(events: stream.events)
      if state == .listening {
        kept.open = stream.issuePassiveOpen(on: try #require(stream.localEndpoint).port)
      } else {
        kept.receive = stream.issueReceive()
        stream.issueSend(tooMuch, until: .acknowledged).onCompletion { _ in }
        stream.issueClose().onCompletion { _ in }
      }
      return (Trace(stream), kept)
    }
    let (trace, kept) = try await trace()
    try await until("the stream is gone") { trace.isGone }
    if let receive = kept.receive {
      #expect([.connectionTerminated, .connectionClosing].contains(await receive.completion))
    }
    _ = await kept.events.collected()
  }

  @Test(
    "3 a command whose completion routine holds the stream keeps it until it completes",
    arguments: DriverUnderTest.all)
  func routine(_ driver: DriverUnderTest) async throws {
    func trace() async throws -> (Trace, TCPStream) {
      let pair = try await driver.pair()
      pair.server.issueReceive().onCompletion { [server = pair.server] _ in _ = try? server.status()
      }
      return (Trace(pair.server), pair.client)
    }
    let (trace, client) = try await trace()
    try await client.send(bytes("x"))
    try await until("the stream is gone") { trace.isGone }
  }

  @Test("1.1 UDP streams, with reads pending and closures set", arguments: DriverUnderTest.all)
  func datagrams(_ driver: DriverUnderTest) async throws {
    func traces() throws -> (
      dropped: Trace, cyclic: Trace, read: Command<ReceivedDatagram>, events: StreamEvents<UDPEvent>
    ) {
      let own = try driver.open()
      let (dropped, cyclic) = (try own.createUDPStream(), try own.createUDPStream())
      dropped.onEvent = { _ in }
      cyclic.onEvent = { [cyclic] _ in _ = cyclic.port }
      let result = (Trace(dropped), Trace(cyclic), dropped.issueRead(), dropped.events)
      cyclic.release()
      return result
    }
    let traces = try traces()
    try await until("both streams are gone") { traces.dropped.isGone && traces.cyclic.isGone }
    #expect(await traces.read.completion == .connectionTerminated)
    #expect(await traces.events.collected() == [])
  }

  @Test(
    "2 a listener goes with its last reference, and an accept that waits ends",
    arguments: DriverUnderTest.all)
  func listener(_ driver: DriverUnderTest) async throws {
    func trace() throws -> (Trace, Command<TCPStream>) {
      let listener = try TCPListener(try driver.open(), at: driver.address)
      return (Trace(listener), listener.issueAccept())
    }
    let (trace, accept) = try trace()
    try await until("the listener is gone") { trace.isGone }
    #expect(await accept.completion == .connectionTerminated)
  }

  @Test("a driver goes when neither it nor a stream of it is held", arguments: DriverUnderTest.all)
  func driver(_ driver: DriverUnderTest) async throws {
    func trace() async throws -> (Trace, TCPStream) {
      let pair = try await driver.pair()
      try await pair.client.send(bytes("x"))
      return (Trace(pair.driver), pair.server)
    }
    func inUse() async throws -> Trace {
      let (trace, stream) = try await trace()
      #expect(try await stream.receive().text == "x")
      #expect(!trace.isGone)
      return trace
    }
    let trace = try await inUse()
    try await until("the driver is gone") { trace.isGone }
  }

  @Test(
    "2 threads and tasks that were blocked keep nothing when they are freed",
    arguments: DriverUnderTest.all)
  func blocked(_ driver: DriverUnderTest) async throws {
    func trace() async throws -> Trace {
      let pair = try await driver.pair()
      let calls = [
        blocking { try pair.server.receive().data.count },
        suspending { try await pair.server.receive().data.count },
        suspending { try await pair.server.receiveWithoutCopying().count },
      ]
      try await pair.client.send(bytes("x"))
      pair.server.release()
      for call in calls { _ = await call.completion }
      return Trace(pair.server)
    }
    let trace = try await trace()
    try await until("the stream is gone") { trace.isGone }
  }
}
