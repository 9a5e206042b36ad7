import MacTCPEngine
import MacTCPWire
import Testing

/// One engine on a raw link, in virtual time; the test plays the peer with packets made by hand. Every packet that
/// the engine emits is judged.
///
/// Sequence numbers count from the first of their side, as in packetdrill: the SYN is 0, the first byte of data 1.
final class OneHost {
  /// What the engine has sent.
  struct Sent: CustomStringConvertible {
    var header: TCPHeader
    var packet: IPv4Header
    var payload: [UInt8]
    var at: Instant
    /// As `description` of it is written.
    var description: String
  }

  static let address = IPAddress(10, 0, 0, 1)
  static let peerAddress = IPAddress(10, 0, 0, 2)

  var engine: Engine
  var now = Instant(microseconds: 1_000_000_000)
  /// What was sent and not asked for yet.
  var sent: [Sent] = []
  /// The events that were not asked for yet.
  var events: [EngineEvent] = []
  var judge = PacketJudge()
  var faults: [String] = []
  /// The engine's port, and the peer's.
  var port: UInt16 = 80
  var peerPort: UInt16 = 4_000
  /// The address that the peer sends from.
  var peer = OneHost.peerAddress
  /// The engine's first number, once it was seen, and the peer's.
  var iss = SequenceNumber(0)
  var irs = SequenceNumber(7_000_000)
  /// What the packets of the peer have besides.
  var options = TCPOptions()
  var typeOfService: UInt8 = 0
  /// How far the peer's window fields are shifted already: those that `arrive` is given go out as they are.
  var lastTimestamp: UInt32 = 0

  /// A small window and no options, so that the numbers in a test are few.
  static var plain: EngineConfiguration {
    var configuration = EngineConfiguration()
    configuration.addresses = IPv4Prefix(address, length: 24).map { [$0] } ?? []
    configuration.seed = 9293
    configuration.receiveBuffer = 4_096
    configuration.sendBuffer = 8_192
    configuration.usesWindowScale = false
    configuration.usesTimestamps = false
    configuration.usesSACK = false
    return configuration
  }

  init(_ configuration: EngineConfiguration = OneHost.plain) throws {
    engine = try Engine(configuration)
    judge.mtu = configuration.mtu
  }

  // MARK: The peer's packets

  /// A packet of the peer comes.
  ///
  /// - Parameters:
  ///   - sequence: counted from the peer's first number.
  ///   - acknowledgment: counted from the engine's first number; `nil` for 0 and no ACK.
  ///   - text: the data, 0, 1, 2 and so on from `sequence` on, unless `bytes` are given.
  func arrive(
    _ flags: TCPFlags, _ sequence: Int, ack acknowledgment: Int? = nil, text: Int = 0,
    bytes: [UInt8]? = nil, window: UInt16 = 65_535, urgent: UInt16 = 0, options: TCPOptions? = nil
  ) {
    var header = TCPHeader(
      sourcePort: peerPort, destinationPort: port, sequenceNumber: irs.advanced(by: sequence),
      flags: flags, window: window, urgentPointer: urgent, options: options ?? self.options)
    if let acknowledgment {
      header.acknowledgmentNumber = iss.advanced(by: acknowledgment)
      header.flags.formUnion(.ack)
    }
    // SYN takes the number 0: the first byte of data with it is 1.
    let first = flags.contains(.syn) ? sequence + 1 : sequence
    arrive(header, bytes ?? Self.pattern(first, text))
  }

  /// What stands at these numbers in all tests.
  static func pattern(_ first: Int, _ count: Int) -> [UInt8] {
    (first..<(first + count)).map { UInt8(truncatingIfNeeded: $0) }
  }

  /// A segment comes from the peer, as it is.
  func arrive(_ header: TCPHeader, _ payload: [UInt8] = []) {
    receive(packet(header, payload))
  }

  /// The packet with a segment from the peer.
  func packet(_ header: TCPHeader, _ payload: [UInt8] = []) -> [UInt8] {
    let packet = IPv4Header(
      source: peer, destination: Self.address, protocol: .tcp,
      payloadLength: header.headerLength + payload.count, typeOfService: typeOfService)
    return [UInt8](capacity: packet.totalLength) { output in
      do {
        try packet.write(to: &output)
        try header.write(to: &output, from: peer, to: Self.address, payload: payload.span)
      } catch { Issue.record("the test cannot write its packet: \(error)") }
    }
  }

  /// Bytes come from the link.
  func receive(_ packet: [UInt8]) {
    engine.receive(packet.span, at: now)
    settle()
  }

  // MARK: What the engine does

  /// Collects what the engine sends and tells.
  func settle() {
    var left = 10_000
    while left > 0 {
      left -= 1
      var isSent = false
      let bytes = [UInt8](capacity: 65_535) { output in
        isSent = engine.transmit(into: &output, at: now)
      }
      guard isSent else { break }
      note(bytes)
    }
    if left == 0 { Issue.record("the engine sends for ever") }
    while let event = engine.nextEvent() { events.append(event) }
    for fault in faults { Issue.record("a packet that may not be: \(fault)") }
    faults = []
    #if DEBUG
      engine.checkInvariants()
    #endif
  }

