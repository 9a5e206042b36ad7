// UDP streams (reference 3.5, 4.1).
import MacTCPCore
import MacTCPWire
import Testing

@Suite("3.5 UDP")
struct UDPRuleTests {
  static let peer = ScriptedTransport.peer

  // MARK: Reading

  @Test(
    "3.5 datagrams come whole and in order, with their sender and port; they wait while no read is pending"
  )
  func reads() throws {
    let it = ScriptedUDP(ports: [5000, 5001])
    it.script.arrive([1, 2, 3])
    it.script.arrive([], from: Endpoint(.loopback, 9), to: 5001)
    let first = it.stream.issueRead()
    let second = it.stream.issueRead()
    let third = it.stream.issueRead()
    #expect([first, second].map { try? $0.result?.get().data } == [[1, 2, 3], []])
    #expect(
      [first, second].map { try? $0.result?.get().from } == [Self.peer, Endpoint(.loopback, 9)])
    #expect([first, second].map { try? $0.result?.get().localPort } == [5000, 5001])
    #expect(third.code == .inProgress)
    it.script.arrive([4])
    #expect(try third.result?.get().data == [4])
  }

  @Test("3.5 pending reads complete in the order in which they were issued")
  func order() throws {
    let it = ScriptedUDP()
    let reads = (0..<3).map { _ in it.stream.issueRead() }
    for number in 1...3 { it.script.arrive([UInt8(number)]) }
    #expect(reads.map { try? $0.result?.get().data } == [[1], [2], [3]])
  }

  @Test("3.5 a read that is issued while a thread is asleep in an older one completes after it")
  func orderBehindAThread() async throws {
    let it = ScriptedUDP(hears: false)
    it.script.lock.withLock { it.script.hasSleepers = true }
    let thread = onThread { () throws(MacTCPError) in try it.stream.read() }
    await it.script.until { !$0.asleep.isEmpty }
    let later = it.stream.issueRead()
    it.script.arrive([1])
    it.script.arrive([2])
    #expect(try await thread.value.data == [1])
    #expect(try await later.value.data == [2])
  }

  @Test("3.5 a read's time-out is commandTimeout, never early, each read by its own")
  func timeouts() throws {
    let it = ScriptedUDP()
    let reads = [nil, Duration.seconds(3), .seconds(2)].map { it.stream.issueRead(timeout: $0) }
    it.script.advance(by: .seconds(2) - .nanoseconds(1))
    #expect(reads.map(\.code) == [.inProgress, .inProgress, .inProgress])
    it.script.advance(by: .nanoseconds(1))
    #expect(reads.map(\.code) == [.inProgress, .inProgress, .commandTimeout])
    it.script.advance(by: .seconds(1))
    #expect(reads.map(\.code) == [.inProgress, .commandTimeout, .commandTimeout])
    it.script.arrive([7])
    #expect(try reads[0].result?.get().data == [7])
  }

  @Test("3.5 a thread's read and a task's wait, and time out", arguments: [true, false])
  func blocking(sleeps: Bool) async throws {
    let it = ScriptedUDP(hears: false)
    it.script.lock.withLock { it.script.hasSleepers = sleeps }
    let thread = onThread { () throws(MacTCPError) in try it.stream.read(timeout: .seconds(2)) }
    await it.script.until { !$0.asleep.isEmpty || $0.watched.contains(.readable) }
    it.script.arrive([1, 2])
    #expect(try await thread.value.data == [1, 2])
    let late = onThread { () throws(MacTCPError) in try it.stream.read(timeout: .seconds(2)) }
    await it.script.until { !$0.asleep.isEmpty || $0.watched.contains(.readable) }
    it.script.advance(by: .seconds(2))
    await #expect(throws: MacTCPError(.commandTimeout, "")) { try await late.value }
    let task = inTask { () async throws(MacTCPError) in try await it.stream.read() }
    await it.script.until { $0.watched.contains(.readable) }
    it.script.arrive([3])
    #expect(try await task.value.data == [3])
  }

  @Test("3.5 a thread asleep in a read keeps its time-out, and the reads behind it theirs")
  func blockingDeadline() async throws {
    let it = ScriptedUDP(hears: false)
    it.script.lock.withLock { it.script.hasSleepers = true }
    let thread = onThread { () throws(MacTCPError) in try it.stream.read(timeout: .seconds(10)) }
    await it.script.until { !$0.asleep.isEmpty }
    it.script.advance(by: .seconds(9))
    let command = it.stream.issueRead()
    for sleeper in it.script.read(\.asleep) { sleeper.wake() }
    it.script.advance(by: .seconds(1))
    await #expect(throws: MacTCPError(.commandTimeout, "")) { try await thread.value }
    #expect(command.code == .inProgress)
    it.script.arrive([1])
    #expect(try await command.value.data == [1])
  }

  // MARK: Writing

  @Test("3.5 a datagram of several buffers, empty ones too, and one of no data are sent as given")
  func writes() throws {
    let it = ScriptedUDP()
    #expect(it.stream.issueWrite(gathering: [[1], [], [2, 3]], to: Self.peer).code == .noErr)
    #expect(it.stream.issueWrite([], to: Self.peer, checksum: false).code == .noErr)
    #expect(
      it.script.written == [
        .init(data: [1, 2, 3], remote: Self.peer, port: 5000, checksum: true),
        .init(data: [], remote: Self.peer, port: 5000, checksum: false),
      ])
  }

  @Test("3.5 65 507 bytes are sent, one more is invalidLength")
  func largest() throws {
    let it = ScriptedUDP()
    let largest = [UInt8](repeating: 1, count: UDPStream.largestDatagram)
    #expect(it.stream.issueWrite(gathering: [largest], to: Self.peer).code == .noErr)
    #expect(it.stream.issueWrite(gathering: [largest, [1]], to: Self.peer).code == .invalidLength)
    #expect(it.script.written.count == 1)
  }

  @Test("3.5 port 0 is refused, and what the driver says is passed on")
  func refused() async throws {
    let it = ScriptedUDP()
    #expect(it.stream.issueWrite(gathering: [[1]], to: Endpoint(.loopback, 0)).code == .ipRouteErr)
    for code in [ResultCode.ipRouteErr, .insufficientResources, .ipDontFragErr] {
      it.script.writeError = MacTCPError(code, "by the script")
      #expect(it.stream.issueWrite(gathering: [[1]], to: Self.peer).code == code)
      await #expect(throws: MacTCPError(code, "")) { try await it.stream.write([1], to: Self.peer) }
    }
  }

  @Test("3.5 a write that finds the driver full waits, in order")
  func full() async throws {
    let it = ScriptedUDP()
    it.script.isFull = true
    let writes = (1...3).map { it.stream.issueWrite(gathering: [[UInt8($0)]], to: Self.peer) }
    let thread = onThread { () throws(MacTCPError) in try it.stream.write([4], to: Self.peer) }
    #expect(writes.map(\.code) == [.inProgress, .inProgress, .inProgress])
    writes[1].cancel()
    #expect(writes[1].code == .abortErr)
    let calls = it.script.read(\.watchCalls)
    _ = calls
    it.script.change { it.script.isFull = false }
    #expect([writes[0].code, writes[2].code] == [.noErr, .noErr])
    try await thread.value
    #expect(it.script.written.prefix(2).map(\.data) == [[1], [3]])
  }

  @Test("3.5 a multi-port stream sends from the port that is asked for")
  func multiPort() throws {
    let it = ScriptedUDP(ports: [5000, 5001, 5002])
    #expect(it.stream.ports == [5000, 5001, 5002])
    #expect(it.stream.port == 5000)
    #expect(it.stream.issueWrite(gathering: [[1]], to: Self.peer, from: 5002).code == .noErr)
    #expect(it.stream.issueWrite(gathering: [[2]], to: Self.peer).code == .noErr)
    #expect(
      it.stream.issueWrite(gathering: [[3]], to: Self.peer, from: 5003).code == .invalidLength)
    #expect(it.script.written.map(\.port) == [5002, 5000])
  }

  // MARK: Events

  @Test("4.1 UDPDataArrival is given once, and again after a read has completed")
  func dataArrival() async throws {
    let it = ScriptedUDP()
    it.script.arrive([1])
    it.script.arrive([2])
    it.script.arrive([3])
    #expect(await it.newEvents() == [.dataArrival])
    #expect(it.stream.issueRead().code == .noErr)
    it.script.run()
    #expect(await it.newEvents() == [.dataArrival])
    #expect([it.stream.issueRead().code, it.stream.issueRead().code] == [.noErr, .noErr])
    it.script.run()
    #expect(await it.newEvents() == [])
    let read = it.stream.issueRead()
    it.script.arrive([4])
    #expect(read.code == .noErr)
    #expect(await it.newEvents() == [])
    it.script.arrive([5])
    #expect(await it.newEvents() == [.dataArrival])
  }

  @Test("4.1 UDPDataArrival comes again after a thread's read that timed out")
  func dataArrivalAfterTimeout() async throws {
    let it = ScriptedUDP()
    it.script.lock.withLock { it.script.hasSleepers = true }
    let read = onThread { () throws(MacTCPError) in try it.stream.read(timeout: .seconds(2)) }
    await it.script.until { !$0.asleep.isEmpty }
    let report = ICMPReport(type: .portUnreach, local: Endpoint(.loopback, 5000), remote: Self.peer)
    it.script.report(report)
    it.script.advance(by: .seconds(2))
    await #expect(throws: MacTCPError(.commandTimeout, "")) { try await read.value }
    #expect(await it.newEvents() == [.icmpReceived(report)])
    it.script.arrive([1])
    #expect(await it.newEvents() == [.dataArrival])
  }

  @Test("4.1 UDPICMPReceived comes with its report, while a read is pending too")
  func icmp() async throws {
    let it = ScriptedUDP()
    let read = it.stream.issueRead()
    let report = ICMPReport(
      type: .fragReqd, local: Endpoint(.loopback, 5000), remote: Self.peer, additionalInfo: 1400)
    it.script.report(report)
    it.script.report(report)
    #expect(await it.newEvents() == [.icmpReceived(report), .icmpReceived(report)])
    #expect(read.code == .inProgress)
    it.script.lock.withLock { it.script.reports = [report] }
    it.script.writeError = MacTCPError(.ipDontFragErr, "by the script")
    #expect(it.stream.issueWrite(gathering: [[1]], to: Self.peer).code == .ipDontFragErr)
    #expect(await it.newEvents() == [.icmpReceived(report)])
  }

  // MARK: Release

  @Test(
    "3.5 a release completes what is pending, ends the events, and every later call is invalidStreamPtr"
  )
  func release() async throws {
    let it = ScriptedUDP()
    it.script.isFull = true
    let events = it.stream.events
    let read = it.stream.issueRead()
    let write = it.stream.issueWrite(gathering: [[1]], to: Self.peer)
    let thread = onThread { () throws(MacTCPError) in try it.stream.read() }
    let cancelled = it.stream.issueRead()
    cancelled.cancel()
    it.stream.release()
    it.stream.release()
    #expect([read.code, write.code] == [.connectionTerminated, .connectionTerminated])
    #expect(cancelled.code == .abortErr)
    let end = await #expect(throws: MacTCPError.self) { try await thread.value }
    #expect(end?.code == .connectionTerminated || end?.code == .invalidStreamPtr)
    #expect(it.script.isClosed)
    #expect(it.stream.issueRead().code == .invalidStreamPtr)
    #expect(it.stream.issueWrite(gathering: [[1]], to: Self.peer).code == .invalidStreamPtr)
    var iterator = events.makeAsyncIterator()
    #expect(await iterator.next() == nil)
  }

  @Test("3.5 a release ends a thread that sleeps in a read")
  func releaseSleeper() async throws {
    let it = ScriptedUDP()
    it.script.lock.withLock { it.script.hasSleepers = true }
    let thread = onThread { () throws(MacTCPError) in try it.stream.read(timeout: .seconds(9)) }
    await it.script.until { !$0.asleep.isEmpty }
    it.stream.release()
    await #expect(throws: MacTCPError(.connectionTerminated, "")) { try await thread.value }
  }

  @Test(
    "3.5 when the last reference goes the stream is released; its closure is let go without the lock"
  )
  func deinitialized() throws {
    final class Caller: Sendable {
      let stream: UDPStream
      init(_ stream: UDPStream) { self.stream = stream }
      deinit { _ = stream.onEvent }
    }
    let it = ScriptedUDP(hears: false)
    it.stream.onEvent = { [caller = Caller(it.stream)] _ in _ = caller }
    it.stream.release()
    let script = ScriptedUDPTransport(ports: [5000])
    var stream: UDPStream? = UDPStream(driver: script, transport: script, receiveBuffer: 4096)
    let read = try #require(stream?.issueRead())
    stream = nil
    #expect(read.code == .connectionTerminated)
    #expect(script.isClosed)
  }
}
