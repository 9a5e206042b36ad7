// TCPListener: a server's port over passive opens (section 2).
import MacTCPCore
import MacTCPWire
import Testing

@Suite("3.1 TCPListener")
struct ListenerTests {
  private static func port(_ command: Command<TCPStream>) -> UInt16? {
    (try? command.result?.get())?.remoteEndpoint?.port
  }

  @Test(
    "3.1 a listener keeps N passive opens posted, and posts again for each one accepted",
    arguments: [1, 2, 8])
  func posts(count: Int) throws {
    let driver = ScriptedDriver()
    let listener = try TCPListener(driver, on: 7000, posts: count)
    #expect(listener.localEndpoint == Endpoint(.loopback, 7000))
    #expect(driver.listening.count == count)
    for port in 1...UInt16(count) { #expect(driver.connect(from: port)) }
    #expect(!driver.connect(from: 99))
    #expect(driver.created == count)
    for port in 1...UInt16(count) {
      #expect(Self.port(listener.issueAccept()) == port)
      #expect(driver.listening.count == Int(port))
    }
    #expect(listener.issueAccept().code == .inProgress)
    #expect(driver.listening.count == count)
  }

  @Test("3.1 accepts that wait get the connections in the order in which they were issued")
  func order() throws {
    let driver = ScriptedDriver()
    let listener = try TCPListener(driver, posts: 2)
    let accepts = (0..<5).map { _ in listener.issueAccept() }
    for port in 1...5 as ClosedRange<UInt16> { #expect(driver.connect(from: port)) }
    #expect(accepts.map(Self.port) == [1, 2, 3, 4, 5])
    #expect(driver.listening.count == 2)
  }

  @Test(
    "3.1 an accepted stream is open, outlives its listener, and was opened with the listener's options"
  )
  func accepted() throws {
    let driver = ScriptedDriver()
    var listener: TCPListener? = try TCPListener(
      driver, posts: 1, receiveBuffer: 5000, options: OpenOptions(precedence: 5))
    let request = try #require(driver.listening.first?.listening)
    #expect(request.options.precedence == 5)
    #expect(request.receiveBuffer == 5000)
    driver.connect(from: 1)
    let stream = try #require(try listener?.issueAccept().result?.get())
    listener = nil
    #expect(stream.issueSend([1]).code == .noErr)
    #expect(driver.heldPorts == 0)
  }

  @Test(
    "3.1 tasks and threads accept, and a loop takes every connection until the listener is closed")
  func forms() async throws {
    let driver = ScriptedDriver()
    let listener = try TCPListener(driver, posts: 2)
    let thread = onThread { () throws(MacTCPError) in try listener.accept() }
    while !driver.connect(from: 1) {}
    #expect(try await thread.value.remoteEndpoint?.port == 1)
    let task = inTask { () async throws(MacTCPError) in try await listener.accept() }
    driver.connect(from: 2)
    #expect(try await task.value.remoteEndpoint?.port == 2)
    let loop = Task {
      var ports: [UInt16] = []
      for try await stream in listener {
        ports.append(stream.remoteEndpoint?.port ?? 0)
        if ports.count == 4 { listener.close() }
      }
      return ports
    }
    for port in 3...6 as ClosedRange<UInt16> {
      while !driver.connect(from: port) { await Task.yield() }
    }
    #expect(try await loop.value == [3, 4, 5, 6])
  }

  @Test("3.1 an accept that is cancelled takes no connection; cancelling a loop's task ends it")
  func cancelled() async throws {
    let driver = ScriptedDriver()
    let listener = try TCPListener(driver, posts: 1)
    let first = listener.issueAccept()
    let second = listener.issueAccept()
    first.cancel()
    #expect(first.code == .abortErr)
    driver.connect(from: 1)
    #expect(Self.port(second) == 1)
    let loop = Task { for try await _ in listener {} }
    loop.cancel()
    try await loop.value
    #expect(driver.listening.count == 1)
  }

  @Test(
    "3.1 a passive open that fails is told once, to an accept; the next one posts again",
    arguments: [true, false])
  func failsOnce(waits: Bool) throws {
    let driver = ScriptedDriver()
    let listener = try TCPListener(driver, posts: 2)
    let early = waits ? listener.issueAccept() : nil
    driver.listening.first?.failPassiveOpen(.insufficientResources)
    let failed = early ?? listener.issueAccept()
    #expect(failed.code == .insufficientResources)
    let next = listener.issueAccept()
    #expect(next.code == .inProgress)
    #expect(driver.listening.count == 2)
    driver.connect(from: 1)
    #expect(Self.port(next) == 1)
  }

  @Test("3.1 a driver that is out of resources is told to each accept, and no accept waits in vain")
  func resources() throws {
    let driver = ScriptedDriver()
    driver.startError = MacTCPError(.insufficientResources, "by the script")
    let listener = try TCPListener(driver, posts: 3)
    #expect(driver.created == 1)
    for _ in 0..<3 { #expect(listener.issueAccept().code == .insufficientResources) }
    driver.startError = nil
    driver.createError = MacTCPError(.insufficientResources, "by the script")
    for _ in 0..<3 { #expect(listener.issueAccept().code == .insufficientResources) }
    driver.createError = nil
    #expect(listener.issueAccept().code == .insufficientResources)
    let accept = listener.issueAccept()
    #expect(driver.listening.count == 3)
    driver.connect(from: 1)
    #expect(Self.port(accept) == 1)
  }

  @Test(
    "3.1 a close ends pending accepts, takes the opens back, resets what was not accepted, gives the port up"
  )
  func close() async throws {
    let driver = ScriptedDriver()
    let listener = try TCPListener(driver, posts: 3)
    driver.connect(from: 1)
    let accepted = listener.issueAccept()
    let accepts = (0..<2).map { _ in listener.issueAccept() }
    driver.connect(from: 2)
    driver.connect(from: 3)
    driver.connect(from: 4)
    let waiting = listener.issueAccept()
    #expect(accepts.map(Self.port) == [2, 3])
    #expect(Self.port(waiting) == 4)
    driver.connect(from: 5)
    let thread = onThread { () throws(MacTCPError) in
      var count = 0
      while (try? listener.accept()) != nil { count += 1 }
      return count
    }
    listener.close()
    listener.close()
    #expect(try await thread.value <= 1)
    #expect(driver.listening.count == 0)
    #expect(driver.heldPorts == 0)
    #expect(listener.issueAccept().code == .connectionTerminated)
    #expect(try accepted.result?.get().status().connectionState == .established)
    for try await _ in listener { Issue.record("a closed listener has a connection") }
  }

  @Test("3.1 a listener's last reference closes it")
  func deinitialized() throws {
    let driver = ScriptedDriver()
    var listener: TCPListener? = try TCPListener(driver, posts: 2)
    driver.connect(from: 1)
    let accept = listener?.issueAccept()
    let pending = listener?.issueAccept()
    #expect([accept?.code, pending?.code] == [.noErr, .inProgress])
    listener = nil
    #expect(pending?.code == .connectionTerminated)
    #expect([driver.listening.count, driver.heldPorts] == [0, 0])
  }

  @Test("2, 3.1 a listener refuses what an open or a stream would refuse")
  func refused() {
    let driver = ScriptedDriver()
    #expect(throws: MacTCPError(.invalidLength, "")) {
      try TCPListener(driver, receiveBuffer: 4095)
    }
    #expect(throws: MacTCPError(.openFailed, "")) {
      try TCPListener(driver, options: OpenOptions(precedence: 8))
    }
    #expect([driver.created, driver.heldPorts] == [0, 0])
  }

  @Test("5 many threads accept while connections come: each gets its own, none is lost")
  func hammer() async throws {
    let driver = ScriptedDriver()
    let listener = try TCPListener(driver, posts: 4)
    let log = EventLog<UInt16>()
    let threads = (0..<4).map { _ in
      onThread { () throws(MacTCPError) in
        while let stream = try? listener.accept() { log.add(stream.remoteEndpoint?.port ?? 0) }
      }
    }
    for port in 1...400 as ClosedRange<UInt16> {
      while !driver.connect(from: port) {}
    }
    while log.all.count < 400 { await Task.yield() }
    listener.close()
    for thread in threads { try await thread.value }
    #expect(log.all.sorted() == Array(1...400))
  }
}