  private func note(_ bytes: [UInt8]) {
    let (segment, header, found) = judge.judge(bytes.span)
    faults += found
    guard let segment, let header else { return }
    let tcp = segment.header
    if tcp.flags.contains(.syn) && tcp.destinationPort == peerPort {
      iss = tcp.sequenceNumber
      port = tcp.sourcePort
    }
    let payload = Array(bytes[(header.headerLength + segment.payloadRange.lowerBound)...])
    sent.append(
      Sent(
        header: tcp, packet: header, payload: payload, at: now,
        description: describe(tcp, payload.count)))
  }

  /// The segment as "FLAGS from:to ack number": "ACK 1 ack 1" without data, "PSH,ACK 1:101 ack 1" with.
  private func describe(_ header: TCPHeader, _ count: Int) -> String {
    let first = iss.distance(to: header.sequenceNumber)
    var text = "\(header.flags) \(first)"
    if count > 0 { text += ":\(first + count)" }
    if header.flags.contains(.ack) {
      text += " ack \(irs.distance(to: header.acknowledgmentNumber))"
    }
    if header.flags.contains(.urg) { text += " urg \(header.urgentPointer)" }
    return text
  }

  /// What was sent since the last call, as text.
  @discardableResult
  func takeSent() -> [String] {
    defer { sent = [] }
    return sent.map(\.description)
  }

  /// What was told since the last call.
  func takeEvents() -> [EngineEvent] {
    defer { events = [] }
    return events
  }

  // MARK: Time

  /// Lets so much time pass, in microseconds; the engine does what is due at the moments when it is.
  func pass(_ microseconds: Int) {
    let end = now.advanced(by: microseconds)
    var left = 1_000_000
    while let deadline = engine.nextDeadline, deadline <= end, left > 0 {
      left -= 1
      now = max(now, deadline)
      engine.advance(to: now)
      settle()
    }
    if left == 0 { Issue.record("time stands still") }
    now = end
    engine.advance(to: now)
    settle()
  }

  /// Lets time pass until the engine sends something, at most so long: after how many microseconds it did.
  func passUntilSent(atMost most: Int) -> Int? {
    let start = now
    let end = now.advanced(by: most)
    sent = []
    while sent.isEmpty {
      guard let deadline = engine.nextDeadline, deadline <= end else {
        now = end
        return nil
      }
      now = max(now, deadline)
      engine.advance(to: now)
      settle()
    }
    return start.microseconds(to: now)
  }

  // MARK: The user

  func state(_ id: ConnectionID) throws -> ConnectionState { try status(id).state }

  func status(_ id: ConnectionID) throws -> ConnectionStatus { try engine.status(of: id, at: now) }

  @discardableResult
  func send(_ id: ConnectionID, _ count: Int, push: Bool = true, urgent: Bool = false) throws -> Int
  {
    let bytes = Self.pattern(1, count)
    let taken = try engine.send(id, bytes.span, push: push, urgent: urgent, at: now)
    settle()
    return taken
  }

  /// Reads up to `most` bytes.
  func read(_ id: ConnectionID, _ most: Int = 65_536) throws -> (bytes: [UInt8], result: Received) {
    var result = Received()
    let bytes = try [UInt8](capacity: most) { output in
      result = try engine.receive(id, into: &output, at: now)
    }
    settle()
    return (bytes, result)
  }

  func close(_ id: ConnectionID) throws {
    try engine.close(id, at: now)
    settle()
  }

  func abort(_ id: ConnectionID) throws {
    try engine.abort(id, at: now)
    settle()
  }

  func release(_ id: ConnectionID) throws {
    try engine.release(id, at: now)
    settle()
  }

  func set(_ option: ConnectionOption, _ id: ConnectionID) throws {
    try engine.set(option, of: id, at: now)
    settle()
  }

  // MARK: Openings

  /// A stream that has sent its SYN.
  func activeOpen(_ options: OpenOptions = OpenOptions()) throws -> ConnectionID {
    let id = try engine.createConnection()
    try engine.activeOpen(
      id, to: Endpoint(peer, peerPort), from: Endpoint(.any, port), options: options, at: now)
    settle()
    return id
  }

  /// A stream in LISTEN.
  func passiveOpen(_ options: OpenOptions = OpenOptions()) throws -> ConnectionID {
    let id = try engine.createConnection()
    try engine.passiveOpen(id, on: Endpoint(.any, port), options: options, at: now)
    settle()
    return id
  }

  func listen(backlog: Int = 128) throws -> ConnectionID {
    let id = try engine.createConnection()
    try engine.listen(id, on: Endpoint(.any, port), backlog: backlog, at: now)
    settle()
    return id
  }

  /// An established connection, opened from here; the peer's window is `window`.
  func connect(window: UInt16 = 65_535, mss: UInt16? = 1_460) throws -> ConnectionID {
    let id = try activeOpen()
    var options = options
    options.maximumSegmentSize = mss
    arrive(.syn, 0, ack: 1, window: window, options: options)
    try #require(try state(id) == .established)
    sent = []
    events = []
    return id
  }
}
