// Which call is legal when, on real drivers.
import MacTCP
import Testing

@Suite("2, 3 Calls in the wrong state, and what cannot be asked for", .timeLimit(.minutes(2)))
struct LegalityBehaviour {
  @Test(
    "2 receive buffers: 4096 bytes for TCP and 2048 for UDP are the least: invalidLength below",
    arguments: DriverUnderTest.all)
  func smallestBuffers(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    for size in [4095, 2048, 1, 0, -1, .min] {
      #expect(await result { try own.createTCPStream(receiveBuffer: size) } == .invalidLength)
      #expect(await result { try TCPListener(own, receiveBuffer: size) } == .invalidLength)
    }
    for size in [2047, 1, 0, -1, .min] {
      #expect(await result { try own.createUDPStream(receiveBuffer: size) } == .invalidLength)
    }
    #expect(try own.createTCPStream(receiveBuffer: 4096).receiveBuffer == 4096)
    #expect(try own.createUDPStream(receiveBuffer: 2048).receiveBuffer == 2048)
    #expect(try own.createTCPStream(receiveBuffer: .max).receiveBuffer == .max)
  }

  @Test(
    "2 the smallest and a huge receive buffer carry a transfer", arguments: DriverUnderTest.all,
    [4096, Int.max])
  func extremeBuffers(_ driver: DriverUnderTest, _ size: Int) async throws {
    let pair = try await driver.pair(receiveBuffer: size)
    let data = pattern(300_000)
    let send = pair.client.issueSend(data, until: .acknowledged)
    #expect(try await pair.server.receiveAll(data.count) == data)
    try await send.value
  }

  @Test(
    "3.1 options that cannot be: invalidLength, openFailed; small ones are made the smallest",
    arguments: DriverUnderTest.all)
  func options(_ driver: DriverUnderTest) async throws {
    let stream = try driver.open().createTCPStream()
    let long = OpenOptions(ipOptions: [UInt8](repeating: 1, count: 41))
    #expect(await result { try await stream.passiveOpen(options: long) } == .invalidLength)
    let urgent = OpenOptions(precedence: 8)
    #expect(await result { try await stream.passiveOpen(options: urgent) } == .openFailed)
    let given: [(asked: Duration, used: Duration)] = [
      (.zero, .seconds(120)), (.milliseconds(1), .seconds(2)), (.seconds(7), .seconds(7)),
    ]
    for timeout in given {
      let open = stream.issuePassiveOpen(
        at: driver.address, options: OpenOptions(ulpTimeout: timeout.asked, timeToLive: 0))
      #expect(!open.isDone)
      #expect(try stream.status().ulpTimeout == timeout.used)
      try stream.abort()
    }
  }

  @Test(
    "3.1 what was asked for at open stands in the status of both sides",
    arguments: DriverUnderTest.all)
  func optionsInStatus(_ driver: DriverUnderTest) async throws {
    let options = OpenOptions(
      ulpTimeout: .seconds(33), ulpTimeoutAction: .report,
      typeOfService: [.lowDelay, .reliability],
      precedence: 3, timeToLive: 9, dontFragment: true)
    let pair = try await driver.pair(client: options, server: options)
    for stream in [pair.client, pair.server] {
      let status = try stream.status()
      #expect(status.ulpTimeout == .seconds(33) && status.ulpTimeoutAction == .report)
      #expect(status.typeOfService == [.lowDelay, .reliability] && status.precedence == 3)
    }
    try await pair.client.send(bytes("x"), until: .acknowledged)
    #expect(try await pair.server.receive().text == "x")
  }

  @Test(
    "3.1 a port that is kept: a buffer and options that cannot be are refused",
    arguments: DriverUnderTest.all)
  func reservations(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let local = Endpoint(driver.address, 0)
    func keep(_ receiveBuffer: Int, _ options: OpenOptions, backlog: Int = 1) async -> ResultCode {
      await result {
        try own.reservePort(
          local, backlog: backlog, receiveBuffer: receiveBuffer, options: options
        ).cancel()
      }
    }
    #expect(await keep(4095, OpenOptions()) == .invalidLength)
    #expect(await keep(4096, OpenOptions(precedence: 8)) == .openFailed)
    #expect(await keep(4096, OpenOptions(), backlog: .min) == .noErr)
    #expect(await keep(.max, OpenOptions(), backlog: .max) == .noErr)
  }

