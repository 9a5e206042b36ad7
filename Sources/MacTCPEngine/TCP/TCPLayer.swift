// TCP: all connections, and what finds them (RFC 9293).
//
// A segment's way: `receive` finds the connection by its four-tuple, `ControlBlock.segmentArrives` changes it,
// `settle` does what follows. A call's way is the same with a call in place of the segment. `transmit` lets the
// connections that want to send make one packet after the other.

internal import MacTCPWire

struct TCPLayer: ~Copyable {
  var connections = Slab<ControlBlock>()
  var listeners = Slab<Listener>()
  /// Four-tuples: an index of `connections`, or one of `timeWaits` with `timeWaitBit`.
  var table: ConnectionTable
  /// The streams in LISTEN, by local port.
  var ports: [UInt16: [Int32]] = [:]
  var timeWaits = TimeWaits()
  var timers = TimerWheel()
  /// The connections that may have something to send.
  var ready = TurnQueue()
  /// How many segments the first of them has sent in a row.
  var burst = 0
  /// The connections with events that nobody has been told of.
  var eventful = TurnQueue()
  /// Segments without a connection that are to be sent.
  var replies = Replies()
  var initialSequence: InitialSequenceNumbers
  var ephemeralPorts: EphemeralPorts
  var cookies: SYNCookies
  /// RFC 5961 §7: for all connections, and not to be guessed.
  var challenges: RateLimit
  var resets: RateLimit

  /// What tells a record in TIME-WAIT from a connection: there are fewer than 2^30 of both.
  static var timeWaitBit: Int { 1 << 30 }
  /// How many segments a connection sends before another one has its turn.
  static var mostInBurst: Int { 16 }

  init(_ configuration: EngineConfiguration, _ context: inout Context) {
    table = ConnectionTable(key: context.key(for: .connectionTable))
    initialSequence = InitialSequenceNumbers(key: context.key(for: .initialSequenceNumbers))
    ephemeralPorts = EphemeralPorts(
      range: configuration.ephemeralPorts, key: context.key(for: .ephemeralPorts))
    cookies = SYNCookies(key: context.key(for: .synCookies))
    challenges = RateLimit(perSecond: configuration.answersPerSecond)
    resets = RateLimit(perSecond: configuration.answersPerSecond)
  }

  // MARK: Time

  /// The first moment at which something may be due.
  // Inline, because a borrowed value of this size would be copied for a call.
  @inline(__always) var nextDeadline: Instant {
    min(timers.nextDeadline ?? .never, timeWaits.nextDeadline)
  }

  @inline(__always)
  mutating func advance(_ context: inout Context) {
    while let index = timers.nextExpired(at: context.now) {
      connections[index].armed = .never
      connections[index].timeout(&context)
      settle(index, &context)
    }
    while let (record, place) = timeWaits.removeExpired(at: context.now) {
      forget(record, from: place, &context)
    }
  }

  // MARK: Events

  @inline(__always)
  mutating func nextEvent(_ context: inout Context) -> EngineEvent? {
    while let index = eventful.first {
      let id = ConnectionID(rawValue: connections.handle(at: index).rawValue)
      let (event, isLast) = connections[index].nextEvent(id)
      if isLast { eventful.remove(index) }
      if let event { return event }
    }
    return nil
  }

  // MARK: Packets out

  /// Whether there may be something to send.
  @inline(__always) var hasOutput: Bool { !ready.isEmpty || !replies.isEmpty }

  /// Makes the next packet; `nil` if nobody has anything to send.
  @inline(__always)
  mutating func transmit(
    into packet: inout OutputSpan<UInt8>, _ ip: inout IPLayer, _ context: inout Context
  ) -> IPLayer.Disposition? {
    if !replies.isEmpty, let reply = replies.removeFirst() {
      return write(reply, into: &packet, &ip, &context)
    }
    while let index = ready.first {
      if let disposition = connections[index].transmit(into: &packet, &ip, &context) {
        burst &+= 1
        if burst >= Self.mostInBurst {
          burst = 0
          ready.remove(index)
          ready.append(index)
        }
        if !settle(index, &context) {
          burst = 0
          ready.remove(index)
        }
        return disposition
      }
      burst = 0
      ready.remove(index)
      settle(index, &context)
    }
    return nil
  }

  // MARK: What follows a change

  /// Does what follows from a change of the connection at `index`: `true` if it may have something to send.
  @discardableResult @inline(__always)
  mutating func settle(_ index: Int, _ context: inout Context) -> Bool {
    let needs = connections[index].settlement(&context)
    if needs.contains(.timer) { timers.arm(index, at: connections[index].armed) }
    if needs.contains(.output) { ready.append(index) }
    if needs.contains(.events) { eventful.append(index) }
    if needs.contains(.more) { settleSlowly(index, &context) }
    return needs.contains(.output)
  }

