import MacTCPEngine
import MacTCPWire
import Testing

/// The rows, in the order of RFC 9293 §3.10.7.
enum StateTable {}

/// Where a stream stands before the segment comes. RCV.WND is 4,096 but where it says otherwise.
enum Setting: String, CaseIterable, Sendable {
  case noStream = "CLOSED"
  case listen = "LISTEN"
  case listener = "LISTEN (listener)"
  case synSent = "SYN-SENT"
  case passiveSynReceived = "SYN-RECEIVED (passive)"
  case activeSynReceived = "SYN-RECEIVED (active)"
  case established = "ESTABLISHED"
  case unacknowledged = "ESTABLISHED with 100 bytes unacknowledged"
  case zeroWindow = "ESTABLISHED with a window of 0"
  case finWait1 = "FIN-WAIT-1"
  case finWait2 = "FIN-WAIT-2"
  case closeWait = "CLOSE-WAIT"
  case closing = "CLOSING"
  case lastAck = "LAST-ACK"
  case timeWait = "TIME-WAIT"

  /// SND.UNA, SND.NXT and RCV.NXT there.
  var una: Int {
    switch self {
    case .noStream, .listen, .listener, .synSent, .passiveSynReceived, .activeSynReceived: 0
    case .established, .unacknowledged, .zeroWindow, .finWait1, .closeWait, .closing, .lastAck: 1
    case .finWait2, .timeWait: 2
    }
  }

  var nxt: Int {
    switch self {
    case .noStream, .listen, .listener: 0
    case .synSent, .passiveSynReceived, .activeSynReceived, .established, .zeroWindow, .closeWait: 1
    case .finWait1, .finWait2, .closing, .lastAck, .timeWait: 2
    case .unacknowledged: 101
    }
  }

  var rcvNxt: Int {
    switch self {
    case .noStream, .listen, .listener, .synSent: 0
    case .passiveSynReceived, .activeSynReceived, .established, .unacknowledged, .finWait1,
      .finWait2:
      1
    case .closeWait, .closing, .lastAck, .timeWait: 2
    case .zeroWindow: 4_097
    }
  }

  var state: ConnectionState {
    switch self {
    case .noStream: .closed
    case .listen, .listener: .listen
    case .synSent: .synSent
    case .passiveSynReceived, .activeSynReceived: .synReceived
    case .established, .unacknowledged, .zeroWindow: .established
    case .finWait1: .finWait1
    case .finWait2: .finWait2
    case .closeWait: .closeWait
    case .closing: .closing
    case .lastAck: .lastAck
    case .timeWait: .timeWait
    }
  }

  /// A host with a stream there. Acknowledgements are not put off, so that they show.
  func reach() throws -> (OneHost, ConnectionID) {
    var configuration = OneHost.plain
    configuration.acknowledgmentDelay = 0
    let host = try OneHost(configuration)
    let id = try reach(host)
    try #require(try host.state(id) == state, "\(rawValue) was not reached")
    host.sent = []
    host.events = []
    return (host, id)
  }

  private func reach(_ host: OneHost) throws -> ConnectionID {
    switch self {
    case .noStream: return try host.engine.createConnection()
    case .listen: return try host.passiveOpen()
    case .listener: return try host.listen()
    case .synSent: return try host.activeOpen()
    case .passiveSynReceived:
      let id = try host.passiveOpen()
      host.arrive(.syn, 0)
      return id
    case .activeSynReceived:
      let id = try host.activeOpen()
      host.arrive(.syn, 0)
      return id
    case .established, .unacknowledged, .zeroWindow, .finWait1, .finWait2, .closeWait, .closing,
      .lastAck, .timeWait:
      let id = try host.connect()
      try reachFromEstablished(host, id)
      return id
    }
  }

  private func reachFromEstablished(_ host: OneHost, _ id: ConnectionID) throws {
    switch self {
    case .unacknowledged: try host.send(id, 100)
    case .zeroWindow: host.arrive(.ack, 1, ack: 1, text: 4_096)
    case .finWait1: try host.close(id)
    case .finWait2:
      try host.close(id)
      host.arrive(.ack, 1, ack: 2)
    case .closeWait: host.arrive(.fin, 1, ack: 1)
    case .closing:
      try host.close(id)
      host.arrive(.fin, 1, ack: 1)
    case .lastAck:
      host.arrive(.fin, 1, ack: 1)
      try host.close(id)
    case .timeWait:
      try host.close(id)
      host.arrive(.fin, 1, ack: 2)
    case .noStream, .listen, .listener, .synSent, .passiveSynReceived, .activeSynReceived,
      .established:
      break
    }
  }
}

