import MacDNR
import MacTCP
import MacTCPWire
import Testing

/// Names that are not complete: search domains and ndots of resolv.conf(5).
@Suite("Search lists", .timeLimit(.minutes(2))) struct SearchTests {
  let driver: any Driver

  init() throws {
    driver = try openDriver()
  }

  /// What is asked for `text` when no name exists.
  private func asked(_ text: String, search: [String], ndots: Int? = nil) async throws -> [String] {
    let server = try FakeServer(driver) { [.message($0.response(.nameError))] }
    let resolver = Resolver(driver, asking: server.endpoint, search: search, ndots: ndots)
    let error = await failure { try await resolver.addresses(of: text) }
    #expect(error?.code == .authNameErr)
    return server.names
  }

  @Test("Names with fewer dots than ndots are searched for first, others as they stand first")
  func searchOrder() async throws {
    let search = ["x.test", "y.test."]
    #expect(try await asked("a", search: search) == ["a.x.test", "a.y.test", "a"])
    #expect(try await asked("a.b", search: search) == ["a.b", "a.b.x.test", "a.b.y.test"])
    #expect(
      try await asked("a.b", search: search, ndots: 2) == ["a.b.x.test", "a.b.y.test", "a.b"])
    #expect(try await asked("a", search: search, ndots: 0) == ["a", "a.x.test", "a.y.test"])
    #expect(try await asked("a.", search: search) == ["a"])
    #expect(try await asked("a", search: []) == ["a"])
    #expect(try await asked("a", search: [".", "x.test"]) == ["a.x.test", "a"])
    // One that would be too long is left out.
    let long = Array(repeating: String(repeating: "l", count: 60), count: 4).joined(separator: ".")
    #expect(try await asked(long, search: ["twelve.test"]) == [long])
  }

  @Test("The search ends with the first name that has what is asked for")
  func searchHit() async throws {
    let server = try FakeServer(driver) { query in
      query.name == "a.y.test" ? [query.address(5)] : [.message(query.response(.nameError))]
    }
    let resolver = Resolver(
      driver, asking: server.endpoint, search: ["x.test", "y.test", "z.test"])
    #expect(try await resolver.addresses(of: "a").canonicalName == "a.y.test")
    #expect(server.names == ["a.x.test", "a.y.test"])
  }

  @Test("A name in the search that exists without a record says more than one that does not")
  func searchNoData() async throws {
    let server = try FakeServer(driver) { query in
      [.message(query.response(query.name == "a.x.test" ? .noError : .nameError))]
    }
    let resolver = Resolver(driver, asking: server.endpoint, search: ["x.test"])
    let error = await failure { try await resolver.addresses(of: "a") }
    #expect(error?.message == "a.x.test exists, but has no A record")
  }

  @Test("A failure in the search is reported when nothing is found, and not when something is")
  func searchFailure() async throws {
    let server = try FakeServer(driver) { query in
      switch query.name {
      case "a.x.test", "b.x.test": [.message(query.response(.serverFailure))]
      case "a.y.test": [query.address()]
      default: [.message(query.response(.nameError))]
      }
    }
    let resolver = Resolver(driver, asking: server.endpoint, search: ["x.test", "y.test"])
    #expect(try await resolver.addresses(of: "a").canonicalName == "a.y.test")
    #expect(await failure { try await resolver.addresses(of: "b") }?.code == .dnrErr)
  }
}
