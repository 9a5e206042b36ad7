// What follows from a control block's variables.

internal import MacTCPWire

extension ControlBlock {
  /// The MSS of a link with the smallest MTU there may be, 68 (RFC 791).
  static var leastMSS: UInt16 { 28 }
  /// What a smaller MSS of the peer is taken as: 40 bytes of options leave 8 for data then. A peer that asks for less
  /// wants packets without end of what is sent (CVE-2019-11479).
  static var leastPeerMSS: UInt16 { 48 }

  /// Whether data may be received in this state (RFC 9293 §3.10.7.4, seventh).
  var canReceiveData: Bool {
    switch state {
    case .established, .finWait1, .finWait2: true
    case .closed, .listen, .synSent, .synReceived, .closeWait, .closing, .lastAck, .timeWait: false
    }
  }

  /// Whether both sides have agreed on their first numbers (RFC 9293 §3.5, "synchronized").
  var isSynchronized: Bool {
    switch state {
    case .closed, .listen, .synSent, .synReceived: false
    case .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck, .timeWait: true
    }
  }

  /// The number behind the last byte that the user has given, and behind the FIN if there is one.
  var sendEnd: SequenceNumber {
    sendStart.advanced(by: sendRing.count &+ (pending.fin ? 1 : 0))
  }

  /// The number of the first byte that the user has not read.
  var readStart: SequenceNumber {
    rcv.nxt.advanced(by: -(receiveRing.count &+ (pending.finReceived ? 1 : 0)))
  }

  /// Room for what comes in order, as far as the field of a window can tell of it.
  var receiveSpace: Int {
    min(max(0, Int(receiveLimit) &- receiveRing.count), 65_535 &<< Int(receiveShift))
  }

  /// How much the ring may hold: the field of a window is a multiple of a power of two.
  var receiveRingLimit: Int { Int(receiveLimit) &+ 1 &<< Int(receiveShift) }

  /// RCV.WND: what the peer may send still (RFC 9293 §3.3.1).
  var receiveWindow: Int { max(0, rcv.nxt.distance(to: rcv.edge)) }

  /// What of the peer's window is not used; negative after it was shrunk.
  var usableWindow: Int {
    snd.nxt.distance(to: snd.una.advanced(by: Int(snd.wnd)))
  }

  /// The data that a segment may have with the options that every segment has (RFC 9293 §3.7.1).
  var segmentData: Int { max(1, Int(mss) &- (usesTimestamps ? 12 : 0)) }

  /// Whether it has that four-tuple.
  @inline(__always)
  func isBetween(_ local: Endpoint, _ remote: Endpoint) -> Bool {
    self.remote == remote && self.local == local
  }

  /// Whether the user may name it: one who waits to be accepted, and what was released, nobody can.
  @inline(__always) var isUsers: Bool { !pending.released && parent < 0 }

  /// What the connection's change means for the tables and queues that it is in. `armed` is its timer's moment then.
  @inline(__always)
  mutating func settlement(_ context: inout Context) -> Settlement {
    var needs: Settlement = []
    let deadline = nextDeadline(&context)
    // A timer that is too early finds nothing due and is armed again: it need not move when a deadline does.
    if deadline < armed {
      armed = deadline
      needs.insert(.timer)
    }
    if pending.output { needs.insert(.output) }
    // What a listener's child has to tell waits until it has been accepted.
    if !events.isEmpty && parent < 0 { needs.insert(.events) }
    if state != .established || parent >= 0, needsSettling { needs.insert(.more) }
    return needs
  }

  /// Whether `settle` has more to do than timers and queues.
  private var needsSettling: Bool {
    @inline(never) mutating get {
      switch state {
      case .closed, .timeWait: true
      case .established: parent >= 0
      case .listen: pending.returnsToListen
      case .synReceived, .synSent: false
      case .finWait1, .finWait2, .closeWait, .closing, .lastAck: parent >= 0
      }
    }
  }

  /// Whether nobody needs the block any more.
  var isDisposable: Bool {
    mutating get {
      pending.released && (state == .closed || state == .timeWait) && !pending.reset
        && !pending.inTable
        || pending.released && state == .timeWait
    }
  }

