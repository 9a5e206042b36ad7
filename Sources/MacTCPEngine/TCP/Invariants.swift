// What always holds of the engine between two calls: for tests and fuzzers, in debug builds alone.
//
// The most useful of them: who waits has a deadline, or something to send. A connection that waits for nothing in
// particular hangs.

#if DEBUG
  internal import MacTCPWire

  extension Engine {
    /// Stops the program, with a message, unless all that must hold of the engine does. Only in debug builds.
    public mutating func checkInvariants() {
      if let broken = brokenInvariant() { fatalError("invariant: \(broken)") }
    }

    /// What must hold of the engine and does not, in a sentence; `nil` if all is well. Only in debug builds.
    public mutating func brokenInvariant() -> String? {
      do throws(BrokenInvariant) {
        try tcp.checkInvariants(&context)
        return nil
      } catch {
        return error.text
      }
    }
  }

  private struct BrokenInvariant: Error {
    let text: String
  }

  /// Throws unless the condition holds.
  private func require(
    _ condition: Bool, _ text: @autoclosure () -> String
  ) throws(BrokenInvariant) {
    if !condition { throw BrokenInvariant(text: text()) }
  }

  extension TCPLayer {
    fileprivate mutating func checkInvariants(_ context: inout Context) throws(BrokenInvariant) {
      var memory = timeWaits.count * Self.timeWaitFootprint
      var inTable = 0
      var inPorts = 0
      let all = try places()
      for index in all {
        try connections[index].checkInvariants(&context)
        try checkPlaces(index, &context)
        memory += Self.footprint + connections[index].memory
        if connections[index].figures >= 0 { memory += ControlBlock.figuresFootprint }
        if connections[index].extras != nil { memory += Extras.footprint }
        if connections[index].pending.inTable { inTable += 1 }
        if connections[index].pending.inPorts { inPorts += 1 }
      }
      try require(
        table.count == inTable + timeWaits.count, "the table has connections that are none")
      try require(
        ports.values.reduce(0) { $0 + $1.count } == inPorts,
        "the ports have listeners that are none")
      try require(
        timeWaits.count <= context.configuration.timeWaitLimit, "too many are in TIME-WAIT")
      try require(
        memory <= context.memory.bytesInUse, "memory is in use that the account does not have")
      try require(
        context.memory.bytesInUse <= context.configuration.memoryCeiling, "the ceiling is passed")
      if listeners.count > 0 { try checkListeners(all) }
    }

    /// The places of all connections; not more are asked than must be, since this runs after each step of a test.
    private func places() throws(BrokenInvariant) -> [Int] {
      var places: [Int] = []
      var index = 0
      while places.count < connections.count {
        try require(index < connections.bound, "fewer connections are there than are counted")
        if connections.isOccupied(index) { places.append(index) }
        index += 1
      }
      return places
    }

    /// Where a connection is found.
    private mutating func checkPlaces(_ index: Int, _ context: inout Context)
      throws(BrokenInvariant)
    {
      let state = connections[index].state
      let name = "connection \(index), \(state)"
      let armed = timers.deadline(of: index) ?? .never
      try require(armed == connections[index].armed, "\(name): the timer is not as it was armed")
      let deadline = connections[index].nextDeadline(&context)
      try require(armed <= deadline, "\(name): the timer is too late")
      try require(
        nextDeadline <= max(armed, context.now), "\(name): nobody looks at the timer in time")
      if connections[index].pending.output {
        try require(ready.contains(index), "\(name): it has something to send, and nobody knows")
      }
      let hasParent = connections[index].parent >= 0
      if !connections[index].events.isEmpty && !hasParent {
        try require(eventful.contains(index), "\(name): it has an event, and nobody knows")
      }
      try require(
        !hasParent || !eventful.contains(index), "\(name): the user is told of what is not accepted"
      )
      let local = connections[index].local
      let remote = connections[index].remote
      let isInTable = find(local: local, remote: remote) == index
      try require(isInTable == connections[index].pending.inTable, "\(name): in the table, or not?")
      switch state {
      case .closed, .timeWait: try require(!isInTable, "\(name): in the table")
      case .listen:
        try require(!isInTable, "\(name): in the table")
        try require(ports[local.port]?.contains(Int32(index)) == true, "\(name): not in the ports")
      case .synSent, .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing,
        .lastAck:
        try require(isInTable, "\(name): not in the table")
      }
      try require(
        connections[index].pending.inPorts == (state == .listen), "\(name): in the ports, or not?")
      try require(!connections[index].isDisposable, "\(name): nobody needs it")
    }

    /// Listeners know their children, and children their listeners.
    private func checkListeners(_ all: [Int]) throws(BrokenInvariant) {
      var halfOpen: [Int: Int] = [:]
      var waiting: [Int: Int] = [:]
      for index in all {
        let parent = Int(connections[index].parent)
        guard parent >= 0 else { continue }
        try require(
          connections.isOccupied(parent) && connections[parent].listener >= 0,
          "connection \(index) has no listener")
        if connections[index].pending.isAnnounced {
          waiting[parent, default: 0] += 1
          let listener = Int(connections[parent].listener)
          try require(
            listeners[listener].all.contains(Int32(index)),
            "the listener does not have connection \(index)")
        } else {
          halfOpen[parent, default: 0] += 1
          try require(
            connections[index].state == .synReceived, "connection \(index) is not half open")
        }
      }
      for index in all {
        let listener = Int(connections[index].listener)
        guard listener >= 0 else { continue }
        let (half, whole) = (listeners[listener].halfOpen, listeners[listener].waiting)
        try require(half == halfOpen[index] ?? 0, "the listener counts \(half) half open")
        try require(whole == waiting[index] ?? 0, "the listener counts \(whole) that wait")
        try require(half <= listeners[listener].backlog, "more are half open than may be")
      }
    }
  }

  extension ControlBlock {
    /// What the block has of the pool.
    fileprivate var memory: Int {
      sendRing.capacity + receiveRing.capacity + recovery.segments.memory + outOfOrder.memory
    }

    fileprivate mutating func checkInvariants(_ context: inout Context) throws(BrokenInvariant) {
      switch state {
      case .closed, .listen, .timeWait:
        try require(
          sendRing.capacity == 0 && outOfOrder.isEmpty, "\(state): it keeps what nobody wants")
        try require(recovery.segments.memory == 0, "\(state): it remembers what it has sent")
        try require(unansweredSince == .never, "\(state): it waits for an answer")
      case .synSent, .synReceived:
        try require(snd.una == snd.iss, "\(state): the SYN is acknowledged")
        try checkSending()
        try checkReceiving()
        try checkDeadlines()
      case .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck:
        try require(snd.una != snd.iss || snd.nxt != snd.iss, "\(state): no SYN was sent")
        try checkSending()
        try checkReceiving()
        try checkClosing()
        try checkDeadlines()
      }
      try require(!pending.reset || state == .closed, "\(state): a RST is to be sent")
      try require(
        pending.released || state != .closed || reason != nil || !pending.wasEstablished,
        "no reason")
    }

    /// The send sequence space (RFC 9293 §3.3.1, Figure 3), the ring and what was sent.
    private mutating func checkSending() throws(BrokenInvariant) {
      try require(
        snd.una.precedesOrEquals(snd.nxt), "\(state): SND.UNA \(snd.una) > SND.NXT \(snd.nxt)")
      let isSYNAcknowledged = snd.una != snd.iss
      if !isSYNAcknowledged {
        try require(
          sendStart == snd.iss.advanced(by: 1), "\(state): the data do not follow the SYN")
        try require(
          snd.nxt.precedesOrEquals(sendStart),
          "\(state): data were sent before the SYN is acknowledged")
      } else {
        let fin = pending.finAcknowledged ? 1 : 0
        try require(
          sendStart.advanced(by: fin) == snd.una, "\(state): the ring does not begin at SND.UNA")
        let end = pending.finSent ? sendEnd : sendStart.advanced(by: sendRing.count)
        try require(snd.nxt.precedesOrEquals(end), "\(state): SND.NXT is behind all data")
        try require(!pending.finSent || snd.nxt == end, "\(state): SND.NXT is not behind the FIN")
      }
      try require(!pending.finSent || pending.fin, "\(state): a FIN was sent that nobody wanted")
      try require(
        !pending.finAcknowledged || pending.finSent && sendRing.isEmpty,
        "\(state): FIN acknowledged")
      let outstanding = recovery.segments.count
      try require(
        (outstanding > 0) == (snd.una != snd.nxt), "\(state): what is outstanding is not remembered"
      )
      if let first = recovery.segments.start, let end = recovery.segments.end {
        try require(
          first == snd.una && end == snd.nxt,
          "\(state): other numbers are remembered than are outstanding")
      }
      if snd.isUrgent {
        try require(
          snd.una.precedes(snd.up) && snd.up.precedesOrEquals(sendEnd), "\(state): SND.UP")
      }
      try require(
        !pending.probedByte || snd.una == snd.nxt, "\(state): a probe with data outstanding")
    }

    /// The receive sequence space (RFC 9293 §3.3.1, Figure 4), the ring and what came out of order.
    private func checkReceiving() throws(BrokenInvariant) {
      guard state != .synSent else { return }
      try require(rcv.nxt.precedesOrEquals(rcv.edge), "\(state): RCV.NXT is behind the window")
      let held = receiveRing.count + receiveWindow
      try require(
        held <= receiveRingLimit + (pending.finReceived ? 1 : 0),
        "\(state): more is offered than there is room for")
      for block in outOfOrder.sackBlocks(limit: 4) {
        try require(
          rcv.nxt.precedes(block.left) && block.left.precedes(block.right), "\(state): out of order"
        )
        try require(
          block.right.precedesOrEquals(rcv.edge), "\(state): data from behind the window are kept")
      }
      try require(
        outOfOrder.isEmpty || receiveRing.capacity > 0, "\(state): what is out of order is nowhere")
      try require(
        outOfOrder.isEmpty == (outOfOrder.memory == 0), "\(state): memory for no ranges")
      try require(!pending.released || receiveRing.isEmpty, "\(state): data that nobody will read")
    }

    /// Which FINs were sent and received in which state (RFC 9293 §3.3.2, Figure 5).
    private func checkClosing() throws(BrokenInvariant) {
      let facts = (pending.fin, pending.finAcknowledged, pending.finReceived)
      let expected: (Bool, Bool, Bool)?
      switch state {
      case .established: expected = (false, false, false)
      case .finWait1: expected = (true, false, false)
      case .finWait2: expected = (true, true, false)
      case .closeWait: expected = (false, false, true)
      case .closing, .lastAck: expected = (true, false, true)
      case .closed, .listen, .synSent, .synReceived, .timeWait: expected = nil
      }
      if let expected { try require(facts == expected, "\(state): FINs \(facts)") }
      try require(
        !pending.finReceived || outOfOrder.isEmpty, "\(state): data are kept from behind the FIN")
    }

    /// Who waits has a deadline, or something to send.
    private mutating func checkDeadlines() throws(BrokenInvariant) {
      let isRetransmitting = recovery.deadline != .never
      if snd.una != snd.nxt {
        try require(
          pending.output || isRetransmitting, "\(state): nobody sends again what is outstanding")
        // It runs from the next segment on if the peer says that its window is closed (MUST-37).
        try require(
          unansweredSince != .never || snd.wnd == 0, "\(state): R2 does not run")
      } else {
        let hasMore = unsentBytes > 0 || pending.fin && !pending.finSent || pending.syn
        let isWaiting = pending.output || deadlines.persist != .never
        try require(!hasMore || isWaiting, "\(state): nobody sends what waits")
      }
      if unacknowledgedSegments > 0 {
        try require(
          pending.acknowledgment || deadlines.delayedAcknowledgment != .never,
          "\(state): nobody acknowledges what has come")
      }
      try require(
        !pending.acknowledgment || pending.output, "\(state): nobody sends the acknowledgement")
      if state == .finWait2 && pending.released {
        try require(deadlines.idle != .never, "FIN-WAIT-2 for ever")
      }
      if settings.usesKeepalive && isSynchronized && snd.una == snd.nxt {
        try require(deadlines.idle != .never, "\(state): nobody probes the idle peer")
      }
    }
  }
#endif
