// What a connection sends, and when: retransmissions, probes, data as far as windows, Nagle and the avoidance of
// silly windows let it (RFC 9293 §3.7.4, §3.8.6), the FIN, and acknowledgements.

internal import MacTCPWire

/// A segment that is to be made.
struct OutgoingSegment {
  var sequence: SequenceNumber
  /// The bytes of data.
  var count = 0
  var flags: TCPFlags = .ack
  var isRetransmission = false
  /// It takes numbers behind SND.NXT that are not to be retransmitted on their own account: a probe.
  var isProbe = false
}

extension ControlBlock {
  /// Appends the next packet to `packet`; `nil` if there is nothing to send now.
  mutating func transmit(
    into packet: inout OutputSpan<UInt8>, _ ip: inout IPLayer, _ context: inout Context
  ) -> IPLayer.Disposition? {
    if pending.doubtsPath {
      pending.doubtsPath = false
      ip.blackHole(to: remote.address, &context)
      pathChanged(&ip, resending: false, &context)
    }
    if pathChanges != ip.pathMTUChanges && isSynchronized {
      pathChanges = ip.pathMTUChanges
      pathChanged(&ip, resending: false, &context)
    }
    guard let segment = nextSegment(&context) else {
      pending.output = false
      return nil
    }
    let disposition = write(segment, into: &packet, &ip, &context)
    pending.output = hasMoreToSend
    return disposition
  }

  /// Whether there may be more to send: `false` spares the caller of asking.
  @inline(__always)
  private var hasMoreToSend: Bool {
    mutating get {
      unsentBytes > 0 || recovery.segments.lostCount > 0 || pending.fin && !pending.finSent
        || pending.acknowledgment || pending.asksForSegment
    }
  }

  @inline(__always)
  private mutating func nextSegment(_ context: inout Context) -> OutgoingSegment? {
    switch state {
    case .closed: return nextReset()
    case .listen, .timeWait: return nil
    case .synSent, .synReceived: return nextOpening(&context)
    case .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck:
      if recovery.segments.lostCount > 0, let segment = nextRetransmission(&context) {
        return segment
      }
      if pending.asksForSegment, let segment = nextProbe(&context) { return segment }
      if let segment = nextData(&context) { return segment }
      guard pending.acknowledgment else { return nil }
      return OutgoingSegment(sequence: snd.nxt)
    }
  }

  /// The RST of an abort (RFC 9293 §3.10.5).
  private mutating func nextReset() -> OutgoingSegment? {
    guard pending.reset else { return nil }
    pending.reset = false
    return OutgoingSegment(sequence: snd.nxt, flags: TCPFlags.rst.union(.ack))
  }

  /// SYN, or SYN,ACK, for the first time and again.
  private mutating func nextOpening(_ context: inout Context) -> OutgoingSegment? {
    let isAgain = snd.nxt != snd.iss
    let isLost = recovery.nextRetransmission(mss: segmentData) != nil
    guard pending.syn || isLost else {
      guard pending.acknowledgment, state == .synReceived else { return nil }
      return OutgoingSegment(sequence: snd.nxt)
    }
    guard canRemember(&context) else {
      // What came with the peer's SYN is acknowledged by ours, when there is memory for it.
      pending.acknowledgment = false
      unacknowledgedSegments = 0
      deadlines.delayedAcknowledgment = .never
      return nil
    }
    pending.syn = false
    var flags: TCPFlags = state == .synSent ? .syn : TCPFlags.syn.union(.ack)
    if state == .synSent && context.configuration.usesECN && !isAgain {
      flags.formUnion(TCPFlags.ece.union(.cwr))
    } else if state == .synReceived && usesECN {
      flags.formUnion(.ece)
    }
    return OutgoingSegment(sequence: snd.iss, flags: flags, isRetransmission: isAgain)
  }

  /// The next segment that is taken for lost.
  private mutating func nextRetransmission(_ context: inout Context) -> OutgoingSegment? {
    guard
      let lost = recovery.nextRetransmission(mss: segmentData)
    else { return nil }
    return segment(at: lost.start, numbers: lost.count, isRetransmission: true)
  }

  /// A segment over numbers that were sent before: data, and the FIN where the numbers reach it.
  private mutating func segment(at start: SequenceNumber, numbers: Int, isRetransmission: Bool)
    -> OutgoingSegment?
  {
    let offset = sendStart.distance(to: start)
    let data = min(max(0, sendRing.count &- max(0, offset)), numbers)
    guard offset >= 0, data > 0 || pending.finSent else { return nil }
    var segment = OutgoingSegment(
      sequence: start, count: data, isRetransmission: isRetransmission)
    if pending.finSent && data < numbers && start.advanced(by: data &+ 1) == sendEnd {
      segment.flags.formUnion(.fin)
    }
    return segment
  }

