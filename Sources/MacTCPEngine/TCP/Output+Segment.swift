// How a segment is put together: window, options, flags, and what is remembered of it.

internal import MacTCPWire

extension ControlBlock {
  /// Appends the packet with the segment.
  @inline(__always)
  mutating func write(
    _ segment: OutgoingSegment, into packet: inout OutputSpan<UInt8>, _ ip: inout IPLayer,
    _ context: inout Context
  ) -> IPLayer.Disposition? {
    // Nearly all have no options but time stamps.
    let isPlain = !segment.flags.contains(.syn) && !hasBlocksToReport
    var options = TCPOptions()
    if !isPlain { addOptions(to: &options, segment.flags, &context) }
    let optionLength = isPlain ? (usesTimestamps ? 12 : 0) : options.byteCount
    // Options that not every segment has (SACK) take their room from the data (RFC 6691 §2).
    let count = min(segment.count, max(1, Int(mss) &- optionLength))
    var header = TCPHeader(
      sourcePort: local.port, destinationPort: remote.port, sequenceNumber: segment.sequence,
      acknowledgmentNumber: rcv.nxt, flags: segment.flags, window: windowField(segment.flags))
    addFlags(to: &header, segment, count)
    let disposition = writeIPHeader(
      TCPHeader.leastLength &+ optionLength &+ count,
      isCapable: count > 0 && !segment.isRetransmission && !segment.isProbe, into: &packet, &ip,
      &context)
    let offset = sendStart.distance(to: segment.sequence)
    do {
      try sendRing.withBytes(at: max(0, offset), count: count) { first, second throws(WireError) in
        if isPlain {
          let timestamps =
            usesTimestamps
            ? TCPTimestamps(value: timestamp(&context), echoReply: recentTimestamp) : nil
          try header.write(
            withoutOptionsBut: timestamps, to: &packet, from: local.address, to: remote.address,
            payload: first, second)
        } else {
          try writeHeader(header, options, into: &packet, first, second)
        }
      }
    } catch {
      // The caller's memory is shorter than the link's packets: the packet is lost, as on a bad link.
      packet.removeAll()
    }
    remember(segment, header.flags, count, &context)
    return disposition
  }

  // Not inline: the header of a plain segment need not be in memory then.
  @inline(never)
  private func writeHeader(
    _ header: TCPHeader, _ options: TCPOptions, into packet: inout OutputSpan<UInt8>,
    _ first: Span<UInt8>, _ second: Span<UInt8>
  ) throws(WireError) {
    var header = header
    header.options = options
    try header.write(
      to: &packet, from: local.address, to: remote.address, payload: first, second)
  }

  /// - Parameter isCapable: whether the packet may bear ECT where ECN is used (RFC 3168 §6.1.4 to §6.1.6).
  @inline(__always)
  private mutating func writeIPHeader(
    _ length: Int, isCapable: Bool, into packet: inout OutputSpan<UInt8>, _ ip: inout IPLayer,
    _ context: inout Context
  ) -> IPLayer.Disposition {
    let typeOfService = settings.typeOfService & ~3 | (usesECN && isCapable ? 2 : 0)
    if let extras, !extras.ipOptions.isEmpty {
      return ip.writeHeaders(
        into: &packet, from: local.address, to: remote.address, protocol: .tcp,
        payloadLength: length, typeOfService: typeOfService, timeToLive: settings.timeToLive,
        dontFragment: context.configuration.usesPathMTUDiscovery, options: extras.ipOptions,
        &context)
    }
    return ip.writeHeaders(
      into: &packet, from: local.address, to: remote.address, protocol: .tcp,
      payloadLength: length, typeOfService: typeOfService, timeToLive: settings.timeToLive,
      dontFragment: context.configuration.usesPathMTUDiscovery, &context)
  }

  /// Whether a SACK option is due.
  @inline(__always) private var hasBlocksToReport: Bool {
    usesSACK && (pending.duplicateReport || !outOfOrder.isEmpty)
  }

  @inline(never)
  private mutating func addOptions(
    to options: inout TCPOptions, _ flags: TCPFlags, _ context: inout Context
  ) {
    if flags.contains(.syn) {
      addOpeningOptions(to: &options, isReply: flags.contains(.ack), &context)
      return
    }
    if usesTimestamps {
      options.timestamps = TCPTimestamps(
        value: timestamp(&context), echoReply: recentTimestamp)
    }
    if !flags.contains(.rst) { options.sackBlocks = sackBlocks() }
  }

  /// MSS only with SYN (MUST-65), and the others in a SYN,ACK only where the SYN had them.
  private mutating func addOpeningOptions(
    to options: inout TCPOptions, isReply: Bool, _ context: inout Context
  ) {
    let configuration = context.configuration
    options.maximumSegmentSize = UInt16(clamping: configuration.mtu &- 40)
    if isReply ? usesWindowScale : configuration.usesWindowScale {
      options.windowScale = receiveShift
    }
    if isReply ? usesTimestamps : configuration.usesTimestamps {
      options.timestamps = TCPTimestamps(
        value: timestamp(&context), echoReply: isReply ? recentTimestamp : 0)
    }
    options.isSACKPermitted = isReply ? usesSACK : configuration.usesSACK
  }

  /// The duplicate first, where there is one (RFC 2883 §4), then what came out of order.
  private mutating func sackBlocks() -> SACKBlocks {
    // On the smallest links there is not room for all, and some must be left for data.
    let room = (Int(mss) &- (usesTimestamps ? 12 : 0) &- 8) / 8
    let most = min(usesTimestamps ? 3 : 4, max(0, room))
    guard pending.duplicateReport, most > 0 else { return outOfOrder.sackBlocks(limit: most) }
    var blocks = SACKBlocks()
    blocks.append(duplicate)
    for block in outOfOrder.sackBlocks(limit: most &- 1) { blocks.append(block) }
    return blocks
  }

