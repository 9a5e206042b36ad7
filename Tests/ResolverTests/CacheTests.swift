import MacDNR
import MacTCP
import MacTCPCore
import MacTCPWire
import Testing

/// What is kept, how long, and how much of it: RFC 1035 §7.4, RFC 2181 §8, RFC 2308.
@Suite("Cache", .timeLimit(.minutes(2))) struct CacheTests {
  let driver: any Driver
  let clock = TestClock()

  init() throws {
    driver = try openDriver()
  }

  private func resolver(
    _ server: FakeServer, _ change: (inout ResolverConfiguration) -> Void = { _ in }
  ) -> Resolver {
    var configuration = ResolverConfiguration(asking: [server.endpoint])
    change(&configuration)
    return Resolver(driver: driver, configuration: configuration) { [clock] in clock.now }
  }

  @Test("An answer is kept for its time to live, and done at once, in any letters")
  func positive() async throws {
    let server = try FakeServer(driver) { [$0.address(timeToLive: 60)] }
    let resolver = resolver(server)
    _ = try await resolver.addresses(of: "host.test")
    clock.advance(by: .seconds(59))
    let command = resolver.issueAddresses(of: "HOST.test")
    #expect(command.isDone)
    #expect(try command.wait().addresses == [IPAddress(192, 0, 2, 1)])
    #expect(server.queries.count == 1)
    clock.advance(by: .seconds(1))
    _ = try await resolver.addresses(of: "host.test")
    #expect(server.queries.count == 2)
  }

  @Test("Times to live are what is left of them")
  func aging() async throws {
    let server = try FakeServer(driver) { [$0.address(timeToLive: 60)] }
    let resolver = resolver(server)
    #expect(try await resolver.query("host.test", type: .a).records[0].timeToLive == 60)
    clock.advance(by: .milliseconds(20_900))
    #expect(try await resolver.query("host.test", type: .a).records[0].timeToLive == 40)
    #expect(resolver.enumerateCache().map(\.timeToLive) == [40])
    clock.advance(by: .seconds(40))
    #expect(resolver.enumerateCache().isEmpty)
  }

  @Test("The shortest time among the aliases and records counts")
  func shortest() async throws {
    let server = try FakeServer(driver) { query in
      [
        .message(
          query.response(
            .noError,
            [
              record("a.test", .cname(domain("b.test")), timeToLive: 10),
              record("b.test", .a(.loopback), timeToLive: 1000),
            ]))
      ]
    }
    let resolver = resolver(server)
    _ = try await resolver.addresses(of: "a.test")
    clock.advance(by: .seconds(9))
    _ = try await resolver.addresses(of: "a.test")
    #expect(server.queries.count == 1)
    clock.advance(by: .seconds(1))
    _ = try await resolver.addresses(of: "a.test")
    #expect(server.queries.count == 2)
  }

  @Test(
    "An answer with a time of 0, or with the highest bit set, is used once",
    arguments: [0, 0x8000_0000] as [UInt32])
  func zero(_ timeToLive: UInt32) async throws {
    let server = try FakeServer(driver) { [$0.address(timeToLive: timeToLive)] }
    let resolver = resolver(server)
    for _ in 0..<2 { _ = try await resolver.addresses(of: "host.test") }
    #expect(server.queries.count == 2)
  }

  @Test("No time is longer than the configured one")
  func cap() async throws {
    let server = try FakeServer(driver) { [$0.address(timeToLive: 0x7FFF_FFFF)] }
    let resolver = resolver(server) { $0.longestTimeToLive = .seconds(100) }
    _ = try await resolver.addresses(of: "host.test")
    clock.advance(by: .seconds(100))
    _ = try await resolver.addresses(of: "host.test")
    #expect(server.queries.count == 2)
  }

  @Test("That there is no such name is kept for all types, as long as the SOA record says")
  func noSuchName() async throws {
    let server = try FakeServer(driver) { query in
      [.message(query.response(.nameError, authorities: [authority("test", minimum: 30)]))]
    }
    let resolver = resolver(server)
    for _ in 0..<2 {
      #expect(await failure { try await resolver.addresses(of: "no.test") }?.code == .authNameErr)
      #expect(
        await failure { try await resolver.mailExchange(of: "no.test") }?.code == .authNameErr)
    }
    #expect(server.queries.count == 1)
    #expect(resolver.enumerateCache().isEmpty)
    clock.advance(by: .seconds(30))
    _ = await failure { try await resolver.addresses(of: "no.test") }
    #expect(server.queries.count == 2)
  }

  @Test("That there is no such record is kept for its type alone")
  func noData() async throws {
    let server = try FakeServer(driver) { query in
      query.question.type == .a
        ? [query.address()]
        : [.message(query.response(authorities: [authority("test", minimum: 90, timeToLive: 30)]))]
    }
    let resolver = resolver(server)
    for _ in 0..<2 {
      #expect(await failure { try await resolver.hostInfo(of: "a.test") }?.code == .authNameErr)
      _ = try await resolver.addresses(of: "a.test")
    }
    #expect(server.queries.map(\.question.type) == [.hinfo, .a])
    // The record's own time is shorter than its minimum (RFC 2308 §5).
    clock.advance(by: .seconds(30))
    _ = await failure { try await resolver.hostInfo(of: "a.test") }
    #expect(server.queries.count == 3)
  }

  @Test(
    "Without an SOA record of the name's zone nothing negative is kept, nor longer than permitted")
  func negativeLimits() async throws {
    let server = try FakeServer(driver) { query in
      let zone = query.name.hasPrefix("stranger") ? "other" : "test"
      let soa =
        query.name.hasPrefix("none") ? [] : [authority(zone, minimum: 86_400, timeToLive: 86_400)]
      return [.message(query.response(.nameError, authorities: soa))]
    }
    let resolver = resolver(server) { $0.longestNegativeTimeToLive = .seconds(50) }
    for name in ["none.test", "stranger.test"] {
      for _ in 0..<2 { _ = await failure { try await resolver.addresses(of: name) } }
    }
    #expect(server.queries.count == 4)
    _ = await failure { try await resolver.addresses(of: "long.test") }
    clock.advance(by: .seconds(49))
    _ = await failure { try await resolver.addresses(of: "long.test") }
    #expect(server.queries.count == 5)
    clock.advance(by: .seconds(1))
    _ = await failure { try await resolver.addresses(of: "long.test") }
    #expect(server.queries.count == 6)
  }

  @Test("Failures of servers are not kept")
  func failures() async throws {
    let server = try FakeServer(driver) { [.message($0.response(.serverFailure))] }
    let resolver = resolver(server)
    for _ in 0..<2 { _ = await failure { try await resolver.addresses(of: "host.test") } }
    #expect(server.queries.count == 2)
  }

  @Test("When the cache is full the oldest goes")
  func capacity() async throws {
    let server = try FakeServer(driver) { [$0.address()] }
    let resolver = resolver(server) { $0.cacheCapacity = 3 }
    for number in 0..<4 { _ = try await resolver.addresses(of: "host\(number).test") }
    #expect(
      resolver.enumerateCache().map { "\($0.name)" } == ["host1.test", "host2.test", "host3.test"])
    for number in [1, 2, 3, 0] { _ = try await resolver.addresses(of: "host\(number).test") }
    #expect(server.names.count == 5)
  }

  @Test("What was found out anew counts as young")
  func renewal() async throws {
    let server = try FakeServer(driver) {
      [$0.address(timeToLive: $0.name == "short.test" ? 5 : 100)]
    }
    let resolver = resolver(server) { $0.cacheCapacity = 2 }
    for name in ["short.test", "long.test"] { _ = try await resolver.addresses(of: name) }
    for _ in 0..<100 {
      clock.advance(by: .milliseconds(100))
      _ = try await resolver.addresses(of: "short.test")
    }
    _ = try await resolver.addresses(of: "third.test")
    #expect(resolver.enumerateCache().map { "\($0.name)" } == ["short.test", "third.test"])
  }

  @Test("Long answers count for several: memory has a bound whatever servers send")
  func weight() async throws {
    let server = try FakeServer(driver) { query in
      let records = (0..<100).map { record(query.name, .a(IPAddress(v4: 0x0A00_0000 + $0))) }
      return [.message(query.response(.noError, records))]
    }
    let resolver = resolver(server) { $0.cacheCapacity = 64 }
    for number in 0..<64 { _ = try await resolver.addresses(of: "host\(number).test") }
    let kept = resolver.enumerateCache()
    #expect(!kept.isEmpty && kept.count * 512 <= 64 * 4096)
    #expect(kept.last?.name == domain("host63.test"))
  }

  @Test("No number is too large or too small in a configuration")
  func extremes() async throws {
    let server = try FakeServer(driver) { [$0.address(timeToLive: 0x7FFF_FFFF)] }
    for number in [Int.max, Int.min] {
      let resolver = resolver(server) {
        $0.cacheCapacity = number
        $0.longestTimeToLive = .seconds(number)
        $0.longestNegativeTimeToLive = .seconds(number)
        $0.mostStreams = number
        $0.ndots = number
        $0.attempts = number
        if number > 0 { $0.timeout = .seconds(number) }
      }
      for _ in 0..<2 { _ = try await resolver.addresses(of: "host.test") }
      #expect(resolver.enumerateCache().count == (number > 0 ? 1 : 0))
    }
    #expect(server.queries.count == 3)
  }

  @Test("A cache of no capacity keeps nothing")
  func noCapacity() async throws {
    let server = try FakeServer(driver) { [$0.address()] }
    let resolver = resolver(server) { $0.cacheCapacity = 0 }
    for _ in 0..<2 { _ = try await resolver.addresses(of: "host.test") }
    #expect(server.queries.count == 2)
  }

  @Test("Closing forgets what was found out")
  func closing() async throws {
    let server = try FakeServer(driver) { [$0.address()] }
    let resolver = resolver(server)
    _ = try await resolver.addresses(of: "host.test")
    #expect(resolver.isOpen && resolver.enumerateCache().count == 1)
    resolver.close()
    #expect(!resolver.isOpen && resolver.enumerateCache().isEmpty)
    _ = try await resolver.addresses(of: "host.test")
    #expect(server.queries.count == 2)
  }

  @Test("Records that no alias leads to are not kept, whatever else an answer holds")
  func poisoning() async throws {
    let server = try FakeServer(driver) { query in
      var response = query.response(
        .noError,
        [record(query.name, .a(.loopback)), record("bank.test", .a(IPAddress(6, 6, 6, 6)))],
        authorities: [record("bank.test", .ns(domain("evil.test")))])
      response.additionals = [record("bank.test", .a(IPAddress(6, 6, 6, 6)))]
      return [.message(query.name == "bank.test" ? query.response(.nameError) : response)]
    }
    let resolver = resolver(server)
    _ = try await resolver.addresses(of: "evil.test")
    #expect(resolver.enumerateCache() == [record("evil.test", .a(.loopback))])
    #expect(await failure { try await resolver.addresses(of: "bank.test") }?.code == .authNameErr)
  }
}
