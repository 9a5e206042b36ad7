import MacDNR
import MacTCP
import MacTCPCore
import MacTCPWire
import Testing

/// What the resolver makes of answers: aliases, nothing there, the kinds of look-up.
@Suite("Look-ups", .timeLimit(.minutes(2))) struct LookupTests {
  let driver: any Driver

  init() throws {
    driver = try openDriver()
  }

  // MARK: The forms of a look-up

  @Test("A look-up suspends, blocks, or is a command, with the same result")
  func forms() async throws {
    let server = try FakeServer(driver) { [$0.address()] }
    let resolver = Resolver(driver, asking: server.endpoint)
    let expected = HostAddresses(canonicalName: "a.test", addresses: [IPAddress(192, 0, 2, 1)])
    #expect(try await resolver.addresses(of: "a.test") == expected)
    let blocking = try await onThread { try resolver.addresses(of: "b.test") }
    #expect(blocking.canonicalName == "b.test")
    let command = resolver.issueAddresses(of: "c.test")
    let completed: Result<HostAddresses, MacTCPError> = await withCheckedContinuation {
      continuation in
      command.onCompletion { continuation.resume(returning: $0) }
    }
    #expect(try completed.get().canonicalName == "c.test")
    #expect(command.isDone)
  }

  @Test("Dotted-decimal addresses are done at once, and open nothing")
  func dottedDecimal() throws {
    let resolver = Resolver(driver)
    let command = resolver.issueAddresses(of: "192.0.2.7")
    #expect(command.isDone && !resolver.isOpen)
    let host = try command.wait()
    #expect(host == HostAddresses(canonicalName: "192.0.2.7", addresses: [IPAddress(192, 0, 2, 7)]))
    #expect(host.classic == [0xC000_0207, 0, 0, 0])
  }

  @Test(
    "What is neither address nor name is refused at once, and nobody is asked",
    arguments: [
      "", "a..b", "a b", "ü.test", "1.2.3.256", "01.2.3.4", "::1", "fe80::1%lo",
      String(repeating: "a", count: 64),
    ])
  func nameSyntax(_ text: String) throws {
    let command = Resolver(driver).issueAddresses(of: text)
    guard case .failure(let error) = try #require(command.result) else {
      Issue.record("\(text) was looked up")
      return
    }
    #expect(error.code == .nameSyntaxErr && error.cause == .badAddress)
  }

  @Test("The reverse name of an address is asked for, and nothing is searched")
  func reverse() async throws {
    let server = try FakeServer(driver) { query in
      [.message(query.response(.noError, [record(query.name, .ptr(domain("Host.test")))]))]
    }
    let resolver = Resolver(driver, asking: server.endpoint, search: ["x.test"], ndots: 15)
    #expect(try await resolver.name(of: IPAddress(192, 0, 2, 10)) == "Host.test")
    #expect(server.names == ["10.2.0.192.in-addr.arpa"])
    #expect(server.queries.first?.question.type == .ptr)
  }

  @Test("Host information has machine and system")
  func hostInfo() async throws {
    let server = try FakeServer(driver) { query in
      [
        .message(
          query.response(
            .noError,
            [
              record("host.test", .cname(domain("vax.test"))),
              record("vax.test", .hinfo(cpu: Array("VAX".utf8), os: Array("VMS".utf8))),
            ]))
      ]
    }
    let info = try await Resolver(driver, asking: server.endpoint).hostInfo(of: "host.test")
    #expect(info == HostInfo(canonicalName: "vax.test", cpuType: "VAX", osType: "VMS"))
  }

  @Test("Mail exchanges come by preference, equal ones in any order, another one each time")
  func mailExchanges() async throws {
    let exchanges: [(UInt16, String)] = [(20, "c"), (10, "a"), (30, "d"), (10, "b")]
    let server = try FakeServer(driver) { query in
      [
        .message(
          query.response(
            .noError,
            exchanges.map { record("test", .mx(preference: $0.0, exchange: domain($0.1))) }))
      ]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    var first: Set<String> = []
    for _ in 0..<60 {
      let all = try await resolver.mailExchanges(of: "test")
      #expect(all.map(\.preference) == [10, 10, 20, 30])
      #expect(Set(all.prefix(2).map(\.exchange)) == ["a", "b"])
      #expect(all.suffix(2).map(\.exchange) == ["c", "d"])
      let best = try await resolver.mailExchange(of: "test")
      #expect(best.preference == 10 && best.canonicalName == "test")
      first.insert(best.exchange)
    }
    // Both come first at some time, but for one run in 2^59.
    #expect(first == ["a", "b"])
    #expect(server.queries.count == 1)
  }

  @Test("Any type of record can be asked for")
  func generalQuery() async throws {
    let type = ResourceRecordType(rawValue: 65_280)
    let server = try FakeServer(driver) { query in
      [.message(query.response(.noError, [record("host.test", .unknown(type, [1, 2]))]))]
    }
    let answer = try await Resolver(driver, asking: server.endpoint).query("host.test", type: type)
    #expect(answer.records == [record("host.test", .unknown(type, [1, 2]))])
    #expect(answer.canonicalName == domain("host.test") && answer.aliases.isEmpty)
    #expect(server.queries.first?.question.type == type)
  }

  // MARK: Aliases

  @Test("Aliases in one answer are followed, in whatever order they stand")
  func aliases() async throws {
    let server = try FakeServer(driver) { query in
      [
        .message(
          query.response(
            .noError,
            [
              record("c.test", .a(.loopback)), record("b.test", .cname(domain("C.test"))),
              record("a.test", .cname(domain("b.test"))),
            ]))
      ]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    let host = try await resolver.addresses(of: "a.test")
    #expect(host.canonicalName == "C.test" && host.addresses == [.loopback])
    let answer = try await resolver.query("a.test", type: .a)
    #expect(answer.aliases.map { "\($0.name)" } == ["a.test", "b.test"])
    #expect(server.queries.count == 1)
  }

  @Test("Where an answer ends with an alias, the search begins anew with what it stands for")
  func unfinishedAliases() async throws {
    let server = try FakeServer(driver) { query in
      guard let number = Int(query.name.prefix { $0 != "." }), number < 5 else {
        return [query.address()]
      }
      return [
        .message(
          query.response(.noError, [record(query.name, .cname(domain("\(number + 1).test")))]))
      ]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    let host = try await resolver.addresses(of: "0.test")
    #expect(host.canonicalName == "5.test")
    #expect(server.names == ["0.test", "1.test", "2.test", "3.test", "4.test", "5.test"])
  }

  @Test("Aliases without end are given up, in one answer and over many", arguments: [true, false])
  func endlessAliases(inOneAnswer: Bool) async throws {
    let server = try FakeServer(driver) { query in
      let start = Int(query.name.prefix { $0 != "." }) ?? 0
      let numbers = inOneAnswer ? start..<start + 50 : start..<start + 1
      return [
        .message(
          query.response(
            .noError, numbers.map { record("\($0).test", .cname(domain("\($0 + 1).test"))) }))
      ]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    let error = try #require(await failure { try await resolver.addresses(of: "0.test") })
    #expect(error.code == .dnrErr && error.message.contains("0.test"))
    #expect(server.queries.count <= 18)
  }

  @Test(
    "Aliases in a circle are found out, in one answer and over several", arguments: [true, false])
  func circle(inOneAnswer: Bool) async throws {
    let targets = ["a.test": "b.test", "b.test": "c.test", "c.test": "a.test"]
    let server = try FakeServer(driver) { query in
      let records = targets.filter { inOneAnswer || $0.key == query.name }
        .map { record($0.key, .cname(domain($0.value))) }
      return [.message(query.response(.noError, records))]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    let error = await failure { try await resolver.addresses(of: "a.test") }
    #expect(error?.code == .dnrErr && error?.message.contains("circle") == true)
    #expect(server.queries.count == (inOneAnswer ? 1 : 3))
  }

  @Test("An alias of itself is a circle")
  func selfAlias() async throws {
    let server = try FakeServer(driver) { query in
      [.message(query.response(.noError, [record(query.name, .cname(query.question.name))]))]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    #expect(await failure { try await resolver.addresses(of: "a.test") }?.code == .dnrErr)
    #expect(server.queries.count == 1)
  }

  @Test("An alias can be asked for itself, and is not followed then")
  func aliasRecord() async throws {
    let server = try FakeServer(driver) { query in
      [.message(query.response(.noError, [record("a.test", .cname(domain("b.test")))]))]
    }
    let answer = try await Resolver(driver, asking: server.endpoint).query("a.test", type: .cname)
    #expect(answer.records.map(\.data) == [.cname(domain("b.test"))])
  }

  // MARK: Nothing there

  @Test("A name that does not exist gives authNameErr, also behind an alias")
  func noSuchName() async throws {
    let server = try FakeServer(driver) { query in
      let aliases =
        query.name == "alias.test" ? [record("alias.test", .cname(domain("gone.test")))] : []
      return [.message(query.response(.nameError, aliases))]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    for name in ["host.test", "alias.test"] {
      let error = try #require(await failure { try await resolver.addresses(of: name) })
      #expect(error.code == .authNameErr && error.cause == .badAddress)
      #expect(error.message == "there is no such name: \(name)")
    }
  }

  @Test(
    "A name without such a record gives authNameErr too, and says so", arguments: [true, false])
  func noData(withAuthority: Bool) async throws {
    let server = try FakeServer(driver) { query in
      let soa = withAuthority ? [authority("test", minimum: 60)] : []
      return [.message(query.response(authorities: soa))]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    let error = try #require(await failure { try await resolver.mailExchange(of: "host.test") })
    #expect(error.code == .authNameErr)
    #expect(error.message == "host.test exists, but has no MX record")
  }
}

/// Runs a call that blocks on a thread of its own, so that no task's thread is taken.
func onThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
  try await withCheckedThrowingContinuation { continuation in
    let hasThread = MacTCPCore.startDetachedThread {
      continuation.resume(with: Result { try body() })
    }
    if !hasThread { continuation.resume(throwing: CancellationError()) }
  }
}
