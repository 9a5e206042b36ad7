// The command: completed exactly once, seen by tasks, threads and completion routines, and taken back (reference 3).
import MacTCPCore
import MacTCPWire
import Testing

@Suite("3 Commands")
struct CommandTests {
  private func blocked(room: Int = .max) throws -> ScriptedStream {
    let it = try ScriptedStream.open()
    it.script.lock.withLock {
      it.script.acknowledges = false
      it.script.room = room
    }
    return it
  }

  // MARK: Completion

  @Test("3 a command is seen by threads, tasks and routines, several of each, and completes once")
  func everybody() async throws {
    let it = try ScriptedStream.open()
    let receive = it.stream.issueReceive()
    let seen = EventLog<Received>()
    let once = EventLog<Int>()
    let threads = (0..<4).map { _ in onThread { () throws(MacTCPError) in try receive.wait() } }
    let tasks = (0..<4).map { _ in
      inTask { () async throws(MacTCPError) in try await receive.value }
    }
    for number in 0..<4 {
      receive.onCompletion { result in
        once.add(number)
        if let received = try? result.get() { seen.add(received) }
      }
    }
    #expect(!receive.isDone)
    it.script.arrive("abc")
    #expect(receive.isDone)
    for other in threads + tasks { seen.add(try await other.value) }
    await flush(it.stream.outbox, it.script.lock)
    #expect(once.all == [0, 1, 2, 3])
    #expect(seen.all.count == 12)
    #expect(Set(seen.all) == [Received(data: Array("abc".utf8), isUrgent: false, isMark: false)])
    #expect(try await receive.value == seen.all.first)
    #expect(try receive.result?.get() == seen.all.first)
  }

  @Test("3 a routine for a command that has completed is called at once")
  func routineAfterwards() throws {
    let it = try ScriptedStream.open()
    it.script.arrive("abc")
    let receive = it.stream.issueReceive()
    let log = EventLog<String>()
    receive.onCompletion { log.add("\((try? $0.get().data.count) ?? -1)") }
    #expect(log.all == ["3"])
  }

