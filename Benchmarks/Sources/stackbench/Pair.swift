import MacTCPEngine
import MacTCPWire

/// The port on which the server listens.
let serverPort: UInt16 = 80

/// Two hosts and the rings between them, in real time. The clock is read once in each turn.
struct Pair: ~Copyable {
  var client: Host
  var server: Host
  /// From the client to the server.
  var forth: Ring
  /// From the server to the client.
  var back: Ring
  /// After this time a run has failed.
  static let longestRun = Instant(microseconds: 300_000_000)
  let stopwatch = Stopwatch()
  private(set) var now = Instant.zero

  init(_ settings: Settings) throws {
    let mtu = settings.count("mtu", default: 1500)
    let slots = settings.count("slots", default: 0)
    guard slots & (slots - 1) == 0, mtu <= 65535 else {
      throw BenchmarkError.usage("slots is a power of two, mtu at most 65535")
    }
    let client = try Host(IPAddress(10, 0, 0, 1), settings)
    var server = try Host(IPAddress(10, 0, 0, 2), settings)
    try server.listen(at: .zero)
    self.client = client
    self.server = server
    forth = Ring(mtu: mtu, slots: slots)
    back = Ring(mtu: mtu, slots: slots)
  }

  mutating func tick() { now = stopwatch.now }

  /// One turn of both hosts.
  ///
  /// - Returns: Whether a packet was under way.
  @discardableResult
  mutating func turn() throws -> Bool {
    tick()
    guard now < Pair.longestRun else { throw BenchmarkError.failed("it hangs") }
    client.engine.advance(to: now)
    server.engine.advance(to: now)
    client.transmit(into: &forth, at: now)
    let arrivedThere = try server.receive(from: &forth, at: now)
    server.transmit(into: &back, at: now)
    let arrivedHere = try client.receive(from: &back, at: now)
    return arrivedThere || arrivedHere
  }

  /// Turns until nothing is under way.
  mutating func settle() throws { while try turn() {} }

  /// Opens a connection.
  ///
  /// - Parameter port: The client's port, or 0 for one that the engine chooses.
  mutating func open(from port: Int = 0) throws -> Connection {
    let id = try client.engine.createConnection()
    let opened = client.opened
    try client.engine.activeOpen(
      id, to: Endpoint(server.address, serverPort),
      from: Endpoint(client.address, UInt16(truncatingIfNeeded: port)), at: now)
    var accepted: ConnectionID?
    while client.opened == opened || accepted == nil {
      try turn()
      if let id = server.takeAccepted() { accepted = id }
      if let reason = client.failure { throw BenchmarkError.failed("connect: \(reason)") }
    }
    guard let accepted else { throw BenchmarkError.failed("nothing to accept") }
    return Connection(client: id, server: accepted)
  }

  /// A byte there and a byte back.
  mutating func roundTrip(_ connection: Connection) throws {
    let (there, here) = (server.received, client.received)
    while try client.write(connection.client, sent: 0, count: 1, at: now) == 0 { try turn() }
    client.transmit(into: &forth, at: now)
    while server.received == there {
      if try !server.receive(from: &forth, at: now) { try turn() }
    }
    while try server.write(connection.server, sent: 0, count: 1, at: now) == 0 { try turn() }
    server.transmit(into: &back, at: now)
    while client.received == here {
      if try !client.receive(from: &back, at: now) { try turn() }
    }
    tick()
    client.engine.advance(to: now)
    server.engine.advance(to: now)
  }
}

/// The two ends of a connection.
struct Connection {
  var client: ConnectionID
  var server: ConnectionID
}

extension Host {
  mutating func listen(at now: Instant) throws {
    let listener = try engine.createConnection()
    try engine.listen(listener, on: Endpoint(address, serverPort), backlog: 255, at: now)
  }
}
