import MacTCPEngine
import MacTCPWire
import Testing

/// A user call of RFC 9293 §3.10.1 to §3.10.6.
enum Call: String, CaseIterable, Sendable {
  case activeOpen, passiveOpen, send, receive, close, abort, status

  /// Makes the call: the error it throws, if it does.
  func make(_ host: OneHost, _ id: ConnectionID) -> EngineError? {
    do {
      switch self {
      case .activeOpen:
        try host.engine.activeOpen(id, to: Endpoint(host.peer, 9_999), at: host.now)
      case .passiveOpen:
        try host.engine.passiveOpen(id, on: Endpoint(.any, 9_998), at: host.now)
      case .send: try host.send(id, 10)
      case .receive: _ = try host.read(id)
      case .close: try host.close(id)
      case .abort: try host.abort(id)
      case .status: _ = try host.status(id)
      }
      return nil
    } catch { return error as? EngineError }
  }
}

@Suite("User calls in every state (RFC 9293 §3.10.1 to §3.10.6)")
struct UserCallTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var call: Call
    var setting: Setting
    /// What it throws; `nil` if nothing.
    var error: EngineError?
    /// The new state; `nil` for no change.
    var then: ConnectionState?

    var testDescription: String { "\(call.rawValue) in \(setting.rawValue)" }
  }

  private static func rows(
    _ call: Call, _ settings: [Setting], _ error: EngineError? = nil, then: ConnectionState? = nil
  ) -> [Row] {
    settings.map { Row(call: call, setting: $0, error: error, then: then) }
  }

  /// Those where there is a connection, or half of one.
  static let open: [Setting] = [
    .listen, .listener, .synSent, .passiveSynReceived, .activeSynReceived, .established,
    .unacknowledged,
    .zeroWindow, .finWait1, .finWait2, .closeWait, .closing, .lastAck,
  ]

  static let opens: [Row] =
    rows(.activeOpen, [.noStream, .timeWait], then: .synSent)
    + rows(.passiveOpen, [.noStream, .timeWait], then: .listen)
    // "error: connection already exists".
    + rows(.activeOpen, open, .connectionExists) + rows(.passiveOpen, open, .connectionExists)

  static let sends: [Row] =
    // "error: connection does not exist"; MacTCP's streams do not send in LISTEN either.
    rows(.send, [.noStream, .listen, .listener], .connectionDoesntExist)
    // "Queue the data for transmission after entering ESTABLISHED state", or send.
    + rows(
      .send,
      [
        .synSent, .passiveSynReceived, .activeSynReceived, .established, .unacknowledged,
        .zeroWindow,
        .closeWait,
      ])
    // "error: connection closing".
    + rows(.send, [.finWait1, .finWait2, .closing, .lastAck, .timeWait], .connectionClosing)

  static let receives: [Row] =
    rows(.receive, [.noStream, .listen, .listener], .connectionDoesntExist)
    // "Queue for processing": there is nothing yet.
    + rows(
      .receive,
      [
        .synSent, .passiveSynReceived, .activeSynReceived, .established, .unacknowledged,
        .zeroWindow,
        .finWait1, .finWait2,
      ])
    // "error: connection closing": here as the end of the data, and no error.
    + rows(.receive, [.closeWait, .closing, .lastAck, .timeWait])

  static let closes: [Row] =
    rows(.close, [.noStream], .connectionDoesntExist)
    // "Delete TCB, enter CLOSED state".
    + rows(.close, [.listen, .listener, .synSent], then: .closed)
    // "Otherwise queue for processing after entering ESTABLISHED".
    + rows(.close, [.passiveSynReceived, .activeSynReceived])
    + rows(.close, [.established, .unacknowledged, .zeroWindow], then: .finWait1)
    + rows(.close, [.closeWait], then: .lastAck)
    // "error: connection closing".
    + rows(.close, [.finWait1, .finWait2, .closing, .lastAck, .timeWait], .connectionClosing)

  static let aborts: [Row] =
    rows(.abort, [.noStream], .connectionDoesntExist)
    + rows(.abort, open + [.timeWait], then: .closed)

  static let statuses: [Row] = rows(.status, Setting.allCases)

  @Test(
    "What a call throws, and the state after it",
    arguments: opens + sends + receives + closes + aborts + statuses)
  func call(_ row: Row) throws {
    let (host, id) = try row.setting.reach()
    #expect(row.call.make(host, id) == row.error)
    #expect(try host.state(id) == row.then ?? row.setting.state)
  }

  @Test("The table has every call in every state")
  func complete() {
    let rows = Self.opens + Self.sends + Self.receives + Self.closes + Self.aborts + Self.statuses
    for call in Call.allCases {
      let settings = rows.filter { $0.call == call }.map(\.setting)
      #expect(
        Set(settings) == Set(Setting.allCases) && settings.count == Setting.allCases.count,
        "\(call)")
    }
  }

  @Test(
    "After the connection is lost all calls say so; a stream that is released, or never was, is none"
  )
  func lost() throws {
    let (host, id) = try Setting.established.reach()
    host.arrive(.rst, 1)
    #expect(Call.send.make(host, id) == .connectionTerminated)
    #expect(Call.receive.make(host, id) == .connectionTerminated)
    #expect(Call.close.make(host, id) == .connectionTerminated)
    #expect(Call.abort.make(host, id) == .connectionDoesntExist)
    #expect(try host.status(id).terminationReason == .remoteAbort)
    try host.release(id)
    for call in Call.allCases { #expect(call.make(host, id) == .invalidStream) }
    let strange = [-1, 0, 1, .max, .min, 1 << 32 | 5].map { ConnectionID(rawValue: $0) }
    for id in strange {
      for call in Call.allCases { #expect(call.make(host, id) == .invalidStream) }
    }
  }

  @Test("Data sent before the connection is there go out with it (RFC 9293 §3.10.2)")
  func early() throws {
    for isClosed in [false, true] {
      let (host, id) = try Setting.passiveSynReceived.reach()
      try host.send(id, 10)
      if isClosed { try host.close(id) }
      #expect(host.takeSent() == [])
      host.arrive(.ack, 1, ack: 1)
      #expect(host.takeSent() == [isClosed ? "FIN,PSH,ACK 1:11 ack 1" : "PSH,ACK 1:11 ack 1"])
      #expect(try host.state(id) == (isClosed ? .finWait1 : .established))
    }
  }

  @Test("An OPEN to an address that no single host has is refused (MUST-46)")
  func badAddresses() throws {
    let host = try OneHost()
    let id = try host.engine.createConnection()
    let addresses = [
      IPAddress(255, 255, 255, 255), IPAddress(10, 0, 0, 255), IPAddress(10, 0, 0, 0),
      IPAddress(224, 0, 0, 1), IPAddress(240, 0, 0, 1), IPAddress.any,
    ]
    for address in addresses {
      #expect(throws: EngineError.badAddress, "\(address)") {
        try host.engine.activeOpen(id, to: Endpoint(address, 80), at: host.now)
      }
    }
    for address in addresses where address != .any {
      #expect(throws: EngineError.badAddress, "\(address)") {
        try host.engine.passiveOpen(
          id, on: Endpoint(.any, 80), from: Endpoint(address, 0), at: host.now)
      }
    }
    #expect(throws: EngineError.badAddress) {
      try host.engine.activeOpen(id, to: Endpoint(host.peer, 0), at: host.now)
    }
    #expect(throws: EngineError.badAddress) {
      try host.engine.activeOpen(
        id, to: Endpoint(host.peer, 80), from: Endpoint(host.peer, 1), at: host.now)
    }
    host.settle()
    #expect(host.takeSent() == [])
    #expect(try host.state(id) == .closed)
  }

  @Test(
    "The local address is the user's, or the one that IP says, and stays (MUST-43, MUST-44, MUST-45)"
  )
  func localAddress() throws {
    var configuration = OneHost.plain
    let second = IPAddress(10, 9, 0, 1)
    configuration.addresses += [IPv4Prefix(second, length: 16)].compactMap(\.self)
    let host = try OneHost(configuration)
    let cases: [(IPAddress, IPAddress, IPAddress)] = [
      (.any, IPAddress(10, 0, 0, 9), OneHost.address), (.any, IPAddress(10, 9, 1, 1), second),
      (second, IPAddress(10, 0, 0, 9), second),
    ]
    for (local, remote, expected) in cases {
      let id = try host.engine.createConnection()
      try host.engine.activeOpen(
        id, to: Endpoint(remote, 80), from: Endpoint(local, 0), at: host.now)
      host.settle()
      #expect(host.sent.map(\.packet.source) == [expected])
      host.sent = []
      host.pass(3_000_000)
      #expect(Set(host.sent.map(\.packet.source)) == [expected])
      try host.release(id)
      host.sent = []
    }
  }

  @Test("CLOSE before the peer has answered says whether queued data are lost (RFC 9293 §3.10.4)")
  func closeInSYNSent() throws {
    for (count, reason) in [(0, TerminationReason.close), (10, .abort)] {
      let host = try OneHost()
      let id = try host.activeOpen()
      if count > 0 { try host.send(id, count) }
      host.takeSent()
      try host.close(id)
      #expect(host.takeEvents() == [.terminated(id, reason)])
      #expect(try host.status(id).terminationReason == reason)
      #expect(host.engine.counters.tcp.closedGracefully == (count > 0 ? 0 : 1))
      #expect(host.takeSent() == [])
    }
  }

  @Test(
    "A passive open leaves connections alone, and connections a passive open (MUST-41, MUST-42)")
  func samePort() throws {
    let host = try OneHost()
    let first = try host.passiveOpen()
    host.arrive(.syn, 0)
    host.arrive(.ack, 1, ack: 1)
    let second = try host.passiveOpen()
    #expect(try host.state(first) == .established && host.state(second) == .listen)
    let third = try host.engine.createConnection()
    #expect(throws: EngineError.duplicateSocket) {
      try host.engine.passiveOpen(third, on: Endpoint(.any, 80), at: host.now)
    }
    try host.engine.activeOpen(
      third, to: Endpoint(host.peer, 9), from: Endpoint(.any, 80), at: host.now)
    #expect(throws: EngineError.duplicateSocket) {
      let fourth = try host.engine.createConnection()
      try host.engine.activeOpen(
        fourth, to: Endpoint(host.peer, 9), from: Endpoint(.any, 80), at: host.now)
    }
    host.settle()
    host.takeSent()
    host.peerPort = 4_001
    host.arrive(.syn, 0)
    #expect(host.takeSent() == ["SYN,ACK 0 ack 1"])
    #expect(try host.state(first) == .established)
  }

  @Test("The more a passive open asks for, the earlier it is chosen (RFC 9293 §3.10.7.2)")
  func filters() throws {
    let host = try OneHost()
    func open(_ remote: Endpoint) throws -> ConnectionID {
      let id = try host.engine.createConnection()
      try host.engine.passiveOpen(id, on: Endpoint(.any, 80), from: remote, at: host.now)
      return id
    }
    let anybody = try open(Endpoint(.any, 0))
    let peer = try open(Endpoint(host.peer, 0))
    let port = try open(Endpoint(host.peer, 4_000))
    for id in [port, peer, anybody] {
      host.arrive(.syn, 0)
      #expect(try host.state(id) == .synReceived)
      host.peerPort += 1
    }
    host.arrive(.syn, 0)
    #expect(host.sent.last?.header.flags.description == "RST,ACK")
  }

  @Test(
    "Type of service and time to live are the user's, and can change (MUST-48, MUST-49, SHLD-21, SHLD-22)"
  )
  func headerFields() throws {
    let host = try OneHost()
    var options = OpenOptions()
    options.typeOfService = 0x48
    options.timeToLive = 7
    let id = try host.activeOpen(options)
    host.arrive(.syn, 0, ack: 1)
    try host.send(id, 10)
    #expect(host.sent.allSatisfy { $0.packet.typeOfService == 0x48 && $0.packet.timeToLive == 7 })
    host.sent = []
    try host.set(.typeOfService(0xB8), id)
    try host.set(.timeToLive(200), id)
    #expect(throws: EngineError.invalidLength) { try host.set(.timeToLive(0), id) }
    host.arrive(.ack, 1, ack: 11)
    try host.send(id, 10)
    host.arrive(.fin, 1, ack: 21)
    #expect(host.sent.allSatisfy { $0.packet.typeOfService == 0xB8 && $0.packet.timeToLive == 200 })
  }

  @Test(
    "The last acknowledgement of TIME-WAIT has the connection's time to live and type of service")
  func headerFieldsInTimeWait() throws {
    let (host, id) = try Setting.finWait2.reach()
    try host.set(.timeToLive(9), id)
    try host.set(.typeOfService(0x20), id)
    host.arrive(.fin, 1, ack: 2)
    host.arrive(.fin, 1, ack: 2)
    #expect(host.sent.map(\.packet.timeToLive) == [9, 9])
    #expect(host.sent.map(\.packet.typeOfService) == [0x20, 0x20])
  }

  @Test("STATUS gives the variables of the connection (RFC 9293 §3.10.6)")
  func status() throws {
    let (host, id) = try Setting.unacknowledged.reach()
    host.arrive(.psh, 1, ack: 1, text: 10, window: 5_000)
    let status = try host.status(id)
    #expect(status.local == Endpoint(OneHost.address, 80))
    #expect(status.remote == Endpoint(OneHost.peerAddress, 4_000))
    #expect(status.sendWindow == 5_000)
    #expect(status.receiveWindow == 4_086)
    #expect(status.unacknowledged == 100)
    #expect(status.unread == 10)
    #expect(status.sendSpace == 8_092)
    #expect(status.sendNext &- status.sendUnacknowledged == 100)
    #expect(status.receiveNext == host.irs.advanced(by: 11).rawValue)
    #expect(status.maximumSegmentSize == 1_460)
    #expect(status.userTimeout == 120_000_000 && status.userTimeoutAborts)
    #expect(status.statistics.bytesReceived == 10 && status.statistics.bytesSent == 100)
  }
}
