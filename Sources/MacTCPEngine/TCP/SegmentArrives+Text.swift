// SEGMENT ARRIVES, sixth to eighth: urgent data, the text and the FIN (RFC 9293 §3.10.7.4); reassembly.

internal import MacTCPWire

extension ControlBlock {
  // MARK: Data that come next

  /// Takes data that have been written behind those that `receiveRing` holds.
  @inline(__always)
  mutating func takeNext(_ count: Int, isPushed: Bool, _ context: inout Context) {
    receiveRing.commit(count)
    rcv.nxt.advance(by: count)
    acknowledgeLater(&context)
    if isPushed { rcv.psh = rcv.nxt }
    if isSynchronized { tell(.dataArrived) }
  }

  @inline(__always)
  mutating func countReceived(_ count: Int, _ context: inout Context) {
    self.count(&context) {
      $0.dataSegmentsReceived &+= 1
      $0.bytesReceived &+= UInt64(count)
    }
    context.counters.tcp.bytesReceived &+= UInt64(count)
  }

  /// Every second segment is acknowledged at once (SHLD-19), one alone after a while (MUST-40).
  @inline(__always)
  private mutating func acknowledgeLater(_ context: inout Context) {
    unacknowledgedSegments &+= 1
    let delay = context.configuration.acknowledgmentDelay
    if unacknowledgedSegments >= 2 || !settings.delaysAcknowledgments || delay == 0 {
      pending.acknowledgment = true
      pending.output = true
    } else if deadlines.delayedAcknowledgment == .never {
      deadlines.delayedAcknowledgment = context.now.advanced(by: delay)
    }
  }

  // MARK: All other data

  /// Takes the data of an acceptable segment: what is in the window and has not come before.
  ///
  /// The SYN of a segment that has one must be off.
  mutating func takeText(
    _ segment: ArrivingSegment, _ payload: Span<UInt8>, _ context: inout Context
  ) {
    guard !payload.isEmpty else { return }
    let sequence = segment.sequence
    if canReceiveData && pending.released {
      // Nobody will read it, and the peer should know (RFC 9293 §3.6.1, SHLD-3).
      context.counters.drop(.dataAfterClose)
      abortConnection(.abort, &context)
      return
    }
    guard canReceiveData || state == .synReceived else { return }
    let end = sequence.advanced(by: payload.count)
    var first = 0
    if sequence.precedes(rcv.nxt) {
      first = min(sequence.distance(to: rcv.nxt), payload.count)
      report(duplicate: SACKBlock(left: sequence, right: sequence.advanced(by: first)))
      count(&context) { $0.bytesReceivedTwice &+= UInt64(first) }
      context.counters.tcp.bytesReceivedTwice &+= UInt64(first)
      pending.acknowledgment = true
    }
    var last = payload.count
    if rcv.edge.precedes(end) {
      let beyond = min(rcv.edge.distance(to: end), last &- first)
      count(&context) { $0.bytesPastWindow &+= UInt64(beyond) }
      last &-= beyond
      pending.acknowledgment = true
    }
    pending.output = pending.output || pending.acknowledgment
    guard first < last else { return }
    let data = payload.extracting(first..<last)
    let start = sequence.advanced(by: first)
    if start == rcv.nxt {
      takeInOrder(data, segment, &context)
    } else {
      takeOutOfOrder(data, at: start, &context)
    }
  }

  private mutating func takeInOrder(
    _ data: Span<UInt8>, _ segment: ArrivingSegment, _ context: inout Context
  ) {
    guard
      receiveRing.write(
        data, at: receiveRing.count, limit: receiveRingLimit, pool: &context.memory)
    else {
      context.counters.drop(.memoryCeiling)
      return
    }
    var count = data.count
    countReceived(count, &context)
    if !outOfOrder.isEmpty {
      // What came out of order lies behind already: all up to the next gap is there now.
      let reach = outOfOrder.advance(
        to: rcv.nxt.advanced(by: count), pool: &context.memory)
      count = max(count, rcv.nxt.distance(to: reach))
      pending.acknowledgment = true
      pending.output = true
    }
    // Which of those that came out of order were pushed is not remembered: better early than late.
    takeNext(count, isPushed: segment.flags.contains(.psh) || count > data.count, &context)
  }

