// Waiting for a connection, on real drivers.
import MacTCP
import Testing

@Suite("3.1 Passive open", .timeLimit(.minutes(2)))
struct PassiveOpenBehaviour {
  @Test(
    "1.1, 3.1 port 0: the driver picks one; the local endpoint is known while the open is pending, and only then",
    arguments: DriverUnderTest.all)
  func anyPort(_ driver: DriverUnderTest) async throws {
    let stream = try driver.open().createTCPStream()
    #expect(stream.localEndpoint == nil)
    let open = stream.issuePassiveOpen(at: driver.address)
    let local = try #require(stream.localEndpoint)
    #expect(local.address == driver.address && local.port != 0)
    #expect(!open.isDone && open.result == nil)
    #expect(try stream.status().connectionState == .listen)
    #expect(try stream.status().local == local)
    try stream.abort()
    #expect(stream.localEndpoint == nil)
  }

  @Test(
    "1.1 a passive open on every address shows the driver's own", arguments: DriverUnderTest.all)
  func anyAddress(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let stream = try own.createTCPStream()
    let open = stream.issuePassiveOpen()
    let local = try #require(stream.localEndpoint)
    #expect(try local.address == own.address)
    let client = try own.createTCPStream()
    try await client.activeOpen(to: local)
    #expect(try await open.value == client.localEndpoint)
  }

  @Test(
    "3.1 the command completes with the peer, in all three forms", arguments: DriverUnderTest.all)
  func forms(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let streams = try (0..<3).map { _ in try own.createTCPStream() }
    let port = try TestPort()
    let commands = [
      suspending { try await streams[0].passiveOpen(on: port.number, at: driver.address) },
      blocking { try streams[1].passiveOpen(on: port.number, at: driver.address) },
      streams[2].issuePassiveOpen(on: port.number, at: driver.address),
    ]
    try await until("all are waiting") { streams.allSatisfy { $0.localEndpoint != nil } }
    var clients: [TCPStream] = []
    for _ in streams {
      let client = try own.createTCPStream()
      try await client.activeOpen(to: Endpoint(driver.address, port.number))
      clients.append(client)
    }
    var peers: Set<Endpoint?> = []
    for command in commands { peers.insert(try await command.value) }
    #expect(peers == Set(clients.map(\.localEndpoint)))
    #expect(Set(streams.map(\.remoteEndpoint)) == peers)
    #expect(streams.allSatisfy { $0.localEndpoint?.port == port.number })
  }

