// The ULP time-out (reference 3.2, 4.1): what is unacknowledged for too long ends the connection or is reported.
import MacTCPCore
import MacTCPWire
import Testing

@Suite("3.2 ULP time-out")
struct ULPTimeoutTests {
  /// A stream whose peer acknowledges nothing by itself.
  private func silent(_ action: ULPTimeoutAction = .abort, hears: Bool = true) throws
    -> ScriptedStream
  {
    let options = OpenOptions(ulpTimeout: .seconds(40), ulpTimeoutAction: action)
    let it = try ScriptedStream.open(hears: hears, options: options)
    it.script.lock.withLock { it.script.acknowledges = false }
    return it
  }

  @Test(
    "3.2 with action abort the connection is broken and pending commands are connectionTerminated")
  func abort() async throws {
    let it = try silent()
    let receive = it.stream.issueReceive()
    let send = it.stream.issueSend([1, 2, 3], until: .acknowledged)
    it.script.advance(by: .seconds(40) - .nanoseconds(1))
    #expect([receive.code, send.code] == [.inProgress, .inProgress])
    #expect(await it.events() == [])
    it.script.advance(by: .nanoseconds(1))
    #expect([receive.code, send.code] == [.connectionTerminated, .connectionTerminated])
    #expect(await it.events() == [.terminated(.ulpTimeoutTerminate)])
    #expect(it.script.read(\.aborts) == 1)
    #expect(it.stream.issueSend([1]).code == .connectionTerminated)
    it.open()
    #expect(it.stream.issueSend([1]).code == .noErr)
  }

  @Test(
    "3.2 the time-out runs for a send that was accepted, with no command pending and nobody listening"
  )
  func abortUnheard() throws {
    let it = try silent(hears: false)
    #expect(it.stream.issueSend([1]).code == .noErr)
    it.script.advance(by: .seconds(40) - .nanoseconds(1))
    #expect(it.script.read(\.state) == .connected)
    it.script.advance(by: .nanoseconds(1))
    #expect(it.script.read(\.aborts) == 1)
  }

  @Test(
    "3.2 with action report TCPULPTimeout is given each time that it passes, and nothing is broken")
  func report() async throws {
    let it = try silent(.report)
    let send = it.stream.issueSend([1, 2, 3], until: .acknowledged)
    it.script.advance(by: .seconds(40) - .nanoseconds(1))
    #expect(await it.newEvents() == [])
    it.script.advance(by: .nanoseconds(1))
    #expect(await it.newEvents() == [.ulpTimeout])
    it.script.advance(by: .seconds(40))
    #expect(await it.newEvents() == [.ulpTimeout])
    it.script.advance(by: .seconds(400))
    #expect(await it.newEvents() == [TCPEvent](repeating: .ulpTimeout, count: 10))
    #expect(send.code == .inProgress)
    it.script.acknowledge()
    #expect(send.code == .noErr)
    it.script.advance(by: .seconds(400))
    #expect(await it.newEvents() == [])
  }

  @Test(
    "3.2 what is acknowledged starts the time-out anew; it is never early and at most a quarter late"
  )
  func progress() async throws {
    let it = try silent()
    #expect(it.stream.issueSend([UInt8](repeating: 0, count: 100)).code == .noErr)
    for second in [33, 27, 39, 12, 39] {
      it.script.advance(by: .seconds(second))
      it.script.acknowledge(1)
    }
    it.script.advance(by: .seconds(40) - .nanoseconds(1))
    #expect(it.script.read(\.state) == .connected)
    it.script.advance(by: .seconds(10) + .nanoseconds(1))
    #expect(await it.events() == [.terminated(.ulpTimeoutTerminate)])
  }

  @Test(
    "3.2 when all is acknowledged nothing happens, and the next send starts a time-out of its own")
  func allAcknowledged() async throws {
    let it = try silent()
    #expect(it.stream.issueSend([1]).code == .noErr)
    it.script.advance(by: .seconds(39))
    it.script.acknowledge()
    it.script.advance(by: .seconds(1000))
    #expect(await it.events() == [])
    #expect(it.stream.issueSend([2]).code == .noErr)
    it.script.advance(by: .seconds(40) - .nanoseconds(1))
    #expect(await it.events() == [])
    it.script.advance(by: .nanoseconds(1))
    #expect(await it.events() == [.terminated(.ulpTimeoutTerminate)])
  }

  @Test(
    "3.2 a send just before the timer looks does not inherit the time of an earlier one",
    arguments: 1..<40)
  func neverEarly(second: Int) async throws {
    let it = try silent()
    #expect(it.stream.issueSend([1]).code == .noErr)
    it.script.advance(by: .seconds(1))
    it.script.acknowledge()
    it.script.advance(by: .seconds(second))
    #expect(it.stream.issueSend([2]).code == .noErr)
    it.script.advance(by: .seconds(40) - .nanoseconds(1))
    #expect(await it.events() == [])
    it.script.advance(by: .seconds(10))
    #expect(await it.events() == [.terminated(.ulpTimeoutTerminate)])
  }

  @Test("3.2 a peer that takes nothing more ends the connection of a send that waits for room")
  func closedWindow() throws {
    let it = try silent()
    it.script.lock.withLock { it.script.room = 10 }
    let send = it.stream.issueSend([UInt8](repeating: 0, count: 20))
    it.script.advance(by: .seconds(30))
    it.script.acknowledge()
    #expect(send.code == .inProgress)
    it.script.advance(by: .seconds(50))
    #expect(send.code == .connectionTerminated)
  }

  @Test("3.4 the time-out runs for a FIN, too")
  func fin() async throws {
    let it = try silent()
    let close = it.stream.issueClose()
    it.script.advance(by: .seconds(40) - .nanoseconds(1))
    #expect(close.code == .inProgress)
    it.script.advance(by: .nanoseconds(1))
    #expect(close.code == .connectionTerminated)
    #expect(await it.events() == [.terminated(.ulpTimeoutTerminate)])
  }

  @Test("3.1 a time-out of one connection does not run on in the next")
  func reopened() async throws {
    let it = try silent()
    #expect(it.stream.issueSend([1]).code == .noErr)
    it.script.advance(by: .seconds(30))
    try it.stream.abort()
    it.open(options: OpenOptions(ulpTimeout: .seconds(40)))
    it.script.advance(by: .seconds(300))
    #expect(await it.events() == [.terminated(.ulpAbort)])
  }

  @Test("3.1 the smallest ULP time-out is 2 seconds, 0 stands for the default of 2 minutes")
  func smallest() throws {
    for (asked, used) in [(0, 120), (1, 2), (2, 2), (7, 7)] {
      let it = try ScriptedStream.open(options: OpenOptions(ulpTimeout: .seconds(asked)))
      it.script.lock.withLock { it.script.acknowledges = false }
      let send = it.stream.issueSend([1], until: .acknowledged)
      #expect(try it.stream.status().ulpTimeout == .seconds(used))
      it.script.advance(by: .seconds(used) - .nanoseconds(1))
      #expect(send.code == .inProgress)
      it.script.advance(by: .nanoseconds(1))
      #expect(send.code == .connectionTerminated)
    }
  }
}