  /// What does not happen in the life of an established connection.
  private mutating func settleSlowly(_ index: Int, _ context: inout Context) {
    if connections[index].state == .timeWait { beginTimeWait(index, &context) }
    if connections[index].pending.returnsToListen { listenAgain(index) }
    if connections[index].state == .closed {
      leaveTables(index)
      leaveParent(index)
      if !connections[index].pending.reset {
        timers.cancel(index)
        connections[index].armed = .never
      }
    }
    if connections[index].parent >= 0 && connections[index].state != .synReceived {
      announceToParent(index, &context)
    }
    if connections[index].isDisposable { dispose(index, &context) }
  }

  /// A passive open that failed half-way is in LISTEN again, as it was before the SYN.
  private mutating func listenAgain(_ index: Int) {
    connections[index].pending.returnsToListen = false
    leaveTables(index)
    guard let endpoints = connections[index].extras?.listen else { return }
    connections[index].local = endpoints.local
    connections[index].remote = endpoints.remote
    enterPorts(index)
  }

  /// Takes the connection out of what finds it.
  mutating func leaveTables(_ index: Int) {
    if connections[index].pending.inTable {
      table.remove(
        local: connections[index].local, remote: connections[index].remote, value: index)
      connections[index].pending.inTable = false
    }
    if connections[index].pending.inPorts {
      let port = connections[index].local.port
      ports[port]?.removeAll { $0 == index }
      if ports[port]?.isEmpty == true { ports[port] = nil }
      connections[index].pending.inPorts = false
    }
  }

  private mutating func dispose(_ index: Int, _ context: inout Context) {
    leaveTables(index)
    timers.cancel(index)
    ready.remove(index)
    eventful.remove(index)
    connections[index].freeMemory(&context)
    connections.remove(index)
    context.memory.unreserve(Self.footprint)
  }

  /// What a connection without data takes of the memory ceiling: its block, and its places in tables.
  static var footprint: Int { Slab<ControlBlock>.placeSize &+ 64 }

  // MARK: Streams

  mutating func create(receiveBuffer: Int?, sendBuffer: Int?, _ context: inout Context)
    throws(EngineError) -> ConnectionID
  {
    let receiveBuffer = receiveBuffer ?? context.configuration.receiveBuffer
    let sendBuffer = sendBuffer ?? context.configuration.sendBuffer
    guard EngineConfiguration.bufferRange.contains(receiveBuffer),
      EngineConfiguration.bufferRange.contains(sendBuffer)
    else { throw .invalidLength }
    guard let index = makeConnection(&context) else { throw .insufficientResources }
    connections[index].receiveLimit = UInt32(receiveBuffer)
    connections[index].sendLimit = UInt32(sendBuffer)
    return ConnectionID(rawValue: connections.handle(at: index).rawValue)
  }

  /// A control block in CLOSED with the configuration's settings; `nil` at the memory ceiling.
  mutating func makeConnection(_ context: inout Context) -> Int? {
    guard context.memory.reserve(Self.footprint) else { return nil }
    var block = ControlBlock(context.recovery)
    block.settings.timeToLive = context.configuration.timeToLive
    block.settings.usesNagle = context.configuration.usesNagle
    block.settings.userTimeout = context.configuration.userTimeout
    guard let handle = connections.insert(block) else {
      context.memory.unreserve(Self.footprint)
      return nil
    }
    return handle.index
  }

  /// What has a four-tuple: as in `table`. `nil` if nothing has it.
  // Inline, because a borrowed value of this size would be copied for a call.
  @inline(__always)
  func find(local: Endpoint, remote: Endpoint) -> Int? {
    var search = table.search(local: local, remote: remote)
    while let found = table.next(&search) {
      if found < Self.timeWaitBit {
        if connections[found].isBetween(local, remote) { return found }
      } else if timeWaits.has(local, remote, at: found & ~Self.timeWaitBit) {
        return found
      }
    }
    return nil
  }

  /// The place of a stream that the user has.
  @inline(__always)
  func index(of id: ConnectionID) throws(EngineError) -> Int {
    guard let handle = Handle(rawValue: id.rawValue), let index = connections.index(of: handle),
      connections[index].isUsers
    else { throw .invalidStream }
    return index
  }
}

/// So many answers in a second, and not exactly so many: who counts them learns nothing (RFC 5961 §7).
struct RateLimit {
  let perSecond: Int
  private var second: UInt64 = .max
  private var left = 0

  init(perSecond: Int) { self.perSecond = perSecond }

  /// Whether one more may be sent now.
  mutating func allows(_ context: inout Context) -> Bool {
    let now = context.now.microseconds / 1_000_000
    if now != second {
      second = now
      left =
        perSecond / 2 &+ Int(truncatingIfNeeded: context.random.next() % UInt64(perSecond &+ 1))
    }
    guard left > 0 else { return false }
    left &-= 1
    return true
  }
}
