// Odd values, odd moments, odd surroundings.
import Glibc
import MacTCP
import Testing

@Suite("5 Bad use", .timeLimit(.minutes(2)))
struct MisuseBehaviour {
  static let endless: [Duration] = [
    .seconds(Int64.max), .seconds(Int64.max / 4), .seconds(1 << 33),
  ]

  @Test(
    "3 time-outs beyond what a clock can express never expire", arguments: DriverUnderTest.all,
    endless)
  func endlessTimeouts(_ driver: DriverUnderTest, _ endless: Duration) async throws {
    let own = try driver.open()
    let options = OpenOptions(ulpTimeout: endless)
    let (server, client) = (try own.createTCPStream(), try own.createTCPStream())
    let open = server.issuePassiveOpen(at: driver.address, timeout: endless, options: options)
    try await client.activeOpen(to: try #require(server.localEndpoint), options: options)
    #expect(await open.completion == .noErr)
    #expect(try server.status().ulpTimeout == endless)
    #expect(
      try server.status().members.contains {
        $0.name == "ulpTimeoutValue" && $0.value != .number(0)
      })
    let receives = [
      server.issueReceive(timeout: endless), blocking { try server.receive(timeout: endless) },
      suspending { try await server.receive(timeout: endless) },
    ]
    let command = server.issueReceive()
    let waited = blocking { try command.wait(timeout: endless) }
    for text in ["a", "b", "c", "d"] { try await client.send(bytes(text), until: .acknowledged) }
    // Data may come together; the receives that get none end with the connection.
    try client.abort()
    for receive in receives + [command] {
      #expect([.noErr, .connectionTerminated].contains(await receive.completion))
    }
    #expect([.noErr, .connectionTerminated].contains(await waited.completion))
    let datagrams = try own.createUDPStream(
      receiveBuffer: 2048, ports: 0...0, address: driver.address)
    let read = blocking { try datagrams.read(timeout: endless) }
    try await datagrams.write([1], to: Endpoint(driver.address, datagrams.port))
    #expect(try await read.value.data == [1])
  }

  @Test(
    "3 a time-out in the past is one of zero", arguments: DriverUnderTest.all,
    [Duration.seconds(-1), .seconds(Int64.min)])
  func pastTimeouts(_ driver: DriverUnderTest, _ past: Duration) async throws {
    let pair = try await driver.pair()
    #expect(await result { try await pair.server.receive(timeout: past) } == .commandTimeout)
    #expect(await blocking { try pair.server.receive(timeout: past) }.completion == .commandTimeout)
    try await pair.client.send(bytes("x"))
    try await pair.server.arrived(1)
    #expect(try await pair.server.receive(timeout: past).text == "x")
    let stream = try pair.driver.createTCPStream()
    #expect(await stream.issuePassiveOpen(timeout: past).completion == .commandTimeout)
    let command = pair.server.issueReceive()
    #expect(try await blocking { try command.wait(timeout: past) == nil }.value)
  }

  @Test("3.3 the largest limit there is", arguments: DriverUnderTest.all)
  func largestLimit(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    for receive in [
      pair.server.issueReceive(upTo: .max), blocking { try pair.server.receive(upTo: .max) },
      suspending { try await pair.server.receive(upTo: .max) },
    ] {
      try await pair.client.send(bytes("x"))
      #expect(try await receive.value.text == "x")
    }
  }

  @Test(
    "5 a stream that connects to the port it connects from: a connection with itself, or none",
    arguments: DriverUnderTest.all)
  func itself(_ driver: DriverUnderTest) async throws {
    let port = try TestPort().number
    let stream = try driver.open().createTCPStream()
    let events = stream.events
    let code = await stream.issueActiveOpen(to: Endpoint(driver.address, port), port: port)
      .completion
    // RFC 9293 §3.5: both ends of a simultaneous open may be the same one.
    guard code == .noErr else {
      #expect(code == .openFailed || code == .duplicateSocket)
      return
    }
    #expect(stream.remoteEndpoint == stream.localEndpoint)
    try await stream.send(bytes("echo"))
    #expect(try await stream.receiveAll(4) == bytes("echo"))
    try await stream.close()
    #expect(await result { try await stream.receive() } == .connectionClosing)
    #expect(try await events.before(.terminated(.ulpClose)).last == .closing)
  }

