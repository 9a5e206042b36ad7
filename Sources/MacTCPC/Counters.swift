// The counters of mactcp.h: a name and a number for each. Names stay; numbers are places in these lists.

public import CMacTCP
internal import MacTCPEngine

/// The name of a counter.
@c @implementation
public func mactcp_counter_name(_ number: UInt32) -> UnsafePointer<CChar>? {
  name(ofCounter: Int(number)).map(constantString)
}

/// The value of a counter.
@c @implementation
public func mactcp_engine_counter(_ engine: OpaquePointer?, _ number: UInt32) -> mactcp_result {
  withEngine(engine) { (engine) throws(EngineError) in
    guard name(ofCounter: Int(number)) != nil else { throw .invalidLength }
    return mactcp_result(engine.counters.value(Int(number)) & .max >> 1)
  }
}

/// The characters of a literal, which are there as long as the program is.
func constantString(_ string: StaticString) -> UnsafePointer<CChar> {
  UnsafeRawPointer(string.utf8Start).assumingMemoryBound(to: CChar.self)
}

private func name(ofCounter number: Int) -> StaticString? {
  if number < counterNames.count { return counterNames[number] }
  return DropReason(rawValue: number - counterNames.count)?.name
}

private let counterNames: [StaticString] = [
  "ip.received",
  "ip.delivered",
  "ip.sent",
  "ip.fragments_received",
  "ip.reassembled",
  "ip.fragmented",
  "ip.fragments_sent",
  "icmp.received",
  "icmp.errors_received",
  "icmp.echoes_answered",
  "icmp.errors_sent",
  "icmp.arp_requests_sent",
  "icmp.arp_replies_sent",
  "icmp.arp_received",
  "udp.received",
  "udp.sent",
  "tcp.active_opens",
  "tcp.passive_opens",
  "tcp.attempts_failed",
  "tcp.established",
  "tcp.closed_gracefully",
  "tcp.aborted",
  "tcp.segments_received",
  "tcp.segments_sent",
  "tcp.segments_resent",
  "tcp.segments_received_twice",
  "tcp.bytes_received",
  "tcp.bytes_sent",
  "tcp.bytes_received_twice",
  "tcp.bytes_resent",
  "tcp.resets_sent",
  "tcp.resets_received",
  "tcp.challenge_acknowledgments",
  "tcp.retransmission_timeouts",
  "tcp.fast_recoveries",
  "tcp.spurious_recoveries",
  "tcp.tail_loss_probes",
  "tcp.cookies_sent",
  "tcp.cookies_accepted",
  "tcp.zero_window_probes",
  "tcp.keepalive_probes",
  "tcp.segments_out_of_order",
  "tcp.time_wait_reused",
  "tcp.accepted",
  "icmp.source_quenches_received",
  "icmp.redirects_received",
  "icmp.redirects_followed",
]

extension Counters {
  /// The counter with the place `number` in the names, or of the drop reason after them.
  fileprivate func value(_ number: Int) -> UInt64 {
    switch number {
    case 0: ip.received
    case 1: ip.delivered
    case 2: ip.sent
    case 3: ip.fragmentsReceived
    case 4: ip.reassembled
    case 5: ip.fragmented
    case 6: ip.fragmentsSent
    case 7: icmp.received
    case 8: icmp.errorsReceived
    case 9: icmp.echoesAnswered
    case 10: icmp.errorsSent
    case 11: icmp.arpRequestsSent
    case 12: icmp.arpRepliesSent
    case 13: icmp.arpReceived
    case 14: udp.received
    case 15: udp.sent
    case 16: tcp.activeOpens
    case 17: tcp.passiveOpens
    case 18: tcp.attemptsFailed
    case 19: tcp.established
    case 20: tcp.closedGracefully
    case 21: tcp.aborted
    case 22: tcp.segmentsReceived
    case 23: tcp.segmentsSent
    case 24: tcp.segmentsResent
    case 25: tcp.segmentsReceivedTwice
    case 26: tcp.bytesReceived
    case 27: tcp.bytesSent
    case 28: tcp.bytesReceivedTwice
    case 29: tcp.bytesResent
    case 30: tcp.resetsSent
    case 31: tcp.resetsReceived
    case 32: tcp.challengeAcknowledgments
    case 33: tcp.retransmissionTimeouts
    case 34: tcp.fastRecoveries
    case 35: tcp.spuriousRecoveries
    case 36: tcp.tailLossProbes
    case 37: tcp.cookiesSent
    case 38: tcp.cookiesAccepted
    case 39: tcp.zeroWindowProbes
    case 40: tcp.keepaliveProbes
    case 41: tcp.segmentsOutOfOrder
    case 42: tcp.timeWaitReused
    case 43: tcp.accepted
    case 44: icmp.sourceQuenchesReceived
    case 45: icmp.redirectsReceived
    case 46: icmp.redirectsFollowed
    default: DropReason(rawValue: number - counterNames.count).map { self[$0] } ?? 0
    }
  }
}
