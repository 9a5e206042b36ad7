// One stream, many threads and tasks.
import MacTCP
import Testing

@Suite("2 Concurrent use", .timeLimit(.minutes(2)))
struct ConcurrencyBehaviour {
  @Test(
    "2 many threads and tasks send and receive on one stream: every byte arrives once",
    arguments: DriverUnderTest.all)
  func sendersAndReceivers(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair(receiveBuffer: 16_384)
    // Each sender sends its own letter, in whole sends that do not mix.
    let (senders, turns, size) = (6, 50, 700)
    let sends = (0..<senders).map { index in
      let part = [UInt8](repeating: UInt8(index), count: size)
      return index % 2 == 0
        ? blocking { for _ in 0..<turns { try pair.client.send(part) } }
        : suspending { for _ in 0..<turns { try await pair.client.send(part) } }
    }
    let counts = EventLog<[Int]>()
    @Sendable func count(_ data: [UInt8]) {
      var count = [Int](repeating: 0, count: senders)
      for byte in data { count[Int(byte)] += 1 }
      counts.add(count)
    }
    let receives: [Command<Void>] = (0..<6).map { index in
      index % 2 == 0
        ? blocking { while true { count(try pair.server.receive(upTo: 1000).data) } }
        : suspending { while true { count(try await pair.server.receive(upTo: 1000).data) } }
    }
    for send in sends { #expect(await send.completion == .noErr) }
    try await pair.client.close()
    for receive in receives { #expect(await receive.completion == .connectionClosing) }
    let total = counts.all.reduce([Int](repeating: 0, count: senders)) { zip($0, $1).map(+) }
    #expect(total == [Int](repeating: turns * size, count: senders))
  }

  @Test(
    "2 status, statistics, events and closures from everywhere while data flows",
    arguments: DriverUnderTest.all)
  func onlookers(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let data = pattern(2 << 20)
    let send = pair.client.issueSend(data)
    let receive = suspending { try await pair.server.receiveAll(data.count) }
    @Sendable func look(_ index: Int) throws {
      let stream = index % 2 == 0 ? pair.client : pair.server
      _ = try stream.status()
      _ = try stream.statistics()
      _ = (stream.localEndpoint, stream.remoteEndpoint)
      if index < 2 { stream.onEvent = { _ in } } else { stream.onEvent = nil }
      _ = stream.events
      _ = try pair.driver.globalInfo()
    }
    let onlookers: [Command<Void>] = (0..<4).map { index in
      blocking { while !receive.isDone { try look(index) } }
    }
    #expect(same(try await receive.value, data))
    #expect(await send.completion == .noErr)
    for onlooker in onlookers { #expect(await onlooker.completion == .noErr) }
  }

  @Test(
    "5 anything at any time on one pair of streams: no call hangs, no command stays pending",
    arguments: DriverUnderTest.all)
  func anything(_ driver: DriverUnderTest) async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    let own = try driver.open()
    let streams = try (0..<2).map { _ in try own.createTCPStream(receiveBuffer: 4096) }
    let port = try TestPort().number
    let issued = EventLog<@Sendable () -> Bool>()
    for stream in streams { stream.onEvent = { _ in _ = try? stream.status() } }
    @Sendable func act(_ index: Int) throws {
      var random = SeededGenerator(seed: seed &+ UInt64(index))
      let timeout = Duration.milliseconds(2)
      for _ in 0..<150 {
        let stream = streams[Int.random(in: 0...1, using: &random)]
        func keep<Value>(_ command: Command<Value>) { issued.add { command.isDone } }
        switch Int.random(in: 0..<15, using: &random) {
        case 0: keep(stream.issuePassiveOpen(on: port, at: driver.address, timeout: timeout))
        case 1: keep(stream.issueActiveOpen(to: Endpoint(driver.address, port)))
        case 2: keep(stream.issueSend(pattern(5000)))
        case 3: keep(stream.issueSend(bytes("urgent"), urgent: true, until: .acknowledged))
        case 4: keep(stream.issueReceive())
        case 5: keep(stream.issueReceive(timeout: timeout))
        case 6: _ = try? stream.receive(timeout: timeout)
        case 7: _ = try? stream.receiveWithoutCopying(timeout: timeout).count
        case 8: if Bool.random(using: &random) { keep(stream.issueClose()) }
        case 9: if Int.random(in: 0..<4, using: &random) == 0 { try? stream.abort() }
        case 10: stream.issueReceive().cancel()
        case 11: stream.issueSend(pattern(100)).cancel()
        case 12: _ = try stream.status()
        case 13: _ = try? stream.statistics()
        default: stream.onEvent = { _ in _ = stream.localEndpoint }
        }
      }
    }
    let actors = (0..<6).map { index in blocking { try act(index) } }
    for actor in actors {
      let error = await actor.error
      #expect(error == nil, "seed \(seed)")
    }
    for stream in streams { stream.release() }
    #expect(issued.all.allSatisfy { $0() }, "seed \(seed)")
  }

  @Test(
    "5 release while others call: each call ends, with a result code that says why",
    arguments: DriverUnderTest.all)
  func releaseWhileCalling(_ driver: DriverUnderTest) async throws {
    for round in 0..<10 {
      let pair = try await driver.pair(receiveBuffer: 4096)
      let callers = (0..<3).flatMap { _ in
        [
          blocking { while true { _ = try pair.server.receive() } },
          blocking { while true { try pair.server.send([1, 2, 3]) } },
          suspending { while true { _ = try await pair.server.receive() } },
          suspending { while true { try await pair.server.send([1], until: .acknowledged) } },
        ] as [Command<Void>]
      }
      let echo = suspending {
        while true { try await pair.client.send(try await pair.client.receive().data) }
      }
      for _ in 0..<round { try await pair.client.send([9]) }
      pair.server.release()
      for caller in callers {
        #expect([.connectionTerminated, .invalidStreamPtr].contains(await caller.completion))
      }
      #expect(await (echo as Command<Void>).completion == .connectionTerminated)
    }
  }

  @Test(
    "2 one command, three views: a task, a thread and a closure see the same outcome",
    arguments: DriverUnderTest.all)
  func views(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let receive = pair.server.issueReceive()
    let log = EventLog<String>()
    let waiters =
      (0..<4).map { _ in suspending { log.add(try await receive.value.text) } }
      + (0..<4).map { _ in blocking { log.add(try receive.wait().text) } }
    for _ in 0..<4 { receive.onCompletion { log.add((try? $0.get())?.text ?? "") } }
    try await pair.client.send(bytes("x"))
    for waiter in waiters { #expect(await waiter.completion == .noErr) }
    try await until("every closure was called") { log.all.count == 12 }
    #expect(log.all.allSatisfy { $0 == "x" })
    // One of several waiting tasks is cancelled: that takes the command back for all.
    let next = pair.server.issueReceive()
    let tasks = (0..<3).map { _ in Task { await next.completion } }
    tasks[1].cancel()
    for task in tasks { #expect(await task.value == .abortErr) }
  }
}
