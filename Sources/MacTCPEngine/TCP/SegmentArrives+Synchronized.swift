// SEGMENT ARRIVES in SYN-RECEIVED and all states after it (RFC 9293 §3.10.7.4): its checks in its order, with PAWS
// before them (RFC 7323 §5.3) and the protection of RFC 5961.

internal import MacTCPWire

extension ControlBlock {
  mutating func arriveInSynchronized(
    _ arriving: ArrivingSegment, _ payload: Span<UInt8>, _ context: inout Context
  ) -> Reaction {
    var segment = arriving
    let isReset = segment.flags.contains(.rst)
    if usesTimestamps && !isReset && !hasGoodTimestamp(segment, payload.count, &context) {
      return .none
    }
    if state == .synReceived && segment.flags.contains(.syn) && segment.sequence == rcv.irs {
      // The peer's SYN again. With ACK it is the other half of a simultaneous open: of the segment only
      // the SYN lies before the window.
      guard segment.flags.contains(.ack) else {
        pending.syn = true
        pending.output = true
        return .none
      }
      segment.removeSYN()
    }
    // First, check the sequence number.
    guard isAcceptable(segment) else { return refuse(segment, payload, &context) }
    // Second, the RST bit.
    if isReset { return takeReset(segment, &context) }
    noteTimestamp(segment, &context)
    // Fourth, the SYN bit (RFC 5961 §4.2).
    if segment.flags.contains(.syn) {
      context.counters.drop(.unexpectedSYN)
      return .challenge
    }
    // Fifth, the ACK field.
    guard segment.flags.contains(.ack) else {
      context.counters.drop(.noAcknowledgment)
      return .none
    }
    if usesECN { noteCongestion(segment) }
    if settings.usesKeepalive || deadlines.idle != .never { heard(&context) }
    if state == .synReceived {
      guard snd.una.precedes(segment.acknowledgment),
        segment.acknowledgment.precedesOrEquals(snd.nxt)
      else {
        context.counters.drop(.unacceptableAcknowledgment)
        return .reset
      }
      establish(segment, &context)
    }
    let reaction = acknowledge(segment, payload.count, &context)
    guard case .none = reaction, state != .closed, state != .timeWait else { return reaction }
    takeContents(segment, payload, &context)
    return .none
  }

  /// The checks' last: what the segment carries.
  @inline(__always)
  private mutating func takeContents(
    _ segment: ArrivingSegment, _ payload: Span<UInt8>, _ context: inout Context
  ) {
    // Sixth, the URG bit.
    if segment.flags.contains(.urg) { takeUrgent(segment, &context) }
    // Seventh, the segment text; eighth, the FIN bit.
    if !payload.isEmpty {
      takeText(segment, payload, &context)
      if pending.reset { return }
    }
    if segment.flags.contains(.fin) || pending.finOutOfOrder {
      takeFIN(segment, payload.count, &context)
    }
  }

  /// Whether any of the segment is in the window (RFC 9293 §3.4, Table 6). At a window of zero an
  /// acknowledgement, urgent data or a RST is taken from a segment whose data are not (MUST-66).
  private mutating func isAcceptable(_ segment: ArrivingSegment) -> Bool {
    let window = receiveWindow
    let start = segment.sequence
    if segment.length == 0 || window == 0 {
      return window == 0 ? start == rcv.nxt : start.isInWindow(from: rcv.nxt, size: window)
    }
    return start.isInWindow(from: rcv.nxt, size: window)
      || start.advanced(by: segment.length &- 1).isInWindow(from: rcv.nxt, size: window)
      // It begins before the window and ends behind it.
      || (start.precedes(rcv.nxt) && rcv.edge.precedes(start.advanced(by: segment.length)))
  }

  /// Answers a segment outside of the window with an acknowledgement, a RST not (RFC 9293 §3.10.7.4, first).
  private mutating func refuse(
    _ segment: ArrivingSegment, _ payload: Span<UInt8>, _ context: inout Context
  ) -> Reaction {
    context.counters.drop(.outsideWindow)
    if segment.flags.contains(.rst) { return .none }
    if !payload.isEmpty {
      let isOld = segment.sequence.precedes(rcv.nxt)
      if isOld {
        count(&context) { $0.bytesReceivedTwice &+= UInt64(payload.count) }
        context.counters.tcp.segmentsReceivedTwice &+= 1
        context.counters.tcp.bytesReceivedTwice &+= UInt64(payload.count)
      } else {
        count(&context) { $0.bytesPastWindow &+= UInt64(payload.count) }
      }
    }
    // What may be the answer to an answer of ours is limited, so that two hosts that disagree do not
    // acknowledge each other for ever. A keepalive probe has the number before the window.
    guard !segment.flags.contains(.syn),
      !payload.isEmpty || segment.sequence == rcv.nxt.advanced(by: -1)
    else { return .challenge }
    acknowledgeDuplicate(segment, payload.count)
    return .none
  }

