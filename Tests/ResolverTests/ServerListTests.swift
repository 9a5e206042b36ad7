import MacDNR
import MacTCP
import MacTCPWire
import Testing

/// How the resolver goes over its servers: RFC 1035 §7.2, resolv.conf(5).
@Suite("Rounds over the servers", .timeLimit(.minutes(2))) struct ServerListTests {
  let driver: any Driver

  init() throws {
    driver = try openDriver()
  }

  /// A server that hears and never answers.
  private func silentServer() throws -> FakeServer { try FakeServer(driver) }

  /// A port that nobody has open.
  private func closedPort() throws -> Endpoint {
    let stream = try driver.createUDPStream(receiveBuffer: 2048, ports: 0...0, address: .loopback)
    defer { stream.release() }
    return Endpoint(.loopback, stream.port)
  }

  @Test("After a server that does not answer, the next one is asked")
  func silent() async throws {
    let (dead, alive) = (try silentServer(), try FakeServer(driver) { [$0.address()] })
    let resolver = Resolver(
      driver, asking: dead.endpoint, alive.endpoint, timeout: .seconds(2))
    _ = try await resolver.addresses(of: "one.test")
    // For a while, whoever was silent comes last.
    _ = try await resolver.addresses(of: "two.test")
    #expect(alive.names == ["one.test", "two.test"])
    #expect(await dead.waitingQueries() == 1)
  }

  @Test("A closed port is heard of at once")
  func closed() async throws {
    let alive = try FakeServer(driver) { [$0.address()] }
    let resolver = Resolver(driver, asking: try closedPort(), alive.endpoint, timeout: .seconds(60))
    _ = try await resolver.addresses(of: "host.test")
  }

  @Test("When all ports are closed there is no answer, for want of reach")
  func allClosed() async throws {
    let (one, two) = (try closedPort(), try closedPort())
    let resolver = Resolver(driver, asking: one, two, timeout: .seconds(60), attempts: 2)
    let error = try #require(await failure { try await resolver.addresses(of: "host.test") })
    #expect(error.code == .noAnsErr && error.cause == .unreachable)
    #expect(error.message.contains("\(one)") && error.message.contains("\(two)"))
  }

  @Test("Every server is asked in every round, in order; then there is no answer, for want of time")
  func rounds() async throws {
    let servers = [try silentServer(), try silentServer()]
    let resolver = Resolver(
      driver, asking: servers[0].endpoint, servers[1].endpoint, timeout: .milliseconds(30),
      attempts: 3)
    let error = try #require(await failure { try await resolver.addresses(of: "host.test") })
    #expect(error.code == .noAnsErr && error.cause == .timedOut)
    #expect(error.message.contains("host.test"))
    for server in servers {
      #expect(await server.waitingQueries() == 3)
      // Each query is a new one (RFC 5452 §9).
      #expect(Set(server.queries.map(\.from.port)).count > 1)
    }
  }

  @Test("A server that failed is left out, one that was silent is asked again")
  func mixture() async throws {
    let failing = try FakeServer(driver) { [.message($0.response(.serverFailure))] }
    let silent = try silentServer()
    let resolver = Resolver(
      driver, asking: failing.endpoint, silent.endpoint, timeout: .seconds(2), attempts: 2)
    let error = await failure { try await resolver.addresses(of: "host.test") }
    // Who said something counts for more than who did not.
    #expect(error?.code == .dnrErr && error?.message.contains("SERVFAIL") == true)
    #expect(failing.queries.count == 1)
    #expect(await silent.waitingQueries() == 2)
  }

  @Test(
    "After a server that fails, refuses or talks nonsense, the next one is asked",
    arguments: ["SERVFAIL", "REFUSED", "nonsense", "referral"])
  func failover(_ kind: String) async throws {
    let bad = try FakeServer(driver) { query in
      switch kind {
      case "SERVFAIL": return [.message(query.response(.serverFailure))]
      case "REFUSED": return [.message(query.response(.refused))]
      case "referral":
        return [.message(query.response(authorities: [record(".", .ns(domain("ns.test")))]))]
      default:
        let good = (try? query.response(.noError, [record("a", .a(.any))]).encoded()) ?? []
        return [.bytes(Array(good.dropLast()))]
      }
    }
    let good = try FakeServer(driver) { [$0.address()] }
    let resolver = Resolver(driver, asking: bad.endpoint, good.endpoint)
    _ = try await resolver.addresses(of: "host.test")
    #expect(bad.queries.count == 1 && good.queries.count == 1)
  }

  @Test("With rotate, each question begins with another server")
  func rotation() async throws {
    let servers = try (0..<3).map { _ in try FakeServer(driver) { [$0.address()] } }
    var configuration = ResolverConfiguration(asking: servers.map(\.endpoint))
    configuration.rotate = true
    let resolver = Resolver(driver: driver, configuration: configuration)
    for number in 0..<6 { _ = try await resolver.addresses(of: "host\(number).test") }
    #expect(
      servers.map(\.names) == [
        ["host0.test", "host3.test"], ["host1.test", "host4.test"], ["host2.test", "host5.test"],
      ])
  }

  @Test("Without rotate, each question begins with the first server")
  func noRotation() async throws {
    let servers = try (0..<2).map { _ in try FakeServer(driver) { [$0.address()] } }
    let resolver = Resolver(driver, asking: servers[0].endpoint, servers[1].endpoint)
    for number in 0..<3 { _ = try await resolver.addresses(of: "host\(number).test") }
    #expect(servers.map(\.queries.count) == [3, 0])
  }

  @Test("Without servers only local names are known")
  func noServers() async throws {
    let resolver = Resolver(driver)
    let error = try #require(await failure { try await resolver.addresses(of: "host.test") })
    #expect(error.code == .noNameServer && error.message.contains("host.test"))
    #expect(try await resolver.addresses(of: "192.0.2.1").addresses == [IPAddress(192, 0, 2, 1)])
    #expect(try await resolver.addresses(of: "localhost").addresses == [.loopback])
    #expect(try await resolver.addresses(of: "Db.LocalHost.").addresses == [.loopback])
  }

  @Test("A driver without streams left is the failure of this host, not of a server")
  func noStreams() async throws {
    let alive = try FakeServer(driver) { [$0.address()] }
    let resolver = Resolver(
      driver: ExhaustedDriver(driver),
      configuration: ResolverConfiguration(asking: [alive.endpoint], attempts: 3))
    // So many that working them off in a nest would run out of stack.
    let commands = (0..<2000).map { resolver.issueAddresses(of: "host\($0).test") }
    for command in commands {
      let error = await failure { try await command.value }
      #expect(error?.code == .insufficientResources)
    }
  }
}

