// Closing, aborting, releasing, and the one TCPTerminate of each connection (reference 3.4, 4.1).
import MacTCPCore
import MacTCPWire
import Testing

@Suite("3.4 Closing")
struct CloseRuleTests {
  private func silent(room: Int = .max) throws -> ScriptedStream {
    let it = try ScriptedStream.open()
    it.script.lock.withLock {
      it.script.acknowledges = false
      it.script.room = room
    }
    return it
  }

  @Test("3.4 a close completes when the FIN is acknowledged")
  func acknowledged() throws {
    let it = try silent()
    let close = it.stream.issueClose()
    #expect(it.script.finSent)
    #expect(close.code == .inProgress)
    it.script.acknowledge()
    #expect(close.code == .noErr)
  }

  @Test("3.4 a close waits for queued sends, and completes them all")
  func waitsForSends() throws {
    let it = try silent(room: 3)
    let first = it.stream.issueSend([1, 2, 3, 4], until: .acknowledged)
    let second = it.stream.issueSend([5, 6])
    let close = it.stream.issueClose()
    #expect(!it.script.finSent)
    it.script.makeRoom(2)
    #expect([first, second, close].map(\.code) == [.inProgress, .inProgress, .inProgress])
    it.script.makeRoom(5)
    #expect(it.script.finSent)
    #expect([first, second, close].map(\.code) == [.inProgress, .noErr, .inProgress])
    it.script.acknowledge()
    #expect([first, close].map(\.code) == [.noErr, .noErr])
    #expect(it.script.sent == [1, 2, 3, 4, 5, 6])
  }

  @Test(
    "3.4 a second close, and a send after a close, are connectionClosing", arguments: [true, false])
  func second(acknowledged: Bool) throws {
    let it = try silent()
    let close = it.stream.issueClose()
    if acknowledged { it.script.acknowledge() }
    #expect(it.stream.issueClose().code == .connectionClosing)
    #expect(it.stream.issueSend([1]).code == .connectionClosing)
    #expect(code { () throws(MacTCPError) in try it.stream.send([1]) } == .connectionClosing)
    #expect(close.code == (acknowledged ? .noErr : .inProgress))
  }

  @Test("3.4 a close does not stop receiving")
  func stillReceives() async throws {
    let it = try ScriptedStream.open()
    #expect(it.stream.issueClose().code == .noErr)
    let receive = it.stream.issueReceive()
    it.script.arrive("abc")
    #expect(receive.text == "abc")
    it.script.arriveUrgent("XY")
    #expect(it.stream.issueReceive().flags == [true, true])
    #expect(await it.events() == [.urgent, .dataArrival])
  }

  @Test(
    "4.1 after the peer's close this side still sends; its close ends the connection, gracefully")
  func peerFirst() async throws {
    let it = try silent()
    it.script.peerCloses()
    #expect(await it.newEvents() == [.closing])
    #expect(it.stream.issueSend([1]).code == .noErr)
    let close = it.stream.issueClose()
    #expect(close.code == .inProgress)
    #expect(await it.newEvents() == [])
    it.script.acknowledge()
    #expect(close.code == .noErr)
    #expect(await it.newEvents() == [.terminated(.ulpClose)])
    #expect(it.script.milestones == [.attempted, .opened, .closed])
    #expect([it.script.aborts, it.script.finishes] == [0, 1])
  }

  @Test("4.1 after this side's close the peer's ends the connection, gracefully")
  func thisSideFirst() async throws {
    let it = try silent()
    let close = it.stream.issueClose()
    it.script.acknowledge()
    #expect(close.code == .noErr)
    #expect(await it.newEvents() == [])
    it.script.peerCloses()
    #expect(await it.newEvents() == [.closing, .terminated(.ulpClose)])
  }

  @Test("4.1 both sides close at once: one TCPClosing, one TCPTerminate")
  func simultaneous() async throws {
    let it = try silent()
    let close = it.stream.issueClose()
    it.script.peerCloses()
    #expect(close.code == .inProgress)
    #expect(await it.newEvents() == [.closing])
    it.script.acknowledge()
    #expect(close.code == .noErr)
    #expect(await it.newEvents() == [.terminated(.ulpClose)])
  }

  @Test("4.1 after both closes TCPTerminate waits until all data was delivered")
  func undelivered() async throws {
    let it = try ScriptedStream.open()
    it.script.arrive("abc")
    it.script.peerCloses()
    #expect(it.stream.issueClose().code == .noErr)
    #expect(await it.newEvents() == [.dataArrival])
    #expect(it.stream.issueReceive().text == "abc")
    #expect(await it.newEvents() == [.closing, .terminated(.ulpClose)])
    #expect(it.stream.issueReceive().code == .connectionClosing)
  }

  @Test("4.1 a graceful end is seen without a listener, too: by a pending receive")
  func unheard() throws {
    let it = try ScriptedStream.open(hears: false)
    #expect(it.stream.issueClose().code == .noErr)
    let receive = it.stream.issueReceive()
    it.script.peerCloses()
    #expect(receive.code == .connectionClosing)
    #expect(it.script.milestones.last == .closed)
  }

