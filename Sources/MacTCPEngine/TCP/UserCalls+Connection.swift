// What the user's calls do to a connection (RFC 9293 §3.10.2 to §3.10.5).

internal import MacTCPWire

extension ControlBlock {
  /// The first numbers of a connection.
  mutating func begin(iss: SequenceNumber, mss: Int, offset: UInt32) {
    snd.iss = iss
    snd.una = iss
    snd.nxt = iss
    snd.up = iss
    sendStart = iss.advanced(by: 1)
    snd.psh = sendStart
    snd.small = iss
    timestampOffset = offset
    self.mss = max(Self.leastMSS, UInt16(clamping: mss))
    receiveShift = shiftForLimit
  }

  /// What a call on a connection that is not open throws; `nil` if it is.
  private var refusal: EngineError? {
    mutating get {
      switch state {
      case .closed, .timeWait:
        switch reason {
        case nil: .connectionDoesntExist
        case .close: .connectionClosing
        default: pending.wasEstablished ? .connectionTerminated : .openFailed
        }
      case .listen: .connectionDoesntExist
      case .synSent, .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing,
        .lastAck:
        nil
      }
    }
  }

  mutating func send(
    _ bytes: Span<UInt8>, push: Bool, urgent: Bool, _ context: inout Context
  ) throws(EngineError) -> Int {
    if let refusal { throw refusal }
    guard !pending.fin else { throw .connectionClosing }
    if sendRing.isEmpty && snd.una == snd.nxt { recovery.idleRestart(now: context.now) }
    let taken = sendRing.append(bytes, limit: Int(sendLimit), pool: &context.memory)
    if taken == 0 && !bytes.isEmpty && sendRing.count < Int(sendLimit) {
      throw .insufficientResources
    }
    let end = sendStart.advanced(by: sendRing.count)
    if push && taken > 0 && taken == bytes.count { snd.psh = end }
    if urgent && taken > 0 {
      snd.up = end
      snd.isUrgent = true
      // The peer learns of it although its window is closed (RFC 9293 §3.10.2, §3.8.5).
      if usableWindow <= 0 && isSynchronized { pending.acknowledgment = true }
    }
    pending.output = true
    return taken
  }

  mutating func read(into output: inout OutputSpan<UInt8>, _ context: inout Context)
    throws(EngineError) -> Received
  {
    var received = Received()
    guard !receiveRing.isEmpty, state != .synReceived else {
      received.isEnd = pending.finReceived
      if !received.isEnd, let refusal { throw refusal }
      return received
    }
    let start = readStart
    var most = output.freeCapacity
    if rcv.isUrgent {
      if start.precedes(rcv.urgentStart) {
        most = min(most, start.distance(to: rcv.urgentStart))
      } else if start.precedes(rcv.up) {
        most = min(most, start.distance(to: rcv.up))
        received.isUrgent = true
      } else {
        rcv.isUrgent = false
      }
    }
    received.count = receiveRing.read(
      into: &output, atMost: most, keepingBeyond: !outOfOrder.isEmpty, pool: &context.memory)
    let end = start.advanced(by: received.count)
    received.isPushed = start.precedes(rcv.psh) && rcv.psh.precedesOrEquals(end)
    if received.isUrgent && end == rcv.up {
      received.isMark = true
      rcv.isUrgent = false
    }
    received.isEnd = pending.finReceived && receiveRing.isEmpty
    updateWindow()
    return received
  }

  /// Tells the peer of room that the user has made, once it is worth a segment (RFC 9293 §3.8.6.2.2).
  private mutating func updateWindow() {
    guard canReceiveData, !pending.finReceived else { return }
    let growth = receiveSpace &- receiveWindow
    let least = min(Int(receiveLimit) / 2, 2 &* Int(peerMSS))
    if growth >= least && (receiveWindow < Int(receiveLimit) / 2 || unacknowledgedSegments > 0) {
      pending.acknowledgment = true
      pending.output = true
    }
  }

  /// CLOSE: the FIN follows what was sent.
  mutating func close(_ context: inout Context) throws(EngineError) {
    guard !pending.fin else { throw .connectionClosing }
    switch state {
    case .closed, .timeWait: throw refusal ?? .connectionDoesntExist
    case .listen: end(.close, &context)
    // What was queued is lost: "closing" to those who wait for it (RFC 9293 §3.10.4).
    case .synSent: end(sendRing.isEmpty ? .close : .abort, &context)
    case .synReceived: pending.fin = true
    case .established:
      pending.fin = true
      state = .finWait1
    case .closeWait:
      pending.fin = true
      state = .lastAck
    case .finWait1, .finWait2, .closing, .lastAck: throw .connectionClosing
    }
    snd.psh = sendStart.advanced(by: sendRing.count)
    pending.output = true
  }