/// A segment, by its place beside the variables of the connection that it comes to.
struct Incoming: Sendable {
  /// What SEG.ACK counts from.
  enum Acknowledgment: Sendable {
    case none
    case una(Int)
    case nxt(Int)
  }

  var name: String
  var flags: TCPFlags
  /// From RCV.NXT on.
  var sequence: Int
  var ack: Acknowledgment
  var text: Int
  var urgent: UInt16

  init(
    _ name: String, _ flags: TCPFlags, _ sequence: Int = 0, ack: Acknowledgment = .nxt(0),
    text: Int = 0, urgent: UInt16 = 0
  ) {
    self.name = name
    self.flags = flags
    self.sequence = sequence
    self.ack = ack
    self.text = text
    self.urgent = urgent
  }

  /// SEG.LEN.
  var length: Int { text + (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0) }
}

/// What is answered, as the RFC writes it.
enum Answer: Sendable, Hashable {
  case nothing
  /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`, where RCV.NXT has advanced by so much.
  case ack(Int)
  /// `<SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>`, where RCV.NXT is so far behind SEG.SEQ.
  case synAck(Int)
  /// `<SEQ=SEG.ACK><CTL=RST>`.
  case reset
  /// `<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>`.
  case resetWithoutNumber
}

/// What the user is told.
enum Told: Sendable, Hashable {
  case opened, data, urgent, acknowledged, finAcknowledged, closing
  case terminated(TerminationReason)
}

/// One cell of the table, or the same cell of several states.
struct Row: Sendable {
  var settings: [Setting]
  var segment: Incoming
  var answer: Answer
  /// The new state; `nil` for no change.
  var then: ConnectionState?
  var told: [Told]
  /// The sentence of RFC 9293 §3.10.7, shortened, or of what takes its place.
  var rule: String

  init(
    _ settings: [Setting], _ segment: Incoming, _ answer: Answer, then: ConnectionState? = nil,
    _ told: [Told], _ rule: String
  ) {
    self.settings = settings
    self.segment = segment
    self.answer = answer
    self.then = then
    self.told = told
    self.rule = rule
  }

  /// A segment of which the user is told nothing.
  init(
    _ settings: [Setting], _ segment: Incoming, _ answer: Answer, then: ConnectionState? = nil,
    _ rule: String
  ) {
    self.init(settings, segment, answer, then: then, [], rule)
  }

  var cells: [Cell] { settings.map { Cell(setting: $0, row: self) } }
}

/// A row for one state.
struct Cell: Sendable, CustomTestStringConvertible {
  var setting: Setting
  var row: Row

  var testDescription: String { "\(setting.rawValue): \(row.segment.name)" }

  /// Brings a stream to the state, lets the segment come, and compares.
  func run(_ location: SourceLocation = #_sourceLocation) throws {
    let (host, id) = try setting.reach()
    let segment = row.segment
    let sequence = setting.rcvNxt + segment.sequence
    let acknowledgment: Int?
    switch segment.ack {
    case .none: acknowledgment = nil
    case .una(let offset): acknowledgment = setting.una + offset
    case .nxt(let offset): acknowledgment = setting.nxt + offset
    }
    host.arrive(
      segment.flags, sequence, ack: acknowledgment, text: segment.text, urgent: segment.urgent)
    let expected: [String]
    switch row.answer {
    case .nothing: expected = []
    case .ack(let advance): expected = ["ACK \(setting.nxt) ack \(setting.rcvNxt + advance)"]
    case .synAck(let advance): expected = ["SYN,ACK 0 ack \(sequence + advance)"]
    case .reset: expected = ["RST \(acknowledgment ?? 0)"]
    case .resetWithoutNumber:
      let zero = host.iss.distance(to: SequenceNumber(0))
      expected = ["RST,ACK \(zero) ack \(sequence + segment.length)"]
    }
    #expect(host.takeSent() == expected, "\(row.rule)", sourceLocation: location)
    #expect(
      try host.state(id) == row.then ?? setting.state, "\(row.rule)", sourceLocation: location)
    let told = host.takeEvents().compactMap(Told.init)
    #expect(told == row.told, "\(row.rule)", sourceLocation: location)
  }
}

extension Told {
  init?(_ event: EngineEvent) {
    switch event {
    case .opened: self = .opened
    case .dataArrived: self = .data
    case .urgent: self = .urgent
    case .acknowledged: self = .acknowledged
    case .finAcknowledged: self = .finAcknowledged
    case .closing: self = .closing
    case .terminated(_, let reason): self = .terminated(reason)
    default: return nil
    }
  }
}
