// The reactions to losses and to congestion: fast recovery, and how the window grows again.

internal import MacTCPWire

extension LossRecovery {
  /// What follows from an acknowledgement while not all is in order.
  mutating func recover(
    _ acknowledgment: Acknowledgment, duplicate: SACKBlock?, delivery: Delivery,
    delivered: Int, nxt: SequenceNumber, wasLimited: Bool, now: Instant,
    _ outcome: inout Outcome
  ) {
    let acknowledged = outcome.acknowledged
    if acknowledged > 0, undoing.isContradicted(byEchoOf: acknowledgment.echoAge, now: now.clock) {
      undo()
      outcome.undone = true
    }
    if phase == .timeout {
      followFRTO(acknowledgment, hasOriginal: delivery.hasOriginal, &outcome)
    }
    if phase != .open, recover.precedesOrEquals(acknowledgment.ack) {
      leaveRecovery()
      outcome.leftRecovery = true
    }
    let found = detectLosses(now: now)
    outcome.hasLosses = found.lost > 0

    switch phase {
    case .open:
      if flags.contains(.probing) { followProbe(acknowledgment, duplicate: duplicate, nxt: nxt) }
      let isLoss =
        usesSACK ? hasHole(outcome.leftRecovery) : isThirdDuplicate(acknowledgment.ack)
      if isLoss {
        enterRecovery(nxt: nxt, delivered: delivered)
        outcome.enteredRecovery = true
        reduce(delivered: delivered, isSafe: false)
      } else if acknowledged > 0, !outcome.undone {
        // What was sacked during a recovery that ends here has had its effect by PRR.
        let bytes = outcome.leftRecovery ? delivered : acknowledged
        grow(by: bytes, wasLimited: wasLimited, now: now)
      }
    case .recovery:
      if found.lostAgain { reduceAgain() }
      if !usesSACK, acknowledged > 0, segments.count > 0, segments[0].isInFlight {
        // RFC 6582 §3.2, step 3: a partial acknowledgement shows the next loss.
        segments.markLost(0)
      }
      // RFC 9937 §6: without anything delivered there is nothing to react to.
      if delivered > 0 { reduce(delivered: delivered, isSafe: acknowledged > 0 && found.lost == 0) }
    case .timeout:
      // RFC 3465 §2.3: after a time-out one segment per acknowledgement.
      if acknowledged > 0 { grow(by: min(acknowledged, mss), wasLimited: true, now: now) }
    }
  }

  /// Whether something is lost that was sent after the last reduction. A recovery that has just ended may have
  /// sent it again already: then it is a loss in another window of data, and a second sign (RFC 6675 §5,
  /// RFC 5681 §4.3).
  private mutating func hasHole(_ hasLeftRecovery: Bool) -> Bool {
    segments.lostCount > 0 || hasLeftRecovery && segments.oldestRetransmission() != nil
  }

  /// RFC 6582 §3.2, step 2: the third duplicate acknowledgement, and none of an old flight.
  private func isThirdDuplicate(_ number: SequenceNumber) -> Bool {
    guard Int(duplicates) >= RACK.duplicateThreshold, segments.count > 0 else { return false }
    return !flags.contains(.hasRecover) || flags.contains(.recoverIsECN)
      || recover.precedes(number)
  }

  /// Without SACK each duplicate acknowledgement says that one segment has arrived. What is delivered.
  mutating func countDuplicates(
    _ acknowledgment: Acknowledgment, acknowledged: Int
  ) -> Int {
    guard acknowledged > 0 else {
      guard acknowledgment.mayBeDuplicate, phase != .timeout,
        acknowledgment.ack == segments.start, Int(duplicates) &+ 1 < segments.count
      else { return 0 }
      // RFC 3042 §2: before a recovery no more than two segments beyond the window.
      if phase == .open, Int(duplicates) >= RACK.duplicateThreshold { return 0 }
      duplicates &+= 1
      return mss
    }
    guard duplicates > 0 else { return acknowledged }
    let counted = min(acknowledged, Int(duplicates) &* mss)
    // Of what is acknowledged now all but the retransmission has been counted by a duplicate.
    let segments = max(1, acknowledged / mss)
    duplicates =
      phase == .recovery
      ? UInt16(truncatingIfNeeded: max(0, Int(duplicates) &- (segments &- 1))) : 0
    return max(acknowledged &- counted, min(acknowledged, mss))
  }

  // MARK: Fast recovery

  /// What the window was used for: RFC 5681's FlightSize, which is all that is outstanding, of this round trip
  /// and of the one before. Not more than cwnd, as which it counts where that is used in full (RFC 9438 §4.6).
  var flightSize: Int {
    let outstanding = segments.start.flatMap { una in segments.end.map(una.distance(to:)) } ?? 0
    let flight = max(outstanding, Int(max(roundPeak, lastRoundPeak)))
    return flight &+ mss > window.cwnd ? window.cwnd : flight
  }

