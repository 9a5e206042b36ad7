// SEGMENT ARRIVES, fifth: the ACK field (RFC 9293 §3.10.7.4), the window (§3.8.6), and what an acknowledged FIN does.

internal import MacTCPWire

extension ControlBlock {
  /// Takes the acknowledgement and the window.
  mutating func acknowledge(
    _ segment: ArrivingSegment, _ count: Int, _ context: inout Context
  ) -> Reaction {
    let acknowledgment = segment.acknowledgment
    if pending.probedByte && acknowledgment == snd.nxt.advanced(by: 1) {
      // The byte that probed the window was taken.
      pending.probedByte = false
      snd.nxt = acknowledgment
    }
    // RFC 5961 §5.2: neither what was never sent, nor what is older than a window. Counted forward from the
    // oldest, so that nothing on the other side of the circle passes.
    let oldest = snd.una.advanced(by: -Int(snd.largestWindow))
    if acknowledgment.offset(from: oldest) > snd.nxt.offset(from: oldest) {
      context.counters.drop(.unacceptableAcknowledgment)
      return .challenge
    }
    let previous = snd.una
    let shift = segment.isOpening ? 0 : sendShift
    let windowChanged = updateWindow(
      segment.sequence, acknowledgment, UInt32(segment.header.window) << UInt32(shift))
    if previous.precedes(acknowledgment) || previous != snd.nxt
      || !segment.header.options.sackBlocks.isEmpty || recovery.awaitsDuplicate
    {
      let outcome = recovery.acknowledged(
        .init(
          ack: acknowledgment,
          sackBlocks: usesSACK ? segment.header.options.sackBlocks : SACKBlocks(),
          echoAge: echoAge(segment, &context),
          carriesData: segment.length > 0, changesWindow: windowChanged,
          hasECE: usesECN && segment.flags.contains(.ece),
          canSendNew: unsentBytes > 0 && usableWindow > 0),
        now: context.now, pool: &context.memory)
      note(outcome, &context)
      pending.output = true
    }
    if previous.precedes(acknowledgment) {
      advance(to: acknowledgment, &context)
    } else if windowChanged && snd.nxt.precedes(sendEnd) {
      pending.output = true
    }
    noteAnswer(previous, &context)
    return .none
  }

  /// SND.UNA was `previous` before this acknowledgement.
  @inline(__always)
  mutating func noteAnswer(_ previous: SequenceNumber, _ context: inout Context) {
    // R2 runs from the first of what is not acknowledged. A peer that says again that its window is closed is
    // no failure, for however long it does (MUST-37).
    // The next probe may be without an answer: the wait begins with it, or when the window opens again.
    // Of a stream that the user has released only R2 can be the end: there a closed window, for which RFC 6429 lets
    // resources be taken back, stops it no more than silence does.
    if snd.una == snd.nxt && (!pending.released || sendRing.isEmpty)
      || snd.wnd == 0 && !pending.released
    {
      unansweredSince = .never
    } else if previous != snd.una || unansweredSince == .never {
      unansweredSince = context.now
    }
  }

  /// How old the echoed timestamp is, in microseconds (RFC 7323 §4).
  @inline(__always)
  private mutating func echoAge(_ segment: ArrivingSegment, _ context: inout Context) -> Int? {
    guard usesTimestamps, let timestamps = segment.header.options.timestamps else { return nil }
    let age = Int32(bitPattern: timestamp(&context) &- timestamps.echoReply)
    return age >= 0 ? Int(age) &* 1000 : nil
  }

  /// RFC 9293 §3.10.7.4, fifth: the window of a segment that is not older than the one it was taken from.
  @inline(__always)
  mutating func updateWindow(
    _ sequence: SequenceNumber, _ acknowledgment: SequenceNumber, _ window: UInt32
  ) -> Bool {
    guard snd.una.precedesOrEquals(acknowledgment),
      snd.wl1.precedes(sequence)
        || (snd.wl1 == sequence && snd.wl2.precedesOrEquals(acknowledgment))
    else { return false }
    snd.wl1 = sequence
    snd.wl2 = acknowledgment
    guard window != snd.wnd else { return false }
    snd.wnd = window
    snd.largestWindow = max(snd.largestWindow, window)
    if window > 0 {
      deadlines.persist = .never
      windowProbes = 0
    }
    return true
  }

  private mutating func note(_ outcome: LossRecovery.Outcome, _ context: inout Context) {
    if outcome.enteredRecovery { context.counters.tcp.fastRecoveries &+= 1 }
    note(roundTrip: outcome.roundTrip, &context)
    if outcome.undone { context.counters.tcp.spuriousRecoveries &+= 1 }
  }

  /// SND.UNA goes to `acknowledgment`.
  mutating func advance(to acknowledgment: SequenceNumber, _ context: inout Context) {
    snd.una = acknowledgment
    deadlines.persist = .never
    windowProbes = 0
    let bytes = min(sendStart.distance(to: acknowledgment), sendRing.count)
    if bytes > 0 {
      sendRing.drop(bytes, keepingBeyond: false, pool: &context.memory)
      sendStart.advance(by: bytes)
      tell(.acknowledged)
    }
    if snd.isUrgent && snd.up.precedesOrEquals(acknowledgment) { snd.isUrgent = false }
    if snd.small.precedes(acknowledgment) { snd.small = acknowledgment }
    pending.output = true
    if pending.finSent && acknowledgment == sendEnd { takeAcknowledgmentOfFIN(&context) }
  }

  private mutating func takeAcknowledgmentOfFIN(_ context: inout Context) {
    pending.finAcknowledged = true
    tell(.finAcknowledged)
    switch state {
    case .finWait1:
      state = .finWait2
      // Nobody reads any more: the peer has so long to close.
      if pending.released {
        deadlines.idle = context.now.advanced(by: context.configuration.finWait2Timeout)
      }
    case .closing: enterTimeWait(&context)
    case .lastAck: end(.close, &context)
    case .closed, .listen, .synSent, .synReceived, .established, .finWait2, .closeWait, .timeWait:
      break
    }
  }

  /// Both sides have closed, and we have closed first (RFC 9293 §3.6): the record that `settle` makes does the
  /// waiting.
  mutating func enterTimeWait(_ context: inout Context) {
    state = .timeWait
    reason = .close
    context.counters.tcp.closedGracefully &+= 1
    forgetTransfer(&context)
    tell(.terminated)
  }
}