  @Test("3 completion routines and notifications come in order, one at a time")
  func order() async throws {
    let it = try ScriptedStream.open()
    let order = EventLog<String>()
    it.stream.onEvent = { order.add("\($0)") }
    for number in 0..<3 {
      it.stream.issueReceive(upTo: 1).onCompletion { _ in order.add("receive \(number)") }
    }
    it.script.arrive("abcd")
    it.script.lose()
    _ = await it.events()
    #expect(
      order.all == [
        "receive 0", "receive 1", "receive 2", "data arrival", "terminated (aborted by the peer)",
      ])
  }

  @Test("3 wait(timeout:) returns nil for a command that is still pending, and leaves it pending")
  func waitWithTimeout() async throws {
    let it = try ScriptedStream.open()
    let receive = it.stream.issueReceive()
    let early = onThread { () throws(MacTCPError) in try receive.wait(timeout: .milliseconds(1)) }
    #expect(try await early.value == nil)
    #expect(
      try await onThread { () throws(MacTCPError) in try receive.wait(timeout: .zero) }.value == nil
    )
    let late = onThread { () throws(MacTCPError) in try receive.wait(timeout: .seconds(600)) }
    it.script.arrive("abc")
    #expect(try await late.value?.data.count == 3)
    let failing = it.stream.issueReceive()
    it.script.lose()
    await #expect(throws: MacTCPError(.connectionTerminated, "")) {
      try await onThread { () throws(MacTCPError) in try failing.wait(timeout: .seconds(600)) }
        .value
    }
  }

  @Test("3 a command does not keep its stream alive, and completes when the stream goes")
  func weak() async throws {
    var it: ScriptedStream? = try ScriptedStream.open(hears: false)
    let receive = try #require(it?.stream.issueReceive())
    let log = EventLog<ResultCode>()
    let done = AsyncGate()
    receive.onCompletion { _ in
      log.add(receive.code)
      done.open()
    }
    weak let stream = it?.stream
    it = nil
    #expect(stream == nil)
    await done.pass()
    #expect(log.all == [.connectionTerminated])
    receive.cancel()
    #expect(receive.code == .connectionTerminated)
  }

  // MARK: Cancelling

  @Test("3 a receive that is cancelled gives up its place, and no data is lost")
  func cancelReceive() async throws {
    let it = try ScriptedStream.open()
    let receives = (0..<3).map { _ in it.stream.issueReceive() }
    it.script.arrive("ab", push: false)
    receives[0].cancel()
    #expect(receives.map(\.code) == [.abortErr, .inProgress, .inProgress])
    receives[2].cancel()
    it.script.advance(by: .milliseconds(100))
    #expect(receives[1].text == "ab")
    #expect(receives[2].code == .abortErr)
    receives[1].cancel()
    #expect(receives[1].text == "ab")
    it.script.arrive("cd")
    #expect(await it.events() == [.dataArrival])
  }

  @Test("3 a send that is cancelled keeps what was taken and drops the rest; later ones go on")
  func cancelSend() throws {
    let it = try blocked(room: 3)
    let first = it.stream.issueSend([1, 2, 3, 4, 5])
    let second = it.stream.issueSend(gathering: [[6], [7]])
    first.cancel()
    #expect([first.code, second.code] == [.abortErr, .inProgress])
    it.script.makeRoom(9)
    #expect(second.code == .noErr)
    #expect(it.script.sent == [1, 2, 3, 6, 7])
  }

  @Test(
    "3 a send that waits for its acknowledgement can be cancelled; what follows is not disturbed")
  func cancelAcknowledgedSend() throws {
    let it = try blocked()
    let sends = (0..<3).map { it.stream.issueSend([UInt8($0)], until: .acknowledged) }
    sends[1].cancel()
    #expect(sends.map(\.code) == [.inProgress, .abortErr, .inProgress])
    it.script.acknowledge(2)
    #expect(sends.map(\.code) == [.noErr, .abortErr, .inProgress])
    it.script.acknowledge(1)
    #expect(sends[2].code == .noErr)
  }

  @Test(
    "3 a close that is cancelled behind queued sends is taken back; after the FIN only the waiting ends"
  )
  func cancelClose() throws {
    let it = try blocked(room: 1)
    let send = it.stream.issueSend([1, 2])
    let early = it.stream.issueClose()
    early.cancel()
    #expect(early.code == .abortErr)
    #expect(it.stream.issueSend([3]).code == .inProgress)
    it.script.makeRoom(2)
    #expect(send.code == .noErr)
    #expect(!it.script.finSent)
    let late = it.stream.issueClose()
    #expect(it.script.finSent)
    late.cancel()
    #expect(late.code == .abortErr)
    #expect(it.stream.issueSend([4]).code == .connectionClosing)
    #expect(it.stream.issueClose().code == .connectionClosing)
    it.script.acknowledge()
    it.script.peerCloses()
    #expect(it.script.milestones.last == .closed)
  }

  @Test("3 an open that is cancelled is given up, and the stream can be opened again")
  func cancelOpen() async throws {
    let it = try ScriptedStream()
    let active = it.stream.issueActiveOpen(to: ScriptedTransport.peer)
    active.cancel()
    #expect(active.code == .abortErr)
    #expect(it.script.aborts == 1)
    let passive = it.stream.issuePassiveOpen(on: 7000)
    passive.cancel()
    #expect(passive.code == .abortErr)
    it.open()
    active.cancel()
    passive.cancel()
    #expect(it.stream.issueSend([1]).code == .noErr)
    #expect(await it.events() == [])
  }

  @Test("3 cancelling the awaiting task cancels the command", arguments: 0..<5)
  func cancelTask(kind: Int) async throws {
    let it = try kind < 2 ? ScriptedStream() : blocked(room: 3)
    let stream = it.stream
    let calls = it.script.read(\.watchCalls)
    let task = Task { () async -> ResultCode in
      do throws(MacTCPError) {
        switch kind {
        case 0: try await stream.passiveOpen(on: 7000)
        case 1: try await stream.activeOpen(to: ScriptedTransport.peer)
        case 2: _ = try await stream.receive()
        case 3: try await stream.send([1, 2, 3, 4, 5])
        default: try await stream.close()
        }
        return .noErr
      } catch {
        return error.code
      }
    }
    await it.script.until { $0.watchCalls > calls }
    task.cancel()
    #expect(await task.value == .abortErr)
    if kind < 2 {
      it.open()
    } else {
      it.script.arrive("abc")
      #expect(stream.issueReceive().text == "abc")
      #expect(it.script.sent == (kind == 3 ? [1, 2, 3] : []))
    }
  }

  @Test(
    "3 a task that was cancelled before the call gets what is there, and abortErr where it would wait"
  )
  func cancelledBefore() async throws {
    let it = try ScriptedStream.open()
    it.script.arrive("abc")
    let stream = it.stream
    let task = Task { () async -> [ResultCode] in
      withUnsafeCurrentTask { $0?.cancel() }
      var codes: [ResultCode] = []
      for _ in 0..<2 {
        do throws(MacTCPError) {
          _ = try await stream.receive()
          codes.append(.noErr)
        } catch {
          codes.append(error.code)
        }
      }
      return codes
    }
    #expect(await task.value == [.noErr, .abortErr])
  }
}
