// Header prediction (V. Jacobson, 1990): nearly every segment of an open connection is either the next data or an
// acknowledgement of what was sent, has no option but time stamps, and finds nothing lost. For such a one the checks of
// RFC 9293 §3.10.7.4, RFC 7323 §5.3 and RFC 5961 come down to a few comparisons, and its data are copied while they are
// summed. What is done for it is what is done for all, by the functions of SegmentArrives+*.swift; any doubt sends it there.

internal import MacTCPWire

/// Whether a segment was as predicted.
enum Prediction {
  /// It has been taken.
  case taken
  /// It would have been, with a right checksum.
  case badChecksum
  /// Nothing was done with it.
  case different
}

extension ControlBlock {
  /// Takes a segment that is as predicted, and says whether it was.
  @inline(__always)
  mutating func arriveAsPredicted(
    _ bytes: Span<UInt8>, from source: IPAddress, to destination: IPAddress, typeOfService: UInt8,
    _ context: inout Context
  ) -> Prediction {
    guard let segment = PlainTCPSegment(bytes, hasTimestamps: usesTimestamps) else {
      return .different
    }
    let count = bytes.count &- segment.headerLength
    guard predicts(segment, count), !usesECN || typeOfService & 3 != 3 else { return .different }
    var sum = InternetChecksum(
      pseudoHeaderFrom: source, to: destination, protocol: .tcp, length: bytes.count)
    sum.add(headerOf: segment)
    if count > 0 {
      // The data go behind what the ring holds, where nothing is: they may be copied before it is known whether they
      // are right.
      guard
        receiveRing.write(
          bytes.extracting(droppingFirst: segment.headerLength), at: receiveRing.count,
          addingTo: &sum, limit: receiveRingLimit, pool: &context.memory)
      else { return .different }
    }
    guard sum.isValid else {
      // What was damaged keeps no memory: nobody would read it, and so give it back.
      if receiveRing.isEmpty { receiveRing.removeAll(pool: &context.memory) }
      return .badChecksum
    }
    take(segment, count, &context)
    return .taken
  }

  @inline(__always)
  private mutating func predicts(_ segment: PlainTCPSegment, _ count: Int) -> Bool {
    guard segment.sequenceNumber == rcv.nxt, count == 0 || count <= receiveWindow,
      outOfOrder.isEmpty,
      !pending.isUnpredictable
    else { return false }
    switch state {
    case .established, .finWait1, .finWait2: break
    case .closeWait: guard count == 0 else { return false }
    case .closed, .listen, .synSent, .synReceived, .closing, .lastAck, .timeWait: return false
    }
    // PAWS.
    if usesTimestamps && Int32(bitPattern: segment.timestamp &- recentTimestamp) < 0 {
      return false
    }
    // SND.UNA =< SEG.ACK =< SND.NXT. One that acknowledges nothing new, while something is outstanding, is maybe a
    // duplicate.
    guard segment.acknowledgmentNumber.offset(from: snd.una) <= snd.nxt.offset(from: snd.una) else {
      return false
    }
    if segment.acknowledgmentNumber == snd.una {
      return count > 0 || snd.una == snd.nxt && !recovery.awaitsDuplicate
    }
    return recovery.isQuiet
  }

  @inline(__always)
  private mutating func take(_ segment: PlainTCPSegment, _ count: Int, _ context: inout Context) {
    if usesTimestamps && segment.sequenceNumber.precedesOrEquals(rcv.acknowledged) {
      keepTimestamp(segment.timestamp, &context)
    }
    if settings.usesKeepalive || deadlines.idle != .never { heard(&context) }
    let previous = snd.una
    let windowChanged = updateWindow(
      segment.sequenceNumber, segment.acknowledgmentNumber,
      UInt32(segment.window) << UInt32(sendShift))
    if segment.acknowledgmentNumber != previous {
      let roundTrip = recovery.acknowledgedQuietly(
        segment.acknowledgmentNumber, now: context.now, pool: &context.memory)
      note(roundTrip: roundTrip, &context)
      advance(to: segment.acknowledgmentNumber, &context)
    } else if windowChanged && snd.nxt.precedes(sendEnd) {
      pending.output = true
    }
    noteAnswer(previous, &context)
    if count > 0 {
      countReceived(count, &context)
      takeNext(count, isPushed: segment.isPushed, &context)
    }
  }
}
