// Opening, and opening again (reference 2, 3.1).
import MacTCPCore
import MacTCPWire
import Testing

@Suite("3.1 Opening")
struct OpenRuleTests {
  @Test("3.1 a passive open completes with the peer; while it waits the local endpoint is known")
  func passive() async throws {
    let it = try ScriptedStream()
    let open = it.stream.issuePassiveOpen(on: 7000)
    #expect(open.code == .inProgress)
    #expect(it.stream.localEndpoint == Endpoint(.loopback, 7000))
    #expect(it.stream.remoteEndpoint == nil)
    #expect(try it.stream.status().connectionState == .listen)
    #expect(it.script.connect())
    #expect(try open.result?.get() == ScriptedTransport.peer)
    #expect(it.stream.remoteEndpoint == ScriptedTransport.peer)
    #expect(it.stream.localEndpoint == Endpoint(.loopback, 7000))
    #expect(try it.stream.status().connectionState == .established)
    #expect(it.script.milestones == [.accepted])
    #expect(await it.events() == [])
  }

  @Test("3.1 a passive open hands the driver its filter, address and options")
  func passiveRequest() throws {
    let it = try ScriptedStream()
    let options = OpenOptions(ulpTimeout: .seconds(1), precedence: 3, timeToLive: 1)
    let filter = Endpoint(IPAddress(10, 0, 0, 9), 0)
    _ = it.stream.issuePassiveOpen(
      on: 7001, at: IPAddress(10, 0, 0, 1), from: filter, options: options)
    let request = try #require(it.script.listening)
    #expect(request.local == Endpoint(IPAddress(10, 0, 0, 1), 7001))
    #expect(request.remote == filter)
    #expect(request.options.ulpTimeout == .seconds(2))
    #expect([request.options.precedence, request.options.timeToLive] == [3, 2])
    #expect(request.receiveBuffer == 4096)
  }

  @Test(
    "3.1 a passive open's command time-out is commandTimeout, never early; the driver gives it up")
  func passiveTimeout() throws {
    let it = try ScriptedStream()
    let open = it.stream.issuePassiveOpen(on: 7000, timeout: .seconds(5))
    it.script.advance(by: .seconds(5) - .nanoseconds(1))
    #expect(open.code == .inProgress)
    it.script.advance(by: .nanoseconds(1))
    #expect(open.code == .commandTimeout)
    #expect(it.script.cancelledOpens.count == 1)
    #expect(!it.script.connect(number: 1))
    #expect(it.stream.issuePassiveOpen(on: 7000).code == .inProgress)
    #expect(it.script.connect())
  }

  @Test("3.1 without a command time-out a passive open waits for ever")
  func passiveForEver() throws {
    let it = try ScriptedStream()
    let open = it.stream.issuePassiveOpen(on: 7000)
    it.script.advance(by: .seconds(1_000_000))
    #expect(open.code == .inProgress)
  }

  @Test(
    "3.1 what the driver says of a passive open is its result",
    arguments: [ResultCode.duplicateSocket, .insufficientResources, .openFailed])
  func passiveFails(code: ResultCode) throws {
    let it = try ScriptedStream()
    it.script.startError = MacTCPError(code, "by the script")
    #expect(it.stream.issuePassiveOpen(on: 7000).code == code)
    it.script.startError = nil
    let open = it.stream.issuePassiveOpen(on: 7000)
    it.script.failPassiveOpen(code)
    #expect(open.code == code)
    let second = it.stream.issuePassiveOpen(on: 7000)
    it.script.adoptError = MacTCPError(code, "by the script")
    #expect(it.script.connect())
    #expect(second.code == code)
    #expect(it.stream.issueSend([1]).code == .connectionDoesntExist)
  }

  @Test("3.1 a connection for a passive open that was given up is not taken", arguments: 0..<3)
  func passiveGivenUp(end: Int) async throws {
    let it = try ScriptedStream()
    let open = it.stream.issuePassiveOpen(on: 7000)
    switch end {
    case 0: try it.stream.abort()
    case 1: open.cancel()
    default: it.stream.release()
    }
    #expect(open.code == (end == 1 ? .abortErr : .connectionTerminated))
    #expect(it.script.cancelledOpens == [1])
    #expect(!it.script.connect(number: 1))
    await flush(it.stream.outbox, it.script.lock)
    #expect(it.log.all == [])
  }

  @Test("3.1 a passive open that is aborted while the driver begins with it is taken back there")
  func passiveAbortedMeanwhile() throws {
    let it = try ScriptedStream()
    it.script.afterStart = { [stream = it.stream] in try? stream.abort() }
    let open = it.stream.issuePassiveOpen(on: 7000)
    #expect(open.code == .connectionTerminated)
    #expect(it.script.cancelledOpens.contains(1))
    #expect(it.script.state == .closed)
    it.script.afterStart = nil
  }

  @Test("3.1 a connection that comes while the driver still begins is taken")
  func passiveAcceptedMeanwhile() throws {
    let it = try ScriptedStream()
    it.script.afterStart = { [script = it.script] in script.connect() }
    let open = it.stream.issuePassiveOpen(on: 7000)
    #expect(open.code == .noErr)
    #expect(it.stream.issueSend([1]).code == .noErr)
    it.script.afterStart = nil
  }

