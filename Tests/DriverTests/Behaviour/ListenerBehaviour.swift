// The server's listener, on real drivers.
import MacTCP
import Testing

@Suite("2 TCPListener", .timeLimit(.minutes(2)))
struct ListenerBehaviour {
  private func listener(
    _ driver: DriverUnderTest, on port: UInt16 = 0, posts: Int = 8,
    options: OpenOptions = OpenOptions()
  ) throws -> (driver: any Driver, listener: TCPListener) {
    let own = try driver.open()
    let listener = try TCPListener(
      own, on: port, at: driver.address, posts: posts, backlog: 256, receiveBuffer: 8192,
      options: options)
    #expect(listener.localEndpoint.address == driver.address && listener.localEndpoint.port != 0)
    return (own, listener)
  }

  @Test("2 two hundred connections at once are all served", arguments: DriverUnderTest.all, [1, 8])
  func manyAtOnce(_ driver: DriverUnderTest, _ posts: Int) async throws {
    let (own, listener) = try listener(driver, posts: posts)
    let server = Task {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for try await stream in listener {
          group.addTask {
            let question = try await stream.receiveAll(2)
            try await stream.send(question.reversed())
            try await stream.close()
            _ = await result { while true { _ = try await stream.receive() } }
          }
        }
        try await group.waitForAll()
      }
    }
    let clients = try (0..<200).map { _ in try own.createTCPStream(receiveBuffer: 8192) }
    let opens = clients.map { $0.issueActiveOpen(to: listener.localEndpoint) }
    for open in opens { #expect(await open.completion == .noErr) }
    for (index, client) in clients.enumerated() { try await client.send([UInt8(index), 99]) }
    for (index, client) in clients.enumerated() {
      #expect(try await client.receiveAll(2) == [99, UInt8(index)])
      #expect(await result { try await client.receive() } == .connectionClosing)
      try await client.close()
    }
    listener.close()
    try await server.value
    #expect(try own.globalInfo().connectionsAccepted == 200)
  }

  @Test("2 accept in all three forms", arguments: DriverUnderTest.all)
  func forms(_ driver: DriverUnderTest) async throws {
    let (own, listener) = try listener(driver)
    let accepts = [
      listener.issueAccept(), blocking { try listener.accept() },
      suspending { try await listener.accept() },
    ]
    var clients: [TCPStream] = []
    for _ in accepts {
      let client = try own.createTCPStream()
      try await client.activeOpen(to: listener.localEndpoint)
      clients.append(client)
    }
    var peers: Set<Endpoint?> = []
    for accept in accepts {
      let stream = try await accept.value
      #expect(stream.receiveBuffer == 8192)
      peers.insert(stream.remoteEndpoint)
    }
    #expect(peers == Set(clients.map(\.localEndpoint)))
  }

  @Test(
    "2 connections that come before they are accepted wait, with their data",
    arguments: DriverUnderTest.all, [1, 8])
  func waiting(_ driver: DriverUnderTest, _ posts: Int) async throws {
    let (own, listener) = try listener(driver, posts: posts)
    let clients = try (0..<20).map { _ in try own.createTCPStream() }
    for (index, client) in clients.enumerated() {
      try await client.activeOpen(to: listener.localEndpoint)
      try await client.send([UInt8(index)], until: .acknowledged)
    }
    for index in clients.indices {
      let stream = try await listener.accept()
      #expect(try await stream.receiveAll(1) == [UInt8(index)])
    }
  }