  @Test("4.1 a peer that resets during a close completes it with connectionTerminated")
  func resetDuringClose() async throws {
    let it = try silent()
    let close = it.stream.issueClose()
    it.script.lose()
    #expect(close.code == .connectionTerminated)
    #expect(await it.events() == [.terminated(.remoteAbort)])
  }

  @Test("3.4 a close that finds the connection lost is connectionTerminated, though nobody listens")
  func closeFindsLoss() throws {
    let it = try ScriptedStream.open(hears: false)
    it.script.lose()
    let close = it.stream.issueClose()
    it.script.run()
    #expect(close.code == .connectionTerminated)
    #expect(it.stream.issueClose().code == .connectionTerminated)
    #expect(it.script.milestones.last == .aborted)
  }

  @Test("4.1 a peer that resets after this side's close gives TCPTerminate with its reason")
  func resetAfterClose() async throws {
    let it = try ScriptedStream.open()
    #expect(it.stream.issueClose().code == .noErr)
    it.script.lose()
    #expect(await it.events() == [.terminated(.remoteAbort)])
    #expect(it.script.milestones.last == .aborted)
  }

  @Test(
    "4.1 TCPTerminate is given exactly once with the driver's reason",
    arguments: [
      TerminationReason.remoteAbort, .networkFailure, .ulpTimeoutTerminate, .serviceError,
    ],
    [true, false])
  func reasons(reason: TerminationReason, receives: Bool) async throws {
    let it = try ScriptedStream.open()
    let receive = receives ? it.stream.issueReceive() : nil
    it.script.lose(reason)
    #expect(await it.newEvents() == [.terminated(reason)])
    if let receive { #expect(receive.code == .connectionTerminated) }
    #expect(it.stream.issueReceive().code == .connectionTerminated)
    #expect(code { () throws(MacTCPError) in try it.stream.abort() } == .connectionDoesntExist)
    it.stream.release()
    await flush(it.stream.outbox, it.script.lock)
    #expect(it.log.all == [])
  }

  @Test(
    "3.4 an abort resets, drops what is queued, completes what is pending, and gives TCPTerminate")
  func abort() async throws {
    let it = try silent(room: 2)
    it.script.arrive("abc")
    _ = await it.newEvents()
    let send = it.stream.issueSend([1, 2, 3])
    let close = it.stream.issueClose()
    try it.stream.abort()
    #expect([send.code, close.code] == [.connectionTerminated, .connectionTerminated])
    #expect(await it.newEvents() == [.terminated(.ulpAbort)])
    #expect(it.script.aborts == 1)
    #expect(it.stream.issueReceive().code == .connectionDoesntExist)
  }

  @Test("3.4 a release completes commands of every kind, gives TCPTerminate, and resets")
  func release() async throws {
    let it = try silent(room: 2)
    let codes = EventLog<ResultCode>()
    let receives = (0..<2).map { _ in it.stream.issueReceive() }
    let sends = [
      it.stream.issueSend([1], until: .acknowledged), it.stream.issueSend([2, 3]),
      it.stream.issueSend(gathering: [[4], [5]], until: .acknowledged),
    ]
    let close = it.stream.issueClose()
    for command in sends + [close] { command.onCompletion { _ in codes.add(command.code) } }
    it.stream.release()
    it.stream.release()
    #expect((sends + [close]).allSatisfy { $0.code == .connectionTerminated })
    #expect(receives.allSatisfy { $0.code == .connectionTerminated })
    await flush(it.stream.outbox, it.script.lock)
    #expect(codes.all == [ResultCode](repeating: .connectionTerminated, count: 4))
    #expect(it.log.all == [.terminated(.ulpAbort)])
    #expect(it.script.aborts == 1)
  }

  @Test("3.4 a release after both sides have closed ends in peace", arguments: [true, false])
  func releaseAfterClose(hears: Bool) throws {
    let it = try ScriptedStream.open(hears: hears)
    #expect(it.stream.issueClose().code == .noErr)
    it.script.peerCloses()
    it.stream.release()
    #expect([it.script.aborts, it.script.finishes] == [0, 1])
    #expect(it.script.milestones.last == .closed)
  }

  @Test("3.4 when the last reference goes the stream is released and what is pending completes")
  func deinitialized() async throws {
    let script = ScriptedTransport()
    var stream: TCPStream? = try TCPStream(driver: script, transport: script, receiveBuffer: 4096)
    let open = try #require(stream?.issueActiveOpen(to: ScriptedTransport.peer))
    script.establish()
    #expect(open.code == .noErr)
    let receive = try #require(stream?.issueReceive())
    stream = nil
    #expect(receive.code == .connectionTerminated)
    #expect(script.aborts == 1)

    var other: TCPStream? = try TCPStream(driver: script, transport: script, receiveBuffer: 4096)
    let passive = try #require(other?.issuePassiveOpen(on: 7000))
    other = nil
    #expect(passive.code == .connectionTerminated)
    #expect(script.cancelledOpens.count == 1)
  }
}