  /// Acknowledges at once, and reports what came twice (RFC 2883 §4).
  mutating func acknowledgeDuplicate(_ segment: ArrivingSegment, _ count: Int) {
    if usesSACK && count > 0 && segment.sequence.precedes(rcv.nxt) {
      let end = segment.sequence.advanced(by: count)
      report(duplicate: SACKBlock(left: segment.sequence, right: end))
    }
    pending.acknowledgment = true
    pending.output = true
  }

  mutating func report(duplicate: SACKBlock) {
    self.duplicate = duplicate
    pending.duplicateReport = usesSACK
  }

  /// RFC 5961 §3.2: only a RST with exactly the next number ends the connection.
  private mutating func takeReset(_ segment: ArrivingSegment, _ context: inout Context) -> Reaction
  {
    guard segment.sequence == rcv.nxt else {
      context.counters.drop(.inexactReset)
      return .challenge
    }
    context.counters.tcp.resetsReceived &+= 1
    switch state {
    case .synReceived where settings.isPassive && parent < 0 && extras?.listen != nil:
      returnToListen(&context)
    case .closing where sendRing.isEmpty, .lastAck where sendRing.isEmpty:
      // All that was to be sent and received has been: the peer's RST tells nothing new.
      end(.close, &context)
    default:
      end(.remoteAbort, &context)
    }
    return .none
  }

  /// A passive open that came half-way waits again (RFC 9293 §3.10.7.4, second).
  mutating func returnToListen(_ context: inout Context) {
    guard let extras, let listen = extras.listen else { return }
    // The user has closed meanwhile: nobody waits any more.
    guard !pending.fin else {
      end(.close, &context)
      return
    }
    context.counters.tcp.attemptsFailed &+= 1
    forgetTransfer(&context)
    // The next one owes nothing to this one: neither its way nor its back-off.
    extras.ipOptions = listen.ipOptions
    recovery = LossRecovery(configuration: context.recovery, mss: 536)
    // What came with the SYN, and what the user has sent since, is nobody's.
    receiveRing.removeAll(pool: &context.memory)
    snd = SendSequence()
    rcv = ReceiveSequence()
    pending.finOutOfOrder = false
    pending.duplicateReport = false
    state = .listen
    pending.syn = false
    pending.output = false
    pending.acknowledgment = false
    // `settle` puts it back into its port's list: the four-tuple is not its own any more.
    pending.returnsToListen = true
  }

  /// ECN (RFC 3168 §6.1.3): a marked packet is echoed in every acknowledgement until the peer says that its window
  /// is reduced.
  private mutating func noteCongestion(_ segment: ArrivingSegment) {
    if segment.flags.contains(.cwr) { pending.echoCongestion = false }
    if segment.information.typeOfService & 3 == 3 {
      pending.echoCongestion = true
      pending.acknowledgment = true
      pending.output = true
    }
  }

  // MARK: Time stamps

  /// Whether the segment passes PAWS (RFC 7323 §5.3); an old one is acknowledged.
  @inline(__always)
  private mutating func hasGoodTimestamp(
    _ segment: ArrivingSegment, _ count: Int, _ context: inout Context
  ) -> Bool {
    guard let timestamps = segment.header.options.timestamps else {
      // RFC 7323 §3.2: silently, once the option was agreed on.
      context.counters.drop(.missingTimestamp)
      return false
    }
    guard isOld(timestamps.value, &context) else { return true }
    context.counters.drop(.oldTimestamp)
    acknowledgeDuplicate(segment, count)
    return false
  }

  /// PAWS (RFC 7323 §5.3): whether the time stamp is older than the last one, unless that is so old itself
  /// that the clock may have gone round (§5.5).
  private mutating func isOld(_ value: UInt32, _ context: inout Context) -> Bool {
    guard Int32(bitPattern: value &- recentTimestamp) < 0 else { return false }
    return !isOutdated(&context)
  }

  /// Whether TS.Recent is more than 24 days old, after which the peer's clock may have gone round (RFC 7323 §5.5).
  private mutating func isOutdated(_ context: inout Context) -> Bool {
    Self.coarseClock(context.now) &- recentTimestampAge >= UInt32(24 * 86_400_000_000 >> 20)
  }

  /// RFC 7323 §4.3: TS.Recent is of the segment that the last acknowledgement was about.
  private mutating func noteTimestamp(_ segment: ArrivingSegment, _ context: inout Context) {
    guard usesTimestamps, let timestamps = segment.header.options.timestamps,
      segment.sequence.precedesOrEquals(rcv.acknowledged),
      Int32(bitPattern: timestamps.value &- recentTimestamp) >= 0
        || isOutdated(&context)
    else { return }
    keepTimestamp(timestamps.value, &context)
  }

  @inline(__always)
  mutating func keepTimestamp(_ value: UInt32, _ context: inout Context) {
    recentTimestamp = value
    recentTimestampAge = Self.coarseClock(context.now)
  }
}
