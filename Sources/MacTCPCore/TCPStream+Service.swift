// The heart of a stream: `service` looks at what the transport has and completes what can be completed. Everybody
// calls it with the lock held: a call that was just issued, a thread that slept on the transport, the driver's thread
// when something watched for has come or a deadline has passed. Nobody else completes a command of a live connection.

extension TCPStream: TransportClient, CommandOwner {
  /// Goes as far as is possible now. `known` is what can be done on the transport, all of it, where the caller has just
  /// looked.
  func service(_ known: Readiness?, _ effects: inout Effects) {
    if phase == .opening { progressOpen(known, &effects) }
    if phase == .open { progressSends(&effects) }
    if phase == .open { progressReceives(known, &effects) }
    if phase == .open { progressClose(&effects) }
    if phase == .open { notice(known, &effects) }
    watch(&effects)
  }

  /// Gives the notifications of section 4.1 that are due, and sees a connection that has ended while nobody asked.
  private func notice(_ known: Readiness?, _ effects: inout Effects) {
    let isHeard = subscribers?.isEmpty == false
    guard isHeard || flow.finAcknowledged || known != nil else { return }
    let ready = known ?? transport.readiness()
    if ready.contains(.failed), let loss = transport.loss() {
      connectionLost(loss, &effects)
      return
    }
    flow.peerClosed = flow.peerClosed || ready.contains(.peerClosed)
    guard receives.isEmpty, !isReceiverAsleep else { return }
    // What was `known` to be urgent may have been delivered by now.
    if isHeard && ready.contains(.urgent) && !flow.urgentGiven && !flow.isInsideUrgent
      && (known == nil || transport.readiness().contains(.urgent))
    {
      flow.urgentGiven = true
      give(.urgent, &effects)
    }
    if flow.peerClosed || (isHeard && ready.contains(.readable) && !flow.dataArrivalGiven) {
      if transport.unread > 0 {
        if isHeard && !flow.dataArrivalGiven {
          flow.dataArrivalGiven = true
          give(.dataArrival, &effects)
        }
      } else if flow.peerClosed {
        endReached(&effects)
      }
    }
  }

  /// The peer has closed and everything was delivered.
  func endReached(_ effects: inout Effects) {
    guard !flow.endDelivered else { return }
    flow.peerClosed = true
    flow.endDelivered = true
    give(.closing, &effects)
    endIfBothClosed(&effects)
  }

  /// After a graceful close of both sides nothing is left of the connection but its TIME-WAIT, which needs no stream.
  func endIfBothClosed(_ effects: inout Effects) {
    guard phase == .open, flow.endDelivered, flow.finAcknowledged else { return }
    transport.count(.closed)
    transport.finish()
    ended(.ulpClose, &effects) { bothClosedError }
  }

  /// The connection is gone, without this side's doing. What had arrived can still be received.
  ///
  /// Returns what the commands that were pending failed with.
  @discardableResult
  func connectionLost(_ loss: Loss, _ effects: inout Effects) -> MacTCPError {
    let error = MacTCPError(
      .connectionTerminated, "the connection with \(peerName) \(loss.message)", cause: loss.cause)
    let data = transport.drain()
    if !data.isEmpty { leftover = (data, 0) }
    if let type = loss.report, let local = transport.localEndpoint,
      let remote = transport.remoteEndpoint
    {
      give(.icmpReceived(ICMPReport(type: type, local: local, remote: remote)), &effects)
    }
    transport.count(.aborted)
    transport.finish()
    ended(loss.reason, &effects) { error }
    return error
  }

  /// Ends the connection from this side, with a reset.
  func abortConnection(
    _ reason: TerminationReason, _ effects: inout Effects, error: () -> MacTCPError
  ) {
    transport.count(.aborted)
    transport.abort()
    ended(reason, &effects, error: error)
  }