  /// Keeps data that do not come next (SHLD-31), and acknowledges at once what does (RFC 5681 §4.2, MAY-13).
  private mutating func takeOutOfOrder(
    _ data: Span<UInt8>, at start: SequenceNumber, _ context: inout Context
  ) {
    pending.acknowledgment = true
    pending.output = true
    context.counters.tcp.segmentsOutOfOrder &+= 1
    let offset = receiveRing.count &+ rcv.nxt.distance(to: start)
    // One byte at the end of the window takes memory for all of it, for as long as the peer likes. Beyond half of what
    // there is, memory is for what comes in order; the peer still has the rest (RFC 2018 §8).
    let isAllowed =
      offset &+ data.count <= receiveRing.capacity
      || context.memory.bytesInUse < context.memory.ceiling / 2
    guard isAllowed,
      receiveRing.write(data, at: offset, limit: receiveRingLimit, pool: &context.memory)
    else {
      context.counters.drop(.memoryCeiling)
      return
    }
    let insertion = outOfOrder.insert(
      left: start, right: start.advanced(by: data.count), pool: &context.memory)
    if let duplicate = insertion.duplicate {
      report(duplicate: duplicate)
      context.counters.tcp.segmentsReceivedTwice &+= 1
    }
    guard insertion.isKept else {
      let isFull = outOfOrder.count == OutOfOrderRanges.most
      context.counters.drop(isFull ? .outOfOrderLimit : .memoryCeiling)
      if receiveRing.isEmpty && outOfOrder.isEmpty { receiveRing.removeAll(pool: &context.memory) }
      return
    }
    countReceived(data.count, &context)
  }

  // MARK: FIN

  /// Takes the FIN of this segment, or one that came before all that precedes it (RFC 9293 §3.10.7.4, eighth).
  mutating func takeFIN(
    _ segment: ArrivingSegment, _ count: Int, _ context: inout Context
  ) {
    if segment.flags.contains(.fin) {
      let fin = segment.sequence.advanced(by: count)
      guard !pending.finReceived, fin.precedesOrEquals(rcv.edge), !fin.precedes(rcv.nxt) else {
        pending.acknowledgment = true
        pending.output = true
        return
      }
      rcv.fin = fin
      pending.finOutOfOrder = true
    }
    guard pending.finOutOfOrder else { return }
    // A FIN that came with the SYN waits until the connection is there (RFC 9293 §3.10.7.2, third).
    guard isSynchronized else { return }
    // A FIN behind a gap is acknowledged when it comes and when the gap is closed. Were it with every segment in
    // between, two hosts with such FINs would acknowledge each other's acknowledgements for ever.
    guard segment.flags.contains(.fin) || rcv.nxt == rcv.fin else { return }
    pending.acknowledgment = true
    pending.output = true
    guard rcv.nxt == rcv.fin else { return }
    pending.finOutOfOrder = false
    pending.finReceived = true
    // Nothing can come from behind the FIN.
    outOfOrder.removeAll(pool: &context.memory)
    rcv.nxt.advance(by: 1)
    rcv.edge = SequenceNumber.later(rcv.edge, rcv.nxt)
    // The FIN implies a push of all that came before (RFC 9293 §3.10.7.4, eighth).
    rcv.psh = rcv.nxt
    tell(.closing)
    switch state {
    case .established: state = .closeWait
    case .finWait1: state = .closing
    case .finWait2: enterTimeWait(&context)
    case .closed, .listen, .synSent, .synReceived, .closeWait, .closing, .lastAck, .timeWait: break
    }
  }

  // MARK: Urgent data

  /// RCV.UP <- max(RCV.UP, SEG.UP) (RFC 9293 §3.10.7.4, sixth). The pointer is the number behind the last urgent
  /// byte (MUST-62), and may be far ahead of what has come: the user is told now (MUST-32).
  mutating func takeUrgent(_ segment: ArrivingSegment, _ context: inout Context) {
    guard canReceiveData else { return }
    let up = segment.sequence.advanced(by: Int(segment.header.urgentPointer))
    let read = readStart
    guard read.precedes(up) else { return }
    if rcv.isUrgent && read.precedes(rcv.up) {
      guard rcv.up.precedes(up) else { return }
      rcv.up = up
    } else {
      rcv.isUrgent = true
      rcv.up = up
      // What came before this segment and was not read is not urgent.
      rcv.urgentStart = SequenceNumber.later(read, segment.sequence)
    }
    tell(.urgent)
  }
}
