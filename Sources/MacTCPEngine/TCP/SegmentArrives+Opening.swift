// SEGMENT ARRIVES in CLOSED and SYN-SENT (RFC 9293 §3.10.7.1 and §3.10.7.3); what a SYN agrees on.

internal import MacTCPWire

extension ControlBlock {
  /// What a segment does to the connection.
  mutating func segmentArrives(
    _ segment: ArrivingSegment, _ payload: Span<UInt8>, _ context: inout Context
  ) -> Reaction {
    switch state {
    case .closed, .listen, .timeWait: return .reset
    case .synSent: return arriveInSynSent(segment, payload, &context)
    case .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck:
      return arriveInSynchronized(segment, payload, &context)
    }
  }

  private mutating func arriveInSynSent(
    _ arriving: ArrivingSegment, _ payload: Span<UInt8>, _ context: inout Context
  ) -> Reaction {
    var segment = arriving
    // First, check the ACK bit.
    let hasACK = segment.flags.contains(.ack)
    if hasACK {
      let acknowledgment = segment.acknowledgment
      if acknowledgment.precedesOrEquals(snd.iss) || snd.nxt.precedes(acknowledgment) {
        context.counters.drop(.unacceptableAcknowledgment)
        return .reset
      }
      guard snd.una.precedesOrEquals(acknowledgment) else { return .none }
    }
    // Second, the RST bit: a RST without an acceptable ACK is nobody's (RFC 5961 §3.2).
    if segment.flags.contains(.rst) {
      if hasACK {
        context.counters.tcp.resetsReceived &+= 1
        end(.remoteAbort, &context)
      }
      return .none
    }
    // Fourth, the SYN bit.
    guard segment.flags.contains(.syn) else { return .none }
    rcv.irs = segment.sequence
    rcv.nxt = segment.sequence.advanced(by: 1)
    rcv.psh = rcv.nxt
    rcv.acknowledged = rcv.nxt
    agree(on: segment, &context)
    segment.removeSYN()
    offerFirstWindow()
    pending.output = true
    if hasACK {
      usesECN =
        context.configuration.usesECN && segment.flags.contains(.ece)
        && !segment.flags.contains(.cwr)
      establish(segment, &context)
      // The ECE of a SYN,ACK agrees to ECN, and echoes nothing (RFC 3168 §6.1.1).
      var plain = segment
      plain.header.flags.subtract(.ece)
      _ = acknowledge(plain, payload.count, &context)
      pending.acknowledgment = true
      if segment.flags.contains(.urg) { takeUrgent(segment, &context) }
      takeText(segment, payload, &context)
      takeFIN(segment, payload.count, &context)
      return .none
    }
    // Both sides opened at the same time (MUST-10): SYN,ACK with the same number.
    usesECN =
      context.configuration.usesECN && segment.flags.contains(.ece)
      && segment.flags.contains(.cwr)
    state = .synReceived
    snd.wnd = UInt32(segment.header.window)
    snd.wl1 = segment.sequence
    pending.syn = true
    takeText(segment, payload, &context)
    takeFIN(segment, payload.count, &context)
    return .none
  }

  /// Takes the options of the peer's SYN (RFC 7323 §2.2 and §3.2, RFC 2018 §2): an option holds where both
  /// sides have sent it. `isReply` is for a SYN that ours was sent before.
  mutating func agree(on segment: ArrivingSegment, _ context: inout Context) {
    let options = segment.header.options
    // Without the option 536 (MUST-15); and never so small that hardly anything but headers is sent.
    peerMSS = max(Self.leastPeerMSS, options.maximumSegmentSize ?? 536)
    usesWindowScale = context.configuration.usesWindowScale && options.windowScale != nil
    sendShift = usesWindowScale ? options.windowScale ?? 0 : 0
    if !usesWindowScale { receiveShift = 0 }
    usesTimestamps = context.configuration.usesTimestamps && options.timestamps != nil
    usesSACK = context.configuration.usesSACK && options.isSACKPermitted
    if usesTimestamps, let timestamps = options.timestamps {
      recentTimestamp = timestamps.value
      recentTimestampAge = Self.coarseClock(context.now)
    }
    mss = min(mss, peerMSS)
  }

  /// The connection is there: ESTABLISHED. The acknowledgement of the SYN is taken afterwards.
  mutating func establish(_ segment: ArrivingSegment, _ context: inout Context) {
    state = pending.fin ? .finWait1 : .established
    pending.wasEstablished = true
    if pending.syn {
      // In a simultaneous open the peer may acknowledge our SYN before we have acknowledged its own.
      pending.syn = false
      pending.acknowledgment = true
      pending.output = true
    }
    let shift = segment.isOpening ? 0 : sendShift
    snd.wnd = UInt32(segment.header.window) << UInt32(shift)
    snd.largestWindow = snd.wnd
    snd.wl1 = segment.sequence
    snd.wl2 = segment.acknowledgment
    recovery.start(mss: segmentData, sackPermitted: usesSACK, now: context.now)
    unansweredSince = .never
    context.counters.tcp.established &+= 1
    if settings.isPassive { context.counters.tcp.accepted &+= 1 }
    if settings.usesKeepalive { armKeepalive(&context) }
    tell(.opened)
    // What came with the SYN is the user's now (RFC 9293 §3.10.7.2, third).
    if !receiveRing.isEmpty { tell(.dataArrived) }
  }

  /// RCV.WND after a SYN: a window of 16 bits that is not shifted, or all of a smaller buffer.
  mutating func offerFirstWindow() {
    rcv.edge = rcv.nxt.advanced(by: min(receiveSpace, 65_535))
  }

  /// For the age of TS.Recent: 2^20 microseconds, about a second.
  @inline(__always)
  static func coarseClock(_ now: Instant) -> UInt32 {
    UInt32(truncatingIfNeeded: now.microseconds >> 20)
  }
}
