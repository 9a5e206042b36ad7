import MacDNR
import MacTCP
import MacTCPWire
import Synchronization
import Testing

/// What goes on between the resolver and one server: RFC 1035 §4.2, RFC 5452, RFC 6891, RFC 7766.
@Suite("Exchanges with a server", .timeLimit(.minutes(2))) struct ExchangeTests {
  let driver: any Driver

  init() throws {
    driver = try openDriver()
  }

  @Test("A query has one question, wants recursion, and says that 1232 bytes may come")
  func query() async throws {
    let server = try FakeServer(driver) { [$0.address()] }
    let resolver = Resolver(driver, asking: server.endpoint)
    #expect(try await resolver.addresses(of: "Host.test").addresses == [IPAddress(192, 0, 2, 1)])
    let query = try #require(server.queries.first)
    #expect(query.message.questions == [DNSQuestion(domain("host.test"), .a)])
    #expect(query.message.header.recursionDesired && !query.message.header.isResponse)
    #expect(query.message.edns == EDNS(payloadSize: 1232))
  }

  @Test("Each query has an identifier and a port of its own")
  func randomness() async throws {
    let server = try FakeServer(driver) { [$0.address()] }
    let resolver = Resolver(driver, asking: server.endpoint)
    for number in 0..<20 { _ = try await resolver.addresses(of: "host\(number).test") }
    // Twenty numbers of 16 bits are alike once in 350 times; as good as never, 16 of them.
    #expect(Set(server.queries.map(\.message.header.identifier)).count > 15)
    #expect(Set(server.queries.map(\.from.port)).count > 15)
  }

  @Test("A truncated answer is asked for again over TCP, and may be long")
  func truncation() async throws {
    let records = (0..<2000).map { record("big.test", .a(IPAddress(v4: 0x0A00_0000 + $0))) }
    let server = try FakeServer(driver) { query in
      guard !query.isOverTCP else { return [.message(query.response(.noError, records))] }
      var response = query.response(.noError, Array(records[..<4]))
      response.header.isTruncated = true
      return [.message(response)]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    let host = try await resolver.addresses(of: "big.test")
    #expect(host.addresses.count == 2000)
    #expect(host.classic == [0x0A00_0000, 0x0A00_0001, 0x0A00_0002, 0x0A00_0003])
    #expect(server.queries.map(\.isOverTCP) == [false, true])
  }

  @Test("A truncated answer need not be readable behind its question")
  func cutAnswer() async throws {
    let server = try FakeServer(driver) { query in
      if query.isOverTCP { return [query.address(7)] }
      var response = query.response(.noError, [record("cut.test", .a(.loopback))])
      response.header.isTruncated = true
      return [.bytes(((try? response.encoded()) ?? []).dropLast(14))]
    }
    let host = try await Resolver(driver, asking: server.endpoint).addresses(of: "cut.test")
    #expect(host.addresses == [IPAddress(192, 0, 2, 7)])
  }

  @Test(
    "A server that does not know EDNS is asked without, from then on at once",
    arguments: [ResponseCode.formatError, .notImplemented, .badVersion])
  func withoutEDNS(_ code: ResponseCode) async throws {
    let server = try FakeServer(driver) { query in
      if query.message.edns == nil { return [query.address()] }
      var refusal = query.response(code)
      if code == .formatError {
        // As an old server does: the header alone.
        refusal.questions = []
        refusal.edns = nil
      }
      return [.message(refusal)]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    _ = try await resolver.addresses(of: "one.test")
    _ = try await resolver.addresses(of: "two.test")
    #expect(server.queries.map { $0.message.edns != nil } == [true, false, false])
    #expect(server.names == ["one.test", "one.test", "two.test"])
  }

  @Test("Of the wrong identifier, question, port, or no response at all: not believed")
  func spoofing() async throws {
    let server = try FakeServer(driver) { query in
      func forged(_ change: (inout DNSMessage) -> Void) -> DNSMessage {
        var message = query.response(.noError, [record(query.name, .a(IPAddress(6, 6, 6, 6)))])
        change(&message)
        return message
      }
      return [
        .message(forged { $0.header.identifier &+= 1 }),
        .message(forged { $0.questions = [DNSQuestion(domain("other.test"), .a)] }),
        .message(forged { $0.questions = [DNSQuestion(query.question.name, .aaaa)] }),
        .message(forged { $0.questions = [] }),
        .message(forged { $0.header.isResponse = false }),
        .elsewhere(forged { _ in }),
        query.address(9),
      ]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    #expect(
      try await resolver.addresses(of: "true.test").addresses == [IPAddress(192, 0, 2, 9)])
    #expect(server.queries.count == 1)
  }

  @Test("When many answers come that are not believed, TCP is safe from whoever guesses")
  func guessing() async throws {
    let server = try FakeServer(driver) { query in
      if query.isOverTCP { return [query.address(3)] }
      return (1...100).map { guess in
        var message = query.response(.noError, [record(query.name, .a(IPAddress(6, 6, 6, 6)))])
        message.header.identifier &+= UInt16(guess)
        return .message(message)
      }
    }
    let host = try await Resolver(driver, asking: server.endpoint).addresses(of: "true.test")
    #expect(host.addresses == [IPAddress(192, 0, 2, 3)])
    #expect(server.queries.map(\.isOverTCP) == [false, true])
  }

  @Test("The question may come back in other letters, and records of other names are left alone")
  func letters() async throws {
    let server = try FakeServer(driver) { query in
      var response = query.response(
        .noError,
        [
          record("OTHER.test", .a(IPAddress(6, 6, 6, 6))), record("HOST.TEST", .a(.loopback)),
          record("host.test", .a(.loopback)), record("host.test", .txt([[1]])),
        ], authorities: [record("host.test", .a(IPAddress(6, 6, 6, 6)))])
      response.questions = [DNSQuestion(domain("hOsT.tEsT"), .a)]
      return [.message(response)]
    }
    let host = try await Resolver(driver, asking: server.endpoint).addresses(of: "host.test")
    #expect(host.addresses == [.loopback])
  }

  // MARK: Failures

  @Test(
    "A server that fails or refuses gives dnrErr, with its address and the code in the sentence",
    arguments: [
      ResponseCode.serverFailure, .refused, .notImplemented, .formatError,
      ResponseCode(rawValue: 9),
    ])
  func codes(_ code: ResponseCode) async throws {
    let server = try FakeServer(driver) { [.message($0.response(code))] }
    let resolver = Resolver(driver, asking: server.endpoint, attempts: 3)
    let error = try #require(await failure { try await resolver.addresses(of: "host.test") })
    #expect(error.code == .dnrErr)
    for part in ["host.test", "\(server.endpoint)", "\(code)"] {
      #expect(error.message.contains(part), "\(error)")
    }
    // Whoever has said no is not asked in further rounds.
    #expect(server.queries.allSatisfy { !$0.isOverTCP } && server.queries.count <= 2)
  }

  @Test("An answer that cannot be read gives dnrErr", arguments: [false, true])
  func malformed(overTCP: Bool) async throws {
    let server = try FakeServer(driver) { query in
      let response = query.response(.noError, [record("host.test", .a(.loopback))])
      guard let bytes = try? response.encoded() else { return [] }
      let bad = Array(bytes.dropLast(3))
      if !overTCP { return [.bytes(bad)] }
      if query.isOverTCP { return [.bytes([0, UInt8(bad.count)] + bad)] }
      var cut = query.response()
      cut.header.isTruncated = true
      return [.message(cut)]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    let error = await failure { try await resolver.addresses(of: "host.test") }
    #expect(error?.code == .dnrErr && error?.message.contains("cannot be read") == true)
  }

  @Test("A server that only names others gives dnrErr")
  func referral() async throws {
    let server = try FakeServer(driver) {
      [.message($0.response(authorities: [record("test", .ns(domain("ns.test")))]))]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    #expect(await failure { try await resolver.addresses(of: "host.test") }?.code == .dnrErr)
  }

  @Test("A connection that ends before the answer does counts as no answer")
  func brokenConnection() async throws {
    let server = try FakeServer(driver) { query in
      if query.isOverTCP { return [.bytes([0, 50, 1, 2, 3])] }
      var cut = query.response()
      cut.header.isTruncated = true
      return [.message(cut)]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    #expect(await failure { try await resolver.addresses(of: "host.test") }?.code == .noAnsErr)
  }

  @Test("Over TCP, a message without content and one for another query give dnrErr")
  func foreignMessage() async throws {
    let server = try FakeServer(driver) { query in
      var response = query.response()
      guard query.isOverTCP else {
        response.header.isTruncated = true
        return [.message(response)]
      }
      if query.name == "empty.test" { return [.bytes([0, 0])] }
      response.header.identifier &+= 1
      return [.message(response)]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    for name in ["empty.test", "other.test"] {
      #expect(await failure { try await resolver.addresses(of: name) }?.code == .dnrErr)
    }
  }

  @Test("A server that sends a byte now and then over TCP is given up in time")
  func drippingConnection() async throws {
    let server = try FakeServer(driver) { query in
      if query.isOverTCP {
        return [.bytes([0xFF, 0xFF])] + Array(repeating: .bytes([0]), count: 0xFFFF)
      }
      var cut = query.response()
      cut.header.isTruncated = true
      return [.message(cut)]
    }
    // Nobody sends so many bytes one by one in this time.
    let resolver = Resolver(driver, asking: server.endpoint, timeout: .milliseconds(100))
    let error = await failure { try await resolver.addresses(of: "host.test") }
    #expect(error?.code == .noAnsErr && error?.cause == .timedOut)
  }

  @Test("A server that says nothing over TCP is given up in time")
  func silentConnection() async throws {
    let server = try FakeServer(driver) { query in
      if query.isOverTCP { return [.bytes([0]), .silence] }
      var cut = query.response()
      cut.header.isTruncated = true
      return [.message(cut)]
    }
    let resolver = Resolver(driver, asking: server.endpoint, timeout: .seconds(1))
    let error = await failure { try await resolver.addresses(of: "host.test") }
    #expect(error?.code == .noAnsErr && error?.cause == .timedOut)
  }
}