  /// The first moment at which something is due.
  // `mutating`, and the context `inout`, although nothing is changed: to borrow a large value from a place that
  // can change, the compiler copies it.
  @inline(__always)
  mutating func nextDeadline(_ context: inout Context) -> Instant {
    if state == .closed || state == .timeWait || state == .listen { return .never }
    var deadline = min(recovery.deadline, deadlines.delayedAcknowledgment)
    deadline = min(deadline, min(deadlines.persist, deadlines.idle))
    return min(deadline, userDeadline(&context))
  }

  /// When the user time-out runs out: so long after the first of what is unanswered (RFC 9293 §3.8.3, R2).
  @inline(__always)
  mutating func userDeadline(_ context: inout Context) -> Instant {
    guard unansweredSince != .never else { return .never }
    let timeout =
      isSynchronized || settings.userTimeoutIsSet
      ? settings.userTimeout : context.configuration.openTimeout
    return timeout == 0 ? .never : unansweredSince.advanced(by: timeout)
  }

  /// Gives all memory back.
  mutating func freeMemory(_ context: inout Context) {
    sendRing.removeAll(pool: &context.memory)
    receiveRing.removeAll(pool: &context.memory)
    recovery.reset(&context.memory)
    outOfOrder.removeAll(pool: &context.memory)
    freeFigures(&context)
    freeExtras(&context)
  }

  /// Ends the connection: nothing more is sent, and what the user has not read stays.
  mutating func end(_ reason: TerminationReason, _ context: inout Context) {
    guard state != .closed else { return }
    let wasListening = state == .listen
    if reason == .close {
      context.counters.tcp.closedGracefully &+= 1
    } else if pending.wasEstablished {
      context.counters.tcp.aborted &+= 1
    } else if !wasListening {
      context.counters.tcp.attemptsFailed &+= 1
    }
    state = .closed
    self.reason = reason
    forgetTransfer(&context)
    tell(.terminated)
  }

  /// Gives back what only an open connection needs.
  mutating func forgetTransfer(_ context: inout Context) {
    sendRing.removeAll(pool: &context.memory)
    recovery.reset(&context.memory)
    outOfOrder.removeAll(pool: &context.memory)
    if pending.released || receiveRing.isEmpty { receiveRing.removeAll(pool: &context.memory) }
    deadlines = Deadlines()
    unansweredSince = .never
    pending.output = pending.reset
  }

  /// Queues an event, unless the user has released the stream.
  @inline(__always)
  mutating func tell(_ event: PendingEvents) {
    if !pending.released { events.insert(event) }
  }

  /// The first of the events that are queued, in the order in which they can have happened.
  mutating func nextEvent(_ id: ConnectionID) -> (EngineEvent?, isLast: Bool) {
    guard let bit = events.first else { return (nil, true) }
    events.remove(bit)
    return (event(bit, id), events.isEmpty)
  }

  private mutating func event(_ bit: PendingEvents, _ id: ConnectionID) -> EngineEvent? {
    switch bit {
    case .opened: return .opened(id)
    case .incoming: return .incoming(id)
    case .icmpReport: return extras?.report.map { .icmpReport(id, $0) }
    case .urgent: return .urgent(id)
    case .dataArrived: return .dataArrived(id)
    case .acknowledged: return .acknowledged(id)
    case .finAcknowledged: return .finAcknowledged(id)
    case .closing: return .closing(id)
    case .deliveryProblem: return recovery.backoffCount > 0 ? .deliveryProblem(id) : nil
    case .userTimeout: return .userTimeout(id)
    default: return .terminated(id, reason ?? .networkFailure)
    }
  }
}

/// What a change of a connection has to be followed by.
struct Settlement: OptionSet {
  let rawValue: UInt8
  static var timer: Settlement { Settlement(rawValue: 1) }
  static var output: Settlement { Settlement(rawValue: 2) }
  static var events: Settlement { Settlement(rawValue: 4) }
  static var more: Settlement { Settlement(rawValue: 8) }
}

extension PendingEvents {
  /// The event that stands first.
  var first: PendingEvents? {
    rawValue == 0 ? nil : PendingEvents(rawValue: rawValue & (0 &- rawValue))
  }
}
