// RACK (RFC 8985 §6): a segment is lost if one that was sent later has arrived, and time enough for a
// reordered arrival has passed since.

internal import MacTCPWire

/// RACK's variables (RFC 8985 §5.2) that tell of the present flight. They have values while `LossRecovery.Flags.hasRACK`
/// is set.
struct RACK: BitwiseCopyable {
  /// RACK.xmit_ts, RACK.end_seq, RACK.rtt: of the segment sent last among those that have arrived.
  var sentAt: UInt32 = 0
  var end = SequenceNumber(0)
  var rtt: UInt32 = 0
  /// RACK.fack: the end of the highest segment that has arrived.
  var fack = SequenceNumber(0)

  static var persistRounds: UInt8 { 16 }
  /// DupThresh of RFC 5681 and RFC 6675.
  static var duplicateThreshold: Int { 3 }

  /// RACK_sent_after with this one first.
  @inline(__always)
  func isSentAfter(_ segment: SentSegment) -> Bool {
    let age = Int32(bitPattern: sentAt &- segment.sentAt)
    return age > 0 || age == 0 && segment.end.precedes(end)
  }
}

extension LossRecovery {
  /// RFC 8985 §6.2, steps 2 and 3, for a segment that has just been found to have arrived; `fack` is
  /// RACK.fack before the acknowledgement that told.
  @inline(__always)
  mutating func rackDelivered(
    _ segment: SentSegment, echoAge: Int?, fack: SequenceNumber?, clock: UInt32
  ) {
    // What is lost after it was sent again, or was sacked and is not believed any more: which sending of it has
    // arrived, and when that was, is not known.
    if segment.flags.isSuperset(of: [.lost, .retransmitted]) { return }
    let age = clock &- segment.sentAt
    let isRetransmitted = segment.flags.contains(.retransmitted)
    if isRetransmitted {
      // Was it the original that arrived? Step 2's two heuristics.
      if let echoAge, echoAge >= Int(age) &+ 1000 { return }
      if age < estimator.least, estimator.least != .max { return }
    }
    if !flags.contains(.hasRACK) {
      flags.insert(.hasRACK)
      (rack.sentAt, rack.end, rack.rtt) = (segment.sentAt, segment.end, age)
      rack.fack = segment.end
      return
    }
    if !rack.isSentAfter(segment) {
      (rack.sentAt, rack.end, rack.rtt) = (segment.sentAt, segment.end, age)
    }
    rack.fack = .later(rack.fack, segment.end)
    if let fack, segment.end.precedes(fack), !isRetransmitted { flags.insert(.reorderingSeen) }
  }

  /// RFC 8985 §6.2, step 4: the peer has received something twice, so maybe RACK was too hasty.
  mutating func rackDuplicate(nxt: SequenceNumber) {
    guard !flags.contains(.hasDuplicateRound) else { return }
    flags.insert(.hasDuplicateRound)
    duplicateRound = nxt
    reorderingMultiplier = min(reorderingMultiplier &+ 1, 250)
    reorderingPersist = RACK.persistRounds
  }

  /// A recovery without D-SACK has ended: step 4.
  mutating func rackRecoveryEnded() {
    guard reorderingPersist > 0 else { return }
    reorderingPersist &-= 1
    if reorderingPersist == 0 { reorderingMultiplier = 1 }
  }

  /// RACK_update_reo_wnd's result: how long to wait for reordered segments, in microseconds.
  var reorderingWindow: UInt32 {
    if !flags.contains(.reorderingSeen) {
      if phase != .open || segments.sackedCount >= RACK.duplicateThreshold { return 0 }
    }
    guard estimator.least != .max else { return 0 }
    let window = UInt64(reorderingMultiplier) &* UInt64(estimator.least) / 4
    return UInt32(clamping: min(window, UInt64(max(0, srtt))))
  }

  /// RFC 8985 §6.2, step 5: marks what is lost, and sets the timer for what may be later. How many
  /// segments are newly lost, and whether a retransmission is among them.
  ///
  /// Segments that were sent once are looked at in their order, those that were sent again in the order of
  /// that; both are passed over once. So the cost of all calls together is that of the segments sent.
  mutating func detectLosses(now: Instant) -> (lost: Int, lostAgain: Bool) {
    if flags.contains(.reorderingTimer) {
      flags.remove(.reorderingTimer)
      otherDeadline = .never
    }
    guard flags.contains(.hasRACK), usesSACK else { return (0, false) }
    let clock = now.clock
    let patience = UInt32(clamping: Int(rack.rtt) &+ Int(reorderingWindow))
    var lost = 0
    var lostAgain = false
    /// The time that the last segment to be waited for has left.
    var remaining = 0
    while let position = segments.firstUnsettled() {
      let segment = segments[position]
      guard rack.isSentAfter(segment) else { break }
      guard clock &- segment.sentAt >= patience else {
        remaining = Int(patience &- (clock &- segment.sentAt))
        break
      }
      segments.markLost(position)
      lost &+= 1
    }
    while let position = segments.oldestRetransmission() {
      let segment = segments[position]
      guard rack.isSentAfter(segment) else { break }
      guard clock &- segment.sentAt >= patience else {
        remaining = max(remaining, Int(patience &- (clock &- segment.sentAt)))
        break
      }
      segments.markLost(position)
      (lost, lostAgain) = (lost &+ 1, true)
    }
    if remaining > 0 {
      // All others that were sent before RACK's segment have had their time when that one would have.
      remaining = max(remaining, Int(patience) &- Int(clock &- rack.sentAt))
      otherDeadline = now.advanced(by: remaining)
      flags.insert(.reorderingTimer)
    }
    return (lost, lostAgain)
  }
}
