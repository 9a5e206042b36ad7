// Out of descriptors. Each test runs in a process of its own: the limit is the process's.
import MacTCP
import Testing

@Suite("5 Out of descriptors", .timeLimit(.minutes(2)))
struct ExhaustionBehaviour {
  @Test(
    "5 what takes a descriptor and gets none: insufficientResources; afterwards everything works")
  func everyCall() async {
    await #expect(processExitsWith: .success) {
      try await Descriptors.limit(to: 256)
      for driver in DriverUnderTest.all where driver.usesDescriptors {
        try await Descriptors.balanced("every call") { try await Exhaustion.everyCall(driver) }
      }
    }
  }

  @Test(
    "5 a connection that comes when descriptors ran out: its open fails, the peer is reset, later ones are served"
  )
  func accepting() async {
    await #expect(processExitsWith: .success) {
      try await Descriptors.limit(to: 256)
      for driver in DriverUnderTest.foreign where driver.usesDescriptors {
        try await Descriptors.balanced("accepting") { try await Exhaustion.accepting(driver) }
        try await Descriptors.balanced("listening") { try await Exhaustion.listening(driver) }
      }
    }
  }

  @Test("5 connections that are open go on when descriptors ran out, for threads and for tasks")
  func goingOn() async {
    await #expect(processExitsWith: .success) {
      try await Descriptors.limit(to: 256)
      for driver in DriverUnderTest.all where driver.usesDescriptors {
        try await Descriptors.balanced("going on") { try await Exhaustion.goingOn(driver) }
      }
    }
  }

  @Test("5 as many streams as the limit of descriptors allows; none is left afterwards")
  func asManyAsThereAre() async {
    let exit = await #expect(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      try await Descriptors.limit(to: 4096)
      for driver in DriverUnderTest.all where driver.usesDescriptors {
        try await Descriptors.balanced("as many as there are") {
          try await Exhaustion.asManyAsThereAre(driver)
        }
      }
    }
    let output = String(decoding: exit?.standardOutputContent ?? [], as: UTF8.self)
    print(
      output.split(separator: "\n").filter { $0.contains("streams were open") }.joined(
        separator: "\n"))
  }
}

