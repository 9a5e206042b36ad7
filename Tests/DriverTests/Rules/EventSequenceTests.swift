// The sequence `events`: everybody gets every event, it ends with the stream, and it is bounded.
import MacTCPCore
import Testing

@Suite("4.1 Events as a sequence")
struct EventSequenceTests {
  /// What is in the sequence, up to its end.
  private func all(_ events: StreamEvents<TCPEvent>) async -> [TCPEvent] {
    var all: [TCPEvent] = []
    for await event in events { all.append(event) }
    return all
  }

  @Test(
    "4.1 every sequence and the closure get every event in order, and the sequences end on release")
  func everybody() async throws {
    let it = try ScriptedStream.open()
    let sequences = [it.stream.events, it.stream.events]
    it.script.arriveUrgent("XY")
    _ = it.stream.issueReceive()
    it.script.peerCloses()
    #expect(it.stream.issueClose().code == .noErr)
    let expected: [TCPEvent] = [.urgent, .dataArrival, .closing, .terminated(.ulpClose)]
    #expect(await it.events() == expected)
    it.stream.release()
    for sequence in sequences { #expect(await all(sequence) == expected) }
  }

  @Test("4.1 a task that waits for the next event is woken by it, and by the release")
  func woken() async throws {
    let it = try ScriptedStream.open(hears: false)
    let events = it.stream.events
    let task = Task { await all(events) }
    it.script.arrive("abc")
    it.stream.release()
    #expect(await task.value == [.dataArrival, .terminated(.ulpAbort)])
  }

  @Test("4.1 the sequence of a released stream ends at once")
  func released() async throws {
    let it = try ScriptedStream.open()
    it.stream.release()
    #expect(await all(it.stream.events) == [])
  }

  @Test("4.1 the sequence ends when the stream's last reference goes")
  func deinitialized() async throws {
    var it: ScriptedStream? = try ScriptedStream.open(hears: false)
    let events = try #require(it?.stream.events)
    it = nil
    #expect(await all(events) == [.terminated(.ulpAbort)])
  }

  @Test(
    "4.1 cancelling the task ends its iteration, and leaves the stream and other listeners alone")
  func cancelled() async throws {
    let it = try ScriptedStream.open()
    let events = it.stream.events
    let task = Task { await all(events) }
    task.cancel()
    #expect(await task.value == [])
    it.script.arrive("abc")
    #expect(await it.events() == [.dataArrival])
    var iterator = events.makeAsyncIterator()
    #expect(await iterator.next() == .dataArrival)
  }

  @Test("4.1 a cancelled task still takes the events that wait")
  func cancelledLate() async throws {
    let it = try ScriptedStream.open(hears: false)
    let events = it.stream.events
    it.script.arrive("abc")
    let gate = AsyncGate()
    let task = Task {
      await gate.pass()
      return await all(events)
    }
    task.cancel()
    gate.open()
    #expect(await task.value == [.dataArrival])
  }

  @Test(
    "4.1 of events that nobody takes, 256 are kept; those that repeat by themselves are dropped after that"
  )
  func bounded() async throws {
    let options = OpenOptions(ulpTimeout: .seconds(2), ulpTimeoutAction: .report)
    let it = try ScriptedStream.open(hears: false, options: options)
    let events = it.stream.events
    it.script.lock.withLock { it.script.acknowledges = false }
    #expect(it.stream.issueSend([1]).code == .noErr)
    it.script.advance(by: .seconds(2 * 300))
    it.script.lose()
    it.stream.release()
    let all = await all(events)
    #expect(all.count == 257)
    #expect(all.dropLast().allSatisfy { $0 == .ulpTimeout })
    #expect(all.last == .terminated(.remoteAbort))
  }

  @Test("4.1 of events that wait for a closure which blocks, 256 are kept, and no other is lost")
  func boundedClosure() async throws {
    let options = OpenOptions(ulpTimeout: .seconds(2), ulpTimeoutAction: .report)
    let it = try ScriptedStream.open(hears: false, options: options)
    let (entered, gate) = (AsyncGate(), Gate())
    it.stream.onEvent = { [log = it.log] event in
      entered.open()
      gate.pass()
      log.add(event)
    }
    it.script.lock.withLock { it.script.acknowledges = false }
    #expect(it.stream.issueSend([1]).code == .noErr)
    it.script.advance(by: .seconds(2))
    await entered.pass()
    it.script.advance(by: .seconds(2 * 300))
    it.script.lose()
    gate.open()
    let all = await it.events()
    #expect(all.count == 258)
    #expect(all.dropLast().allSatisfy { $0 == .ulpTimeout })
    #expect(all.last == .terminated(.remoteAbort))
  }

  /// A peer that sends, urgent data too, and a program that receives each time without looking at the events.
  private func exchange(_ it: ScriptedStream) {
    for _ in 0..<1000 {
      it.script.arrive("a")
      #expect(it.stream.issueReceive().code == .noErr)
      it.script.arriveUrgent("b")
      #expect(it.stream.issueReceive().code == .noErr)
    }
    it.script.arriveUrgent("c")
  }

  @Test("4.1 arrivals that nobody is told of do not pile up, and the last of them is not lost")
  func merged() async throws {
    let it = try ScriptedStream.open(hears: false)
    let events = it.stream.events
    exchange(it)
    it.stream.release()
    let all = await all(events)
    #expect(all.count == 257)
    #expect(all.contains(.dataArrival) && all.contains(.urgent))
    #expect(all.last == .terminated(.ulpAbort))
  }

  @Test("4.1 arrivals do not pile up before a closure that blocks; what comes later is told")
  func mergedClosure() async throws {
    let it = try ScriptedStream.open(hears: false)
    let (entered, gate) = (AsyncGate(), Gate())
    it.stream.onEvent = { [log = it.log] event in
      entered.open()
      gate.pass()
      log.add(event)
    }
    it.script.arrive("first")
    await entered.pass()
    #expect(it.stream.issueReceive().code == .noErr)
    exchange(it)
    gate.open()
    #expect(await it.newEvents().count == 257)
    #expect(it.stream.issueReceive().code == .noErr)
    it.script.arrive("later")
    #expect(await it.newEvents() == [.dataArrival])
  }

  @Test("4.1 a sequence that is no longer held is no listener")
  func dropped() throws {
    let it = try ScriptedStream.open(hears: false)
    do {
      let events = it.stream.events
      withExtendedLifetime(events) { #expect(it.script.read(\.watched).contains(.readable)) }
    }
    #expect(it.stream.issueSend([1]).code == .noErr)
    #expect(it.script.read(\.watched) == [])
  }
}
