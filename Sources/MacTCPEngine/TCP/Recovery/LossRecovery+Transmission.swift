// What may be sent, and what has been.

internal import MacTCPWire

extension LossRecovery {
  /// How many bytes of new data may be sent now. Lost segments go first: 0 while some may not be sent.
  // `mutating` so that it is not copied, as in ControlBlock+State.swift.
  var sendQuota: Int {
    @inline(__always) mutating get {
      if flags.contains(.probeDue) { return max(mss, window.cwnd &- bytesInFlight) }
      // In F-RTO's second step new data go instead (RFC 5682 §2.1, 2b).
      guard segments.lostCount == 0 || frto == .secondAcknowledgement else { return 0 }
      // A window is a segment at least (RFC 5681 §3.1). The size of segments may have grown since cwnd was set: with
      // less than a segment nothing would be sent, and with nothing outstanding nothing would let cwnd grow.
      guard segments.count > 0 else { return max(mss, window.cwnd) }
      return max(0, window.cwnd &- bytesInFlight)
    }
  }

  /// The lost segment that may be sent again now, `mss` sequence numbers of it at most; `nil` if there is
  /// none. Until `transmitted` is called for it the answer is the same.
  mutating func nextRetransmission(mss: Int) -> (start: SequenceNumber, count: Int)? {
    guard segments.lostCount > 0, let position = segments.firstLost() else { return nil }
    let segment = segments[position]
    let count = min(segment.count, mss)
    guard
      flags.contains(.retransmissionForced)
        || frto == .off && window.cwnd &- bytesInFlight >= count
    else { return nil }
    return (segment.start, count)
  }

  /// The segment that is sent again as a probe if no new data can be sent (RFC 8985 §7.3): the last.
  func lastSegment(mss: Int) -> (start: SequenceNumber, count: Int)? {
    guard flags.contains(.probeDue), segments.count > 0 else { return nil }
    let segment = segments[segments.count &- 1]
    return (segment.start, min(segment.count, mss))
  }

  /// Makes sure that one more segment can be remembered; `false` if there is no memory. A segment that
  /// follows one in flight is remembered without new memory, together with that one.
  @inline(__always)
  mutating func makeRoom(pool: inout MemoryPool) -> Bool {
    segments.makeRoom(for: 1, pool: &pool) || segments.canExtendLast(by: mss)
  }

  /// `count` sequence numbers from `start` on have been sent, or are about to be. `false`, and nothing is
  /// changed, if there is no memory to remember them, which only happens when nothing is outstanding and
  /// ``makeRoom(pool:)`` was not asked: then they must not be sent.
  ///
  /// New data follow on what was sent last. More than a segment's worth, for a link that cuts it up, is
  /// remembered as the segments that arrive.
  @inline(__always)
  mutating func transmitted(
    _ start: SequenceNumber, count: Int, isRetransmission: Bool, now: Instant,
    pool: inout MemoryPool
  ) -> Bool {
    guard count > 0 else { return true }
    if isRetransmission {
      retransmitted(start, count: count, now: now, pool: &pool)
      return true
    }
    let wasEmpty = segments.count == 0
    if count <= mss, segments.append(start: start, count: count, sentAt: now.clock, pool: &pool) {
      // One segment, as nearly always.
    } else {
      guard appendPieces(start, count: count, now: now, pool: &pool) else { return false }
    }
    if wasEmpty {
      beginFlight(start)
      // RFC 6298 §5.1.
      retransmissionDeadline = now.advanced(by: rto)
    }
    if phase == .recovery { segments.reduction.sent(count) }
    roundPeak = max(roundPeak, UInt32(truncatingIfNeeded: bytesInFlight))
    if flags.contains(.probeDue) { probeSent(isRetransmission: false) } else { armProbe(now: now) }
    return true
  }

  @inline(never)
  private mutating func appendPieces(
    _ start: SequenceNumber, count: Int, now: Instant, pool: inout MemoryPool
  ) -> Bool {
    let pieces = (count &+ mss &- 1) / mss
    guard count <= SentSegment.greatestCount else { return false }
    guard segments.makeRoom(for: pieces, pool: &pool) else {
      return segments.extendLast(by: count)
    }
    var offset = 0
    while offset < count {
      let piece = min(mss, count &- offset)
      _ = segments.append(
        start: start.advanced(by: offset), count: piece, sentAt: now.clock, pool: &pool)
      offset &+= piece
    }
    return true
  }

  /// The first segment after a time when nothing was outstanding.
  private mutating func beginFlight(_ start: SequenceNumber) {
    flags.remove(.hasRACK)
    // A round trip begins with it.
    roundEnd = start
    (roundPeak, lastRoundPeak) = (0, 0)
  }

  /// RFC 6582 §4: without SACK the timer runs on from the first partial acknowledgement, so that a window with
  /// many losses ends in a time-out and not in a round trip for each.
  var restartsTimer: Bool {
    usesSACK || phase != .recovery || !flags.contains(.partiallyAcknowledged)
  }

  private mutating func retransmitted(
    _ start: SequenceNumber, count: Int, now: Instant, pool: inout MemoryPool
  ) {
    let end = start.advanced(by: count)
    var position = segments.firstPosition(from: start)
    while position < segments.count, segments[position].start.precedes(end) {
      // A segment of which only the front was sent becomes two. Without memory for that, all of it counts
      // as sent: when an acknowledgement has trimmed it the rest will be found lost.
      let part = segments[position].start.distance(to: end)
      if part < segments[position].count { _ = segments.split(position, at: part, pool: &pool) }
      let wasSentOnce = !segments[position].flags.contains(.retransmitted)
      segments.markRetransmitted(position, sentAt: now.clock, ordered: usesSACK)
      undoing.retransmitted(isOldest: position == 0 && wasSentOnce, now: now.clock)
      // RFC 6675 §6: the timer runs for the first segment from its retransmission on.
      if position == 0, restartsTimer { retransmissionDeadline = now.advanced(by: rto) }
      position &+= 1
    }
    flags.remove(.retransmissionForced)
    flags.insert(.hasRetransmitted)
    if phase == .recovery { segments.reduction.sent(count) }
    if flags.contains(.probeDue) { probeSent(isRetransmission: true) }
  }
}