  /// A probe of the tail (RFC 8985 §7.3), of a closed window (RFC 9293 §3.8.6.1), or of an idle peer (§3.8.4).
  private mutating func nextProbe(_ context: inout Context) -> OutgoingSegment? {
    if pending.tailLossProbe {
      pending.tailLossProbe = false
      context.counters.tcp.tailLossProbes &+= 1
      // New data where there are some, otherwise the last segment again.
      let unsent = unsentBytes
      if unsent > 0 && usableWindow > 0 && recovery.makeRoom(pool: &context.memory) {
        return newData(min(unsent, usableWindow, segmentData))
      }
      if let last = recovery.lastSegment(mss: segmentData) {
        return segment(at: last.start, numbers: last.count, isRetransmission: true)
      }
    }
    if pending.windowProbe {
      pending.windowProbe = false
      if unsentBytes > 0 {
        context.counters.tcp.zeroWindowProbes &+= 1
        pending.probedByte = true
        return OutgoingSegment(sequence: snd.nxt, count: 1, isProbe: true)
      }
    }
    if pending.keepaliveProbe {
      pending.keepaliveProbe = false
      context.counters.tcp.keepaliveProbes &+= 1
      // Without data, with the number before the window (SHLD-12).
      return OutgoingSegment(sequence: snd.nxt.advanced(by: -1), isProbe: true)
    }
    return nil
  }

  /// The bytes that were never sent.
  var unsentBytes: Int {
    max(0, sendRing.count &- max(0, sendStart.distance(to: snd.nxt)))
  }

  /// New data, if they may be sent now.
  @inline(__always)
  private mutating func nextData(_ context: inout Context) -> OutgoingSegment? {
    let unsent = unsentBytes
    if unsent == 0 {
      guard pending.fin && !pending.finSent, canRemember(&context) else { return nil }
      return newData(0)
    }
    let window = usableWindow
    let quota = recovery.sendQuota
    let count = min(min(unsent, window), min(quota, segmentData))
    guard count > 0 else {
      if window <= 0 { waitForWindow(&context) }
      return nil
    }
    guard isWorthSending(count, unsent: unsent, window: window) else {
      if window < unsent && snd.una == snd.nxt { waitForWindow(&context) }
      return nil
    }
    guard canRemember(&context) else { return nil }
    pending.override = false
    return newData(count)
  }

  @inline(__always)
  private mutating func newData(_ count: Int) -> OutgoingSegment {
    var segment = OutgoingSegment(sequence: snd.nxt, count: count)
    if pending.fin && !pending.finSent && count == unsentBytes { segment.flags.formUnion(.fin) }
    return segment
  }

  /// The sender's avoidance of silly windows, and Nagle (RFC 9293 §3.8.6.2.1, §3.7.4; MUST-38, SHLD-7).
  @inline(__always)
  private mutating func isWorthSending(_ count: Int, unsent: Int, window: Int) -> Bool {
    // (1) A whole segment.
    if count >= segmentData { return true }
    // (2) and (3): all that there is, or at least half of the largest window; Nagle holds it back as long
    // as another small segment is outstanding (Minshall's variant), and never urgent data or those of a FIN.
    let isAll = count == unsent
    if isAll
      && (pending.fin || snd.isUrgent || !settings.usesNagle
        || snd.small.precedesOrEquals(snd.una))
    {
      return true
    }
    if !isAll && window < unsent && count >= Int(snd.largestWindow) / 2 { return true }
    // (4) The override timer has run out.
    return pending.override
  }

  /// Whether there is memory to remember one more segment, without which it must not be sent. At the memory
  /// ceiling there may be none while nothing is outstanding: then the connection tries again after a while.
  @inline(__always)
  private mutating func canRemember(_ context: inout Context) -> Bool {
    if recovery.makeRoom(pool: &context.memory) { return true }
    context.counters.drop(.memoryCeiling)
    if unansweredSince == .never { unansweredSince = context.now }
    deadlines.persist = context.now.advanced(by: recovery.rto)
    return false
  }

  /// Nothing is outstanding that could open the window: a probe will ask (MUST-36; the first after one RTO,
  /// SHLD-29).
  private mutating func waitForWindow(_ context: inout Context) {
    guard deadlines.persist == .never, snd.una == snd.nxt else { return }
    deadlines.persist = context.now.advanced(by: persistTime(&context))
  }

  /// The time to the next probe: the RTO, doubled for each probe so far (SHLD-30).
  func persistTime(_ context: inout Context) -> Int {
    let most = context.configuration.maximumRetransmissionTimeout
    return min(most, recovery.rto &<< min(Int(windowProbes), 12))
  }
}
