// Passive opens: one connection out of LISTEN, and listeners whose children wait to be accepted (RFC 9293 §3.10.7.2).
// What a listener does that has no room: Listener+Cookies.swift.

internal import MacTCPWire

/// What a listener has besides its control block.
struct Listener {
  /// How many children may be half open, and how many may wait to be accepted.
  let backlog: Int
  /// How many are half open.
  var halfOpen = 0
  /// The established ones, in their order: places in the slab of connections. Those before `head` are taken.
  private var queue: [Int32] = []
  private var head = 0

  init(backlog: Int) { self.backlog = backlog }

  /// How many wait to be accepted.
  var waiting: Int { queue.count &- head }

  mutating func append(_ index: Int) { queue.append(Int32(truncatingIfNeeded: index)) }

  mutating func removeFirst() -> Int? {
    guard head < queue.count else { return nil }
    let first = Int(queue[head])
    head &+= 1
    if head == queue.count || head >= 1_024 {
      queue.removeFirst(head)
      head = 0
    }
    return first
  }

  /// Takes out one that has ended before it was accepted.
  mutating func remove(_ index: Int) {
    if let place = queue[head...].firstIndex(of: Int32(truncatingIfNeeded: index)) {
      queue.remove(at: place)
    }
  }

  /// All that wait.
  var all: ArraySlice<Int32> { queue[head...] }
}

extension TCPLayer {
  // MARK: A SYN

  /// RFC 9293 §3.10.7.2, third: a SYN for a listener or a passive open.
  mutating func open(
    _ segment: ArrivingSegment, _ payload: Span<UInt8>, from index: Int, _ ip: inout IPLayer,
    _ context: inout Context
  ) {
    let listener = Int(connections[index].listener)
    guard listener >= 0 else {
      openOne(segment, payload, at: index, &ip, &context)
      return
    }
    let isFull =
      listeners[listener].halfOpen >= listeners[listener].backlog
      || listeners[listener].waiting >= listeners[listener].backlog
    guard !isFull, let child = makeChild(of: index, &context) else {
      sendCookie(segment, index, &ip, &context)
      return
    }
    listeners[listener].halfOpen &+= 1
    begin(child, with: segment, &ip, &context)
    connections[child].takeRest(of: segment, payload, &context)
    settle(child, &context)
  }

  /// The stream in LISTEN itself becomes the connection.
  private mutating func openOne(
    _ segment: ArrivingSegment, _ payload: Span<UInt8>, at index: Int, _ ip: inout IPLayer,
    _ context: inout Context
  ) {
    leaveTables(index)
    begin(index, with: segment, &ip, &context)
    connections[index].takeRest(of: segment, payload, &context)
    settle(index, &context)
  }

  /// A new connection with the listener's buffers and settings; `nil` at the memory ceiling.
  mutating func makeChild(of index: Int, _ context: inout Context) -> Int? {
    guard let child = makeConnection(&context) else { return nil }
    connections[child].receiveLimit = connections[index].receiveLimit
    connections[child].sendLimit = connections[index].sendLimit
    connections[child].settings = connections[index].settings
    if let options = connections[index].extras {
      guard let extras = connections[child].makeExtras(&context) else {
        connections.remove(child)
        context.memory.unreserve(Self.footprint)
        return nil
      }
      extras.ipOptions = options.ipOptions
      extras.keepalive = options.keepalive
    }
    connections[child].parent = Int32(truncatingIfNeeded: index)
    return child
  }

  /// SYN-RECEIVED: the SYN's number and options are taken, and SYN,ACK goes out.
  mutating func begin(
    _ index: Int, with segment: ArrivingSegment, _ ip: inout IPLayer,
    _ context: inout Context
  ) {
    // MUST-53: back the way that the SYN has come, unless the user has given another one (MUST-52). At the memory
    // ceiling the plain way is tried.
    if segment.information.hasSourceRoute && connections[index].extras?.ipOptions.isEmpty ?? true {
      connections[index].makeExtras(&context)?.ipOptions = ip.returnRoute
    }
    take(segment.local, segment.remote, at: index, after: segment.previousEnd, &ip, &context)
    connections[index].state = .synReceived
    connections[index].receive(syn: segment, &context)
    context.counters.tcp.passiveOpens &+= 1
  }

