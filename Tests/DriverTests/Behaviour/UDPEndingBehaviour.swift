// How UDP streams end.
import MacTCP
import Testing

@Suite("3.5 The end of UDP streams", .timeLimit(.minutes(2)))
struct UDPEndingBehaviour {
  @Test(
    "3.5 release: pending reads connectionTerminated, events end, later calls invalidStreamPtr",
    arguments: DriverUnderTest.all)
  func release(_ driver: DriverUnderTest) async throws {
    let stream = try driver.open().createUDPStream()
    let events = stream.events
    let reads = [stream.issueRead(), stream.issueRead(timeout: .seconds(60))]
    stream.release()
    stream.release()
    for read in reads { #expect(await read.completion == .connectionTerminated) }
    #expect(await events.collected() == [])
    #expect(await stream.events.collected() == [])
    #expect(await result { try await stream.read() } == .invalidStreamPtr)
    #expect(await blocking { try stream.read() }.completion == .invalidStreamPtr)
    #expect(await stream.issueRead().completion == .invalidStreamPtr)
    #expect(
      await result { try await stream.write([1], to: Endpoint(.loopback, 9)) } == .invalidStreamPtr)
    #expect(
      await stream.issueWrite(gathering: [[1]], to: Endpoint(.loopback, 9)).completion
        == .invalidStreamPtr)
  }

  @Test("3.5, 5 release while threads and tasks read frees them", arguments: DriverUnderTest.all)
  func releaseWhileReading(_ driver: DriverUnderTest) async throws {
    for _ in 0..<20 {
      let stream = try driver.open().createUDPStream()
      let reads =
        (0..<3).map { _ in blocking { try stream.read() } }
        + (0..<3).map { _ in suspending { try await stream.read() } }
      stream.release()
      for read in reads {
        #expect([.connectionTerminated, .invalidStreamPtr].contains(await read.completion))
      }
    }
  }

  @Test("3.5 dropping the last reference releases the stream", arguments: DriverUnderTest.all)
  func dropped(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let port = try TestPort().number
    var stream: UDPStream? = try own.createUDPStream(port: port)
    let read = try #require(stream?.issueRead())
    stream = nil
    #expect(await read.completion == .connectionTerminated)
    #expect(try own.createUDPStream(port: port).port == port)
  }

  @Test("3 a read taken back, by its command and by its task", arguments: DriverUnderTest.all)
  func cancelled(_ driver: DriverUnderTest) async throws {
    let stream = try driver.open().createUDPStream(
      receiveBuffer: 2048, ports: 0...0, address: driver.address)
    let first = stream.issueRead()
    let second = stream.issueRead()
    first.cancel()
    #expect(await first.completion == .abortErr)
    let task = Task { await result { try await stream.read() } }
    task.cancel()
    #expect(await task.value == .abortErr)
    try await stream.write([5], to: Endpoint(driver.address, stream.port))
    #expect(try await second.value.data == [5])
  }

  @Test(
    "5 one UDP stream, many threads and tasks: every datagram is read once",
    arguments: DriverUnderTest.all)
  func concurrent(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let stream = try own.createUDPStream(
      receiveBuffer: 1 << 20, ports: 0...0, address: driver.address)
    let writers = try (0..<4).map { _ in try own.createUDPStream(port: 0) }
    let here = Endpoint(driver.address, stream.port)
    let log = EventLog<UInt8>()
    let reads = (0..<100).map { index in
      switch index % 3 {
      case 0: blocking { log.add(try stream.read().data[0]) }
      case 1: suspending { log.add(try await stream.read().data[0]) }
      default: suspending { log.add(try await stream.issueRead().value.data[0]) }
      }
    }
    let writes = writers.enumerated().map { index, writer in
      blocking { for number in 0..<25 { try writer.write([UInt8(index * 25 + number)], to: here) } }
    }
    for command in writes + reads { #expect(await command.completion == .noErr) }
    #expect(log.all.sorted() == Array(0..<100))
  }
}