private enum Exhaustion {
  static func everyCall(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let port = try TestPort(inARow: 4).number
    let listener = try driver.waiting(own)
    let tcp = try own.createTCPStream()
    var calls: [(name: String, call: () async throws -> Void)] = [
      ("a driver", { _ = try driver.open() }),
      ("passive open", { try await tcp.passiveOpen(on: port, at: driver.address) }),
      ("active open", { try await tcp.activeOpen(to: listener.local) }),
      ("a UDP stream", { _ = try own.createUDPStream() }),
      ("a listener", { _ = try TCPListener(own, on: port, at: driver.address) }),
      ("the MTU", { _ = try own.mtu }),
      ("the address", { _ = try own.address }),
      ("the mask", { _ = try own.netMask }),
      ("the largest datagram", { _ = try own.maxDatagramSize(to: driver.address) }),
      ("an echo", { _ = try await own.echo(to: driver.address, data: [1]) }),
    ]
    var hoard: Descriptors.Hoard? = Descriptors.exhausted()
    for (name, call) in calls {
      let code = await result { try await call() }
      #expect(code == .insufficientResources, "\(name)")
    }
    hoard?.giveBack(2)
    let four = port...(port + 3)
    for _ in 0..<3 {
      #expect(
        await result {
          try own.createUDPStream(receiveBuffer: 2048, ports: four, address: driver.address)
        }
          == .insufficientResources)
    }
    #expect(try own.maxDatagramSize(to: driver.address) > 0)
    hoard = nil
    calls.removeAll { $0.name == "passive open" }
    for (name, call) in calls {
      let code = await result { try await call() }
      // An echo may not be permitted.
      #expect(code == .noErr || (name == "an echo" && code == .openFailed), "\(name)")
    }
    #expect(await listener.open.completion == .noErr)
    let many = try own.createUDPStream(receiveBuffer: 2048, ports: four, address: driver.address)
    #expect(many.ports == Array(four))
  }

  static func accepting(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let first = try driver.waiting(own)
    let second = try driver.waiting(own, on: first.local.port)
    let peers = try (0..<3).map { _ in try ForeignSocket.bound() }
    let hoard = Descriptors.exhausted()
    try peers[0].connect(to: first.local)
    #expect(await first.open.completion == .insufficientResources)
    #expect(peers[0].receiveFailure() != 0)
    #expect(try first.stream.status().connectionState == .closed)
    // One connection came: one open fails.
    #expect(!second.open.isDone)
    let again = first.stream.issuePassiveOpen(on: first.local.port, at: driver.address)
    hoard.giveBack(2)
    for (waiting, peer) in zip([(second.stream, second.open), (first.stream, again)], peers[1...]) {
      try peer.connect(to: first.local)
      #expect(try await waiting.1.value == peer.local)
      try peer.send(bytes("x"))
      #expect(try await waiting.0.receive().text == "x")
    }
    withExtendedLifetime(hoard) {}
  }

  static func listening(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let listener = try TCPListener(own, at: driver.address, posts: 2)
    let peers = try (0..<6).map { _ in try ForeignSocket.bound() }
    let accept = listener.issueAccept()
    var hoard: Descriptors.Hoard? = Descriptors.exhausted()
    try peers[0].connect(to: listener.localEndpoint)
    #expect(await accept.completion == .insufficientResources)
    #expect(peers[0].receiveFailure() != 0)
    hoard = nil
    for peer in peers[1...] {
      try peer.connect(to: listener.localEndpoint)
      try peer.send(bytes("x"))
    }
    var served = 0
    while served < 5 {
      let accept = listener.issueAccept()
      // One more open may have failed while there were none; it is told of once.
      if await accept.error?.code == .insufficientResources { continue }
      #expect(try await accept.value.receive().text == "x")
      served += 1
    }
    _ = hoard
  }

  static func goingOn(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let hoard = Descriptors.exhausted()
    // Threads that never blocked before get nothing to be woken by, and must be woken all the same.
    for round in UInt8(0)..<5 {
      let receives = [
        blocking { try pair.server.receive(upTo: 1).data },
        blocking { try pair.server.receive(upTo: 1, timeout: .seconds(60)).data },
        suspending { try await pair.server.receive(upTo: 1).data },
      ]
      try await blocking { try pair.client.send([round], until: .acknowledged) }.value
      try await pair.client.send([round, round], until: .acknowledged)
      for receive in receives { #expect(try await receive.value == [round]) }
    }
    #expect(
      await blocking { try pair.server.receive(timeout: .milliseconds(20)) }.completion
        == .commandTimeout)
    let send = blocking { try pair.client.send(tooMuch) }
    #expect(same(try await pair.server.receiveAll(tooMuch.count), tooMuch))
    #expect(await send.completion == .noErr)
    let receive = blocking { try pair.server.receive() }
    try await pair.client.close()
    #expect(await receive.completion == .connectionClosing)
    try await pair.server.close()
    withExtendedLifetime(hoard) {}
  }

  static func asManyAsThereAre(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let limit = try own.globalInfo().streamsSupported
    // Two opens wait on the port, so that it stays open while the older one is served.
    var waiting = [try driver.waiting(own)]
    var open: [TCPStream] = []
    var last = ResultCode.noErr
    while last == .noErr {
      let oldest = waiting.removeFirst()
      waiting.append(try driver.waiting(own, on: oldest.local.port))
      let client = try own.createTCPStream(receiveBuffer: 4096)
      last = await client.issueActiveOpen(to: oldest.local).completion
      if last == .noErr { last = await oldest.open.completion }
      if last == .noErr { open += [client, oldest.stream] }
    }
    // Either side may be the one that got none; the client sees a reset when it was the server.
    #expect(last == .insufficientResources || last == .openFailed)
    print("\(open.count) streams were open at once, with at most \(limit) descriptors")
    #expect(open.count > limit * 9 / 10)
    // All of them work.
    for (index, stream) in open.enumerated() { try await stream.send([UInt8(index % 251)]) }
    for (index, stream) in open.enumerated() {
      #expect(try await stream.receive().data == [UInt8((index ^ 1) % 251)])
    }
    // Streams without a connection cost none.
    let idle = try (0..<10_000).map { _ in try own.createTCPStream() }
    for stream in open + idle { stream.release() }
  }
}