  // MARK: accept

  mutating func accept(_ id: ConnectionID, _ context: inout Context) throws(EngineError)
    -> ConnectionID?
  {
    let index = try index(of: id)
    let listener = Int(connections[index].listener)
    guard listener >= 0, connections[index].state == .listen else {
      throw .connectionDoesntExist
    }
    guard let child = listeners[listener].removeFirst() else { return nil }
    connections[child].parent = -1
    connections[child].events.remove(.opened)
    if !connections[child].events.isEmpty { eventful.append(child) }
    return ConnectionID(rawValue: connections.handle(at: child).rawValue)
  }

  /// The child is no longer half open: it waits to be accepted, or has ended.
  mutating func announceToParent(_ index: Int, _ context: inout Context) {
    let parent = Int(connections[index].parent)
    let listener = Int(connections[parent].listener)
    guard !connections[index].pending.isAnnounced, connections[index].state != .closed,
      listener >= 0
    else { return }
    connections[index].pending.isAnnounced = true
    listeners[listener].halfOpen &-= 1
    listeners[listener].append(index)
    connections[parent].tell(.incoming)
    eventful.append(parent)
  }

  /// A child has ended before it was accepted: nobody will ever know it.
  mutating func leaveParent(_ index: Int) {
    let parent = Int(connections[index].parent)
    guard parent >= 0 else { return }
    let listener = Int(connections[parent].listener)
    if listener >= 0 {
      if connections[index].pending.isAnnounced {
        listeners[listener].remove(index)
      } else {
        listeners[listener].halfOpen &-= 1
      }
    }
    connections[index].parent = -1
    connections[index].pending.released = true
    connections[index].events = []
  }

  /// The listener is no more: its children that nobody has accepted are aborted.
  mutating func dropListener(_ index: Int, _ context: inout Context) {
    let listener = Int(connections[index].listener)
    guard listener >= 0 else { return }
    for child in 0..<connections.bound
    where connections.isOccupied(child) && Int(connections[child].parent) == index {
      connections[child].abortConnection(.abort, &context)
      settle(child, &context)
    }
    listeners.remove(listener)
    connections[index].listener = -1
  }
}

extension ControlBlock {
  /// Takes a peer's SYN: the connection is in SYN-RECEIVED.
  mutating func receive(syn segment: ArrivingSegment, _ context: inout Context) {
    rcv.irs = segment.sequence
    rcv.nxt = segment.sequence.advanced(by: 1)
    rcv.psh = rcv.nxt
    rcv.acknowledged = rcv.nxt
    agree(on: segment, &context)
    usesECN =
      context.configuration.usesECN && segment.flags.contains(.ece) && segment.flags.contains(.cwr)
    settings.isPassive = true
    offerFirstWindow()
    snd.wnd = UInt32(segment.header.window)
    snd.wl1 = segment.sequence
    pending.syn = true
    pending.output = true
  }

  /// Keeps what came with the SYN until the connection is there (RFC 9293 §3.10.7.2, third).
  mutating func takeRest(
    of syn: ArrivingSegment, _ payload: Span<UInt8>, _ context: inout Context
  ) {
    var segment = syn
    segment.removeSYN()
    takeText(segment, payload, &context)
    takeFIN(segment, payload.count, &context)
  }

  /// The shift that windows of this size need.
  var shiftForLimit: UInt8 {
    mutating get {
      var shift: UInt8 = 0
      while shift < TCPOptions.greatestWindowScale && receiveLimit >> UInt32(shift) > 65_535 {
        shift &+= 1
      }
      return shift
    }
  }
}
