import MacTCPEngine
import MacTCPSimulation
import MacTCPWire

/// A program on one side of the connection, which follows its plan and checks what it sees.
struct Player {
  let plan: Plan
  /// The seeds of what this side sends and of what it is to receive.
  private let sentSeed: UInt64
  private let receivedSeed: UInt64
  private var random: SeededGenerator
  private var id: ConnectionID
  /// The stream that listens, while nothing was accepted.
  private var listener: ConnectionID?
  private var isOpen = false
  private(set) var sent = 0
  private(set) var received = 0
  /// How many bytes there were when the last urgent send ended, and where the last mark was.
  private(set) var urgentEnd: Int?
  private(set) var mark: Int?
  private var hasClosed = false
  private(set) var hasAborted = false
  private(set) var peerHasClosed = false
  private(set) var end: TerminationReason?
  /// When this side wants to be called, whatever comes.
  private(set) var wakeUp = Instant.never
  private var nextReceive: Instant
  /// What should not have been.
  private(set) var complaints: [String] = []
  private var output: [UInt8] = []
  private var input: [UInt8] = []

  init(_ plan: Plan, side: UInt64, seed: UInt64, start: Instant) {
    self.plan = plan
    id = ConnectionID(rawValue: -1)
    sentSeed = seed &* 2 &+ side
    receivedSeed = seed &* 2 &+ (1 &- side)
    random = SeededGenerator(seed: sentSeed)
    nextReceive = start.advanced(by: plan.firstReceive)
  }

  /// Whether this side waits for a peer that has given up: it may do so for ever.
  var isWaiting: Bool { !isOpen && plan.opening != .active }

  /// Whether nothing will follow on this side.
  var isDone: Bool { end != nil || (hasAborted && plan.releasesInsteadOfAbort) }

  // MARK: Calls

  mutating func open(_ engine: inout Engine, _ now: Instant, local: Endpoint, remote: Endpoint)
    throws(EngineError)
  {
    id = try engine.createConnection()
    switch plan.opening {
    case .active: try engine.activeOpen(id, to: remote, from: local, at: now)
    case .passive: try engine.passiveOpen(id, on: local, at: now)
    case .listener:
      try engine.listen(id, on: local, backlog: 1, at: now)
      listener = id
    }
    if listener == nil { try setOptions(&engine, now) }
  }

  private func setOptions(_ engine: inout Engine, _ now: Instant) throws(EngineError) {
    try engine.set(.nagle(plan.usesNagle), of: id, at: now)
    try engine.set(.delayedAcknowledgment(plan.delaysAcknowledgments), of: id, at: now)
    if plan.usesKeepalive { try engine.set(.keepalive(true), of: id, at: now) }
  }

  /// Does what the plan says for now.
  mutating func serve(_ engine: inout Engine, _ now: Instant) {
    do throws(EngineError) {
      while let event = engine.nextEvent() { try take(event, &engine, now) }
      wakeUp = .never
      guard listener == nil, !isDone else { return }
      try abortIfPlanned(&engine, now)
      if isOpen && !hasAborted { try receive(&engine, now) }
      if !hasAborted { try send(&engine, now) }
      // The calls may have ended the connection.
      while let event = engine.nextEvent() { try take(event, &engine, now) }
    } catch {
      // The connection was lost under a call: the event that says so comes with the next turn.
      switch error {
      case .connectionTerminated, .connectionDoesntExist, .openFailed: break
      case .badAddress, .connectionClosing, .invalidLength, .connectionExists, .dontFragment,
        .insufficientResources, .invalidStream, .duplicateSocket, .noFragmentMemory, .noRoute:
        complaints.append("a call was refused: \(error)")
      }
    }
  }

  /// Gives the stream back.
  mutating func release(_ engine: inout Engine, _ now: Instant) {
    do throws(EngineError) {
      if !(hasAborted && plan.releasesInsteadOfAbort) { try engine.release(id, at: now) }
    } catch {
      complaints.append("a release was refused: \(error)")
    }
  }

