// ICMP messages that come: RFC 792, RFC 1122 §3.2.2, RFC 5927.
//
// Source quench has no effect (RFC 6633). Queries other than the echo are answered by nobody any more (RFC 6918).

internal import MacTCPWire

extension Engine {
  mutating func receiveICMP(
    _ message: Span<UInt8>, _ header: IPv4Header, _ information: PacketInformation
  ) {
    context.counters.icmp.received &+= 1
    let icmp: ICMPHeader
    do { icmp = try ICMPHeader(parsing: message) } catch {
      context.counters.drop(.badICMP)
      return
    }
    switch icmp.type {
    case .echoRequest: answerEcho(icmp, message, header, information)
    case .echoReply:
      let isExpected = ip.icmp.echoes.receive(
        from: header.source, identifier: icmp.parameter.upperHalf,
        sequenceNumber: icmp.parameter.lowerHalf, now: context.now)
      if !isExpected { context.counters.drop(.unrelatedICMP) }
    case let type where type.isError: receiveError(message, from: header.source)
    default: break
    }
  }

  /// Sends the data back (RFC 1122 §3.2.2.6), with the type of service they came with, from the address
  /// they were sent to, by the way that they came.
  private mutating func answerEcho(
    _ icmp: ICMPHeader, _ message: Span<UInt8>, _ header: IPv4Header,
    _ information: PacketInformation
  ) {
    // A broadcast would make every host answer: "MAY be silently discarded".
    guard context.configuration.answersEchoRequests, !information.isGroup else { return }
    let answer = OutgoingPacket(
      source: header.destination, destination: header.source, protocol: .icmp,
      typeOfService: header.typeOfService & ~3, timeToLive: ip.timeToLive)
    let reply = ICMPHeader(type: .echoReply, parameter: icmp.parameter)
    let route = information.hasSourceRoute ? ip.receivedRoute : ReceivedRoute()
    let refused = ip.enqueue(
      answer, payloadLength: message.count,
      options: route.bytes.span.extracting(first: route.count),
      isAnswer: true, &context
    ) { output in
      let data = message.extracting(droppingFirst: ICMPHeader.byteCount)
      do { try reply.write(to: &output, payload: data) } catch {}
    }
    if let refused {
      context.counters.drop(refused)
    } else {
      context.counters.icmp.echoesAnswered &+= 1
    }
  }

  /// Hands an error to whom it concerns, if it quotes a packet that was sent from here.
  private mutating func receiveError(_ message: Span<UInt8>, from sender: IPAddress) {
    context.counters.icmp.errorsReceived &+= 1
    let report: ICMPError
    do { report = try ICMPError(parsing: message, verifyingChecksum: false) } catch {
      context.counters.drop(.badICMP)
      return
    }
    switch report.problem {
    case .redirect(_, let gateway):
      return receiveRedirect(to: gateway, about: report.packet, from: sender)
    case .sourceQuench:
      context.counters.icmp.sourceQuenchesReceived &+= 1
      // A connection counts them, too; nobody is told.
      guard report.packet.header.protocol == .tcp else { return }
    case .destinationUnreachable, .timeExceeded, .parameterProblem: break
    }
    guard ip.isLocal(report.packet.header.source) else {
      context.counters.drop(.unrelatedICMP)
      return
    }
    switch report.packet.header.protocol {
    case .tcp: tcp.receive(report, from: sender, &ip, &context)
    case .udp: udp.receive(report, from: sender, &ip, &context)
    // An echo's end is its time-out.
    case .icmp: break
    default: context.counters.drop(.unrelatedICMP)
    }
  }
}
