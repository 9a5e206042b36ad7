// A listener without room in a SYN flood: it answers with cookies and remembers nothing (RFC 4987 §3.6).

internal import MacTCPWire

extension TCPLayer {
  /// The queue is full: the answer has in its number all that must be known of the SYN.
  mutating func sendCookie(
    _ segment: ArrivingSegment, _ index: Int, _ ip: inout IPLayer, _ context: inout Context
  ) {
    guard context.configuration.usesSYNCookies else {
      context.counters.drop(.listenQueueFull)
      return
    }
    let options = segment.header.options
    var header = TCPHeader(
      sourcePort: segment.header.destinationPort, destinationPort: segment.header.sourcePort,
      sequenceNumber: cookies.make(
        local: segment.local, remote: segment.remote, sequence: segment.sequence,
        mss: options.maximumSegmentSize ?? 536, now: context.now),
      acknowledgmentNumber: segment.sequence.advanced(by: 1), flags: TCPFlags.syn.union(.ack),
      window: UInt16(clamping: Int(connections[index].receiveLimit)))
    header.options.maximumSegmentSize = UInt16(clamping: context.configuration.mtu &- 40)
    if context.configuration.usesTimestamps, let timestamps = options.timestamps {
      let usesSACK = context.configuration.usesSACK && options.isSACKPermitted
      let shift = context.configuration.usesWindowScale ? options.windowScale : nil
      header.options.timestamps = TCPTimestamps(
        value: cookies.timestamp(windowScale: shift, sackPermitted: usesSACK, now: context.now),
        echoReply: timestamps.value)
      header.options.isSACKPermitted = usesSACK
      if shift != nil { header.options.windowScale = connections[index].shiftForLimit }
    }
    context.counters.tcp.cookiesSent &+= 1
    reply(header, to: segment, &context)
  }

  /// The acknowledgement of a cookie makes a connection that was not there.
  mutating func acceptCookie(
    _ segment: ArrivingSegment, _ payload: Span<UInt8>, _ index: Int, _ ip: inout IPLayer,
    _ context: inout Context
  ) -> Bool {
    let listener = Int(connections[index].listener)
    guard listener >= 0, context.configuration.usesSYNCookies,
      context.counters.tcp.cookiesSent > 0, !segment.flags.contains(.syn)
    else { return false }
    let cookie = segment.acknowledgment.advanced(by: -1)
    guard
      let mss = cookies.check(
        cookie, local: segment.local, remote: segment.remote,
        sequence: segment.sequence.advanced(by: -1), now: context.now)
    else {
      context.counters.drop(.badCookie)
      return false
    }
    guard listeners[listener].waiting < listeners[listener].backlog,
      let child = makeChild(of: index, &context)
    else {
      // The peer sends again, and there may be room then.
      context.counters.drop(.listenQueueFull)
      return true
    }
    listeners[listener].halfOpen &+= 1
    context.counters.tcp.cookiesAccepted &+= 1
    var syn = segment
    syn.header.flags = .syn
    syn.header.sequenceNumber.advance(by: -1)
    syn.header.options = TCPOptions()
    syn.header.options.maximumSegmentSize = mss
    if let timestamps = segment.header.options.timestamps {
      let agreed = cookies.options(of: timestamps.echoReply)
      syn.header.options.timestamps = timestamps
      syn.header.options.windowScale = agreed.windowScale
      syn.header.options.isSACKPermitted = agreed.sackPermitted
    }
    begin(child, with: syn, &ip, &context)
    connections[child].resume(at: cookie, segment, &context)
    let reaction = connections[child].segmentArrives(segment, payload, &context)
    if case .reset = reaction { reset(segment, &context) }
    settle(child, &context)
    return true
  }
}

extension ControlBlock {
  /// The connection's SYN,ACK was a cookie: it counts as sent.
  mutating func resume(
    at cookie: SequenceNumber, _ segment: ArrivingSegment, _ context: inout Context
  ) {
    snd.iss = cookie
    snd.una = cookie
    snd.nxt = cookie.advanced(by: 1)
    snd.up = cookie
    snd.small = cookie
    sendStart = snd.nxt
    snd.psh = sendStart
    pending.syn = false
    if usesTimestamps, let echo = segment.header.options.timestamps?.echoReply {
      // Our time stamps go on from the one in the cookie.
      timestampOffset = echo &- UInt32(truncatingIfNeeded: context.now.microseconds / 1_000) &+ 64
    }
  }
}