  mutating func enterRecovery(nxt: SequenceNumber, delivered: Int) {
    guard let una = segments.start else { return }
    undoing = Undoing(window: window, una: una)
    // A window that has been reduced already since this flight was sent is not reduced again (RFC 3168 §6.1.2).
    let isReduced = flags.contains(.hasRecover) && una.precedes(recover)
    if !isReduced || window.ssthresh > window.cwnd {
      window.ssthresh = control.congestion(window, flight: flightSize, mss: mss)
    }
    if !usesSACK, segments[0].isInFlight { segments.markLost(0) }
    // RFC 9937 §6: RecoverFS has what this acknowledgement delivered, but not what was sacked before.
    let outstanding = una.distance(to: nxt)
    segments.reduction = ProportionalRateReduction(
      flight: outstanding &- segments.sackedBytes &+ delivered)
    noteReduction(nxt: nxt)
    phase = .recovery
    flags.remove([.probing, .probeDue, .partiallyAcknowledged, .retransmissionLost])
    if !flags.contains(.reorderingTimer) { otherDeadline = .never }
  }

  /// Moves cwnd by PRR.
  mutating func reduce(delivered: Int, isSafe: Bool) {
    window.cwnd = segments.reduction.acknowledged(
      delivered: delivered, inFlight: bytesInFlight, ssthresh: window.ssthresh, mss: mss,
      isSafe: isSafe)
  }

  /// A retransmission was lost: a second sign of congestion (RFC 5681 §4.3). Once in a recovery.
  mutating func reduceAgain() {
    guard phase == .recovery, !flags.contains(.retransmissionLost) else { return }
    flags.insert(.retransmissionLost)
    var reduced = window
    reduced.cwnd = window.ssthresh
    window.ssthresh = control.congestion(reduced, flight: reduced.cwnd, mss: mss)
  }

  /// The window is reduced: until what has been sent now is acknowledged it is not reduced again.
  mutating func noteReduction(nxt: SequenceNumber) {
    recover = nxt
    flags.insert([.hasRecover, .congestionWindowReduced])
    flags.remove(.recoverIsECN)
  }

  mutating func leaveRecovery() {
    // RFC 9937 §6: at the end of a fast recovery the window is what it was to become.
    if phase == .recovery { window.cwnd = window.ssthresh }
    phase = .open
    frto = .off
    duplicates = 0
    rackRecoveryEnded()
  }

  /// The reaction was a mistake: RFC 4015 §3.2, RFC 9438 §4.9.
  mutating func undo() {
    window.cwnd = max(window.cwnd, undoing.window.cwnd)
    window.restoreThreshold(of: undoing.window)
    control.undo()
    segments.unmarkLost(ordered: usesSACK)
    if phase == .timeout { estimator.withdrawBackOff() }
    (phase, frto, duplicates, timeouts) = (.open, .off, 0, 0)
    flags.remove([.retransmissionForced, .congestionWindowReduced])
    // What was taken for lost was late.
    if usesSACK { flags.insert(.reorderingSeen) }
    undoing.disarm()
    undone &+= 1
  }

  // MARK: Other signs of congestion

  /// The probe may have repaired a loss of which nothing else told (RFC 8985 §7.4).
  mutating func followProbe(
    _ acknowledgment: Acknowledgment, duplicate: SACKBlock?, nxt: SequenceNumber
  ) {
    let isRepair = probeAcknowledged(
      number: acknowledgment.ack, duplicate: duplicate,
      isPlainDuplicate: acknowledgment.sackBlocks.isEmpty && acknowledgment.mayBeDuplicate
        && segments.start == acknowledgment.ack)
    guard isRepair else { return }
    undoing.disarm()
    window.ssthresh = control.congestion(window, flight: flightSize, mss: mss)
    window.cwnd = min(window.cwnd, window.ssthresh)
    noteReduction(nxt: nxt)
  }

  /// RFC 3168 §6.1.2: the same reaction as to a loss, once for each window of data.
  mutating func reactToECE(
    number: SequenceNumber, nxt: SequenceNumber, _ outcome: inout Outcome
  ) {
    guard phase == .open, !flags.contains(.hasRecover) || recover.precedes(number) else { return }
    undoing.disarm()
    window.ssthresh = control.congestion(window, flight: flightSize, mss: mss)
    window.cwnd = min(window.cwnd, window.ssthresh)
    noteReduction(nxt: nxt)
    flags.insert(.recoverIsECN)
    outcome.reacted = true
  }

  // MARK: Growth

  /// Whether the sender used its window, so that it may grow (RFC 7661 §4.3, RFC 9438 §5.8). In slow start
  /// half of it is enough, since it doubles within the round trip.
  var isWindowLimited: Bool {
    let peak = Int(max(roundPeak, lastRoundPeak))
    return window.isInSlowStart ? window.cwnd < 2 &* peak : window.cwnd < peak &+ mss
  }

  mutating func grow(by bytes: Int, wasLimited: Bool, now: Instant) {
    guard wasLimited else {
      control.interrupted()
      return
    }
    guard window.isInSlowStart else {
      control.avoidCongestion(&window, acknowledged: bytes, mss: mss, srtt: srtt, now: now)
      return
    }
    let growth = control.slowStartGrowth(acknowledged: bytes, mss: mss)
    window.cwnd = min(window.cwnd &+ growth, window.ssthresh)
  }
}
