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
    if segment.flags.contains(.syn) || hasBlocksToReport {
      return writeWithOptions(segment, into: &packet, &ip, &context)
    }
    let timestamps =
      usesTimestamps
      ? TCPTimestamps(value: timestamp(&context), echoReply: recentTimestamp) : nil
    let optionLength = timestamps == nil ? 0 : 12
    let count = min(segment.count, max(1, Int(mss) &- optionLength))
    // Before TCP's header, whose fields then need not be kept meanwhile.
    let disposition = writeIPHeader(
      segment, optionLength, count, into: &packet, &ip, &context)
    var header = TCPHeader(
      sourcePort: local.port, destinationPort: remote.port, sequenceNumber: segment.sequence,
      acknowledgmentNumber: rcv.nxt, flags: segment.flags, window: windowField(segment.flags))
    addFlags(to: &header, segment, count)
    let offset = max(0, sendStart.distance(to: segment.sequence))
    do {
      try sendRing.withBytes(at: offset, count: count) { first, second throws(WireError) in
        try header.write(
          withoutOptionsBut: timestamps, to: &packet, from: local.address, to: remote.address,
          payload: first, second)
      }
    } catch {
      // The caller's memory is shorter than the link's packets: the packet is lost, as on a bad link.
      packet.removeAll()
    }
    remember(segment, header.flags, count, &context)
    return disposition
  }

  /// The same with options that not every segment has.
  @inline(never)
  private mutating func writeWithOptions(
    _ segment: OutgoingSegment, into packet: inout OutputSpan<UInt8>, _ ip: inout IPLayer,
    _ context: inout Context
  ) -> IPLayer.Disposition? {
    var options = TCPOptions()
    addOptions(to: &options, segment.flags, &context)
    // They take their room from the data (RFC 6691 §2).
    let count = min(segment.count, max(1, Int(mss) &- options.byteCount))
    let disposition = writeIPHeader(
      segment, options.byteCount, count, into: &packet, &ip, &context)
    var header = TCPHeader(
      sourcePort: local.port, destinationPort: remote.port, sequenceNumber: segment.sequence,
      acknowledgmentNumber: rcv.nxt, flags: segment.flags, window: windowField(segment.flags),
      options: options)
    addFlags(to: &header, segment, count)
    let offset = max(0, sendStart.distance(to: segment.sequence))
    do {
      try sendRing.withBytes(at: offset, count: count) { first, second throws(WireError) in
        try header.write(
          to: &packet, from: local.address, to: remote.address, payload: first, second)
      }
    } catch {
      // As above.
      packet.removeAll()
    }
    remember(segment, header.flags, count, &context)
    return disposition
  }

  @inline(__always)
  private mutating func writeIPHeader(
    _ segment: OutgoingSegment, _ optionLength: Int, _ count: Int,
    into packet: inout OutputSpan<UInt8>, _ ip: inout IPLayer, _ context: inout Context
  ) -> IPLayer.Disposition {
    let length = TCPHeader.leastLength &+ optionLength &+ count
    // Whether the packet may bear ECT where ECN is used (RFC 3168 §6.1.4 to §6.1.6).
    let isCapable = count > 0 && !segment.isRetransmission && !segment.isProbe
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
    // The configuration is not taken into a variable: it is large, and has references.
    options.maximumSegmentSize = UInt16(clamping: context.configuration.mtu &- 40)
    if isReply ? usesWindowScale : context.configuration.usesWindowScale {
      options.windowScale = receiveShift
    }
    if isReply ? usesTimestamps : context.configuration.usesTimestamps {
      options.timestamps = TCPTimestamps(
        value: timestamp(&context), echoReply: isReply ? recentTimestamp : 0)
    }
    options.isSACKPermitted = isReply ? usesSACK : context.configuration.usesSACK
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

  @inline(__always)
  private mutating func countSent(_ count: Int, _ isAgain: Bool, _ context: inout Context) {
    if isAgain {
      countResent(count, &context)
    } else {
      self.count(&context) {
        $0.dataSegmentsSent &+= 1
        $0.bytesSent &+= UInt64(count)
        $0.sentSizes.count(count)
      }
      context.counters.tcp.bytesSent &+= UInt64(count)
    }
  }

  @inline(never)
  private mutating func countResent(_ count: Int, _ context: inout Context) {
    self.count(&context) {
      $0.segmentsResent &+= 1
      $0.bytesResent &+= UInt64(count)
      $0.sentSizes.count(count)
    }
    context.counters.tcp.segmentsResent &+= 1
    context.counters.tcp.bytesResent &+= UInt64(count)
  }
}