  /// A call, and what it gives on a stream that has no connection.
  struct Call: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let make: @Sendable (TCPStream) async -> ResultCode
    static let all: [Call] = [
      Call(testDescription: "send") { s in await result { try await s.send([1]) } },
      Call(testDescription: "send, blocking") { s in await blocking { try s.send([1]) }.completion
      },
      Call(testDescription: "send of a list, blocking") { s in
        await blocking { try s.send(gathering: [[1], [2]]) }.completion
      },
      Call(testDescription: "send command") { s in await s.issueSend([1]).completion },
      Call(testDescription: "receive") { s in await result { try await s.receive() } },
      Call(testDescription: "receive, blocking") { s in
        await blocking { try s.receive() }.completion
      },
      Call(testDescription: "receive command") { s in await s.issueReceive().completion },
      Call(testDescription: "receive into") { s in
        var buffer: [UInt8] = [0]
        return await result { try await s.receive(into: &buffer) }
      },
      Call(testDescription: "receive into, blocking") { s in
        await blocking {
          var buffer: [UInt8] = [0]
          return try s.receive(into: &buffer)
        }.completion
      },
      Call(testDescription: "receive without copying") { s in
        await result { try await s.receiveWithoutCopying() }
      },
      Call(testDescription: "receive without copying, blocking") { s in
        await blocking { try s.receiveWithoutCopying().count }.completion
      },
      Call(testDescription: "close") { s in await result { try await s.close() } },
      Call(testDescription: "close, blocking") { s in await blocking { try s.close() }.completion },
      Call(testDescription: "close command") { s in await s.issueClose().completion },
      Call(testDescription: "statistics") { s in await result { try s.statistics() } },
    ]
  }

  @Test(
    "2 no connection: connectionDoesntExist; a released stream: invalidStreamPtr",
    arguments: DriverUnderTest.all, Call.all)
  func noConnection(_ driver: DriverUnderTest, _ call: Call) async throws {
    let own = try driver.open()
    let stream = try own.createTCPStream()
    #expect(await call.make(stream) == .connectionDoesntExist)
    // Also while an open is pending (1.1: only wait, isdone, GetSockName and Abort are legal then).
    let open = stream.issuePassiveOpen(at: driver.address)
    #expect(await call.make(stream) == .connectionDoesntExist)
    #expect(!open.isDone)
    try stream.abort()
    #expect(await call.make(stream) == .connectionDoesntExist)
    // And after a connection that this side aborted.
    let peer = try driver.waiting(own)
    try await stream.activeOpen(to: peer.local)
    try stream.abort()
    #expect(await peer.open.completion == .noErr)
    #expect(await call.make(stream) == .connectionDoesntExist)
    stream.release()
    #expect(await call.make(stream) == .invalidStreamPtr)
  }

  @Test(
    "2 abort without a connection: connectionDoesntExist; status tells that there is none",
    arguments: DriverUnderTest.all)
  func abortNothing(_ driver: DriverUnderTest) async throws {
    let stream = try driver.open().createTCPStream()
    #expect(await result { try stream.abort() } == .connectionDoesntExist)
    #expect(try stream.status().connectionState == .closed)
    stream.release()
    stream.release()
    #expect(await result { try stream.abort() } == .invalidStreamPtr)
    #expect(await result { try stream.status() } == .invalidStreamPtr)
    #expect(await stream.issuePassiveOpen().completion == .invalidStreamPtr)
    #expect(
      await stream.issueActiveOpen(to: Endpoint(.loopback, 9)).completion == .invalidStreamPtr)
    #expect(stream.localEndpoint == nil && stream.remoteEndpoint == nil && stream.onEvent == nil)
    #expect(await stream.events.collected() == [])
  }

  @Test(
    "3.2, 3.3 no data to send, no room to receive: invalidLength, in every form",
    arguments: DriverUnderTest.all)
  func nothing(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let stream = pair.client
    let none: [UInt8] = []
    #expect(await result { try await stream.send(none) } == .invalidLength)
    #expect(await result { try await stream.send(gathering: [[], []]) } == .invalidLength)
    #expect(await result { try await stream.send(gathering: [[UInt8]]()) } == .invalidLength)
    #expect(await stream.issueSend(none, urgent: true).completion == .invalidLength)
    #expect(await blocking { try stream.send(none) }.completion == .invalidLength)
    #expect(await blocking { try stream.send(gathering: [[]]) }.completion == .invalidLength)
    for limit in [0, -1] {
      #expect(await result { try await stream.receive(upTo: limit) } == .invalidLength)
      #expect(await stream.issueReceive(upTo: limit).completion == .invalidLength)
      #expect(await blocking { try stream.receive(upTo: limit) }.completion == .invalidLength)
    }
    var empty = none
    #expect(await result { try await stream.receive(into: &empty) } == .invalidLength)
    let into = blocking {
      var empty: [UInt8] = []
      return try stream.receive(into: &empty)
    }
    #expect(await into.completion == .invalidLength)
    // Nothing of it has hurt the connection.
    try await stream.send(bytes("fine"))
    #expect(try await pair.server.receive().text == "fine")
  }
}