/// A driver that has no streams left.
private final class ExhaustedDriver: Driver {
  private let driver: any Driver

  init(_ driver: any Driver) {
    self.driver = driver
  }

  private static let error = MacTCPError(.insufficientResources, "nothing is left")

  var name: String { "exhausted" }
  var mtu: Int { get throws(MacTCPError) { try driver.mtu } }
  var address: IPAddress { get throws(MacTCPError) { try driver.address } }
  var netMask: IPAddress { get throws(MacTCPError) { try driver.netMask } }
  var interfaceName: String { driver.interfaceName }

  func createTCPStream(receiveBuffer: Int) throws(MacTCPError) -> TCPStream { throw Self.error }

  func createUDPStream(receiveBuffer: Int, ports: ClosedRange<UInt16>, address: IPAddress)
    throws(MacTCPError) -> UDPStream
  {
    throw Self.error
  }

  func reservePort(_ local: Endpoint, backlog: Int, receiveBuffer: Int, options: OpenOptions)
    throws(MacTCPError) -> any PortReservation
  {
    throw Self.error
  }

  func globalInfo() throws(MacTCPError) -> GlobalInfo { try driver.globalInfo() }
  func maxDatagramSize(to host: IPAddress) throws(MacTCPError) -> Int { throw Self.error }

  func issueEcho(to host: IPAddress, data: [UInt8], timeout: Duration) -> Command<EchoReply> {
    driver.issueEcho(to: host, data: data, timeout: timeout)
  }

  func linkStatistics() throws(MacTCPError) -> LinkStatistics { try driver.linkStatistics() }
}
