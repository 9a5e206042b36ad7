// The programs at both ends of the simulated transfer.
import MacTCPEngine
import MacTCPSimulation

/// The side that sends.
struct SimulatedSender {
  let id: ConnectionID
  private var random: SeededGenerator
  /// How many bytes are still to be made.
  private var left: Int
  /// Bytes that were made, of which the engine has taken the first `taken`.
  private var piece: [UInt8] = []
  private var taken = 0
  private var hash = SHA256()
  private var isClosed = false
  var digest: [UInt8] { hash.finish() }
  /// What the stack measured until the last acknowledgement.
  private(set) var figures = Figures()

  /// In microseconds.
  struct Figures {
    var smoothedRoundTrip = 0
    var roundTripVariance = 0
  }

  init(_ id: ConnectionID, bytes: Int, seed: UInt64) {
    self.id = id
    left = bytes
    random = SeededGenerator(seed: ~seed)
  }

  /// Sends what there is room for, and closes when all is sent.
  mutating func proceed(_ engine: inout Engine, _ now: Instant) throws(EngineError) {
    while true {
      if taken == piece.count {
        guard left > 0 else { break }
        make(min(left, 65_536))
      }
      let count = try engine.send(
        id, piece.span.extracting(taken...), push: left == 0, at: now)
      guard count > 0 else { return }
      taken += count
    }
    guard !isClosed else { return }
    isClosed = true
    try engine.close(id, at: now)
  }

  /// Takes the figures of the connection while there is one.
  mutating func look(_ engine: borrowing Engine, _ now: Instant) throws(EngineError) {
    let status = try engine.status(of: id, at: now)
    figures.smoothedRoundTrip = status.smoothedRoundTrip
    figures.roundTripVariance = status.roundTripVariance
  }

  private mutating func make(_ count: Int) {
    piece.removeAll(keepingCapacity: true)
    taken = 0
    left -= count
    while piece.count < count {
      var word = random.next()
      for _ in 0..<min(8, count - piece.count) {
        piece.append(UInt8(truncatingIfNeeded: word))
        word >>= 8
      }
    }
    hash.update(piece)
  }
}

/// The side that receives.
struct SimulatedReceiver {
  let id: ConnectionID
  private var buffer: [UInt8] = []
  private var hash = SHA256()
  private(set) var received = 0
  /// When the last byte came.
  private(set) var lastArrival = Instant.zero
  private var isClosed = false
  var digest: [UInt8] { hash.finish() }

  init(_ id: ConnectionID) {
    self.id = id
  }

  /// Takes all that has come, and closes after the end. Returns how many bytes came.
  mutating func proceed(_ engine: inout Engine, _ now: Instant) throws(EngineError) -> Int {
    let before = received
    while true {
      buffer.removeAll(keepingCapacity: true)
      var result = Received()
      try buffer.append(addingCapacity: 65_536) { room throws(EngineError) in
        result = try engine.receive(id, into: &room, at: now)
      }
      if result.count > 0 {
        received += result.count
        lastArrival = now
        hash.update(buffer)
      }
      if result.isEnd, !isClosed {
        isClosed = true
        try engine.close(id, at: now)
      }
      if result.count == 0 || result.isEnd { return received - before }
    }
  }
}

/// Both, each on its host.
struct SimulatedEnds {
  let near: HostID
  let far: HostID
  var sender: SimulatedSender
  var receiver: SimulatedReceiver
  /// Why each connection ended.
  var senderEnd: TerminationReason?
  var receiverEnd: TerminationReason?
  /// Whether the connection is there, as each side sees it.
  private var isSenderOpen = false
  private var isReceiverOpen = false
  /// What a call was refused with; none should be.
  var refusal: EngineError?

  init(near: HostID, far: HostID, sender: SimulatedSender, receiver: SimulatedReceiver) {
    self.near = near
    self.far = far
    self.sender = sender
    self.receiver = receiver
  }

  /// Whether nothing is left to do.
  var areDone: Bool { (senderEnd != nil && receiverEnd != nil) || refusal != nil }

  /// Does what can be done on a host now; how many bytes it received.
  mutating func serve(_ host: HostID, _ engine: inout Engine, _ now: Instant) -> Int {
    do throws(EngineError) {
      return try host == near ? serveSender(&engine, now) : serveReceiver(&engine, now)
    } catch {
      refusal = error
      return 0
    }
  }

  private mutating func serveSender(
    _ engine: inout Engine, _ now: Instant
  ) throws(EngineError) -> Int {
    while let event = engine.nextEvent() {
      switch event {
      case .terminated(_, let reason): senderEnd = reason
      case .opened: isSenderOpen = true
      case .acknowledged: try sender.look(engine, now)
      default: break
      }
    }
    // To close before that would end the opening (RFC 9293 §3.10.4).
    if isSenderOpen && senderEnd == nil { try sender.proceed(&engine, now) }
    return 0
  }

  private mutating func serveReceiver(
    _ engine: inout Engine, _ now: Instant
  ) throws(EngineError) -> Int {
    while let event = engine.nextEvent() {
      switch event {
      case .terminated(_, let reason): receiverEnd = reason
      case .opened: isReceiverOpen = true
      default: break
      }
    }
    // In LISTEN there is nothing to receive from, and a SYN that came damaged leaves it there.
    return isReceiverOpen && receiverEnd == nil ? try receiver.proceed(&engine, now) : 0
  }
}
