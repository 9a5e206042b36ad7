import MacTCP
import MacTCPCore
import MacTCPWire
import Testing

@testable import MacDNR

/// Many look-ups, and their ends: sharing, waiting, cancelling, closing.
@Suite("Life of look-ups", .timeLimit(.minutes(2))) struct LifeTests {
  let driver: any Driver

  init() throws {
    driver = try openDriver()
  }

  @Test("Equal questions on their way share one query")
  func sharing() async throws {
    let server = try FakeServer(driver)
    let resolver = Resolver(driver, asking: server.endpoint)
    let commands = ["a.test", "A.test", "a.TEST."].map { resolver.issueAddresses(of: $0) }
    let query = try await server.next()
    #expect(commands.allSatisfy { !$0.isDone })
    try server.send(query.address(4, timeToLive: 0), to: query)
    for command in commands {
      #expect(try await command.value.addresses == [IPAddress(192, 0, 2, 4)])
    }
    #expect(await !server.hasNext())
  }

  @Test("A shared failure reaches all, and each goes its own way from there")
  func sharedFailure() async throws {
    let server = try FakeServer(driver) { query in
      [.message(query.response(query.question.type == .a ? .nameError : .serverFailure))]
    }
    let resolver = Resolver(driver, asking: server.endpoint, search: ["x.test"], ndots: 1)
    let complete = resolver.issueAddresses(of: "a.x.test.")
    let searched = resolver.issueAddresses(of: "a")
    #expect(await failure { try await complete.value }?.message.hasSuffix("a.x.test.") == true)
    #expect(await failure { try await searched.value }?.message.hasSuffix(": a") == true)
  }

  @Test("So many questions are asked at a time, the others wait; all are answered in the end")
  func bound() async throws {
    let server = try FakeServer(driver)
    var configuration = ResolverConfiguration(asking: [server.endpoint])
    configuration.mostStreams = 3
    let resolver = Resolver(driver: driver, configuration: configuration)
    let commands = (0..<10).map { resolver.issueAddresses(of: "host\($0).test") }
    var open: [FakeServer.Query] = []
    for _ in 0..<3 { open.append(try await server.next()) }
    #expect(await !server.hasNext())
    // One is answered, one comes.
    for _ in 3..<10 {
      let query = open.removeFirst()
      try server.send(query.address(), to: query)
      open.append(try await server.next())
    }
    #expect(await !server.hasNext())
    for query in open { try server.send(query.address(), to: query) }
    for command in commands { _ = try await command.value }
  }

  @Test("A cancelled look-up completes with abortErr, and its question is given up")
  func cancelling() async throws {
    let server = try FakeServer(driver)
    var configuration = ResolverConfiguration(asking: [server.endpoint])
    configuration.mostStreams = 1
    let resolver = Resolver(driver: driver, configuration: configuration)
    let first = resolver.issueAddresses(of: "first.test")
    let second = resolver.issueAddresses(of: "second.test")
    let third = resolver.issueAddresses(of: "third.test")
    #expect(try await server.next().name == "first.test")
    // One that waits for its turn, and one that is on its way: its place goes to the next.
    second.cancel()
    first.cancel()
    for command in [first, second] {
      let error = await failure { try await command.value }
      #expect(error?.code == .abortErr && error?.cause == .cancelled)
    }
    let query = try await server.next()
    #expect(query.name == "third.test")
    try server.send(query.address(), to: query)
    _ = try await third.value
    third.cancel()
    #expect(try third.wait().canonicalName == "third.test")
  }

  @Test("Cancelling one of two equal questions leaves the other alone")
  func cancellingShared() async throws {
    let server = try FakeServer(driver)
    let resolver = Resolver(driver, asking: server.endpoint)
    let (one, two) = (resolver.issueAddresses(of: "a.test"), resolver.issueAddresses(of: "a.test"))
    let query = try await server.next()
    one.cancel()
    #expect(one.isDone && !two.isDone)
    try server.send(query.address(), to: query)
    #expect(try await two.value.addresses.count == 1)
    #expect(await failure { try await one.value }?.code == .abortErr)
  }

  @Test("Cancelling the task that waits cancels the look-up")
  func cancellingTask() async throws {
    let server = try FakeServer(driver)
    let resolver = Resolver(driver, asking: server.endpoint)
    let task = Task { await failure { try await resolver.addresses(of: "a.test") } }
    _ = try await server.next()
    task.cancel()
    #expect(await task.value?.code == .abortErr)
  }

  @Test("Closing completes pending look-ups with abortErr; the resolver can be used again")
  func closing() async throws {
    let server = try FakeServer(driver)
    let resolver = Resolver(driver, asking: server.endpoint)
    let commands = (0..<5).map { resolver.issueAddresses(of: "host\($0).test") }
    for _ in 0..<5 { _ = try await server.next() }
    resolver.close()
    for command in commands {
      #expect(command.isDone)
      #expect(await failure { try await command.value }?.code == .abortErr)
    }
    resolver.close()
    let again = resolver.issueAddresses(of: "again.test")
    let query = try await server.next()
    try server.send(query.address(), to: query)
    _ = try await again.value
  }

  @Test("Closing ends a connection that waits for an answer")
  func closingConnection() async throws {
    let asked = AsyncStream<Void>.makeStream()
    let server = try FakeServer(driver) { query in
      if query.isOverTCP {
        asked.continuation.yield()
        return [.silence]
      }
      var cut = query.response()
      cut.header.isTruncated = true
      return [.message(cut)]
    }
    let resolver = Resolver(driver, asking: server.endpoint)
    let command = resolver.issueAddresses(of: "host.test")
    for await _ in asked.stream { break }
    resolver.close()
    #expect(command.isDone)
    #expect(await failure { try await command.value }?.code == .abortErr)
    for await _ in server.endedConnections.stream { break }
  }

  @Test("When a resolver goes, its pending look-ups complete, and nothing of it stays")
  func letGo() async throws {
    let server = try FakeServer(driver)
    var resolver: Resolver? = Resolver(driver, asking: server.endpoint)
    weak let core = resolver?.core
    let command = try #require(resolver?.issueAddresses(of: "host.test"))
    _ = try await server.next()
    resolver = nil
    #expect(await failure { try await command.value }?.code == .abortErr)
    // The stream's last report may be on its way on the driver's thread.
    for _ in 0..<1000 where core != nil { _ = await server.hasNext() }
    #expect(core == nil)
  }

  @Test("A resolver is opened once at a time")
  func opening() throws {
    let resolver = Resolver(driver)
    try resolver.open()
    #expect(throws: MacTCPError(.streamAlreadyOpen, "")) { try resolver.open() }
    resolver.close()
    try resolver.open()
  }

  @Test("Look-ups, cancels and closes from many threads at once")
  func hammer() async throws {
    let server = try FakeServer(driver) { [$0.address(timeToLive: 0)] }
    var configuration = ResolverConfiguration(asking: [server.endpoint])
    configuration.mostStreams = 8
    let resolver = Resolver(driver: driver, configuration: configuration)
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<8 {
        group.addTask {
          for round in 0..<40 {
            let command = resolver.issueAddresses(of: "host\(round % 5).test")
            if (worker + round) % 3 == 0 { command.cancel() }
            if worker == 0 && round % 10 == 9 { resolver.close() }
            let error = await failure { try await command.value }
            #expect(error == nil || error?.code == .abortErr)
            _ = resolver.enumerateCache()
          }
        }
      }
    }
    #expect(try await resolver.addresses(of: "last.test").addresses.count == 1)
  }

  @Test("A thousand look-ups at once are all answered, with few streams")
  func thousand() async throws {
    let server = try FakeServer(driver) {
      [$0.address(UInt8(truncatingIfNeeded: $0.name.utf8.count))]
    }
    let resolver = Resolver(driver, asking: server.endpoint, timeout: .seconds(2), attempts: 10)
    let commands = (0..<1000).map { resolver.issueAddresses(of: "host\($0).test") }
    for (number, command) in commands.enumerated() {
      #expect(try await command.value.canonicalName == "host\(number).test")
    }
    #expect(Set(server.names).count == 1000)
    #expect(resolver.enumerateCache().count == 1000)
  }
}
