// What time does to a connection (RFC 9293 §3.10.8): retransmission and the user time-out, probes, delayed
// acknowledgements, keepalive, the end of FIN-WAIT-2.

internal import MacTCPWire

extension ControlBlock {
  /// Does what is due. A call that comes too early does nothing.
  mutating func timeout(_ context: inout Context) {
    switch state {
    case .closed, .listen, .timeWait: return
    case .synSent, .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck:
      break
    }
    if userDeadline(&context) <= context.now {
      userTimeoutExpired(&context)
      if state == .closed || state == .listen { return }
    }
    if deadlines.delayedAcknowledgment <= context.now {
      deadlines.delayedAcknowledgment = .never
      pending.acknowledgment = true
      pending.output = true
    }
    if recovery.deadline <= context.now { recoveryExpired(&context) }
    if deadlines.persist <= context.now { persistExpired(&context) }
    if deadlines.idle <= context.now { idleExpired(&context) }
  }

  private mutating func recoveryExpired(_ context: inout Context) {
    let retransmissionsBefore = recovery.backoffCount
    switch recovery.expired(now: context.now) {
    case .none: break
    case .reordering: pending.output = true
    case .probe:
      pending.tailLossProbe = true
      pending.output = true
    case .retransmissionTimeout:
      context.counters.tcp.retransmissionTimeouts &+= 1
      pending.output = true
      adviseAtR1(retransmissionsBefore: retransmissionsBefore, &context)
    }
  }

  /// What follows when a segment has been sent again R1 times (RFC 9293 §3.8.3).
  private mutating func adviseAtR1(retransmissionsBefore: Int, _ context: inout Context) {
    let r1 = context.configuration.retransmissionsBeforeAdvice
    guard recovery.backoffCount >= r1 else { return }
    // (e), SHLD-9. A peer that answers that its window is closed has what is sent, and a connection that only the
    // peer has begun is not yet the user's.
    if retransmissionsBefore < r1, unansweredSince != .never,
      state != .synReceived || !settings.isPassive
    {
      tell(.deliveryProblem)
    }
    // (b), MUST-20: the path may be one that swallows large packets. A small one that is lost, or a window that the
    // peer says is closed, is no sign of that.
    if snd.wnd > 0, let lost = recovery.nextRetransmission(mss: segmentData),
      lost.count == segmentData
    {
      pending.doubtsPath = true
    }
  }

  /// R2 (MUST-20), or MacTCP's ULP time-out.
  private mutating func userTimeoutExpired(_ context: inout Context) {
    if !isSynchronized {
      if state == .synReceived && settings.isPassive && extras?.listen != nil {
        returnToListen(&context)
      } else {
        end(settings.userTimeoutIsSet ? .userTimeout : .networkFailure, &context)
      }
    } else if settings.userTimeoutAborts || pending.released {
      abortConnection(.userTimeout, &context)
    } else {
      unansweredSince = context.now
      tell(.userTimeout)
    }
  }

  private mutating func persistExpired(_ context: inout Context) {
    deadlines.persist = .never
    pending.output = true
    guard isSynchronized, snd.una == snd.nxt, unsentBytes > 0 else { return }
    if usableWindow > 0 {
      // The window is small but not closed: what fits goes out (RFC 9293 §3.8.6.2.1, override).
      pending.override = true
    } else {
      pending.windowProbe = true
      windowProbes = min(windowProbes &+ 1, 30)
      deadlines.persist = context.now.advanced(by: persistTime(&context))
    }
  }

  // MARK: The peer is silent

  /// Something came: the connection is not idle.
  mutating func heard(_ context: inout Context) {
    keepaliveProbes = 0
    if state == .finWait2 && pending.released { return }
    if settings.usesKeepalive { armKeepalive(&context) } else { deadlines.idle = .never }
  }

  mutating func armKeepalive(_ context: inout Context) {
    let idle = extras?.keepalive?.idle ?? context.configuration.keepaliveIdle
    deadlines.idle = context.now.advanced(by: idle)
  }

  private mutating func idleExpired(_ context: inout Context) {
    if state == .finWait2 && pending.released {
      end(.close, &context)
      return
    }
    guard settings.usesKeepalive, isSynchronized else {
      deadlines.idle = .never
      return
    }
    // Only when idle (MUST-26): what is outstanding is retransmitted, and is probe enough until its acknowledgement
    // arms the timer again.
    guard snd.una == snd.nxt else {
      deadlines.idle = .never
      return
    }
    let times = extras?.keepalive
    let most = times?.probes ?? context.configuration.keepaliveProbes
    guard Int(keepaliveProbes) < most else {
      // One lost probe is not death (MUST-29); so many are.
      abortConnection(.networkFailure, &context)
      return
    }
    keepaliveProbes &+= 1
    pending.keepaliveProbe = true
    pending.output = true
    deadlines.idle = context.now.advanced(
      by: times?.interval ?? context.configuration.keepaliveInterval)
  }

  // MARK: Ending at once

  /// A RST to the peer, and the end (RFC 9293 §3.10.5).
  mutating func abortConnection(_ reason: TerminationReason, _ context: inout Context) {
    switch state {
    case .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck:
      pending.reset = true
    case .closed, .listen, .synSent, .timeWait: break
    }
    end(reason, &context)
  }
}
