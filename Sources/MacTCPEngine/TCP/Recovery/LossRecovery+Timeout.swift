// What happens when time runs out: the retransmission time-out (RFC 6298 §5, RFC 5681 §3.1), F-RTO, which
// finds out whether it was right (RFC 5682), and the other timers.

internal import MacTCPWire

extension LossRecovery {
  /// What the caller has to do when ``deadline`` has come.
  enum Expiry {
    /// Nothing: it was no deadline.
    case none
    /// Send one new segment, or else what ``probeSegment()`` gives.
    case probe
    /// All is taken for lost: ``nextRetransmission()`` gives the first.
    case retransmissionTimeout
    /// Segments that could have been late are lost: ``nextRetransmission()`` may give them.
    case reordering
  }

  /// Time has passed.
  mutating func expired(now: Instant) -> Expiry {
    guard segments.count > 0, let nxt = segments.end else { return .none }
    if now >= otherDeadline {
      if flags.contains(.reorderingTimer) {
        let found = detectLosses(now: now)
        if found.lost > 0, phase == .open {
          enterRecovery(nxt: nxt, delivered: 0)
          reduce(delivered: 0, isSafe: false)
        } else if found.lostAgain {
          reduceAgain()
        }
        if found.lost > 0 { return .reordering }
      } else {
        probeDue(now: now)
        return .probe
      }
    }
    guard now >= retransmissionDeadline else { return .none }
    timeout(nxt: nxt, now: now)
    return .retransmissionTimeout
  }

  private mutating func timeout(nxt: SequenceNumber, now: Instant) {
    guard let una = segments.start else { return }
    // RFC 2018 §8: a first segment that is sacked, or no progress since the last time-out, shows that the
    // peer may have thrown away what it had.
    if segments[0].flags.contains(.sacked) || timeouts > 0 {
      segments.forgetSacked(sentAt: flags.contains(.hasRACK) ? rack.sentAt : now.clock)
    }
    let isFirst = timeouts == 0
    // RFC 5682 §2.1, 1: not in a recovery that is under way.
    frto = isFirst && phase == .open && flags.contains(.frto) ? .firstAcknowledgement : .off
    if isFirst {
      undoing = Undoing(window: window, una: una)
      // RFC 5681 §3.1: only for the first time-out of a segment.
      window.ssthresh = control.timeout(window, flight: flightSize, mss: mss)
    }
    timeouts = timeouts == .max ? .max : timeouts &+ 1
    phase = .timeout
    noteReduction(nxt: nxt)
    duplicates = 0
    // RFC 8985 §6.3. Without SACK nothing is known of any segment.
    let isTimed = usesSACK && flags.contains(.hasRACK)
    let patience = isTimed ? UInt32(clamping: Int(rack.rtt) &+ Int(reorderingWindow)) : 0
    segments.markAllLost(olderThan: patience, now: now.clock)
    if segments[0].isInFlight { segments.markLost(0) }
    // LW, RFC 5681 §3.1.
    window.cwnd = mss
    estimator.backOff()
    flags.remove([.probing, .probeDue, .reorderingTimer])
    flags.insert(.retransmissionForced)
    retransmissionDeadline = now.advanced(by: rto)
    otherDeadline = .never
  }

  /// An acknowledgement after a time-out: were the segments only late? RFC 5682 §2.1 and, with SACK, §3.1:
  /// a segment that was not sent again has arrived, of which nothing was known at the time-out.
  mutating func followFRTO(
    _ acknowledgment: Acknowledgment, hasOriginal: Bool,
    _ outcome: inout Outcome
  ) {
    let advances = outcome.acknowledged > 0
    guard frto != .off, advances || outcome.sacked > 0 || acknowledgment.mayBeDuplicate else {
      return
    }
    let isSpurious =
      usesSACK ? hasOriginal : advances && frto == .secondAcknowledgement
    if isSpurious {
      undo()
      outcome.undone = true
    } else if frto == .firstAcknowledgement, advances, acknowledgment.canSendNew,
      acknowledgment.ack.precedes(recover)
    {
      frto = .secondAcknowledgement
    } else {
      // Step 3a: slow start with three segments, of which two are the new ones.
      if frto == .secondAcknowledgement { window.cwnd = 3 &* mss }
      frto = .off
    }
  }
}

// MARK: Another segment size

extension LossRecovery {
  /// The path carries segments of `mss` bytes. With `resending`, longer ones that are outstanding cannot have
  /// arrived: they are lost, which is no sign of congestion (RFC 1191 §6.5).
  mutating func maximumSegmentSizeChanged(mss: Int, resending: Bool) {
    segmentSize = UInt16(clamping: max(1, mss))
    // One segment can always be sent.
    window.cwnd = max(window.cwnd, self.mss)
    guard resending, let nxt = segments.end,
      segments.markLost(longerThan: mss, ordered: usesSACK)
    else { return }
    flags.remove(.probing)
    guard phase == .open else { return }
    // They are sent again as cwnd allows, which is not reduced.
    phase = .timeout
    frto = .off
    recover = nxt
    flags.insert(.hasRecover)
    undoing.disarm()
  }
}
