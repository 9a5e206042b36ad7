// ICMP (RFC 792, RFC 1122 §3.2.2): errors that are sent, and echoes that wait for their reply.

internal import MacTCPWire

struct ICMPLayer: ~Copyable {
  var limiter: AnswerLimiter
  var echoes: EchoTable

  init(_ configuration: EngineConfiguration, key: UInt64) {
    limiter = AnswerLimiter(perSecond: configuration.answersPerSecond)
    echoes = EchoTable(key: key)
  }

  @inline(__always) var nextDeadline: Instant { echoes.nextDeadline }
  mutating func advance(to now: Instant) { echoes.advance(to: now) }
  mutating func nextEvent() -> EngineEvent? { echoes.nextEvent() }
}

extension IPLayer {
  /// Answers a packet with an ICMP error, unless it is one about which none may be sent (RFC 1122 §3.2.2): an
  /// ICMP error, a fragment other than the first, or a packet to or from what is not one host. The caller
  /// has seen to it that no frame for many had it.
  ///
  /// - Parameters:
  ///   - packet: from its IP header on.
  ///   - isOwn: the packet is one of this host's, which it tells itself about.
  mutating func sendError(
    _ problem: ICMPProblem, about packet: Span<UInt8>, toSelf isOwn: Bool = false,
    _ context: inout Context
  ) {
    guard let header = try? IPv4Header(quotedIn: packet), header.fragmentOffset == 0,
      !isGroup(header.destination), header.source.isUnicast, !isGroup(header.source)
    else { return }
    if header.protocol == .icmp {
      // What cannot be told is taken for an error.
      guard header.headerLength < packet.count else { return }
      let type = packet[header.headerLength]
      guard type == ICMPType.echoRequest.rawValue || type == ICMPType.echoReply.rawValue else {
        return
      }
    }
    guard icmp.limiter.allows(&context) else {
      context.counters.drop(.answersPerSecond)
      return
    }
    let answer = OutgoingPacket(
      source: isOwn ? header.source : header.destination, destination: header.source,
      protocol: .icmp,
      // RFC 1812 §4.3.2.5: INTERNETWORK CONTROL.
      typeOfService: 0xC0, timeToLive: timeToLive)
    let refused = enqueue(
      answer, payloadLength: ICMPProblem.messageLength(quoting: packet.count), isAnswer: true,
      &context
    ) { output in
      do { try problem.write(to: &output, quoting: packet) } catch {}
    }
    if let refused {
      context.counters.drop(refused)
    } else {
      context.counters.icmp.errorsSent &+= 1
    }
  }
}