  /// The user time-out of a released stream that had none, in microseconds: R2's default (SHLD-11).
  private static var orphanTimeout: Int { 120_000_000 }

  /// The user wants nothing more of the stream.
  mutating func release(_ context: inout Context) {
    events = []
    let isUnread = !receiveRing.isEmpty
    pending.released = true
    // Who could end it is gone: not even one without a time-out waits for ever for a peer that is gone too.
    if settings.userTimeout == 0 { settings.userTimeout = Self.orphanTimeout }
    if isUnread { receiveRing.removeAll(pool: &context.memory) }
    switch state {
    case .closed, .timeWait: break
    case .listen, .synSent: end(.abort, &context)
    case .finWait1, .finWait2, .closing, .lastAck:
      // SHLD-3: what the user has not read is lost, and the peer is told.
      if isUnread { abortConnection(.abort, &context) }
      if state == .finWait2 {
        deadlines.idle = context.now.advanced(by: context.configuration.finWait2Timeout)
      }
    case .synReceived, .established, .closeWait: abortConnection(.abort, &context)
    }
  }

  borrowing func status(_ context: borrowing Context) -> ConnectionStatus {
    var status = ConnectionStatus()
    status.state = state
    status.local = local
    status.remote = remote
    status.terminationReason = reason
    status.sendWindow = Int(snd.wnd)
    status.receiveWindow = receiveWindow
    status.unacknowledged = sendRing.count
    status.unread = receiveRing.count
    status.sendSpace = max(0, Int(sendLimit) &- sendRing.count)
    let read = readStart
    status.urgentRemaining =
      rcv.isUrgent && read.precedes(rcv.up) ? read.distance(to: rcv.up) : 0
    status.sendUnacknowledged = snd.una.rawValue
    status.sendNext = snd.nxt.rawValue
    status.receiveNext = rcv.nxt.rawValue
    status.congestionWindow = recovery.cwnd
    status.slowStartThreshold = recovery.ssthresh
    status.maximumSegmentSize = segmentData
    status.smoothedRoundTrip = recovery.srtt
    status.roundTripVariance = recovery.rttvar
    status.retransmissionTimeout = recovery.rto
    status.retransmissions = recovery.backoffCount
    status.typeOfService = settings.typeOfService
    status.timeToLive = settings.timeToLive
    status.windowScaleSent = usesWindowScale ? receiveShift : nil
    status.windowScaleReceived = usesWindowScale ? sendShift : nil
    status.usesTimestamps = usesTimestamps
    status.usesSACK = usesSACK
    status.usesECN = usesECN
    status.userTimeout = settings.userTimeout
    status.userTimeoutAborts = settings.userTimeoutAborts
    status.statistics = statistics(context)
    return status
  }

  mutating func set(_ option: ConnectionOption, _ context: inout Context) throws(EngineError) {
    switch option {
    case .nagle(let isOn):
      settings.usesNagle = isOn
      pending.output = true
    case .keepalive(let isOn): setKeepalive(isOn, &context)
    case .keepaliveTimes(let idle, let interval, let probes):
      let week = 604_800_000_000
      guard (1_000...week).contains(idle), (1_000...week).contains(interval),
        (1...200).contains(probes)
      else { throw .invalidLength }
      guard let extras = makeExtras(&context) else { throw .insufficientResources }
      extras.keepalive = (idle, interval, probes)
      setKeepalive(true, &context)
    case .userTimeout(let timeout, let aborts):
      guard EngineConfiguration.isUserTimeout(timeout) else { throw .invalidLength }
      settings.userTimeout = timeout
      settings.userTimeoutIsSet = true
      settings.userTimeoutAborts = aborts
    case .typeOfService(let byte): settings.typeOfService = byte
    case .timeToLive(let hops):
      guard hops > 0 else { throw .invalidLength }
      settings.timeToLive = hops
    case .delayedAcknowledgment(let isOn): settings.delaysAcknowledgments = isOn
    case .receiveBuffer(let count):
      guard EngineConfiguration.bufferRange.contains(count) else { throw .invalidLength }
      // What was offered stays offered.
      let offered: Int
      switch state {
      case .closed, .listen, .timeWait: offered = 0
      case .synSent: offered = min(receiveSpace, 65_535)
      case .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck:
        offered = receiveRing.count &+ receiveWindow
      }
      receiveLimit = UInt32(max(count, offered))
    case .sendBuffer(let count):
      guard EngineConfiguration.bufferRange.contains(count) else { throw .invalidLength }
      sendLimit = UInt32(count)
    }
  }

  private mutating func setKeepalive(_ isOn: Bool, _ context: inout Context) {
    settings.usesKeepalive = isOn
    keepaliveProbes = 0
    if isOn && isSynchronized { armKeepalive(&context) }
    if !isOn && !(state == .finWait2 && pending.released) { deadlines.idle = .never }
  }
}
