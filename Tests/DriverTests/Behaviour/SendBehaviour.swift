// Sending, on real drivers.
import MacTCP
import Testing

@Suite("3.2 Send", .timeLimit(.minutes(2)))
struct SendBehaviour {
  /// A way to send a list of buffers.
  struct Form: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let send: @Sendable (TCPStream, [[UInt8]], SendCompletion) -> Command<Void>
    static let all: [Form] = [
      Form(testDescription: "async") { stream, buffers, until in
        suspending { try await stream.send(whole(buffers), until: until) }
      },
      Form(testDescription: "async, a list") { stream, buffers, until in
        suspending { try await stream.send(gathering: buffers, until: until) }
      },
      Form(testDescription: "blocking") { stream, buffers, until in
        blocking { try stream.send(whole(buffers), until: until) }
      },
      Form(testDescription: "blocking, a list") { stream, buffers, until in
        blocking { try stream.send(gathering: buffers, until: until) }
      },
      Form(testDescription: "blocking, memory") { stream, buffers, until in
        blocking {
          try whole(buffers).withUnsafeBytes { try stream.send($0, until: until) }
        }
      },
      Form(testDescription: "command") { stream, buffers, until in
        stream.issueSend(whole(buffers), until: until)
      },
      Form(testDescription: "command, a list") { stream, buffers, until in
        stream.issueSend(gathering: buffers, until: until)
      },
    ]