  /// TSval: milliseconds (RFC 7323 §5.4 allows 1 ms to 1 s), from an unguessable start.
  func timestamp(_ context: inout Context) -> UInt32 {
    UInt32(truncatingIfNeeded: context.now.microseconds / 1_000) &+ timestampOffset
  }

  @inline(__always)
  private mutating func addFlags(
    to header: inout TCPHeader, _ segment: OutgoingSegment, _ count: Int
  ) {
    let end = segment.sequence.advanced(by: count)
    if count < segment.count { header.flags.subtract(.fin) }
    if count > 0 && end.precedesOrEquals(snd.psh) && (end == snd.psh || end == sendDataEnd) {
      header.flags.formUnion(.psh)
    }
    if snd.isUrgent && segment.sequence.precedes(snd.up) && !segment.flags.contains(.syn)
      && !segment.flags.contains(.rst)
    {
      // MUST-62: the pointer is the number of the byte behind the urgent data; one that is too far for its
      // field comes in a later segment.
      header.flags.formUnion(.urg)
      header.urgentPointer = UInt16(clamping: segment.sequence.distance(to: snd.up))
    }
    if usesECN && !segment.flags.contains(.syn) {
      if pending.echoCongestion { header.flags.formUnion(.ece) }
      if count > 0 && !segment.isRetransmission && recovery.takeCWR() {
        header.flags.formUnion(.cwr)
      }
    }
    if header.flags.contains(.syn) && !header.flags.contains(.ack) || header.flags == .rst {
      header.acknowledgmentNumber = SequenceNumber(0)
    }
  }

  /// The number behind the last byte that the user has given.
  private var sendDataEnd: SequenceNumber { sendStart.advanced(by: sendRing.count) }

  /// The window to offer, and RCV.WND after it: never less than before (SHLD-14), and not more by a little
  /// (RFC 9293 §3.8.6.2.2, MUST-39).
  @inline(__always)
  private mutating func windowField(_ flags: TCPFlags) -> UInt16 {
    if flags.contains(.syn) {
      return UInt16(clamping: state == .synSent ? receiveSpace : receiveWindow)
    }
    if flags.contains(.rst) { return 0 }
    let space = receiveSpace
    let offered = receiveWindow
    let least = min(Int(receiveLimit) / 2, Int(peerMSS))
    let shift = Int(receiveShift)
    if space &- offered >= least {
      let field = min(space &>> shift, 65_535)
      let window = field &<< shift
      if window >= offered {
        rcv.edge = rcv.nxt.advanced(by: window)
        return UInt16(truncatingIfNeeded: field)
      }
    }
    // Rounded up, the field says no less than was offered before (RFC 7323 §2.4). The ring takes what that is
    // too much; where it would be more, what the field says less is accepted still.
    let slack = (1 &<< shift) &- 1
    let field = min((offered &+ slack) &>> shift, 65_535)
    if field &<< shift <= space &+ slack {
      rcv.edge = SequenceNumber.later(rcv.edge, rcv.nxt.advanced(by: field &<< shift))
      return UInt16(truncatingIfNeeded: field)
    }
    return UInt16(clamping: offered &>> shift)
  }

  /// Keeps what the segment means for what follows.
  @inline(__always)
  private mutating func remember(
    _ segment: OutgoingSegment, _ flags: TCPFlags, _ count: Int, _ context: inout Context
  ) {
    context.counters.tcp.segmentsSent &+= 1
    if count == 0 { emptySegmentsSent &+= 1 }
    if flags.contains(.rst) {
      context.counters.tcp.resetsSent &+= 1
      return
    }
    if flags.contains(.ack) {
      pending.acknowledgment = false
      pending.duplicateReport = false
      deadlines.delayedAcknowledgment = .never
      unacknowledgedSegments = 0
      rcv.acknowledged = rcv.nxt
    }
    guard !segment.isProbe else {
      // Keepalive has a count of its own.
      if count > 0 && unansweredSince == .never { unansweredSince = context.now }
      return
    }
    let numbers =
      count &+ (flags.contains(.fin) ? 1 : 0) &+ (flags.contains(.syn) ? 1 : 0)
    guard numbers > 0 else { return }
    if count > 0 { countSent(count, segment.isRetransmission, &context) }
    let end = segment.sequence.advanced(by: numbers)
    _ = recovery.transmitted(
      segment.sequence, count: numbers, isRetransmission: segment.isRetransmission,
      now: context.now, pool: &context.memory)
    if snd.nxt.precedes(end) {
      snd.nxt = end
      // The byte of a probe has been sent in earnest, if there was one.
      pending.probedByte = false
    }
    if flags.contains(.fin) { pending.finSent = true }
    if count > 0 && count < segmentData && !segment.isRetransmission { snd.small = end }
    if unansweredSince == .never { unansweredSince = context.now }
  }

  private mutating func countSent(_ count: Int, _ isAgain: Bool, _ context: inout Context) {
    if isAgain {
      self.count(&context) {
        $0.segmentsResent &+= 1
        $0.bytesResent &+= UInt64(count)
        $0.sentSizes.count(count)
      }
      context.counters.tcp.segmentsResent &+= 1
      context.counters.tcp.bytesResent &+= UInt64(count)
    } else {
      self.count(&context) {
        $0.dataSegmentsSent &+= 1
        $0.bytesSent &+= UInt64(count)
        $0.sentSizes.count(count)
      }
      context.counters.tcp.bytesSent &+= UInt64(count)
    }
  }
}
