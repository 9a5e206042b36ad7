// Tail loss probes (RFC 8985 §7): if the end of a flight is lost no acknowledgement tells of it; one more
// segment, sent long before the retransmission time-out, brings one that does.

internal import MacTCPWire

extension LossRecovery {
  /// How long a peer may hold back an acknowledgement: TLP.max_ack_delay (RFC 8985 §7.2).
  private static var greatestDelay: Int { 200_000 }
  /// What the clocks and the wakings of two hosts may add to two round trips that are very short.
  private static var slack: Int { 2_000 }

  /// RFC 8985 §7.2: starts the probe's timer, or stops it if no probe may be sent.
  @inline(__always)
  mutating func armProbe(now: Instant) {
    let needed: Flags = [.sack, .tailLossProbe, .sampledSinceProbe]
    let excluded: Flags = [.probing, .reorderingTimer]
    guard flags.isSuperset(of: needed), flags.isDisjoint(with: excluded), phase == .open,
      segments.sackedCount == 0
    else {
      if !flags.contains(.reorderingTimer) { otherDeadline = .never }
      return
    }
    var timeout = estimator.hasSample ? 2 &* srtt &+ Self.slack : 1_000_000
    if segments.count == 1 { timeout &+= Self.greatestDelay }
    otherDeadline = min(now.advanced(by: timeout), retransmissionDeadline)
  }

  /// The probe's timer has run out: RFC 8985 §7.3.
  mutating func probeDue(now: Instant) {
    otherDeadline = .never
    flags.insert(.probeDue)
    // The retransmission timer begins anew with the probe.
    retransmissionDeadline = now.advanced(by: rto)
  }

  /// The probe has been sent.
  mutating func probeSent(isRetransmission: Bool) {
    flags.remove([.probeDue, .sampledSinceProbe])
    flags.insert(.probing)
    if isRetransmission {
      flags.insert(.probeIsRetransmission)
    } else {
      flags.remove(.probeIsRetransmission)
    }
    probeEnd = segments.end ?? probeEnd
    otherDeadline = .never
  }

  /// RFC 8985 §7.4: what an acknowledgement says of the probe. `true` if the probe repaired a loss, to
  /// which congestion control must react.
  mutating func probeAcknowledged(
    number: SequenceNumber, duplicate: SACKBlock?, isPlainDuplicate: Bool
  ) -> Bool {
    guard flags.contains(.probing), probeEnd.precedesOrEquals(number) else { return false }
    if !flags.contains(.probeIsRetransmission) || duplicate?.right == probeEnd
      || isPlainDuplicate
    {
      // It was new data, or both it and the original arrived.
      flags.remove(.probing)
      return false
    }
    guard probeEnd.precedes(number) else { return false }
    flags.remove(.probing)
    return true
  }
}