  @Test(
    "3.1 who opens a port at the same moment as another one shares it",
    arguments: DriverUnderTest.all)
  func atTheSameMoment(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    for _ in 0..<50 {
      let port = try TestPort()
      let streams = try (0..<4).map { _ in try own.createTCPStream() }
      let opens = streams.map { stream in
        blocking { try stream.passiveOpen(on: port.number, at: driver.address) }
      }
      try await until("all are waiting, or one has failed") {
        streams.allSatisfy { $0.localEndpoint != nil } || opens.contains { $0.isDone }
      }
      for stream in streams { stream.release() }
      for open in opens { #expect(await open.completion != .duplicateSocket) }
    }
  }

  @Test(
    "3 a completion routine is called once, and at once when it comes late",
    arguments: DriverUnderTest.all)
  func completionRoutine(_ driver: DriverUnderTest) async throws {
    let (stream, open, local) = try driver.waiting(try driver.open())
    let calls = EventLog<Endpoint?>()
    open.onCompletion { calls.add(try? $0.get()) }
    let client = try driver.open().createTCPStream()
    try await client.activeOpen(to: local)
    let peer = try await open.value
    try await until("the routine was called") { calls.all == [peer] }
    open.onCompletion { calls.add(try? $0.get()) }
    #expect(calls.all == [peer, peer])
    #expect(stream.remoteEndpoint == peer)
  }

  @Test(
    "3.1 several streams wait on one port: the oldest is served first",
    arguments: DriverUnderTest.all)
  func oldestFirst(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let first = try driver.waiting(own)
    let rest = try (0..<3).map { _ in try driver.waiting(own, on: first.local.port) }
    let all = [first] + rest
    for (index, waiting) in all.enumerated() {
      #expect(all[index...].allSatisfy { !$0.open.isDone })
      let client = try own.createTCPStream()
      try await client.activeOpen(to: first.local)
      #expect(try await waiting.open.value == client.localEndpoint)
    }
  }

  @Test("3.1 the port is closed when nobody waits on it any more", arguments: DriverUnderTest.all)
  func closedWithTheLast(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let (stream, open, local) = try driver.waiting(own, on: TestPort().number)
    let client = try own.createTCPStream()
    try await client.activeOpen(to: local)
    _ = try await open.value
    let late = try own.createTCPStream()
    #expect(await late.issueActiveOpen(to: local).error?.cause == .refused)
    // The connection that was made goes on without the port.
    try await client.send(bytes("x"))
    #expect(try await stream.receive().text == "x")
  }

  @Test(
    "3.1 the command time-out: commandTimeout, and the port is free", arguments: DriverUnderTest.all
  )
  func timesOut(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let stream = try own.createTCPStream()
    // Not one of the kernel's choice, which may give it to the next test.
    let open = stream.issuePassiveOpen(
      on: try TestPort().number, at: driver.address, timeout: .milliseconds(30))
    let local = try #require(stream.localEndpoint)
    #expect(await open.completion == .commandTimeout)
    #expect(try stream.status().connectionState == .closed)
    let client = try own.createTCPStream()
    #expect(await client.issueActiveOpen(to: local).error?.cause == .refused)
    // The other forms, on the same stream.
    let again = blocking {
      try stream.passiveOpen(at: driver.address, timeout: .milliseconds(30))
    }
    #expect(await again.completion == .commandTimeout)
    #expect(await result { try await stream.passiveOpen(timeout: .zero) } == .commandTimeout)
  }

  @Test(
    "1.1, 3.1 a pending open given up: its result code, no event, the port closed, the stream open for more",
    arguments: DriverUnderTest.all, GivingUp.allCases)
  func givenUp(_ driver: DriverUnderTest, _ way: GivingUp) async throws {
    let own = try driver.open()
    let (stream, open, local) = try driver.waiting(own, on: TestPort().number)
    let events = stream.events
    #expect(!open.isDone)
    try way.giveUp(stream, open)
    #expect(await open.completion == way.code)
    let client = try own.createTCPStream()
    #expect(await client.issueActiveOpen(to: local).error?.cause == .refused)
    let again = stream.issuePassiveOpen(at: driver.address)
    if way == .release {
      #expect(await again.completion == .invalidStreamPtr)
    } else {
      let local = try #require(stream.localEndpoint)
      try await client.activeOpen(to: local)
      #expect(try await again.value == client.localEndpoint)
      try stream.abort()
      stream.release()
    }
    let given = await events.collected()
    #expect(given == (way == .release ? [] : [.terminated(.ulpAbort)]))
  }

  @Test(
    "3.1 what was given up does not stand in the way of those that wait behind it",
    arguments: DriverUnderTest.all)
  func overtakesGivenUp(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let first = try driver.waiting(own)
    let second = try driver.waiting(own, on: first.local.port)
    try first.stream.abort()
    let client = try own.createTCPStream()
    try await client.activeOpen(to: first.local)
    #expect(try await second.open.value == client.localEndpoint)
  }
}

/// The ways to take a pending open back.
enum GivingUp: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case abort, cancel, release
  var testDescription: String { rawValue }

  var code: ResultCode { self == .cancel ? .abortErr : .connectionTerminated }

  func giveUp(_ stream: TCPStream, _ open: Command<Endpoint>) throws {
    switch self {
    case .abort: try stream.abort()
    case .cancel: open.cancel()
    case .release: stream.release()
    }
  }
}
