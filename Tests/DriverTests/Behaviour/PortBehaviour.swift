// Who may connect to a port that streams wait on, and who may wait there.
import MacTCP
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite("3.1 Filters and ports", .timeLimit(.minutes(2)))
struct PortBehaviour {
  @Test(
    "3.1 a connection that does not match the filter is reset, and the open goes on waiting",
    arguments: DriverUnderTest.foreign, Filter.allCases)
  func mismatch(_ driver: DriverUnderTest, _ filter: Filter) async throws {
    let own = try driver.open()
    let port = try TestPort()
    let (stream, open, local) = try driver.waiting(own, from: filter.endpoint(port.number))
    let stranger = try ForeignSocket.connected(
      to: local, from: Endpoint(filter == .port ? .loopback : IPAddress(127, 0, 0, 2), 0))
    #expect(stranger.receiveFailure() == ECONNRESET)
    #expect(!open.isDone)
    let friend = try ForeignSocket.connected(to: local, from: Endpoint(.loopback, port.number))
    #expect(try await open.value == friend.local)
    try friend.send(bytes("friend"))
    #expect(try await stream.receive().text == "friend")
  }

  enum Filter: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case address, port, addressAndPort
    var testDescription: String { rawValue }

    func endpoint(_ port: UInt16) -> Endpoint {
      switch self {
      case .address: Endpoint(.loopback, 0)
      case .port: Endpoint(.any, port)
      case .addressAndPort: Endpoint(.loopback, port)
      }
    }
  }

  @Test("3.1 a connection goes to the oldest open that it matches", arguments: DriverUnderTest.all)
  func oldestMatch(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let (portA, portB) = (try TestPort(), try TestPort())
    let first = try driver.waiting(own, from: Endpoint(.any, portA.number))
    let second = try driver.waiting(own, on: first.local.port, from: Endpoint(.any, portB.number))
    let third = try driver.waiting(own, on: first.local.port)
    for (port, waiting) in [(portB.number, second), (0, third), (portA.number, first)] {
      let client = try own.createTCPStream()
      try await client.activeOpen(to: first.local, port: port)
      #expect(try await waiting.open.value == client.localEndpoint)
    }
  }

  @Test(
    "3.1 the same port and the same whole filter twice: duplicateSocket",
    arguments: DriverUnderTest.all)
  func sameFilter(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let filter = Endpoint(driver.address, 4711)
    let first = try driver.waiting(own, from: filter)
    let twin = try own.createTCPStream()
    let open = twin.issuePassiveOpen(on: first.local.port, at: driver.address, from: filter)
    #expect(await open.completion == .duplicateSocket)
    #expect(twin.localEndpoint == nil)
    // Another filter is another connection, and the first one waits as before.
    let other = twin.issuePassiveOpen(
      on: first.local.port, at: driver.address, from: Endpoint(driver.address, 4712))
    #expect(!other.isDone && !first.open.isDone)
    try first.stream.abort()
    let again = first.stream.issuePassiveOpen(
      on: first.local.port, at: driver.address, from: filter)
    #expect(!again.isDone)
  }

  @Test(
    "3.1 a port that another program listens on: duplicateSocket, with the port in the sentence",
    arguments: DriverUnderTest.foreign)
  func foreignPort(_ driver: DriverUnderTest) async throws {
    let foreign = try ForeignSocket.listening()
    let stream = try driver.open().createTCPStream()
    let error = await stream.issuePassiveOpen(on: foreign.local.port, at: driver.address).error
    #expect(error?.code == .duplicateSocket)
    #expect(error?.description.contains("\(foreign.local)") == true)
    #expect(error?.description.hasSuffix("(duplicateSocket, -23017)") == true)
    let everywhere = await stream.issuePassiveOpen(on: foreign.local.port).error
    #expect(everywhere?.code == .duplicateSocket)
    #expect(everywhere?.description.contains("port \(foreign.local.port)") == true)
    // The stream is as it was.
    #expect(!stream.issuePassiveOpen(at: driver.address).isDone)
  }

  @Test(
    "3.1 a port that a stream of another driver listens on: duplicateSocket",
    arguments: DriverUnderTest.foreign)
  func otherDriversPort(_ driver: DriverUnderTest) async throws {
    let first = try driver.waiting(try driver.open())
    let other = try driver.open().createTCPStream()
    let open = other.issuePassiveOpen(on: first.local.port, at: driver.address)
    #expect(await open.completion == .duplicateSocket)
  }

  @Test("3.1 an address that is not this host's: openFailed", arguments: DriverUnderTest.foreign)
  func foreignAddress(_ driver: DriverUnderTest) async throws {
    let stream = try driver.open().createTCPStream()
    let error = await stream.issuePassiveOpen(at: IPAddress(192, 0, 2, 1)).error
    #expect(error?.code == .openFailed)
    #expect(error?.cause == .badAddress)
  }

  @Test(
    "3.1 data and a FIN that come right behind the SYN are there when the open completes",
    arguments: DriverUnderTest.foreign)
  func earlyData(_ driver: DriverUnderTest) async throws {
    let (stream, open, local) = try driver.waiting(try driver.open())
    let peer = try ForeignSocket.connected(to: local)
    try peer.send(bytes("early"))
    peer.closeSendSide()
    _ = try await open.value
    #expect(try await stream.receiveAll(5) == bytes("early"))
    #expect(await result { try await stream.receive() } == .connectionClosing)
  }

  @Test(
    "3.1 eight thousand opens on one port: given up in any order, those that are left are served oldest first",
    arguments: DriverUnderTest.all)
  func thousands(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let first = try driver.waiting(own)
    var waiting = [(stream: first.stream, open: first.open)]
    for _ in 1..<8000 {
      let next = try driver.waiting(own, on: first.local.port)
      waiting.append((next.stream, next.open))
    }
    var random = SeededGenerator(seed: 7)
    let kept = Set((0..<8000).shuffled(using: &random).prefix(20))
    for index in (0..<8000).shuffled(using: &random) where !kept.contains(index) {
      try waiting[index].stream.abort()
    }
    for index in kept.sorted() {
      let client = try own.createTCPStream()
      try await client.activeOpen(to: first.local)
      #expect(try await waiting[index].open.value == client.localEndpoint)
    }
    // With the last one the port is closed.
    let client = try own.createTCPStream()
    #expect(await client.issueActiveOpen(to: first.local).completion == .openFailed)
  }

  @Test(
    "3.1 a hundred opens on one port, a hundred connections at once", arguments: DriverUnderTest.all
  )
  func hundred(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let first = try driver.waiting(own)
    let rest = try (1..<100).map { _ in try driver.waiting(own, on: first.local.port) }
    let clients = try (0..<100).map { _ in try own.createTCPStream() }
    let connects = clients.map { $0.issueActiveOpen(to: first.local) }
    for connect in connects { _ = try await connect.value }
    var peers: Set<Endpoint> = []
    for waiting in [first] + rest { peers.insert(try await waiting.open.value) }
    #expect(peers == Set(clients.compactMap(\.localEndpoint)))
  }
}