  private mutating func take(
    _ event: EngineEvent, _ engine: inout Engine, _ now: Instant
  ) throws(EngineError) {
    switch event {
    case .opened(let id):
      if id != self.id || isOpen { complaints.append("opened twice, or something else") }
      isOpen = true
    case .incoming(let listener):
      guard listener == self.listener, let accepted = try engine.accept(listener) else { return }
      try engine.release(listener, at: now)
      self.listener = nil
      id = accepted
      isOpen = true
      try setOptions(&engine, now)
    case .terminated(_, let reason):
      if end != nil { complaints.append("terminated twice") }
      // What came before the end can be received.
      nextReceive = now
      if reason != .abort { try? receiveRest(&engine, now) }
      end = reason
    case .dataArrived, .urgent, .acknowledged, .closing, .finAcknowledged, .deliveryProblem,
      .userTimeout, .icmpReport, .datagramArrived, .datagramReport, .echoReply, .echoTimeout,
      .addressConflict:
      break
    }
  }

  private mutating func abortIfPlanned(
    _ engine: inout Engine, _ now: Instant
  ) throws(EngineError) {
    guard isOpen, let amount = plan.abortAfter, sent + received >= amount, !hasAborted else {
      return
    }
    hasAborted = true
    if plan.releasesInsteadOfAbort {
      try engine.release(id, at: now)
    } else {
      try engine.abort(id, at: now)
    }
  }

  // MARK: Sending

  private mutating func send(_ engine: inout Engine, _ now: Instant) throws(EngineError) {
    while sent < plan.total {
      let most = min(plan.total - sent, plan.largestSend)
      let count = 1 + Int(random.next(below: UInt64(most)))
      let isUrgent = random.percent(UInt64(plan.urgent))
      let push = !random.percent(UInt64(plan.withoutPush)) || sent + count == plan.total
      output.removeAll(keepingCapacity: true)
      for offset in sent..<(sent + count) { output.append(Self.byte(offset, sentSeed)) }
      var taken = 0
      do throws(EngineError) {
        taken = try engine.send(id, output.span, push: push, urgent: isUrgent, at: now)
      } catch {
        guard error == .insufficientResources else { throw error }
        // The memory ceiling is reached: some time later there may be memory.
        wakeUp = min(wakeUp, now.advanced(by: 100_000))
        return
      }
      if !(0...count).contains(taken) { complaints.append("\(taken) of \(count) bytes taken") }
      sent += taken
      if isUrgent && taken > 0 { urgentEnd = sent }
      if taken == 0 { return }
    }
    // A close before the connection is there would give it up.
    guard isOpen, !hasClosed, plan.closing == .whenSent || peerHasClosed else { return }
    hasClosed = true
    try engine.close(id, at: now)
  }

  // MARK: Receiving

  private mutating func receive(_ engine: inout Engine, _ now: Instant) throws(EngineError) {
    if nextReceive <= now {
      var count = 0
      while count < plan.receives {
        if try receiveOnce(&engine, now) == 0 { return }
        count += 1
      }
      nextReceive = now.advanced(by: plan.pause)
    }
    if !peerHasClosed { wakeUp = min(wakeUp, nextReceive) }
  }

  private mutating func receiveRest(_ engine: inout Engine, _ now: Instant) throws(EngineError) {
    while try receiveOnce(&engine, now) > 0 {}
  }

  /// Receives once; how many bytes, 0 also at the end.
  private mutating func receiveOnce(
    _ engine: inout Engine, _ now: Instant
  ) throws(EngineError) -> Int {
    input.removeAll(keepingCapacity: true)
    var result = Received()
    let id = id
    try input.append(addingCapacity: plan.largestReceive) { room throws(EngineError) in
      result = try engine.receive(id, into: &room, at: now)
    }
    if result.count != input.count { complaints.append("\(result.count) bytes are \(input.count)") }
    for byte in input {
      if byte != Self.byte(received, receivedSeed) {
        complaints.append("byte \(received) is not what was sent")
        break
      }
      received += 1
    }
    if result.isMark { mark = received }
    if peerHasClosed && result.count > 0 { complaints.append("data after the end") }
    if result.isEnd { peerHasClosed = true }
    return result.count
  }

  /// The byte at a place of what a side sends.
  private static func byte(_ offset: Int, _ seed: UInt64) -> UInt8 {
    UInt8(truncatingIfNeeded: (UInt64(offset) &+ seed &* 31) &* 0x9E37_79B9_7F4A_7C15 >> 56)
  }
}
