// Which notification is given when (reference 4.1), in which order, and who is told.
import MacTCPCore
import MacTCPWire
import Testing

@Suite("4.1 Notifications")
struct EventRuleTests {
  @Test("4.1 TCPDataArrival is given once, and again after a receive was issued and completed")
  func dataArrivalOnce() async throws {
    let it = try ScriptedStream.open()
    it.script.arrive("a")
    it.script.arrive("b")
    it.script.advance(by: .seconds(10))
    #expect(await it.newEvents() == [.dataArrival])
    #expect(it.stream.issueReceive().text == "ab")
    #expect(await it.newEvents() == [])
    it.script.arrive("c")
    it.script.arrive("d")
    #expect(await it.newEvents() == [.dataArrival])
  }

  @Test("4.1 TCPDataArrival is given again when a receive leaves data behind")
  func dataArrivalRest() async throws {
    let it = try ScriptedStream.open()
    it.script.arrive("abcd")
    #expect(await it.newEvents() == [.dataArrival])
    #expect(it.stream.issueReceive(upTo: 1).text == "a")
    #expect(await it.newEvents() == [.dataArrival])
  }

  @Test(
    "4.1 TCPDataArrival is not given while a receive is pending, not even for data that waits for a push"
  )
  func noDataArrivalWhilePending() async throws {
    let it = try ScriptedStream.open()
    let receive = it.stream.issueReceive()
    it.script.arrive("a", push: false)
    it.script.advance(by: .milliseconds(50))
    #expect(receive.code == .inProgress)
    it.script.arrive("b")
    #expect(receive.text == "ab")
    #expect(await it.events() == [])
  }

  @Test("4.1 TCPDataArrival comes for data without a push, too")
  func dataArrivalUnpushed() async throws {
    let it = try ScriptedStream.open()
    it.script.arrive("a", push: false)
    #expect(await it.newEvents() == [.dataArrival])
  }

  @Test("4.1 TCPDataArrival is given again after a receive that timed out")
  func dataArrivalAfterTimeout() async throws {
    let it = try ScriptedStream.open()
    let receive = it.stream.issueReceive(timeout: .milliseconds(30))
    it.script.advance(by: .milliseconds(30))
    #expect(receive.code == .commandTimeout)
    it.script.arrive("a")
    #expect(await it.newEvents() == [.dataArrival])
  }

  @Test("4.1 TCPClosing is given only after all data was delivered")
  func closingAfterData() async throws {
    let it = try ScriptedStream.open()
    it.script.arrive("abcd")
    it.script.peerCloses()
    it.script.advance(by: .seconds(10))
    #expect(await it.newEvents() == [.dataArrival])
    #expect(it.stream.issueReceive(upTo: 3).text == "abc")
    #expect(await it.newEvents() == [.dataArrival])
    #expect(it.stream.issueReceive(upTo: 3).text == "d")
    #expect(await it.newEvents() == [.closing])
    #expect(it.stream.issueReceive().code == .connectionClosing)
    it.script.advance(by: .seconds(10))
    #expect(await it.newEvents() == [])
  }

  @Test("4.1 TCPClosing is given at once when nothing is undelivered")
  func closingAtOnce() async throws {
    let it = try ScriptedStream.open()
    it.script.peerCloses()
    #expect(await it.newEvents() == [.closing])
  }

  @Test("4.1 TCPClosing with a pending receive is given once, after its completion")
  func closingWithReceive() async throws {
    let it = try ScriptedStream.open()
    let order = EventLog<String>()
    it.stream.onEvent = { order.add("\($0)") }
    it.stream.issueReceive().onCompletion { result in
      order.add((try? result.get()) == nil ? "receive failed" : "received")
    }
    it.script.peerCloses()
    _ = await it.events()
    #expect(order.all == ["receive failed", "closing"])
  }

  @Test("4.1 a failed open gives no TCPTerminate: there was no connection")
  func failedOpen() async throws {
    let it = try ScriptedStream()
    let open = it.stream.issueActiveOpen(to: ScriptedTransport.peer)
    it.script.refuse()
    #expect(open.code == .openFailed)
    #expect(await it.events() == [])
  }

  @Test("4.1 an ICMP error that ends a connection attempt gives TCPICMPReceived with its report")
  func icmpReport() async throws {
    let it = try ScriptedStream()
    let open = it.stream.issueActiveOpen(to: ScriptedTransport.peer)
    it.script.refuse(report: .hostUnreach)
    #expect(open.code == .openFailed)
    let report = ICMPReport(
      type: .hostUnreach, local: Endpoint(.loopback, 50_001), remote: ScriptedTransport.peer)
    #expect(await it.events() == [.icmpReceived(report)])
    #expect(TCPEvent.icmpReceived(report).detail == 1)
  }

  @Test("4.1 a loss that an ICMP error explains gives TCPICMPReceived, then TCPTerminate")
  func icmpLoss() async throws {
    let it = try ScriptedStream.open()
    it.script.lose(.networkFailure, report: .netUnreach)
    let report = ICMPReport(
      type: .netUnreach, local: Endpoint(.loopback, 50_001), remote: ScriptedTransport.peer)
    #expect(await it.events() == [.icmpReceived(report), .terminated(.networkFailure)])
  }

  @Test("4.1 the events' numbers and details are MacTCP's")
  func numbers() {
    let report = ICMPReport(
      type: .portUnreach, local: ScriptedTransport.peer, remote: ScriptedTransport.peer)
    let events: [TCPEvent] = [
      .closing, .ulpTimeout, .terminated(.ulpClose), .dataArrival, .urgent, .icmpReceived(report),
    ]
    #expect(events.map(\.code) == [1, 2, 3, 4, 5, 6])
    #expect(events.map(\.detail) == [0, 0, 7, 0, 0, 3])
    #expect(TerminationReason.allCases.map(\.rawValue) == [2, 3, 4, 5, 6, 7, 8])
    #expect([UDPEvent.dataArrival, .icmpReceived(report)].map(\.code) == [1, 2])
  }

  @Test("4.1 who begins to listen late is told of what still holds")
  func lateListener() async throws {
    let it = try ScriptedStream.open(hears: false)
    it.script.arrive("abc")
    it.script.peerCloses()
    let log = EventLog<TCPEvent>()
    it.stream.onEvent = { log.add($0) }
    _ = await it.events()
    #expect(log.all == [.dataArrival])
    #expect(it.stream.issueReceive().text == "abc")
    _ = await it.events()
    #expect(log.all == [.dataArrival, .closing])
  }

  @Test("4.1 without a listener nothing is watched for")
  func unheard() throws {
    let it = try ScriptedStream.open(hears: false)
    it.script.arrive("abc")
    #expect(it.script.watched == [])
    it.stream.onEvent = { _ in }
    it.stream.onEvent = nil
    #expect(it.stream.issueReceive().text == "abc")
    #expect(it.script.watched == [])
  }
}