  @Test("3 a signal does not end a call that blocks", arguments: DriverUnderTest.foreign)
  func signals(_ driver: DriverUnderTest) async throws {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in }
    sigaction(SIGUSR1, &action, nil)
    let pair = try await driver.foreignPair(peerBuffer: smallBuffer)
    let datagrams = try pair.driver.createUDPStream(
      receiveBuffer: 2048, ports: 0...0, address: driver.address)
    let threads = EventLog<pthread_t>()
    let calls: [Command<Void>] = [
      blocking {
        threads.add(pthread_self())
        let text = try pair.stream.receive().text
        #expect(text == "x")
      },
      blocking {
        threads.add(pthread_self())
        try pair.stream.send(tooMuch)
      },
      blocking {
        threads.add(pthread_self())
        let data = try datagrams.read().data
        #expect(data == [1])
      },
    ]
    try await until("all are under way") { threads.all.count == 3 && pair.peer.unread > 0 }
    for _ in 0..<50 { for thread in threads.all { pthread_kill(thread, SIGUSR1) } }
    #expect(calls.allSatisfy { !$0.isDone })
    try pair.peer.send(bytes("x"))
    #expect(same(try pair.peer.receiveAll(tooMuch.count), tooMuch))
    try await datagrams.write([1], to: Endpoint(driver.address, datagrams.port))
    for call in calls { #expect(await call.completion == .noErr) }
  }

  @Test("2 writing to a connection that was reset does not kill the program")
  func brokenPipe() async throws {
    await #expect(processExitsWith: .success) {
      signal(SIGPIPE, SIG_DFL)
      for driver in DriverUnderTest.foreign {
        let pair = try await driver.foreignPair()
        pair.peer.reset()
        for urgent in [false, true] {
          _ = await result { while true { try await pair.stream.send([1], urgent: urgent) } }
          _ =
            await blocking { while true { try pair.stream.send([1], urgent: urgent) } }.completion
            as ResultCode
          _ = await pair.stream.issueSend(gathering: [[1], [2]], until: .acknowledged).completion
        }
        #expect(await result { try await pair.stream.send([1]) } == .connectionTerminated)
        // And while a send waits.
        let other = try await driver.foreignPair(peerBuffer: smallBuffer)
        let send = other.stream.issueSend(tooMuch)
        try await until("the peer's buffer is full") { other.peer.unread > 0 }
        other.peer.reset()
        #expect(await send.completion == .connectionTerminated)
      }
    }
  }

  @Test("5 programs that are started inherit no descriptor")
  func inherited() async throws {
    await #expect(processExitsWith: .success) {
      for driver in DriverUnderTest.all where driver.usesDescriptors {
        let before = Set(Descriptors.open.keys)
        let pair = try await driver.pair()
        let listener = try TCPListener(pair.driver, at: driver.address)
        let datagrams = try pair.driver.createUDPStream()
        #expect(
          await blocking { try pair.server.receive(timeout: .milliseconds(1)) }.completion
            == .commandTimeout)
        let made = Set(Descriptors.open.keys).subtracting(before)
        #expect(made.count >= 6)
        for number in made {
          #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0, "\(Descriptors.open[number] ?? "")")
        }
        withExtendedLifetime((listener, datagrams)) {}
      }
    }
  }

  @Test(
    "4.1 two tasks share a sequence of events: each event goes to one of them",
    arguments: DriverUnderTest.all)
  func sharedSequence(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let events = pair.server.events
    let tasks = (0..<3).map { _ in Task { await events.collected() } }
    for _ in 0..<10 {
      try await pair.client.send(bytes("x"))
      #expect(try await pair.server.receive().text == "x")
    }
    try await pair.client.close()
    pair.server.release()
    var all: [TCPEvent] = []
    for task in tasks { all += await task.value }
    #expect(all.filter { $0 == .terminated(.ulpAbort) }.count == 1)
    #expect(all.filter { $0 == .closing }.count <= 1)
  }
}
