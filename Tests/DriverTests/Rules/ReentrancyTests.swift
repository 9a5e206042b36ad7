// Calls from inside notifications and completion routines are legal and never deadlock (reference 4.1; section 5).
import MacTCPCore
import MacTCPWire
import Testing

@Suite("4.1 Calls from inside notifications")
struct ReentrancyTests {
  @Test("4.1 every call may be made from inside onEvent", arguments: StreamState.allCases)
  func everyCall(state: StreamState) async throws {
    let it = try ScriptedStream()
    let other = try state.reach()
    let codes = EventLog<ResultCode>()
    it.stream.onEvent = { _ in
      for call in StreamCall.allCases where !state.isChanged(by: call) {
        codes.add(call.make(other.stream))
      }
      _ = other.stream.localEndpoint
      _ = other.stream.remoteEndpoint
      _ = other.stream.events
      other.stream.onEvent = other.stream.onEvent
    }
    it.open()
    it.script.arrive("a")
    _ = await it.events()
    let expected = zip(StreamCall.allCases, state.codes).filter { !state.isChanged(by: $0.0) }
    #expect(codes.all == expected.map { $0.1 })
  }

  @Test("4.1 the stream's own calls may be made from inside its onEvent")
  func ownCalls() async throws {
    let it = try ScriptedStream.open()
    let log = EventLog<String>()
    it.stream.onEvent = { [weak stream = it.stream] event in
      guard let stream else { return }
      log.add("\(event)")
      switch event {
      case .dataArrival:
        log.add((try? stream.receive())?.data.count == 3 ? "received" : "not received")
        log.add((try? stream.send([1, 2])) == nil ? "not sent" : "sent")
        log.add((try? stream.status().connectionState) == .established ? "status" : "no status")
      case .closing:
        log.add((try? stream.close()) == nil ? "not closed" : "closed")
      case .terminated:
        log.add(stream.issuePassiveOpen(on: 7000).code == .inProgress ? "reopened" : "not reopened")
      default: break
      }
    }
    it.script.arrive("abc")
    _ = await it.events()
    it.script.peerCloses()
    _ = await it.events()
    _ = await it.events()
    #expect(
      log.all == [
        "data arrival", "received", "sent", "status", "closing", "closed",
        "terminated (closed by both sides)", "reopened",
      ])
    #expect(it.script.connect())
  }

  @Test("4.1 a stream may be released from inside its onEvent; what was queued is still delivered")
  func releasesItself() async throws {
    let it = try ScriptedStream.open()
    it.stream.onEvent = { [weak stream = it.stream, log = it.log] event in
      log.add(event)
      stream?.release()
    }
    let receive = it.stream.issueReceive(upTo: 1)
    it.script.arrive("ab")
    #expect(receive.text == "a")
    _ = await it.events()
    await flush(it.stream.outbox, it.script.lock)
    #expect(it.log.all == [.dataArrival, .terminated(.ulpAbort)])
    #expect(it.stream.issueSend([1]).code == .invalidStreamPtr)
  }

  @Test("4.1 onEvent may be taken away or replaced from inside itself")
  func replacesItself() async throws {
    let it = try ScriptedStream.open()
    it.stream.onEvent = { [weak stream = it.stream, log = it.log] event in
      log.add(event)
      stream?.onEvent = nil
    }
    it.script.arrive("ab")
    #expect(await it.newEvents() == [.dataArrival])
    #expect(it.stream.onEvent == nil)
    it.script.lose()
    #expect(await it.newEvents() == [])
  }

  @Test("4.1 the last reference to a stream may go inside its own onEvent")
  func dropsItself() async throws {
    final class Holder: @unchecked Sendable {
      // Sendable: `stream` is written before the events begin, and then by the closure only.
      var stream: TCPStream?
    }
    let script = ScriptedTransport()
    let holder = Holder()
    let log = EventLog<TCPEvent>()
    let done = AsyncGate()
    let stream = try TCPStream(driver: script, transport: script, receiveBuffer: 4096)
    let outbox = stream.outbox
    _ = stream.issueActiveOpen(to: ScriptedTransport.peer)
    script.establish()
    stream.onEvent = { event in
      log.add(event)
      if event == .dataArrival { holder.stream = nil }
      if event.code == 3 { done.open() }
    }
    holder.stream = consume stream
    script.arrive("a")
    await done.pass()
    await flush(outbox, script.lock)
    #expect(log.all == [.dataArrival, .terminated(.ulpAbort)])
    #expect(script.aborts == 1)
  }

  @Test("4.1 a closure that blocks holds up its own stream's notifications only")
  func blocks() async throws {
    let slow = try ScriptedStream.open()
    let (entered, gate) = (AsyncGate(), Gate())
    slow.stream.onEvent = { [log = slow.log] event in
      entered.open()
      gate.pass()
      log.add(event)
    }
    slow.script.arrive("a")
    await entered.pass()
    let others = try (0..<40).map { _ in try ScriptedStream.open() }
    for other in others {
      other.script.arrive("b")
      #expect(await other.events() == [.dataArrival])
    }
    #expect(slow.stream.issueReceive().text == "a")
    #expect(slow.stream.issueSend([1]).code == .noErr)
    #expect(slow.log.all == [])
    gate.open()
    #expect(await slow.events() == [.dataArrival])
  }

  @Test("4.1 a closure may block in a call that another thread completes")
  func waitsInside() async throws {
    let it = try ScriptedStream.open()
    it.script.lock.withLock { it.script.acknowledges = false }
    let log = EventLog<String>()
    it.stream.onEvent = { [weak stream = it.stream] event in
      guard let stream, event == .dataArrival else { return }
      log.add((try? stream.receive())?.data.count == 1 ? "first" : "failed")
      log.add((try? stream.receive())?.data.count == 2 ? "second" : "failed")
      log.add((try? stream.send([1], until: .acknowledged)) == nil ? "failed" : "acknowledged")
    }
    let calls = it.script.read(\.watchCalls)
    it.script.arrive("a")
    await it.script.until {
      $0.watchCalls > calls && $0.inbound.isEmpty && $0.watched.contains(.readable)
    }
    it.script.arrive("bc")
    await it.script.until { $0.watched.contains(.acknowledged) }
    it.script.acknowledge()
    _ = await it.events()
    #expect(log.all == ["first", "second", "acknowledged"])
  }

  @Test(
    "3 a completion routine may issue the next command, take others back, and release the stream")
  func chains() async throws {
    let it = try ScriptedStream.open()
    let log = EventLog<String>()
    let done = AsyncGate()
    @Sendable func next(_ stream: TCPStream) {
      let command = stream.issueReceive(upTo: 1)
      command.onCompletion { [weak stream] result in
        guard let stream, case .success(let received) = result else { return done.open() }
        log.add(String(decoding: received.data, as: UTF8.self))
        let other = stream.issueReceive(upTo: 1, timeout: .zero)
        other.cancel()
        if let text = other.text { log.add(text) }
        if log.all.count >= 100 { stream.release() }
        next(stream)
      }
    }
    next(it.stream)
    for _ in 0..<200 { it.script.arrive("x") }
    await done.pass()
    #expect(log.all.count >= 100)
    #expect(log.all.allSatisfy { $0 == "x" })
  }

  @Test("3.4 what the closure holds is let go without the lock", arguments: [true, false])
  func closureOwnsCaller(releases: Bool) throws {
    final class Caller: Sendable {
      let stream: TCPStream
      init(_ stream: TCPStream) { self.stream = stream }
      deinit { _ = stream.localEndpoint }
    }
    let it = try ScriptedStream.open(hears: false)
    it.stream.onEvent = { [caller = Caller(it.stream)] _ in _ = caller }
    if releases { it.stream.release() } else { it.stream.onEvent = nil }
    #expect(it.stream.onEvent == nil)
  }

  @Test("3 a completion routine never runs on the thread that drops the stream's last reference")
  func routineOnItsOwnThread() async throws {
    var it: ScriptedStream? = try ScriptedStream.open(hears: false)
    let gate = Gate()
    let done = AsyncGate()
    try #require(it?.stream.issueReceive()).onCompletion { _ in
      gate.pass()
      done.open()
    }
    it = nil
    gate.open()
    await done.pass()
  }
}

extension StreamState {
  /// Whether a call would change the state, or wait.
  func isChanged(by call: StreamCall) -> Bool {
    guard let index = StreamCall.allCases.firstIndex(of: call) else { return true }
    if call == .status || call == .statistics { return false }
    return codes[index] == .noErr || codes[index] == .inProgress
  }
}
