// An acknowledgement: what it says of each segment, then what follows from that.

internal import MacTCPWire

extension LossRecovery {
  /// What one acknowledgement tells of the segments.
  struct Delivery {
    /// The age of the oldest and of the youngest segment that have newly arrived and were sent once.
    var oldestAge: UInt32?
    var youngestAge: UInt32?
    /// A segment that was sent once, before the last reduction of the window, has newly arrived.
    var hasOriginal = false
    /// RACK.fack before this acknowledgement: what arrives below it was reordered. The blocks of one
    /// acknowledgement are in no order, so the present value would not do.
    var fack: SequenceNumber?
  }

  /// Takes an acknowledgement. The cost is that of the segments it newly acknowledges or sacks, and a
  /// search in the queue for each SACK block.
  mutating func acknowledged(
    _ acknowledgment: Acknowledgment, now: Instant, pool: inout MemoryPool
  ) -> Outcome {
    var outcome = Outcome()
    let number = acknowledgment.ack
    let duplicate = acknowledgment.sackBlocks.isEmpty ? nil : duplicateBlock(acknowledgment)
    guard let una = segments.start, let nxt = segments.end else {
      if let duplicate { noteDuplicate(duplicate, nxt: number, now: now, &outcome) }
      _ = probeAcknowledged(
        number: number, duplicate: duplicate,
        isPlainDuplicate: acknowledgment.sackBlocks.isEmpty && acknowledgment.mayBeDuplicate)
      return outcome
    }

    let wasLimited = isWindowLimited
    let sackedBefore = segments.sackedBytes
    let wasUndisturbed = segments.isUndisturbed
    var delivery = Delivery()
    if !wasUndisturbed, flags.contains(.hasRACK) { delivery.fack = rack.fack }
    outcome.acknowledged = min(max(0, una.distance(to: number)), una.distance(to: nxt))
    if outcome.acknowledged > 0 {
      removeAcknowledged(acknowledgment, now: now, &delivery)
    }
    if usesSACK, !acknowledgment.sackBlocks.isEmpty {
      outcome.sacked = takeBlocks(acknowledgment, now: now, &delivery)
    }
    sample(acknowledgment, delivery, acknowledged: outcome.acknowledged > 0, now: now, &outcome)
    // Duplicate acknowledgements without SACK deliver a segment each, of which the next acknowledgement of
    // new data tells again (RFC 9937 §6.1).
    let delivered =
      usesSACK
      ? outcome.acknowledged &+ segments.sackedBytes &- sackedBefore
      : countDuplicates(acknowledgment, acknowledged: outcome.acknowledged)

    if outcome.acknowledged > 0 {
      timeouts = 0
      beginRoundIfDue(number, nxt: nxt)
    }
    if let duplicate { noteDuplicate(duplicate, nxt: nxt, now: now, &outcome) }
    if flags.contains(.hasDuplicateRound), duplicateRound.precedesOrEquals(number) {
      flags.remove(.hasDuplicateRound)
    }
    let isQuiet = wasUndisturbed && phase == .open && outcome.sacked == 0 && duplicates == 0
    if isQuiet {
      if flags.contains(.probing) { followProbe(acknowledgment, duplicate: duplicate, nxt: nxt) }
      if outcome.acknowledged > 0 {
        grow(by: outcome.acknowledged, wasLimited: wasLimited, now: now)
      }
    } else {
      recover(
        acknowledgment, duplicate: duplicate, delivery: delivery, delivered: delivered, nxt: nxt,
        wasLimited: wasLimited, now: now, &outcome)
    }
    if acknowledgment.hasECE { reactToECE(number: number, nxt: nxt, &outcome) }
    setTimers(acknowledged: outcome.acknowledged, now: now)
    segments.releaseIfEmpty(pool: &pool)
    return outcome
  }

  /// Takes what the SACK blocks tell: how many bytes are newly sacked.
  @inline(__always)
  private mutating func takeBlocks(
    _ acknowledgment: Acknowledgment, now: Instant, _ delivery: inout Delivery
  ) -> Int {
    let before = segments.sackedBytes
    for block in acknowledgment.sackBlocks {
      takeBlock(block, acknowledgment, now: now, &delivery)
    }
    return segments.sackedBytes &- before
  }

  /// Whether nothing is lost, sacked, sent again or in doubt: an acknowledgement without SACK blocks that acknowledges
  /// something then says nothing besides.
  @inline(__always) var isQuiet: Bool {
    mutating get {
      phase == .open && frto == .off && duplicates == 0 && segments.isUndisturbed
        && flags.isDisjoint(with: [.probing, .hasDuplicateRound]) && !mayHaveRetransmitted
    }
  }

  /// Whether segments may be outstanding that were sent again, though the list of retransmissions has none: of a reaction
  /// that was taken back, or without SACK. Their age is no round trip (RFC 6298 §3).
  @inline(__always) private var mayHaveRetransmitted: Bool {
    mutating get {
      guard flags.contains(.hasRecover), !flags.contains(.recoverIsECN), let una = segments.start
      else { return false }
      return una.precedes(recover)
    }
  }

