// What a program's closures may do: anything.
import MacTCP
import Testing

@Suite("2, 5 Closures that call back, release, block", .timeLimit(.minutes(2)))
struct ClosureBehaviour {
  @Test("1.1 any call may be made from inside a notification", arguments: DriverUnderTest.all)
  func callsBack(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let server = pair.server
    let log = EventLog<String>()
    // An echo server that lives in its notification routine, with blocking calls and commands.
    server.onEvent = { event in
      switch event {
      case .dataArrival:
        guard let data = try? server.receive().data else { return }
        try? server.send(data)
        server.issueSend(data).onCompletion { _ in log.add("sent \(data.count)") }
        log.add("\((try? server.status().connectionState) == .established)")
        _ = (server.localEndpoint, server.remoteEndpoint, server.onEvent, try? server.statistics())
      case .closing:
        log.add("close \((try? server.close()) != nil)")
      case .terminated:
        // Opened again from inside the last notification.
        server.issuePassiveOpen(at: driver.address).onCompletion { _ in log.add("open") }
        log.add("listening")
      case .ulpTimeout, .urgent, .icmpReceived:
        break
      }
    }
    try await pair.client.send(bytes("abc"))
    #expect(try await pair.client.receiveAll(6) == bytes("abcabc"))
    try await pair.client.close()
    #expect(await result { try await pair.client.receive() } == .connectionClosing)
    try await until("it listens again") { log.all.contains("listening") }
    try await pair.client.activeOpen(to: try #require(server.localEndpoint))
    try await until("it is open again") { log.all.contains("open") }
    #expect(
      Array(log.all.filter { $0 != "sent 3" }) == ["true", "close true", "listening", "open"])
    server.onEvent = nil
  }

  @Test(
    "5 a closure that releases the stream: it is called no more", arguments: DriverUnderTest.all)
  func releases(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let log = EventLog<TCPEvent>()
    let server = pair.server
    let events = server.events
    server.onEvent = { event in
      log.add(event)
      server.release()
    }
    try await pair.client.send(bytes("x"))
    #expect(await events.collected() == [.dataArrival, .terminated(.ulpAbort)])
    #expect(await result { try await pair.client.receive() } == .connectionTerminated)
    try await until("the last notification") { log.all.count == 2 }
    #expect(log.all == [.dataArrival, .terminated(.ulpAbort)])
  }

  @Test("5 a closure that aborts the connection", arguments: DriverUnderTest.all)
  func aborts(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let log = EventLog<TCPEvent>()
    pair.server.onEvent = { [weak server = pair.server] event in
      log.add(event)
      if event == .dataArrival { try? server?.abort() }
    }
    try await pair.client.send(bytes("x"))
    #expect(await result { try await pair.client.receive() } == .connectionTerminated)
    try await until("both notifications") { log.all == [.dataArrival, .terminated(.ulpAbort)] }
  }

  @Test("5 a closure that sets the closure", arguments: DriverUnderTest.all)
  func sets(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let log = EventLog<String>()
    let server = pair.server
    server.onEvent = { [weak server] _ in
      log.add("first")
      server?.onEvent = { [weak server] _ in
        log.add("second")
        server?.onEvent = nil
        log.add("none \(server?.onEvent == nil)")
      }
      _ = try? server?.receive()
    }
    try await pair.client.send(bytes("a"))
    try await until("the first closure") { log.all == ["first"] }
    try await until("it was read") { try server.status().unread == 0 }
    try await pair.client.send(bytes("b"))
    try await until("the second closure") { log.all == ["first", "second", "none true"] }
    try await pair.client.close()
    #expect(try await server.receive().text == "b")
    #expect(log.all.count == 3)
  }

  @Test(
    "5 closures that block: only their own stream's notifications wait",
    arguments: DriverUnderTest.all)
  func blocks(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let gate = Gate()
    let log = EventLog<Int>()
    var pairs: [Pair] = []
    for index in 0..<20 {
      let pair = try await driver.pair(of: own)
      pair.server.onEvent = { _ in
        gate.pass()
        log.add(index)
      }
      try await pair.client.send(bytes("x"))
      pairs.append(pair)
    }
    // Everything else goes on, on these streams and on others.
    for pair in pairs {
      try await pair.server.arrived(1)
      #expect(try await pair.server.receive().text == "x")
      try await pair.client.send(bytes("y"))
      #expect(try await pair.server.receive().text == "y")
    }
    let free = try await driver.pair(of: own)
    let events = free.server.events
    let heard = EventLog<TCPEvent>()
    free.server.onEvent = { heard.add($0) }
    try await free.client.send(bytes("z"))
    #expect(try await events.before(.dataArrival) == [])
    try await until("a closure that does not block") { heard.all == [.dataArrival] }
    #expect(log.all == [])
    gate.open()
    try await until("every closure went on") { Set(log.all) == Set(0..<20) }
  }

  @Test("3 a completion routine may block and make any call", arguments: DriverUnderTest.all)
  func completionRoutine(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let log = EventLog<String>()
    pair.server.issueReceive().onCompletion { first in
      // The next command is waited for inside the first one's completion routine.
      let next = try? pair.server.issueReceive().wait().text
      log.add("\((try? first.get())?.text ?? "") \(next ?? "")")
      pair.server.release()
    }
    try await pair.client.send(bytes("1"))
    try await until("the first is read") { try pair.server.status().unread == 0 }
    try await pair.client.send(bytes("2"))
    #expect(await result { try await pair.client.receive() } == .connectionTerminated)
    try await until("the routine") { log.all == ["1 2"] }
  }

  /// Calls its stream when it is let go.
  private final class Caller: Sendable {
    let call: @Sendable () -> Void
    init(_ call: @escaping @Sendable () -> Void) { self.call = call }
    deinit { call() }
  }

  @Test(
    "2 what a closure holds may call the stream when it is let go", arguments: DriverUnderTest.all)
  func heldByClosure(_ driver: DriverUnderTest) async throws {
    let log = EventLog<String>()
    func caller(_ stream: TCPStream, _ name: String) -> Caller {
      Caller { [weak stream] in
        _ = try? stream?.status()
        stream?.release()
        log.add(name)
      }
    }
    let pair = try await driver.pair()
    let (client, server) = (pair.client, pair.server)
    let replaced = caller(client, "replaced")
    client.onEvent = { [replaced] _ in _ = replaced }
    let released = caller(server, "released")
    server.onEvent = { [released] _ in _ = released }
    let udp = try pair.driver.createUDPStream()
    let datagrams = Caller { [weak udp] in
      udp?.release()
      log.add("UDP")
    }
    udp.onEvent = { [datagrams] _ in _ = datagrams }
    _ = consume replaced
    _ = consume released
    _ = consume datagrams
    let work = blocking {
      client.onEvent = nil
      server.release()
      udp.release()
    }
    #expect(await work.completion == .noErr)
    try await until("all were let go") { Set(log.all) == ["replaced", "released", "UDP"] }
  }
}