    /// The buffers as one.
    private static func whole(_ buffers: [[UInt8]]) -> [UInt8] {
      buffers.dropFirst().reduce(buffers.first ?? [], +)
    }
  }

  @Test(
    "3.2 one or several buffers, one behind the other", arguments: DriverUnderTest.all, Form.all)
  func forms(_ driver: DriverUnderTest, _ form: Form) async throws {
    let pair = try await driver.pair()
    let buffers = [bytes("gather"), [], bytes(" "), bytes("writes"), []]
    for until in [SendCompletion.accepted, .acknowledged] {
      let send = form.send(pair.client, buffers, until)
      #expect(try await pair.server.receiveAll(13) == bytes("gather writes"))
      #expect(await send.completion == .noErr)
    }
    try await until("all is acknowledged") { try pair.client.status().unacknowledged == 0 }
  }

  @Test(
    "3.2 a list of a thousand buffers of every size arrives in order",
    arguments: DriverUnderTest.all, Form.all)
  func longList(_ driver: DriverUnderTest, _ form: Form) async throws {
    let pair = try await driver.pair()
    let data = pattern(499_500)
    let buffers = (0..<1000).map { size in
      Array(data[(size * (size - 1) / 2)..<(size * (size + 1) / 2)])
    }
    let send = form.send(pair.client, buffers, .accepted)
    #expect(same(try await pair.server.receiveAll(data.count), data))
    #expect(await send.completion == .noErr)
  }

  @Test(
    "3.2 sends complete in the order in which they were issued, and do not mix",
    arguments: DriverUnderTest.all)
  func order(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair(receiveBuffer: 4096)
    let log = EventLog<Int>()
    let parts = (0..<40).map { pattern(50_000 + $0, seed: UInt64($0)) }
    let sends = parts.enumerated().map { index, part in
      let send = pair.client.issueSend(
        part, push: index % 3 == 0, until: index % 2 == 0 ? .acknowledged : .accepted)
      send.onCompletion { _ in log.add(index) }
      return send
    }
    let all = Array(parts.joined())
    #expect(same(try await pair.server.receiveAll(all.count), all))
    for send in sends { try await send.value }
    try await until("every routine was called") { log.all.count == sends.count }
    for parity in 0...1 {
      let completed = log.all.filter { $0 % 2 == parity }
      #expect(completed == completed.sorted())
    }
  }

  @Test("3.2 without push the data arrives too", arguments: DriverUnderTest.all)
  func noPush(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    for index in UInt8(0)..<100 { try await pair.client.send([index], push: index % 10 == 9) }
    #expect(try await pair.server.receiveAll(100) == Array(0..<100))
  }

  @Test(
    "3.2 until acknowledged: pending while the peer's buffer is full, complete when the peer has read",
    arguments: DriverUnderTest.foreign, Form.all)
  func acknowledged(_ driver: DriverUnderTest, _ form: Form) async throws {
    let pair = try await driver.foreignPair(peerBuffer: smallBuffer)
    let data = tooMuch
    let send = form.send(pair.stream, [data], .acknowledged)
    try await until("the peer's buffer is full") { pair.peer.unread > 0 }
    // A small one behind it waits as well.
    let small = pair.stream.issueSend([42], until: .acknowledged)
    #expect(!send.isDone && !small.isDone)
    #expect(try pair.stream.status().unacknowledged > 0)
    #expect(same(try pair.peer.receiveAll(data.count + 1), data + [42]))
    #expect(await send.completion == .noErr)
    #expect(await small.completion == .noErr)
    #expect(try pair.stream.status().unacknowledged == 0)
  }

  @Test(
    "3.2, 5 a peer that never reads: the send blocks, and abort or release frees it at once",
    arguments: DriverUnderTest.foreign, Form.all)
  func peerNeverReads(_ driver: DriverUnderTest, _ form: Form) async throws {
    for releases in [false, true] {
      let pair = try await driver.foreignPair(receiveBuffer: 4096, peerBuffer: smallBuffer)
      let blocked = form.send(pair.stream, [tooMuch], .accepted)
      try await until("the peer's buffer is full") { pair.peer.unread > 0 }
      let behind = pair.stream.issueSend([1])
      let close = pair.stream.issueClose()
      let receive = pair.stream.issueReceive()
      #expect(!blocked.isDone && !behind.isDone && !close.isDone && !receive.isDone)
      let freed = EventLog<String>()
      blocked.onCompletion { _ in freed.add("send") }
      if releases { pair.stream.release() } else { try pair.stream.abort() }
      // Sooner than any time-out would.
      try await until("the routine was called") { freed.all.count == 1 }
      #expect(await blocked.completion == .connectionTerminated)
      #expect(await behind.completion == .connectionTerminated)
      #expect(await close.completion == .connectionTerminated)
      #expect(await receive.completion == .connectionTerminated)
    }
  }

  @Test(
    "3.2 the ULP time-out with abort: pending commands connectionTerminated, terminated (ULP time-out)",
    arguments: DriverUnderTest.foreign)
  func ulpAbort(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair(
      peerBuffer: smallBuffer, options: OpenOptions(ulpTimeout: .seconds(2)))
    let events = pair.stream.events
    let start = ContinuousClock.now
    let send = pair.stream.issueSend(tooMuch)
    let small = pair.stream.issueSend([1], until: .acknowledged)
    let receive = pair.stream.issueReceive()
    let error = await send.error
    #expect(error?.code == .connectionTerminated && error?.cause == .timedOut)
    #expect(ContinuousClock.now - start >= .seconds(2))
    #expect(await small.completion == .connectionTerminated)
    #expect(await receive.completion == .connectionTerminated)
    #expect(await result { try await pair.stream.send([1]) } == .connectionTerminated)
    pair.stream.release()
    #expect(await events.collected() == [.terminated(.ulpTimeoutTerminate)])
  }

  @Test(
    "3.2 the ULP time-out with report: the event, and the connection goes on",
    arguments: DriverUnderTest.foreign)
  func ulpReport(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair(
      peerBuffer: smallBuffer,
      options: OpenOptions(ulpTimeout: .seconds(2), ulpTimeoutAction: .report))
    let events = pair.stream.events
    let data = tooMuch
    let send = pair.stream.issueSend(data, until: .acknowledged)
    #expect(try await events.before(.ulpTimeout) == [])
    #expect(!send.isDone)
    #expect(same(try pair.peer.receiveAll(data.count), data))
    #expect(await send.completion == .noErr)
    try pair.stream.abort()
    pair.stream.release()
    #expect(await events.collected().last == .terminated(.ulpAbort))
  }

  @Test(
    "3.2 no ULP time-out passes on a connection where nothing is unacknowledged",
    arguments: DriverUnderTest.all)
  func idle(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair(client: OpenOptions(ulpTimeout: .seconds(2)))
    let events = pair.client.events
    try await pair.client.send(bytes("x"), until: .acknowledged)
    // The driver's own clock tells that the time has passed: a time-out that is longer.
    #expect(
      await pair.client.issueReceive(timeout: .milliseconds(2600)).completion == .commandTimeout)
    try pair.client.abort()
    pair.client.release()
    #expect(await events.collected() == [.terminated(.ulpAbort)])
  }

  @Test(
    "3 a send taken back: what was accepted goes, the rest does not, and those behind it follow",
    arguments: DriverUnderTest.foreign)
  func cancelled(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair(peerBuffer: smallBuffer)
    let data = tooMuch
    let send = pair.stream.issueSend(data)
    try await until("the peer's buffer is full") { pair.peer.unread > 0 }
    #expect(!send.isDone)
    send.cancel()
    #expect(await send.completion == .abortErr)
    let tail = pattern(1000, seed: 2)
    let behind = pair.stream.issueSend(tail)
    let close = pair.stream.issueClose()
    let received = try pair.peer.receiveToEnd()
    #expect(await behind.completion == .noErr)
    #expect(await close.completion == .noErr)
    #expect(received.count > tail.count && received.count < data.count)
    #expect(received.suffix(tail.count) == tail[...])
    let head = received.dropLast(tail.count)
    #expect(same(head, data.prefix(head.count)))
  }

  @Test(
    "3.4 after close: connectionClosing, in every form", arguments: DriverUnderTest.all, Form.all)
  func afterClose(_ driver: DriverUnderTest, _ form: Form) async throws {
    let pair = try await driver.pair()
    try await pair.client.close()
    #expect(await form.send(pair.client, [[1]], .accepted).completion == .connectionClosing)
    // The peer may still send (Close Wait).
    #expect(await result { try await pair.server.receive() } == .connectionClosing)
    #expect(await form.send(pair.server, [bytes("yes")], .acknowledged).completion == .noErr)
    #expect(try await pair.client.receiveAll(3) == bytes("yes"))
  }
}