  /// What ``acknowledged(_:now:pool:)`` comes to while it ``isQuiet``, for a number between SND.UNA and SND.NXT.
  ///
  /// - Returns: the round trip that was measured, in microseconds; 0 if none was.
  @inline(__always)
  mutating func acknowledgedQuietly(
    _ number: SequenceNumber, now: Instant, pool: inout MemoryPool
  ) -> Int {
    guard let una = segments.start, let nxt = segments.end else { return 0 }
    var roundTrip = 0
    let wasLimited = isWindowLimited
    let count = una.distance(to: number)
    if let (first, last) = segments.removeUndisturbed(to: number) {
      let clock = now.clock
      rackDelivered(last, echoAge: nil, fack: nil, clock: clock)
      roundTrip = sample(
        Int(clock &- first.sentAt), youngest: clock &- last.sentAt, now: now)
    }
    timeouts = 0
    beginRoundIfDue(number, nxt: nxt)
    grow(by: count, wasLimited: wasLimited, now: now)
    setTimers(acknowledged: count, now: now)
    segments.releaseIfEmpty(pool: &pool)
    return roundTrip
  }

  /// Takes the acknowledged segments from the queue.
  private mutating func removeAcknowledged(
    _ acknowledgment: Acknowledgment, now: Instant, _ delivery: inout Delivery
  ) {
    let clock = now.clock
    let number = acknowledgment.ack
    var last: SentSegment?
    var hasRetransmitted = false
    while segments.count > 0 {
      let first = segments[0]
      guard first.end.precedesOrEquals(number) else {
        segments.trimFirst(to: number)
        break
      }
      _ = segments.removeFirst()
      if first.flags.contains(.sacked) { continue }
      if first.flags.contains(.retransmitted) {
        hasRetransmitted = true
        rackDelivered(
          first, echoAge: acknowledgment.echoAge, fack: delivery.fack, clock: clock)
        continue
      }
      if delivery.oldestAge == nil { delivery.oldestAge = clock &- first.sentAt }
      if first.start.precedes(recover) { delivery.hasOriginal = true }
      if let fack = delivery.fack, first.end.precedes(fack) { flags.insert(.reorderingSeen) }
      last = first
    }
    guard let last else { return }
    if hasRetransmitted {
      // The number has waited for a retransmission, however long that took: what lay behind may have arrived
      // long ago, and its age is no round trip (RFC 6298 §3).
      delivery.oldestAge = nil
    } else {
      delivery.youngestAge = clock &- last.sentAt
    }
    // Of segments that were sent once the last was sent last.
    rackDelivered(last, echoAge: nil, fack: nil, clock: clock)
  }

  /// RFC 6298 §3: a sample of the oldest segment that was sent once, so that the peer's delay is in it. If all
  /// have been sent again only an echoed timestamp can say which transmission it was (RFC 7323 §4).
  private mutating func sample(
    _ acknowledgment: Acknowledgment, _ delivery: Delivery, acknowledged: Bool,
    now: Instant, _ outcome: inout Outcome
  ) {
    let time: Int
    if let age = delivery.oldestAge {
      time = Int(age)
    } else if acknowledged, let rtt = acknowledgment.echoAge, rtt >= 0 {
      time = rtt
    } else {
      return
    }
    outcome.roundTrip = sample(time, youngest: delivery.youngestAge, now: now)
  }

  /// Enters a measurement, and the age of the youngest segment that it is of, if it was sent once. What it is then; 0
  /// if it cannot be one.
  @inline(__always)
  private mutating func sample(_ time: Int, youngest: UInt32?, now: Instant) -> Int {
    // Ages of more than 17 minutes are those of a clock that leapt.
    guard time < 1 << 30 else { return 0 }
    estimator.sample(time, outstanding: segments.count)
    if let youngest {
      estimator.sampleLeast(youngest, now: now)
      control.sample(youngest)
    }
    flags.insert(.sampledSinceProbe)
    return max(1, time)
  }

  @inline(__always)
  private mutating func beginRoundIfDue(_ number: SequenceNumber, nxt: SequenceNumber) {
    guard roundEnd.precedesOrEquals(number) else { return }
    roundEnd = nxt
    lastRoundPeak = roundPeak
    roundPeak = UInt32(truncatingIfNeeded: segments.bytesInFlight)
    if phase == .open {
      undoing.roundEnded()
      // What lies further behind than half of all numbers would seem to be ahead: of a reduction that is over nothing is
      // kept. Otherwise neither ECE nor a loss would count for 2 GiB.
      if recover.precedes(number) { flags.remove(.hasRecover) }
    }
    // RFC 9406 §4.2: the conservative slow start is over; congestion avoidance begins here.
    if control.beginRound() { window.ssthresh = window.cwnd }
  }

  /// RFC 6298 §5.2, §5.3.
  @inline(__always)
  private mutating func setTimers(acknowledged: Int, now: Instant) {
    if segments.count == 0 {
      // For `idleRestart`.
      retransmissionDeadline = now.advanced(by: rto)
      otherDeadline = .never
      flags.remove([.reorderingTimer, .probeDue])
      return
    }
    guard acknowledged > 0 else {
      if segments.sackedCount > 0, !flags.contains(.reorderingTimer) { otherDeadline = .never }
      return
    }
    flags.remove(.probeDue)
    if restartsTimer { retransmissionDeadline = now.advanced(by: rto) }
    if phase == .recovery { flags.insert(.partiallyAcknowledged) }
    armProbe(now: now)
  }
}
