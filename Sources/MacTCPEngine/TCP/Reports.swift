// ICMP errors about TCP (RFC 9293 §3.9.2.2, MUST-54 to MUST-56, SHLD-25 and SHLD-26; RFC 5927), segments without a
// connection, and what the path can carry.

internal import MacTCPWire

extension TCPLayer {
  /// Takes an ICMP error that quotes a TCP segment of ours.
  mutating func receive(
    _ error: ICMPError, from sender: IPAddress, _ ip: inout IPLayer, _ context: inout Context
  ) {
    let packet = error.packet
    guard let found = origin(of: packet) else {
      context.counters.drop(.unrelatedICMP)
      return
    }
    if case .destinationUnreachable(ICMPProblem.Unreachable.fragmentationNeeded, let mtu) =
      error.problem
    {
      guard context.configuration.usesPathMTUDiscovery else { return }
      ip.lowerPathMTU(
        to: packet.header.destination, to: Int(mtu), packetLength: packet.header.totalLength,
        &context)
      connections[found].pathChanged(&ip, resending: true, &context)
    }
    if case .sourceQuench = error.problem {
      connections[found].count(&context) { $0.sourceQuenches &+= 1 }
      return
    }
    connections[found].receive(error, from: sender, &context)
    settle(found, &context)
  }

  /// The connection that may have sent a segment just now: what is not outstanding was not (RFC 5927 §4.1).
  func origin(of packet: QuotedPacket) -> Int? {
    guard let localPort = packet.sourcePort, let remotePort = packet.destinationPort,
      let sequence = packet.sequenceNumber,
      let found = find(
        local: Endpoint(packet.header.source, localPort),
        remote: Endpoint(packet.header.destination, remotePort)), found < Self.timeWaitBit,
      connections[found].isOutstanding(sequence)
    else { return nil }
    return found
  }

  /// Appends the packet with a segment that belongs to no connection.
  mutating func write(
    _ reply: Reply, into packet: inout OutputSpan<UInt8>, _ ip: inout IPLayer,
    _ context: inout Context
  ) -> IPLayer.Disposition {
    let disposition = ip.writeHeaders(
      into: &packet, from: reply.source, to: reply.destination, protocol: .tcp,
      payloadLength: reply.header.headerLength, typeOfService: reply.typeOfService,
      timeToLive: reply.timeToLive ?? context.configuration.timeToLive,
      dontFragment: context.configuration.usesPathMTUDiscovery, &context)
    do {
      try reply.header.write(to: &packet, from: reply.source, to: reply.destination)
    } catch {
      packet.removeAll()
    }
    context.counters.tcp.segmentsSent &+= 1
    if reply.header.flags.contains(.rst) { context.counters.tcp.resetsSent &+= 1 }
    return disposition
  }
}

extension ControlBlock {
  /// Whether a segment with this number may have been sent just now: SND.UNA =< SEG.SEQ < SND.NXT
  /// (RFC 5927 §4.1).
  func isOutstanding(_ sequence: SequenceNumber) -> Bool {
    switch state {
    case .closed, .listen, .timeWait: false
    case .synSent, .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck:
      sequence.isInWindow(
        from: snd.una, size: snd.una.distance(to: snd.nxt) &+ (pending.probedByte ? 1 : 0))
    }
  }

  /// What an ICMP error does: an opening it ends, an established connection never (MUST-56; RFC 5927 §6.2
  /// says why "hard" errors do not either).
  mutating func receive(_ error: ICMPError, from sender: IPAddress, _ context: inout Context) {
    guard let type = error.reportType else { return }
    var report = ICMPReport(
      local: local, remote: remote, type: type, additionalInfo: 0, pointer: 0, sender: sender)
    switch error.problem {
    case .destinationUnreachable(_, let mtu): report.additionalInfo = mtu
    case .parameterProblem(_, let pointer): report.pointer = pointer
    case .sourceQuench, .redirect, .timeExceeded: break
    }
    if let extras = makeExtras(&context) {
      extras.report = report
      tell(.icmpReport)
    } else {
      context.counters.drop(.memoryCeiling)
    }
    if state == .synSent && (type == .protocolUnreach || type == .portUnreach) {
      end(.networkFailure, &context)
    }
  }

  /// The path carries packets of another size (RFC 1191 §6.4, SHLD-6): the MSS follows.
  mutating func pathChanged(
    _ ip: inout IPLayer, resending: Bool, _ context: inout Context
  ) {
    let optionBytes = ((extras?.ipOptions.count ?? 0) &+ 3) & ~3
    let size = min(
      Int(peerMSS), max(Int(Self.leastMSS), ip.tcpPathMTU(to: remote.address) &- 40 &- optionBytes))
    guard size != Int(mss) else { return }
    mss = UInt16(clamping: size)
    recovery.maximumSegmentSizeChanged(mss: segmentData, resending: resending)
    pending.output = true
  }
}