  @Test("3.1 an active open completes when the connection stands")
  func active() async throws {
    let it = try ScriptedStream()
    let open = it.stream.issueActiveOpen(to: ScriptedTransport.peer, port: 1234)
    #expect(open.code == .inProgress)
    #expect(try it.stream.status().connectionState == .synSent)
    #expect(it.stream.localEndpoint?.port == 1234)
    it.script.establish()
    #expect(try open.result?.get() == ScriptedTransport.peer)
    #expect(try it.stream.status().connectionState == .established)
    #expect(it.script.milestones == [.attempted, .opened])
    #expect(await it.events() == [])
  }

  @Test("3.1 an active open fails with openFailed when the ULP time-out passes, never early")
  func activeTimeout() throws {
    for action in [ULPTimeoutAction.abort, .report] {
      let it = try ScriptedStream()
      let options = OpenOptions(ulpTimeout: .seconds(7), ulpTimeoutAction: action)
      let open = it.stream.issueActiveOpen(to: ScriptedTransport.peer, options: options)
      it.script.advance(by: .seconds(7) - .nanoseconds(1))
      #expect(open.code == .inProgress)
      it.script.advance(by: .nanoseconds(1))
      #expect(open.code == .openFailed)
      if case .failure(let error) = open.result { #expect(error.cause == .timedOut) }
      #expect(it.script.aborts == 1)
    }
  }

  @Test("3.1 an active open that is refused is openFailed, and the stream can be opened again")
  func activeRefused() throws {
    let it = try ScriptedStream()
    let open = it.stream.issueActiveOpen(to: ScriptedTransport.peer)
    it.script.refuse()
    #expect(open.code == .openFailed)
    #expect(it.stream.issueReceive().code == .connectionDoesntExist)
    it.open()
  }

  @Test("3.1 an active open that is given up leaves nothing behind", arguments: 0..<4)
  func activeGivenUp(end: Int) async throws {
    var it: ScriptedStream? = try ScriptedStream(hears: false)
    let script = try #require(it?.script)
    let open = try #require(it?.stream.issueActiveOpen(to: ScriptedTransport.peer))
    switch end {
    case 0: try it?.stream.abort()
    case 1: open.cancel()
    case 2: it?.stream.release()
    default: it = nil
    }
    #expect(open.code == (end == 1 ? .abortErr : .connectionTerminated))
    #expect(script.aborts == 1)
    #expect(script.milestones == [.attempted])
  }

  @Test("3.1 an active open takes an address and a port")
  func activeIncomplete() throws {
    let it = try ScriptedStream()
    for remote in [Endpoint(.loopback, 0), Endpoint(.any, 80), Endpoint(.any, 0)] {
      #expect(it.stream.issueActiveOpen(to: remote).code == .openFailed)
    }
    it.script.startError = MacTCPError(.duplicateSocket, "by the script")
    #expect(it.stream.issueActiveOpen(to: ScriptedTransport.peer).code == .duplicateSocket)
    it.script.startError = nil
    #expect(it.script.milestones == [])
    it.open()
  }

  @Test("3.1 a precedence above 7 and more than 40 bytes of IP options are refused")
  func wrongOptions() throws {
    let it = try ScriptedStream()
    for (options, code) in [
      (OpenOptions(precedence: 8), ResultCode.openFailed),
      (OpenOptions(ipOptions: [UInt8](repeating: 1, count: 41)), .invalidLength),
    ] {
      #expect(it.stream.issueActiveOpen(to: ScriptedTransport.peer, options: options).code == code)
      #expect(it.stream.issuePassiveOpen(on: 7000, options: options).code == code)
    }
    it.open(options: OpenOptions(precedence: 7, ipOptions: [UInt8](repeating: 1, count: 40)))
  }

  @Test("2 a TCP receive buffer below 4096 bytes is invalidLength", arguments: [-1, 0, 4095])
  func smallBuffer(size: Int) {
    #expect(throws: MacTCPError(.invalidLength, "")) { try ScriptedStream(receiveBuffer: size) }
  }

  /// The ways in which a connection ends.
  enum Ending: CaseIterable {
    case reset, abort, ulpTimeout, closed, closedByPeerFirst
  }

  @Test(
    "2 a stream can be opened again after its connection is gone", arguments: Ending.allCases,
    [true, false])
  func reopens(ending: Ending, hears: Bool) async throws {
    let it = try ScriptedStream(hears: hears)
    for round in 1...3 {
      it.open()
      #expect(it.stream.issueSend([UInt8(round)]).code == .noErr)
      it.script.arrive("x")
      #expect(it.stream.issueReceive().text == "x")
      switch ending {
      case .reset: it.script.lose()
      case .abort: try it.stream.abort()
      case .ulpTimeout:
        it.script.lock.withLock { it.script.acknowledges = false }
        #expect(it.stream.issueSend([1]).code == .noErr)
        it.script.advance(by: .seconds(160))
        it.script.lock.withLock { it.script.acknowledges = true }
      case .closed:
        #expect(it.stream.issueClose().code == .noErr)
        it.script.peerCloses()
      case .closedByPeerFirst:
        it.script.peerCloses()
        #expect(it.stream.issueClose().code == .noErr)
      }
      let terminations = await it.newEvents().filter { $0.code == 3 }
      #expect(terminations.count == (hears ? 1 : 0))
    }
    let passive = it.stream.issuePassiveOpen(on: 7000)
    #expect(it.script.connect())
    #expect(passive.code == .noErr)
  }
}
