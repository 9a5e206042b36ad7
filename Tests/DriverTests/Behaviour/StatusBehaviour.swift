// The Status block and the statistics, on real drivers.
import MacTCP
import Testing

@Suite("4.2, 4.3 Status and statistics", .timeLimit(.minutes(2)))
struct StatusBehaviour {
  @Test("4.2 every member under its name", arguments: DriverUnderTest.all)
  func members(_ driver: DriverUnderTest) async throws {
    let options = OpenOptions(
      ulpTimeout: .seconds(50), ulpTimeoutAction: .report, typeOfService: .throughput, precedence: 5
    )
    let pair = try await driver.pair(client: options)
    let status = try pair.client.status()
    let members = status.members
    #expect(
      members.map(\.name) == [
        "remoteHost", "remotePort", "localHost", "localPort", "tosFlags", "precedence",
        "connectionState", "sendWindow", "rcvWindow", "amtUnackedData", "amtUnreadData",
        "sendUnacked", "sendNext", "congestionWindow", "rcvNext", "srtt", "lastRTT",
        "sendMaxSegSize", "ulpTimeoutValue", "ulpTimeoutAction",
      ])
    func number(_ name: String) -> Int? {
      guard case .number(let number)? = members.first(where: { $0.name == name })?.value else {
        return nil
      }
      return number
    }
    func host(_ name: String) -> IPAddress? {
      guard case .host(let host)? = members.first(where: { $0.name == name })?.value else {
        return nil
      }
      return host
    }
    #expect(host("remoteHost") == driver.address && host("localHost") == driver.address)
    #expect(number("remotePort") == pair.server.localEndpoint.map { Int($0.port) })
    #expect(number("localPort") == pair.client.localEndpoint.map { Int($0.port) })
    #expect(number("tosFlags") == 2 && number("precedence") == 5 && number("connectionState") == 8)
    #expect(number("ulpTimeoutValue") == 50 && number("ulpTimeoutAction") == 0)
    #expect(try pair.server.status().ulpTimeoutAction == .abort)
    // A loopback connection answers within a second.
    #expect(
      (0..<1000).contains(number("srtt") ?? -1) && (0..<1000).contains(number("lastRTT") ?? -1))
    #expect((number("sendMaxSegSize") ?? 0) >= 536 && (number("congestionWindow") ?? 0) >= 536)
    #expect((number("sendWindow") ?? 0) >= 1024 && (number("rcvWindow") ?? 0) >= 1024)
    #expect(number("amtUnackedData") == 0 && number("amtUnreadData") == 0)
  }

  @Test("4.2 without a connection: closed, and zeros", arguments: DriverUnderTest.all)
  func closed(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    try await pair.client.send(pattern(1000))
    try pair.client.abort()
    for status in [try pair.client.status(), try driver.open().createTCPStream().status()] {
      for (name, value) in status.members where !name.hasPrefix("ulp") {
        #expect(value == (name.hasSuffix("Host") ? .host(.any) : .number(0)), "\(name)")
      }
    }
  }

  @Test("4.2 the figures of data that is sent, unread and read", arguments: DriverUnderTest.all)
  func figures(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let (sent, received) = (try pair.client.status(), try pair.server.status())
    #expect(sent.sendNext == sent.sendUnacknowledged)
    try await pair.client.send(pattern(12_345), until: .acknowledged)
    let after = try pair.client.status()
    #expect(after.sendNext &- sent.sendNext == 12_345)
    #expect(after.sendUnacknowledged == after.sendNext && after.unacknowledged == 0)
    #expect(after.receiveNext == sent.receiveNext)
    try await pair.server.arrived(12_345)
    let unread = try pair.server.status()
    #expect(unread.unread == 12_345)
    #expect(unread.receiveNext &- received.receiveNext == 12_345)
    // What can be received without waiting is what can be received.
    #expect(try await pair.server.receiveAll(12_000).count == 12_000)
    #expect(try pair.server.status().unread == 345)
    _ = try await pair.server.receiveAll(345)
    #expect(try pair.server.status().unread == 0)
  }

  @Test("4.2 the figures of data that the peer does not read", arguments: DriverUnderTest.foreign)
  func unacknowledged(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair(peerBuffer: smallBuffer)
    let before = try pair.stream.status()
    let data = pattern(1 << 20)
    try await pair.stream.send(data)
    try await until("the peer's window is closed") {
      try pair.stream.status().sendWindow < before.sendWindow
    }
    try await until("the peer's buffer is full") {
      let status = try pair.stream.status()
      return status.unacknowledged + pair.peer.unread == data.count
    }
    let status = try pair.stream.status()
    #expect(status.unacknowledged > 0)
    #expect(Int(status.sendNext &- status.sendUnacknowledged) <= status.unacknowledged)
    #expect(Int(status.sendUnacknowledged &- before.sendNext) == data.count - status.unacknowledged)
    _ = try pair.peer.receiveAll(data.count)
    try await until("everything is acknowledged") { try pair.stream.status().unacknowledged == 0 }
    let after = try pair.stream.status()
    #expect(Int(after.sendNext &- before.sendNext) == data.count)
    #expect(after.sendUnacknowledged == after.sendNext)
  }

  @Test(
    "4.2 the receive window closes as data lies unread, and opens as it is read",
    arguments: DriverUnderTest.all)
  func receiveWindow(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair(receiveBuffer: 65_536)
    let open = try pair.server.status().receiveWindow
    #expect((1024...1 << 20).contains(open))
    let send = pair.client.issueSend(tooMuch)
    try await until("the window closes") { try pair.server.status().receiveWindow < open / 2 }
    let received = try await pair.server.receiveAll(tooMuch.count)
    #expect(same(received, tooMuch))
    #expect(await send.completion == .noErr)
    try await until("the window opens") { try pair.server.status().receiveWindow >= open / 2 }
  }

  @Test("4.2 the state, from both ends of a connection's life", arguments: DriverUnderTest.foreign)
  func states(_ driver: DriverUnderTest) async throws {
    func state(_ stream: TCPStream) throws -> ConnectionState {
      try stream.status().connectionState
    }
    let own = try driver.open()
    let stream = try own.createTCPStream()
    #expect(try state(stream) == .closed)
    let open = stream.issuePassiveOpen(at: driver.address)
    #expect(try state(stream) == .listen)
    let peer = try ForeignSocket.connected(
      to: try #require(stream.localEndpoint), receiveBuffer: smallBuffer)
    _ = try await open.value
    #expect(try state(stream) == .established)
    // This side closes first: FIN WAIT 1 while the peer's buffer is full, then FIN WAIT 2.
    let data = pattern(1 << 20)
    try await stream.send(data)
    let close = stream.issueClose()
    #expect(try state(stream) == .finWait1)
    #expect(try peer.receiveToEnd().count == data.count)
    try await close.value
    #expect(try state(stream) == .finWait2)
    peer.closeSendSide()
    #expect(await result { try await stream.receive() } == .connectionClosing)
    #expect(try state(stream) == .closed)

    // The peer closes first: CLOSE WAIT, then LAST ACK while its buffer is full.
    let other = try await driver.foreignPair(peerBuffer: smallBuffer)
    other.peer.closeSendSide()
    #expect(await result { try await other.stream.receive() } == .connectionClosing)
    #expect(try state(other.stream) == .closeWait)
    try await other.stream.send(data)
    let last = other.stream.issueClose()
    #expect(try state(other.stream) == .lastAck)
    #expect(try other.peer.receiveToEnd().count == data.count)
    try await last.value
    #expect(try state(other.stream) == .closed)

    // Both close while the way to the peer is blocked: CLOSING.
    let both = try await driver.foreignPair(peerBuffer: smallBuffer)
    try await both.stream.send(data)
    let closing = both.stream.issueClose()
    both.peer.closeSendSide()
    try await until("both FINs are out") { try state(both.stream) != .finWait1 }
    #expect(try state(both.stream) == .closing)
    #expect(try both.peer.receiveToEnd().count == data.count)
    try await closing.value
  }

  @Test("4.2 the states' numbers and names")
  func numbers() {
    #expect(ConnectionState.allCases.map(\.rawValue) == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20])
    #expect(ConnectionState.finWait1.description == "FIN-WAIT-1")
  }

  @Test("4.2 the connection's counts", arguments: DriverUnderTest.all)
  func statistics(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let fresh = try pair.client.statistics()
    #expect(fresh.bytesSent == 0 && fresh.bytesReceived == 0 && fresh.dataSegmentsSent == 0)
    for _ in 0..<10 {
      try await pair.client.send(pattern(1000), until: .acknowledged)
      _ = try await pair.server.receiveAll(1000)
    }
    try await pair.client.close()
    #expect(await result { try await pair.server.receive() } == .connectionClosing)
    let (sender, receiver) = (try pair.client.statistics(), try pair.server.statistics())
    #expect(sender.bytesSent == 10_000 && sender.bytesReceived == 0)
    #expect(receiver.bytesReceived == 10_000 && receiver.bytesSent == 0)
    #expect(sender.dataSegmentsSent == 10 && receiver.dataSegmentsReceived == 10)
    #expect(sender.segmentsSent >= 11 && receiver.segmentsReceived >= 11)
    #expect(sender.segmentsResent == 0 && sender.bytesResent == 0)
    #expect(receiver.bytesReceivedTwice == 0 && receiver.bytesReceivedPastWindow == 0)
    #expect(sender.sentSegmentSizes.count == 7)
    #expect(
      sender.sentSegmentSizes.map(\.smallest) == sender.sentSegmentSizes.map(\.smallest).sorted())
    #expect(sender.sentSegmentSizes.map(\.count) == [0, 0, 0, 0, 0, 10, 0])
    #expect(sender.smoothedRTT > .zero && sender.smoothedRTT < .seconds(1))
    #expect(sender.retransmissionTimeout > .zero && sender.currentSegmentTries == 0)
    #expect(sender.sourceQuenches == 0)
  }

  @Test(
    "4.3 the driver's counts: attempted, opened, accepted, closed, aborted, octets and segments",
    arguments: DriverUnderTest.foreign)
  func global(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let fresh = try own.globalInfo()
    #expect(fresh.connectionsAttempted == 0 && fresh.octetsIn == 0 && fresh.segmentsOut == 0)
    #expect(!fresh.rtoAlgorithm.isEmpty && fresh.streamsSupported > 64)
    #expect(fresh.smallestRTO > .zero && fresh.largestRTO > fresh.smallestRTO)
    #expect(fresh.largestSegmentReceived >= 536 && fresh.largestWindow >= 65_535)

    let graceful = try await driver.pair(of: own)
    try await graceful.client.send(pattern(1000), until: .acknowledged)
    _ = try await graceful.server.receiveAll(1000)
    try await graceful.server.send(pattern(500), until: .acknowledged)
    _ = try await graceful.client.receiveAll(500)
    let open = try own.globalInfo()
    #expect(
      open.connectionsAttempted == 1 && open.connectionsOpened == 1 && open.connectionsAccepted == 1
    )
    #expect(open.connectionsClosed == 0 && open.connectionsAborted == 0)
    #expect(open.octetsIn == 1500 && open.octetsOut == 1500)
    try await graceful.client.close()
    try await graceful.server.close()
    for stream in [graceful.client, graceful.server] {
      #expect(await result { try await stream.receive() } == .connectionClosing)
    }
    let closed = try own.globalInfo()
    #expect(closed.connectionsClosed == 2 && closed.connectionsAborted == 0)
    #expect(closed.octetsIn == 1500 && closed.octetsOut == 1500)
    #expect(closed.segmentsIn >= open.segmentsIn && closed.segmentsOut >= open.segmentsOut)

    let nobody = try ForeignSocket.bound()
    let stream = try own.createTCPStream()
    #expect(await stream.issueActiveOpen(to: nobody.local).completion == .openFailed)
    let aborted = try await driver.pair(of: own)
    try aborted.client.abort()
    #expect(await result { try await aborted.server.receive() } == .connectionTerminated)
    let last = try own.globalInfo()
    #expect(
      last.connectionsAttempted == 3 && last.connectionsOpened == 2 && last.connectionsAccepted == 2
    )
    #expect(last.connectionsClosed == 2 && last.connectionsAborted == 2)
    #expect(last.segmentsResent == 0 && last.octetsResent == 0)
  }

  @Test(
    "4.3 the octets of connections whose end was noticed and not received",
    arguments: DriverUnderTest.all)
  func globalUnheardEnd(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let events = (pair.client.events, pair.server.events)
    try await pair.client.send(pattern(100), until: .acknowledged)
    _ = try await pair.server.receiveAll(100)
    try await pair.client.close()
    try await pair.server.close()
    _ = try await events.0.before(.terminated(.ulpClose))
    _ = try await events.1.before(.terminated(.ulpClose))
    let info = try pair.driver.globalInfo()
    #expect(info.octetsIn == 100 && info.octetsOut == 100)
  }
}
