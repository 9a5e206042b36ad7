// When a receive completes (reference 3.3), shown with commands on a scripted network and its clock.
import MacTCPCore
import MacTCPWire
import Testing

@Suite("3.3 When a receive completes")
struct ReceiveRuleTests {
  @Test("3.3 (1) a receive completes when pushed data has arrived")
  func pushed() throws {
    let it = try ScriptedStream.open()
    let receive = it.stream.issueReceive()
    #expect(receive.code == .inProgress)
    it.script.arrive("abc")
    #expect(receive.text == "abc")
    #expect(receive.flags == [false, false])
  }

  @Test("3.3 (1) pushed data that waits completes a receive at once, with what came before it")
  func pushedBefore() throws {
    let it = try ScriptedStream.open()
    it.script.arrive("ab", push: false)
    it.script.arrive("cd")
    #expect(it.stream.issueReceive().text == "abcd")
  }

  @Test("3.3 (1) the rest of pushed data completes the next receive")
  func pushedRest() throws {
    let it = try ScriptedStream.open()
    it.script.arrive("abcde")
    #expect(it.stream.issueReceive(upTo: 2).text == "ab")
    #expect(it.stream.issueReceive(upTo: 2).text == "cd")
    #expect(it.stream.issueReceive(upTo: 2).text == "e")
  }

  @Test("3.3 (2) urgent data completes a receive of data without a push, which comes first")
  func urgentOutstanding() throws {
    let it = try ScriptedStream.open()
    let receive = it.stream.issueReceive()
    it.script.arrive("ab", push: false)
    #expect(receive.code == .inProgress)
    it.script.arriveUrgent("XY")
    #expect(receive.text == "ab")
    #expect(receive.flags == [false, false])
  }

  @Test("3.3 (3) data without a push completes a receive after 100 ms, and not before")
  func reasonableTime() throws {
    let it = try ScriptedStream.open()
    let receive = it.stream.issueReceive()
    it.script.arrive("ab", push: false)
    it.script.advance(by: .milliseconds(60))
    it.script.arrive("cd", push: false)
    it.script.advance(by: .milliseconds(40) - .nanoseconds(1))
    #expect(receive.code == .inProgress)
    it.script.advance(by: .nanoseconds(1))
    #expect(receive.text == "abcd")
  }

  @Test("3.3 (3) the time runs from the arrival, not from the call")
  func reasonableTimeBefore() throws {
    let it = try ScriptedStream.open()
    it.script.arrive("ab", push: false)
    it.script.advance(by: .milliseconds(60))
    let receive = it.stream.issueReceive()
    it.script.advance(by: .milliseconds(39))
    #expect(receive.code == .inProgress)
    it.script.advance(by: .milliseconds(1))
    #expect(receive.text == "ab")
    it.script.arrive("cd", push: false)
    it.script.advance(by: .milliseconds(500))
    #expect(it.stream.issueReceive().text == "cd")
  }

  @Test("3.3 (4) a receive completes when its buffer is full")
  func bufferFull() throws {
    let it = try ScriptedStream.open()
    let receive = it.stream.issueReceive(upTo: 4)
    it.script.arrive("abc", push: false)
    #expect(receive.code == .inProgress)
    it.script.arrive("de", push: false)
    #expect(receive.text == "abcd")
    #expect(it.stream.issueReceive(upTo: 1).text == "e")
  }

  @Test("3.3 (5) a receive completes at 25 % of the receive buffer", arguments: [4096, 16_384])
  func quarter(receiveBuffer: Int) throws {
    let it = try ScriptedStream.open(receiveBuffer: receiveBuffer)
    let receive = it.stream.issueReceive()
    it.script.arrive([UInt8](repeating: 1, count: receiveBuffer / 4 - 1), push: false)
    #expect(receive.code == .inProgress)
    it.script.arrive([2], push: false)
    #expect(try receive.result?.get().data.count == receiveBuffer / 4)
  }

  @Test("3.3 (6) the time-out completes a receive with what there is")
  func timeoutWithData() throws {
    let it = try ScriptedStream.open()
    let receive = it.stream.issueReceive(timeout: .milliseconds(50))
    it.script.advance(by: .milliseconds(20))
    it.script.arrive("ab", push: false)
    it.script.advance(by: .milliseconds(29))
    #expect(receive.code == .inProgress)
    it.script.advance(by: .milliseconds(1))
    #expect(receive.text == "ab")
  }

  @Test("3.3 (6) the time-out without data is commandTimeout, never early")
  func timeoutWithoutData() throws {
    let it = try ScriptedStream.open()
    let receive = it.stream.issueReceive(timeout: .seconds(3))
    it.script.advance(by: .seconds(3) - .nanoseconds(1))
    #expect(receive.code == .inProgress)
    it.script.advance(by: .nanoseconds(1))
    #expect(receive.code == .commandTimeout)
    it.script.arrive("late")
    #expect(it.stream.issueReceive().text == "late")
  }

