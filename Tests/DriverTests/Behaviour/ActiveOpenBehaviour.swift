// Connecting, on real drivers.
import MacTCP
import Testing

@Suite("3.1 Active open", .timeLimit(.minutes(2)))
struct ActiveOpenBehaviour {
  @Test(
    "3.1 refused: openFailed, and a sentence with the endpoint in it",
    arguments: DriverUnderTest.foreign)
  func refused(_ driver: DriverUnderTest) async throws {
    let nobody = try ForeignSocket.bound()
    let port = nobody.local.port
    let stream = try driver.open().createTCPStream()
    let events = stream.events
    for command in [
      stream.issueActiveOpen(to: nobody.local),
      suspending { try await stream.activeOpen(to: nobody.local) },
      blocking { try stream.activeOpen(to: nobody.local) },
    ] {
      let error = await command.error
      #expect(error?.code == .openFailed)
      #expect(error?.cause == .refused)
      #expect(
        error.map { "\($0)" }
          == "connection refused by 127.0.0.1:\(port) (openFailed, -23015)")
      try await until("the stream is closed") { try stream.status().connectionState == .closed }
      #expect(stream.localEndpoint == nil && stream.remoteEndpoint == nil)
    }
    stream.release()
    #expect(await events.collected() == [])
  }

  @Test(
    "3.1 the command completes with the peer, in all three forms", arguments: DriverUnderTest.all)
  func forms(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let first = try driver.waiting(own)
    let waiting = try [first] + (0..<2).map { _ in try driver.waiting(own, on: first.local.port) }
    let streams = try (0..<3).map { _ in try own.createTCPStream() }
    let commands = [
      suspending { try await streams[0].activeOpen(to: first.local) },
      blocking { try streams[1].activeOpen(to: first.local) },
      streams[2].issueActiveOpen(to: first.local),
    ]
    for (stream, command) in zip(streams, commands) {
      #expect(try await command.value == first.local)
      #expect(stream.remoteEndpoint == first.local)
      #expect(try stream.status().connectionState == .established)
    }
    for waiting in waiting { #expect(await waiting.open.completion == .noErr) }
  }

  @Test("3.1 the local port is the one that was asked for", arguments: DriverUnderTest.all)
  func localPort(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let waiting = try driver.waiting(own)
    let port = try TestPort()
    let stream = try own.createTCPStream()
    try await stream.activeOpen(to: waiting.local, port: port.number, at: driver.address)
    #expect(stream.localEndpoint == Endpoint(driver.address, port.number))
    #expect(try await waiting.open.value == stream.localEndpoint)
  }

  @Test(
    "2 the same four-tuple twice: duplicateSocket; one local port for two peers is legal",
    arguments: DriverUnderTest.all)
  func fourTuple(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let first = try driver.waiting(own)
    let second = try driver.waiting(own, on: first.local.port)
    let elsewhere = try driver.waiting(own)
    let port = try TestPort().number
    let streams = try (0..<3).map { _ in try own.createTCPStream() }
    try await streams[0].activeOpen(to: first.local, port: port)
    let twice = streams[1].issueActiveOpen(to: first.local, port: port)
    #expect(await twice.completion == .duplicateSocket)
    try await streams[2].activeOpen(to: elsewhere.local, port: port)
    #expect(!second.open.isDone)
    // The stream that was refused takes another port.
    try await streams[1].activeOpen(to: first.local)
    #expect(try await second.open.value == streams[1].localEndpoint)
  }

  @Test("3.1 the peer's address and port are required", arguments: DriverUnderTest.all)
  func peerRequired(_ driver: DriverUnderTest) async throws {
    let stream = try driver.open().createTCPStream()
    for peer in [Endpoint(driver.address, 0), Endpoint(.any, 7), Endpoint(.any, 0)] {
      let error = await stream.issueActiveOpen(to: peer).error
      #expect(error?.code == .openFailed)
      #expect(error?.cause == .badAddress)
      #expect(error?.message.contains("\(peer)") == true)
    }
    #expect(try stream.status().connectionState == .closed)
  }

  @Test(
    "3.1 a local address that is not this host's: openFailed", arguments: DriverUnderTest.foreign)
  func localAddress(_ driver: DriverUnderTest) async throws {
    let listener = try ForeignSocket.listening()
    let stream = try driver.open().createTCPStream()
    let error = await stream.issueActiveOpen(to: listener.local, at: IPAddress(192, 0, 2, 1)).error
    #expect(error?.code == .openFailed)
    #expect(error?.cause == .badAddress)
  }

  @Test(
    "2 a stream in use: a second open is connectionExists, whatever the first one has come to",
    arguments: DriverUnderTest.foreign)
  func secondOpen(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let silent = try SilentPort()
    func refusesOpens(_ stream: TCPStream) async {
      #expect(await stream.issuePassiveOpen(at: driver.address).completion == .connectionExists)
      #expect(await stream.issueActiveOpen(to: silent.endpoint).completion == .connectionExists)
    }
    let passive = try driver.waiting(own)
    await refusesOpens(passive.stream)
    #expect(!passive.open.isDone)
    let active = try own.createTCPStream()
    let open = active.issueActiveOpen(to: silent.endpoint)
    await refusesOpens(active)
    #expect(!open.isDone)
    try active.abort()
    try await active.activeOpen(to: passive.local)
    _ = try await passive.open.value
    await refusesOpens(active)
    await refusesOpens(passive.stream)
    try await active.send(bytes("still there"))
    #expect(try await passive.stream.receive().text == "still there")
  }

  @Test(
    "3.1 the ULP time-out ends an attempt that nobody answers: openFailed, timed out",
    arguments: DriverUnderTest.foreign)
  func timesOut(_ driver: DriverUnderTest) async throws {
    let silent = try SilentPort()
    let stream = try driver.open().createTCPStream()
    let start = ContinuousClock.now
    let options = OpenOptions(ulpTimeout: .seconds(1))
    let error = await stream.issueActiveOpen(to: silent.endpoint, options: options).error
    #expect(error?.code == .openFailed)
    #expect(error?.cause == .timedOut)
    // 2 seconds is the smallest value there is.
    #expect(ContinuousClock.now - start >= .seconds(2))
    #expect(try stream.status().connectionState == .closed)
  }

  @Test(
    "3.1 an attempt given up: its result code, no event, the stream open for more",
    arguments: DriverUnderTest.foreign, GivingUp.allCases)
  func givenUp(_ driver: DriverUnderTest, _ way: GivingUp) async throws {
    let own = try driver.open()
    let silent = try SilentPort()
    let stream = try own.createTCPStream()
    let events = stream.events
    let open = stream.issueActiveOpen(to: silent.endpoint)
    let status = try stream.status()
    #expect(status.connectionState == .synSent)
    #expect(status.remote == silent.endpoint && status.local == stream.localEndpoint)
    #expect(status.local.port != 0)
    try way.giveUp(stream, open)
    #expect(await open.completion == way.code)
    let waiting = try driver.waiting(own)
    let again = stream.issueActiveOpen(to: waiting.local)
    #expect(await again.completion == (way == .release ? .invalidStreamPtr : .noErr))
    stream.release()
    #expect(await events.collected() == (way == .release ? [] : [.terminated(.ulpAbort)]))
  }

  @Test(
    "3.1 a task that awaits an open is cancelled: the open is taken back",
    arguments: DriverUnderTest.foreign)
  func cancelledTask(_ driver: DriverUnderTest) async throws {
    let silent = try SilentPort()
    let stream = try driver.open().createTCPStream()
    let task = Task { await result { try await stream.activeOpen(to: silent.endpoint) } }
    try await until("it connects") { try stream.status().connectionState == .synSent }
    task.cancel()
    #expect(await task.value == .abortErr)
    #expect(try stream.status().connectionState == .closed)
  }

  @Test(
    "2 a stream can be opened again, either way, as often as one likes",
    arguments: DriverUnderTest.all)
  func again(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    var (a, b) = (try own.createTCPStream(), try own.createTCPStream())
    let (eventsA, eventsB) = (a.events, b.events)
    var expected: [Side: [TCPEvent]] = [:]
    for round in 0..<6 {
      let pair = Pair(driver: own, client: a, server: b)
      try await driver.connect(pair)
      try await a.send(bytes("round \(round)"))
      #expect(try await b.receive().text == "round \(round)")
      if round % 2 == 0 {
        try a.abort()
        #expect(await result { try await b.receive() } == .connectionTerminated)
        expected[.client, default: []] += [.terminated(.ulpAbort)]
        expected[.server, default: []] += [.terminated(.remoteAbort)]
      } else {
        try await a.close()
        #expect(await result { try await b.receive() } == .connectionClosing)
        try await b.close()
        #expect(await result { try await a.receive() } == .connectionClosing)
        for side in Side.allCases {
          expected[side, default: []] += [.closing, .terminated(.ulpClose)]
        }
      }
      swap(&a, &b)
      (expected[.client], expected[.server]) = (expected[.server], expected[.client])
    }
    a.release()
    b.release()
    func endings(_ events: [TCPEvent]) -> [TCPEvent] { events.filter { $0 != .dataArrival } }
    // After an even number of swaps each has its first name again.
    #expect(endings(await eventsA.collected()) == expected[.client])
    #expect(endings(await eventsB.collected()) == expected[.server])
  }
}