  @Test(
    "2 close: the loop ends, accepts connectionTerminated, nobody is listened to, those waiting are reset",
    arguments: DriverUnderTest.all)
  func close(_ driver: DriverUnderTest) async throws {
    let (own, listener) = try listener(driver, on: TestPort().number)
    let first = try own.createTCPStream()
    try await first.activeOpen(to: listener.localEndpoint)
    let accepted = try await listener.accept()
    let accepts = [
      listener.issueAccept(), blocking { try listener.accept() },
      suspending { try await listener.accept() },
    ]
    let loop = Task {
      var count = 0
      for try await _ in listener { count += 1 }
      return count
    }
    listener.close()
    listener.close()
    for accept in accepts { #expect(await accept.completion == .connectionTerminated) }
    #expect(try await loop.value == 0)
    #expect(await listener.issueAccept().completion == .connectionTerminated)
    let late = try own.createTCPStream()
    #expect(await late.issueActiveOpen(to: listener.localEndpoint).error?.cause == .refused)
    // What was accepted goes on.
    try await first.send(bytes("x"))
    #expect(try await accepted.receive().text == "x")
  }

  @Test("2 close resets the connections that nobody accepted", arguments: DriverUnderTest.all)
  func closeResets(_ driver: DriverUnderTest) async throws {
    let (own, listener) = try listener(driver, posts: 2)
    let clients = try (0..<6).map { _ in try own.createTCPStream() }
    for client in clients { try await client.activeOpen(to: listener.localEndpoint) }
    listener.close()
    for client in clients {
      #expect(await result { try await client.receive() } == .connectionTerminated)
    }
  }

  @Test(
    "2 a cancelled task leaves the loop, and the listener goes on", arguments: DriverUnderTest.all)
  func cancelled(_ driver: DriverUnderTest) async throws {
    let (own, listener) = try listener(driver)
    let loop = Task {
      for try await _ in listener {}
      return true
    }
    let accept = Task { await result { try await listener.accept() } }
    loop.cancel()
    accept.cancel()
    #expect(try await loop.value)
    #expect(await accept.value == .abortErr)
    let next = listener.issueAccept()
    let taken = listener.issueAccept()
    taken.cancel()
    #expect(await taken.completion == .abortErr)
    let client = try own.createTCPStream()
    try await client.activeOpen(to: listener.localEndpoint)
    #expect(try await next.value.remoteEndpoint == client.localEndpoint)
  }

  @Test(
    "2 many tasks and threads accept: each connection goes to one of them",
    arguments: DriverUnderTest.all)
  func concurrentAccepts(_ driver: DriverUnderTest) async throws {
    let (own, listener) = try listener(driver, posts: 3)
    let accepts = (0..<30).map { index in
      switch index % 3 {
      case 0: listener.issueAccept()
      case 1: blocking { try listener.accept() }
      default: suspending { try await listener.accept() }
      }
    }
    let clients = try (0..<30).map { _ in try own.createTCPStream() }
    for client in clients { try await client.activeOpen(to: listener.localEndpoint) }
    var peers: Set<Endpoint?> = []
    for accept in accepts { peers.insert(try await accept.value.remoteEndpoint) }
    #expect(peers == Set(clients.map(\.localEndpoint)))
  }

  @Test(
    "3.1 a port that somebody listens on: duplicateSocket; a dropped listener frees it",
    arguments: DriverUnderTest.foreign)
  func portInUse(_ driver: DriverUnderTest) async throws {
    let foreign = try ForeignSocket.listening()
    let own = try driver.open()
    let code = await result { try TCPListener(own, on: foreign.local.port, at: driver.address) }
    #expect(code == .duplicateSocket)
    let port = try TestPort().number
    var listener: TCPListener? = try TCPListener(own, on: port, at: driver.address)
    #expect(listener?.localEndpoint == Endpoint(driver.address, port))
    let other = try driver.open()
    #expect(
      await result { try TCPListener(other, on: port, at: driver.address) } == .duplicateSocket)
    listener = nil
    #expect(try TCPListener(other, on: port, at: driver.address).localEndpoint.port == port)
  }

  @Test("3.1 the options are those of each connection", arguments: DriverUnderTest.all)
  func options(_ driver: DriverUnderTest) async throws {
    let options = OpenOptions(ulpTimeout: .seconds(44), typeOfService: .lowDelay, precedence: 2)
    let (own, listener) = try listener(driver, options: options)
    let client = try own.createTCPStream()
    try await client.activeOpen(to: listener.localEndpoint)
    let status = try await listener.accept().status()
    #expect(status.ulpTimeout == .seconds(44))
    #expect(status.typeOfService == .lowDelay && status.precedence == 2)
    let wrong = OpenOptions(precedence: 9)
    #expect(await result { try TCPListener(own, options: wrong) } == .openFailed)
  }
}