  @Test(
    "3.3 (6) a time-out that has passed when the call is made returns what waits, or commandTimeout"
  )
  func timeoutNow() throws {
    let it = try ScriptedStream.open()
    #expect(it.stream.issueReceive(timeout: .zero).code == .commandTimeout)
    it.script.arrive("ab", push: false)
    #expect(it.stream.issueReceive(timeout: .zero).text == "ab")
  }

  @Test("3.3 no time-out waits for ever")
  func infinite() throws {
    let it = try ScriptedStream.open()
    let receive = it.stream.issueReceive()
    it.script.advance(by: .seconds(1_000_000))
    #expect(receive.code == .inProgress)
    it.script.arrive("ab")
    #expect(receive.text == "ab")
  }

  @Test("3.3 receives complete in the order in which they were issued, each by its own condition")
  func order() throws {
    let it = try ScriptedStream.open()
    let receives = (0..<3).map { _ in it.stream.issueReceive(upTo: 2) }
    it.script.arrive("abcd", push: false)
    #expect(receives.map(\.text) == ["ab", "cd", nil])
    it.script.arrive("e", push: false)
    #expect(receives[2].code == .inProgress)
    it.script.advance(by: .milliseconds(100))
    #expect(receives[2].text == "e")
  }

  @Test("3.3 (6) a later receive with an earlier time-out expires on its own")
  func laterDeadlineFirst() throws {
    let it = try ScriptedStream.open()
    let first = it.stream.issueReceive()
    let second = it.stream.issueReceive(timeout: .seconds(1))
    let third = it.stream.issueReceive(timeout: .milliseconds(500))
    it.script.advance(by: .milliseconds(500))
    #expect([first, second, third].map(\.code) == [.inProgress, .inProgress, .commandTimeout])
    it.script.advance(by: .milliseconds(500))
    #expect([first, second].map(\.code) == [.inProgress, .commandTimeout])
    it.script.arrive("ab")
    #expect(first.text == "ab")
  }

  @Test("3.3 (6) a later receive expires while data without a push waits for the first")
  func laterDeadlineWhileAccumulating() throws {
    let it = try ScriptedStream.open()
    let first = it.stream.issueReceive()
    let second = it.stream.issueReceive(timeout: .milliseconds(20))
    it.script.arrive("ab", push: false)
    it.script.advance(by: .milliseconds(20))
    #expect([first, second].map(\.code) == [.inProgress, .commandTimeout])
    it.script.advance(by: .milliseconds(80))
    #expect(first.text == "ab")
  }

  @Test("3.3 a receive of no room is invalidLength", arguments: [0, -1])
  func noRoom(limit: Int) async throws {
    let it = try ScriptedStream.open()
    #expect(it.stream.issueReceive(upTo: limit).code == .invalidLength)
    let empty = onThread { () throws(MacTCPError) in
      var nothing: [UInt8] = []
      _ = try it.stream.receive(into: &nothing)
    }
    await #expect(throws: MacTCPError(.invalidLength, "")) { try await empty.value }
  }

  @Test("3.3 after the peer's close what it sent is received, then connectionClosing")
  func end() throws {
    let it = try ScriptedStream.open()
    it.script.arrive("abc", push: false)
    it.script.peerCloses()
    #expect(it.stream.issueReceive(upTo: 2).text == "ab")
    #expect(it.stream.issueReceive().text == "c")
    #expect(it.stream.issueReceive().code == .connectionClosing)
    #expect(it.stream.issueReceive().code == .connectionClosing)
  }

  @Test("3.3 the peer's close completes every pending receive with connectionClosing")
  func endPending() throws {
    let it = try ScriptedStream.open()
    let receives = (0..<3).map { _ in it.stream.issueReceive() }
    it.script.arrive("a")
    it.script.peerCloses()
    #expect(receives.map(\.code) == [.noErr, .connectionClosing, .connectionClosing])
  }

  @Test(
    "3.3 after a loss what had arrived is received, then connectionTerminated",
    arguments: [true, false])
  func leftover(hears: Bool) throws {
    let it = try ScriptedStream.open(hears: hears)
    it.script.arrive("abcde", push: false)
    it.script.lose()
    #expect(it.stream.issueReceive(upTo: 2).text == "ab")
    #expect(try it.stream.status().unread == 3)
    #expect(it.stream.issueReceive(upTo: 9).text == "cde")
    #expect(it.stream.issueReceive().code == .connectionTerminated)
    it.open()
    #expect(it.stream.issueReceive().code == .inProgress)
  }

  @Test("3.3 a loss gives pending receives what had arrived, then connectionTerminated")
  func leftoverPending() throws {
    let it = try ScriptedStream.open()
    let receives = (0..<3).map { _ in it.stream.issueReceive(upTo: 2) }
    it.script.lock.withLock {
      it.script.inbound = [
        .init(
          bytes: [1, 2, 3], isPushed: false, isUrgent: false, endsUrgent: false,
          since: it.script.clock)
      ]
    }
    it.script.lose()
    #expect(receives.map { try? $0.result?.get().data } == [[1, 2], [3], nil])
    #expect(receives[2].code == .connectionTerminated)
  }
}
