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

/// The fields of a segment that can be as predicted.
private struct PlainSegment {
  let sequence: SequenceNumber
  let acknowledgment: SequenceNumber
  let window: UInt16
  let isPushed: Bool
  /// Zero without time stamps.
  var timestamp: UInt32 = 0
  var headerLength = TCPHeader.leastLength

  /// `nil` unless the segment has ACK, with or without PSH, and just the options that are agreed on.
  @inline(__always)
  init?(_ bytes: Span<UInt8>, hasTimestamps: Bool) {
    guard bytes.count >= TCPHeader.leastLength, let sequence = bytes.networkUInt32(at: 4),
      let acknowledgment = bytes.networkUInt32(at: 8), let word = bytes.networkUInt32(at: 12)
    else { return nil }
    // The data offset and the flags. The reserved bits are ignored (RFC 9293 §3.1).
    guard word & 0xF0F7_0000 == (hasTimestamps ? 0x8010_0000 : 0x5010_0000) else { return nil }
    self.sequence = SequenceNumber(sequence)
    self.acknowledgment = SequenceNumber(acknowledgment)
    window = word.lowerHalf
    isPushed = word & 0x0008_0000 != 0
    guard hasTimestamps else { return }
    // In the form that everybody sends (RFC 7323, appendix A).
    guard bytes.networkUInt32(at: 20) == 0x0101_080A, let value = bytes.networkUInt32(at: 24),
      bytes.count >= 32
    else { return nil }
    timestamp = value
    headerLength = 32
  }
}

extension ControlBlock {
  /// Takes a segment that is as predicted, and says whether it was.
  @inline(__always)
  mutating func arriveAsPredicted(
    _ bytes: Span<UInt8>, from source: IPAddress, to destination: IPAddress, typeOfService: UInt8,
    _ context: inout Context
  ) -> Prediction {
    guard let segment = PlainSegment(bytes, hasTimestamps: usesTimestamps) else {
      return .different
    }
    let count = bytes.count &- segment.headerLength
    guard predicts(segment, count), !usesECN || typeOfService & 3 != 3 else { return .different }
    var sum = InternetChecksum(
      pseudoHeaderFrom: source, to: destination, protocol: .tcp, length: bytes.count)
    if count == 0 {
      sum.add(bytes)
    } else {
      // The data go behind what the ring holds, where nothing is: they may be copied before it is known whether they
      // are right.
      sum.add(bytes.extracting(first: segment.headerLength))
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
  private mutating func predicts(_ segment: PlainSegment, _ count: Int) -> Bool {
    guard segment.sequence == rcv.nxt, count == 0 || count <= receiveWindow, outOfOrder.isEmpty,
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
    guard segment.acknowledgment.offset(from: snd.una) <= snd.nxt.offset(from: snd.una) else {
      return false
    }
    if segment.acknowledgment == snd.una {
      return count > 0 || snd.una == snd.nxt && !recovery.awaitsDuplicate
    }
    return recovery.isQuiet
  }

  @inline(__always)
  private mutating func take(_ segment: PlainSegment, _ count: Int, _ context: inout Context) {
    if usesTimestamps && segment.sequence.precedesOrEquals(rcv.acknowledged) {
      keepTimestamp(segment.timestamp, &context)
    }
    if settings.usesKeepalive || deadlines.idle != .never { heard(&context) }
    let previous = snd.una
    let windowChanged = updateWindow(
      segment.sequence, segment.acknowledgment, UInt32(segment.window) << UInt32(sendShift))
    if segment.acknowledgment != previous {
      let roundTrip = recovery.acknowledgedQuietly(
        segment.acknowledgment, now: context.now, pool: &context.memory)
      note(roundTrip: roundTrip, &context)
      advance(to: segment.acknowledgment, &context)
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