  /// Completes what is pending and gives the one `terminated` event of the connection.
  private func ended(
    _ reason: TerminationReason, _ effects: inout Effects, error: () -> MacTCPError
  ) {
    phase = .idle
    ending = reason
    ulpTimer = nil
    accumulationDeadline = nil
    while leftover != nil, let receive = receives.first {
      receives.removeFirst()
      receiveLeftover(receive, &effects)
    }
    let isAwaited = !receives.isEmpty || !sends.isEmpty || !unacknowledgedSends.isEmpty
    if isAwaited || pendingClose != nil || isReceiverAsleep || isSenderAsleep {
      failPending(error(), &effects)
    }
    give(.terminated(reason), &effects)
    flow = Flow()
  }

  /// Completes every pending command of the connection with `error`.
  func failPending(_ error: MacTCPError, _ effects: inout Effects) {
    if isReceiverAsleep || isSenderAsleep { sleepersError = error }
    isReceiverAsleep = false
    isSenderAsleep = false
    isCloserAsleep = false
    failCommands(error, &effects)
  }

  /// Completes every command that waits with `error`. A close whose FIN was not sent is taken back with it.
  private func failCommands(_ error: MacTCPError, _ effects: inout Effects) {
    while let receive = receives.popFirst() { receive.command.fail(error, &effects) }
    while let send = sends.popFirst() { send.command.fail(error, &effects) }
    while let send = unacknowledgedSends.popFirst() { send.command.fail(error, &effects) }
    let pending = pendingClose
    pendingClose = nil
    pending?.fail(error, &effects)
  }

  func give(_ event: TCPEvent, _ effects: inout Effects) {
    subscribers?.give(event, outbox: { outbox }, &effects)
  }

  // MARK: What is watched for

  /// Asks the transport to report what somebody waits for, and the driver to come back at the next deadline.
  private func watch(_ effects: inout Effects) {
    guard phase == .open || phase == .opening else { return }
    if let error = transport.watch(wanted) {
      giveUpOpen(&effects) { error }
      failCommands(error, &effects)
    }
    guard let deadline = nextDeadline else { return }
    if let announcedDeadline, announcedDeadline <= deadline { return }
    announcedDeadline = deadline
    effects.add(.call { [transport] in transport.deadlineChanged(to: deadline) })
  }

  /// What the driver's thread must see. Threads that sleep on the transport themselves see to their own needs.
  private var wanted: Readiness {
    if phase == .opening {
      guard let opening, !opening.isPassive else { return .none }
      return .writable
    }
    var wanted = Readiness.none
    if !receives.isEmpty && !isReceiverAsleep {
      wanted.insert(.readable)
      wanted.insert(.urgent)
    }
    if !sends.isEmpty && !isSenderAsleep { wanted.insert(.writable) }
    if !unacknowledgedSends.isEmpty
      || (flow.finSent && !flow.finAcknowledged && !isCloserAsleep)
    {
      wanted.insert(.acknowledged)
    }
    if let subscribers, !subscribers.isEmpty {
      if receives.isEmpty && !isReceiverAsleep && !flow.endDelivered {
        if !flow.dataArrivalGiven { wanted.insert(.readable) }
        if !flow.urgentGiven && !flow.isInsideUrgent { wanted.insert(.urgent) }
      }
      if !flow.peerClosed { wanted.insert(.peerClosed) }
      // Between two FINs the end is seen otherwise, and the transport would report the same for ever.
      if !flow.peerClosed || !flow.finSent { wanted.insert(.failed) }
    }
    return wanted
  }

  private var nextDeadline: MonotonicTime? {
    var next = opening?.deadline
    func consider(_ deadline: MonotonicTime?) {
      if let deadline, next.map({ deadline < $0 }) ?? true { next = deadline }
    }
    for receive in receives { consider(receive.deadline) }
    consider(accumulationDeadline)
    consider(ulpTimer?.deadline)
    return next
  }

  // MARK: What the driver calls

  package func transportIsReady(_ readiness: Readiness) {
    lock.perform { effects in
      if !readiness.isEmpty { transport.watchEnded() }
      // Only here, where deadlines end: a call that sends or receives need not read the clock.
      if phase == .open { progressULPTimer(&effects) }
      service(phase == .open ? transport.readiness() : nil, &effects)
    }
  }

  package func takeDeadline() -> MonotonicTime? {
    lock.withLock {
      announcedDeadline = nextDeadline
      return announcedDeadline
    }
  }
}
