// UDP streams, on real drivers.
import MacTCP
import Testing

@Suite("3.5 UDP", .timeLimit(.minutes(2)))
struct UDPBehaviour {
  /// Two streams, and where each is.
  struct Two: Sendable {
    let a: UDPStream
    let b: UDPStream
    let atA: Endpoint
    let atB: Endpoint
  }

  private func two(_ driver: DriverUnderTest, receiveBuffer: Int = 131_072) throws -> Two {
    let own = try driver.open()
    let a = try own.createUDPStream(
      receiveBuffer: receiveBuffer, ports: 0...0, address: driver.address)
    let b = try own.createUDPStream(
      receiveBuffer: receiveBuffer, ports: 0...0, address: driver.address)
    return Two(
      a: a, b: b, atA: Endpoint(driver.address, a.port), atB: Endpoint(driver.address, b.port))
  }

  /// A way to read.
  struct Form: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let read: @Sendable (UDPStream, Duration?) -> Command<ReceivedDatagram>
    static let all: [Form] = [
      Form(testDescription: "async") { s, t in suspending { try await s.read(timeout: t) } },
      Form(testDescription: "blocking") { s, t in blocking { try s.read(timeout: t) } },
      Form(testDescription: "command") { s, t in s.issueRead(timeout: t) },
    ]
  }

  @Test(
    "3.5 a datagram with its sender: there already, and waited for", arguments: DriverUnderTest.all,
    Form.all)
  func forms(_ driver: DriverUnderTest, _ form: Form) async throws {
    let two = try two(driver)
    try await two.a.write(bytes("there"), to: two.atB)
    let first = try await form.read(two.b, nil).value
    #expect(first.data == bytes("there") && first.from == two.atA && first.localPort == two.b.port)
    let pending = form.read(two.b, .seconds(60))
    try await blocking { try two.a.write(bytes("later"), to: two.atB) }.value
    #expect(try await pending.value.data == bytes("later"))
    try await two.a.issueWrite(gathering: [bytes("a "), [], bytes("list")], to: two.atB).value
    #expect(try await form.read(two.b, nil).value.data == bytes("a list"))
  }

  @Test(
    "3.5 every size from none to the largest; one byte more: invalidLength",
    arguments: DriverUnderTest.all)
  func sizes(_ driver: DriverUnderTest) async throws {
    let two = try two(driver)
    for size in [0, 1, 512, 1472, 1473, 9000, 65_506, 65_507] {
      let data = pattern(size)
      try await two.a.write(data, to: two.atB)
      let datagram = try await two.b.read()
      #expect(datagram.data == data && datagram.from == two.atA, "\(size) bytes")
    }
    let long = pattern(65_508)
    #expect(await result { try await two.a.write(long, to: two.atB) } == .invalidLength)
    #expect(await two.a.issueWrite(gathering: [long], to: two.atB).completion == .invalidLength)
    #expect(
      await two.a.issueWrite(gathering: [Array(long.dropLast()), [1]], to: two.atB).completion
        == .invalidLength)
    #expect(await blocking { try two.a.write(long, to: two.atB) }.completion == .invalidLength)
  }

  @Test("3.5 datagrams are kept while no read is pending, in order", arguments: DriverUnderTest.all)
  func kept(_ driver: DriverUnderTest) async throws {
    let two = try two(driver)
    for index in UInt8(0)..<20 { try await two.a.write([index], to: two.atB) }
    for index in UInt8(0)..<20 { #expect(try await two.b.read().data == [index]) }
  }

  @Test(
    "3.5 datagrams are kept as far as the receive buffer allows; what comes then is lost",
    arguments: DriverUnderTest.all)
  func overflow(_ driver: DriverUnderTest) async throws {
    let two = try two(driver, receiveBuffer: 4096)
    for index in UInt8(0)..<200 {
      try await two.a.write([UInt8](repeating: index, count: 100), to: two.atB)
    }
    var kept = 0
    while let datagram = try? await two.b.read(timeout: .zero) {
      #expect(datagram.data.first == UInt8(kept))
      kept += 1
    }
    #expect((2..<200).contains(kept))
    try await two.a.write([1], to: two.atB)
    #expect(try await two.b.read().data == [1])
  }

  @Test("3.5 reads complete in the order in which they were issued", arguments: DriverUnderTest.all)
  func order(_ driver: DriverUnderTest) async throws {
    let two = try two(driver)
    let reads = (0..<20).map { _ in two.b.issueRead() }
    for index in UInt8(0)..<20 { try await two.a.write([index], to: two.atB) }
    for (index, read) in reads.enumerated() { #expect(try await read.value.data == [UInt8(index)]) }
  }

  @Test(
    "3.5 the time-out without a datagram: commandTimeout", arguments: DriverUnderTest.all, Form.all)
  func timeout(_ driver: DriverUnderTest, _ form: Form) async throws {
    let two = try two(driver)
    let start = ContinuousClock.now
    #expect(await form.read(two.b, .milliseconds(40)).completion == .commandTimeout)
    #expect(ContinuousClock.now - start >= .milliseconds(40))
    #expect(await form.read(two.b, .zero).completion == .commandTimeout)
    try await two.a.write([1], to: two.atB)
    try await until("it can be read") {
      await result { _ = try await form.read(two.b, .zero).value } == .noErr
    }
  }

  @Test(
    "2 a receive buffer of 2N + 256 bytes is enough for datagrams of N",
    arguments: DriverUnderTest.all,
    [896, 1920, 4000, 9000, 65_507])
  func buffer(_ driver: DriverUnderTest, _ size: Int) async throws {
    let two = try two(driver, receiveBuffer: 2 * size + 256)
    for seed in UInt64(1)...3 {
      try await two.a.write(pattern(size, seed: seed), to: two.atB)
      #expect(try await two.b.read().data == pattern(size, seed: seed))
    }
  }

  @Test(
    "3.5 a datagram larger than the receive buffer is dropped, a later one is read",
    arguments: DriverUnderTest.all, Form.all)
  func tooLarge(_ driver: DriverUnderTest, _ form: Form) async throws {
    let two = try two(driver, receiveBuffer: 2048)
    for size in [2049, 30_000] {
      let read = form.read(two.b, nil)
      try await two.a.write(pattern(size), to: two.atB)
      // It may take the buffer's room until it is dropped: UDP may lose what comes right behind it.
      try await until("the later one is read") {
        try await two.a.write([7], to: two.atB)
        return read.isDone
      }
      #expect(try await read.value.data == [7])
    }
  }

  @Test("2 two hundred streams at once", arguments: DriverUnderTest.all)
  func many(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let streams = try (0..<200).map { _ in
      try own.createUDPStream(receiveBuffer: 2048, ports: 0...0, address: driver.address)
    }
    #expect(Set(streams.map(\.port)).count == 200)
    let reads = streams.map { $0.issueRead() }
    for (index, stream) in streams.enumerated() {
      let next = streams[(index + 1) % 200]
      try await stream.write([UInt8(index)], to: Endpoint(driver.address, next.port))
    }
    for (index, read) in reads.enumerated() {
      let datagram = try await read.value
      let sender = (index + 199) % 200
      #expect(datagram.data == [UInt8(sender)] && datagram.from.port == streams[sender].port)
    }
  }

  @Test("3.5 without a checksum", arguments: DriverUnderTest.all)
  func noChecksum(_ driver: DriverUnderTest) async throws {
    let two = try two(driver)
    for checksum in [false, true, false] {
      try await two.a.write(bytes("data"), to: two.atB, checksum: checksum)
      #expect(try await two.b.read().data == bytes("data"))
    }
  }

  @Test("2 a port in use: duplicateSocket; a released one is free", arguments: DriverUnderTest.all)
  func portInUse(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let port = try TestPort().number
    let stream = try own.createUDPStream(port: port)
    #expect(stream.port == port && stream.ports == [port] && stream.address == .any)
    #expect(await result { try own.createUDPStream(port: port) } == .duplicateSocket)
    stream.release()
    #expect(try own.createUDPStream(port: port).port == port)
  }

  @Test("2 a port that another program has: duplicateSocket", arguments: DriverUnderTest.foreign)
  func foreignPort(_ driver: DriverUnderTest) async throws {
    let foreign = try ForeignSocket.datagram()
    do {
      _ = try driver.open().createUDPStream(
        receiveBuffer: 2048, ports: foreign.local.port...foreign.local.port, address: .loopback)
      Issue.record("the port was given twice")
    } catch {
      #expect(error.code == .duplicateSocket)
      #expect(error.message.contains("\(foreign.local.port)"))
    }
  }

  @Test(
    "3.5 multi-port streams: a range, which port a datagram came to, and which it goes from",
    arguments: DriverUnderTest.all)
  func multiPort(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    // One more before them, for what comes last.
    let before = try TestPort(inARow: 5).number
    let ports = (before + 1)...(before + 4)
    let stream = try own.createUDPStream(receiveBuffer: 8192, ports: ports, address: driver.address)
    #expect(stream.ports == Array(ports))
    let two = try two(driver)
    for port in stream.ports {
      try await two.a.write([UInt8(truncatingIfNeeded: port)], to: Endpoint(driver.address, port))
      let datagram = try await stream.read()
      #expect(datagram.localPort == port && datagram.data == [UInt8(truncatingIfNeeded: port)])
      try await stream.write([1], to: two.atA, from: port)
      #expect(try await two.a.read().from == Endpoint(driver.address, port))
    }
    try await stream.write([1], to: two.atA)
    #expect(try await two.a.read().from.port == stream.port)
    #expect(
      await result { try await stream.write([1], to: two.atA, from: two.a.port) } == .invalidLength)
    // A thread that waits is woken whichever port it is.
    for port in stream.ports {
      let read = blocking { try stream.read() }
      try await two.a.write([2], to: Endpoint(driver.address, port))
      #expect(try await read.value.localPort == port)
    }
    // Part of the range is taken: nothing is.
    let range = before...stream.port
    #expect(
      await result {
        try own.createUDPStream(receiveBuffer: 2048, ports: range, address: driver.address)
      }
        == .duplicateSocket)
    stream.release()
    let again = try own.createUDPStream(receiveBuffer: 2048, ports: range, address: driver.address)
    #expect(again.ports == Array(range))
  }

  @Test("3.5 port 0 of the receiver cannot be written to", arguments: DriverUnderTest.all)
  func portZero(_ driver: DriverUnderTest) async throws {
    let two = try two(driver)
    #expect(
      await result { try await two.a.write([1], to: Endpoint(driver.address, 0)) } == .ipRouteErr)
  }

  @Test(
    "4.1 data arrival when no read is pending: once, and not again until a read has completed",
    arguments: DriverUnderTest.all)
  func dataArrival(_ driver: DriverUnderTest) async throws {
    let two = try two(driver)
    let log = EventLog<UDPEvent>()
    let events = two.b.events
    two.b.onEvent = { log.add($0) }
    try await two.a.write([1], to: two.atB)
    try await until("the event") { log.all == [.dataArrival] }
    try await two.a.write([2], to: two.atB)
    #expect(try await two.b.read().data == [1])
    #expect(try await two.b.read().data == [2])
    let read = two.b.issueRead()
    try await two.a.write([3], to: two.atB)
    #expect(try await read.value.data == [3])
    try await two.a.write([4], to: two.atB)
    try await until("an event for the last one") { log.all.count >= 2 }
    #expect(try await two.b.read().data == [4])
    two.b.release()
    // Between the reads of 1 and 2 the second datagram may have been notified.
    let given = await events.collected()
    #expect(given.allSatisfy { $0 == .dataArrival } && (2...3).contains(given.count))
  }

  @Test(
    "4.1 an ICMP error: a report with port unreachable, and the stream goes on",
    arguments: DriverUnderTest.foreign)
  func icmpReport(_ driver: DriverUnderTest) async throws {
    let two = try two(driver)
    var closed: ForeignSocket? = try ForeignSocket.datagram()
    let nobody = try #require(closed?.local)
    closed = nil
    let events = two.a.events
    let read = two.a.issueRead()
    try await two.a.write(bytes("hello?"), to: nobody)
    let report = ICMPReport(type: .portUnreach, local: two.atA, remote: nobody)
    #expect(try await events.before(.icmpReceived(report)) == [])
    #expect(!read.isDone)
    try await two.b.write([1], to: two.atA)
    #expect(try await read.value.data == [1])
    // A thread that waits for a datagram is not ended by it either.
    let blocked = blocking { try two.a.read() }
    try await two.a.write(bytes("hello?"), to: nobody)
    try await two.a.write(bytes("hello?"), to: nobody)
    #expect(try await events.before(.icmpReceived(report)).allSatisfy { $0 == .dataArrival })
    try await two.b.write([2], to: two.atA)
    #expect(try await blocked.value.data == [2])
    #expect(UDPEvent.icmpReceived(report).code == 2)
  }
}
