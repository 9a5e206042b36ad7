extension TCPStream {
  // MARK: Close

  /// Closes this side: there is no more data to send. MacTCP: TCPClose.
  ///
  /// The stream still receives what the peer has to say, until the peer closes too.
  ///
  /// - Returns: A command that completes when everything sent, the FIN included, is acknowledged. It fails with
  ///   ``ResultCode/connectionClosing`` (closed already), ``ResultCode/connectionDoesntExist``,
  ///   ``ResultCode/connectionTerminated`` or ``ResultCode/invalidStreamPtr``.
  public func issueClose() -> Command<Void> {
    lock.perform { effects in
      do throws(MacTCPError) {
        return try startClose(&effects)
      } catch {
        return Command(.failure(error), lock: lock)
      }
    }
  }

  private func startClose(_ effects: inout Effects) throws(MacTCPError) -> Command<Void> {
    try requireStream()
    guard phase == .open else { throw notOpenError }
    if pendingClose != nil || flow.finSent {
      throw MacTCPError(
        .connectionClosing, "this side has closed the connection with \(peerName) already")
    }
    let command = Command<Void>(lock: lock, owner: self)
    pendingClose = command
    service(nil, &effects)
    return command
  }

  /// Closes this side, and suspends until the peer's TCP has acknowledged everything. See ``issueClose()``.
  public func close() async throws(MacTCPError) {
    try await issueClose().value
  }

  /// Closes this side, and blocks until the peer's TCP has acknowledged everything. See ``issueClose()``.
  public func close() throws(MacTCPError) {
    try close(interruption: nil).wait()
  }

  /// The same for a thread that must see to something else meanwhile: it returns the command, for which the caller goes
  /// on to wait where it has not completed.
  package func close(interruption: (any Interruption)?) throws(MacTCPError) -> Command<Void> {
    try lock.perform { effects throws(MacTCPError) in
      // Known before the close begins: then the transport is not asked to report the acknowledgement to others. Behind
      // sends the close waits in the queue.
      let isAlone =
        phase == .open && pendingClose == nil && !flow.finSent && sends.isEmpty && !isSenderAsleep
      if isAlone { isCloserAsleep = true }
      defer { if isAlone { isCloserAsleep = false } }
      let command = try startClose(&effects)
      if isAlone { closeAlone(interruption, &effects) }
      return command
    }
  }

  // MARK: Abort and release

  /// Ends the connection at once, with a reset: what was not sent or not received is dropped. MacTCP: TCPAbort.
  ///
  /// Pending commands complete with ``ResultCode/connectionTerminated``, ``TCPEvent/terminated(_:)`` is given with
  /// ``TerminationReason/ulpAbort``, and the stream can be opened again. A pending open is given up.
  ///
  /// - Throws: ``ResultCode/connectionDoesntExist``, ``ResultCode/invalidStreamPtr``.
  public func abort() throws(MacTCPError) {
    try lock.perform { effects throws(MacTCPError) in
      try requireStream()
      switch phase {
      case .opening:
        giveUpOpen(&effects) { MacTCPError(.connectionTerminated, "the open was aborted") }
      case .open:
        let peer = peerName
        abortConnection(.ulpAbort, &effects) {
          MacTCPError(.connectionTerminated, "the connection with \(peer) was aborted")
        }
      case .idle, .released:
        throw MacTCPError(.connectionDoesntExist, "the stream has no connection to abort")
      }
    }
  }

  /// Gives the stream up for good. MacTCP: TCPRelease.
  ///
  /// An open connection is aborted and pending commands complete with ``ResultCode/connectionTerminated``; one that
  /// both sides have closed ends in peace. Every later call gives ``ResultCode/invalidStreamPtr``. Releasing twice
  /// does nothing.
  public func release() {
    lock.perform { effects in
      guard phase != .released else { return }
      let error = MacTCPError.releasedMeanwhile
      switch phase {
      case .opening:
        giveUpOpen(&effects) { error }
      case .open:
        // The peer's FIN may have come unnoticed: then nothing is left to be aborted.
        if flow.finSent { service(transport.readiness(), &effects) }
        if phase == .open { abortConnection(.ulpAbort, &effects) { error } }
      case .idle, .released:
        break
      }
      phase = .released
      leftover = nil
      if let subscribers {
        self.subscribers = nil
        subscribers.finish(outbox, &effects)
      }
    }
  }

  // MARK: Rules

  /// Sends the FIN once everything before it was taken, and sees it acknowledged.
  func progressClose(_ effects: inout Effects) {
    guard pendingClose != nil || flow.finSent, !flow.finAcknowledged else { return }
    if !flow.finSent {
      guard sends.isEmpty, !isSenderAsleep else { return }
      transport.sendFIN()
      flow.finSent = true
      if ulpTimer == nil { startULPTimer() }
    }
    guard transport.isFINAcknowledged else { return }
    if let loss = transport.loss() {
      connectionLost(loss, &effects)
      return
    }
    flow.finAcknowledged = true
    while let send = unacknowledgedSends.popFirst() {
      send.command.complete(.success(()), &effects)
    }
    let pending = pendingClose
    pendingClose = nil
    pending?.complete(.success(()), &effects)
    endIfBothClosed(&effects)
  }

  // MARK: ULP time-out

  /// How often within a ULP time-out the timer looks whether something was acknowledged.
  private static let ulpLooks = 4

  /// Something was sent, with nothing watched over before.
  func startULPTimer() {
    let now = transport.now
    ulpTimer = ULPTimer(
      deadline: now + options.ulpTimeout / TCPStream.ulpLooks, since: now,
      acknowledged: flow.accepted - transport.unacknowledged)
  }

  /// Ends the connection, or reports, when nothing was acknowledged for the whole of the ULP time-out.
  func progressULPTimer(_ effects: inout Effects) {
    guard var timer = ulpTimer, transport.now >= timer.deadline else { return }
    let now = transport.now
    let unacknowledged = transport.unacknowledged
    if unacknowledged == 0 && sends.isEmpty && !isSenderAsleep
      && (!flow.finSent || flow.finAcknowledged)
    {
      ulpTimer = nil
      return
    }
    if flow.accepted - unacknowledged != timer.acknowledged {
      timer.acknowledged = flow.accepted - unacknowledged
      timer.since = now
    } else if now >= timer.since + options.ulpTimeout {
      if options.ulpTimeoutAction == .abort {
        let peer = peerName
        abortConnection(.ulpTimeoutTerminate, &effects) {
          MacTCPError(
            .connectionTerminated, "\(peer) acknowledged nothing within the ULP time-out",
            cause: .timedOut)
        }
        return
      }
      give(.ulpTimeout, &effects)
      timer.since = now
    }
    let look = now + options.ulpTimeout / TCPStream.ulpLooks
    timer.deadline = min(look, timer.since + options.ulpTimeout)
    ulpTimer = timer
  }

  // MARK: Cancelling

  package func cancel(_ command: PendingCommand) {
    lock.perform { effects in
      let error = MacTCPError(.abortErr, "the command was cancelled", cause: .cancelled)
      if let opening, opening.command === command {
        giveUpOpen(&effects) { error }
        return
      }
      if let index = receives.firstIndex(where: { $0.command === command }) {
        receives.remove(at: index)
      } else if let index = sends.firstIndex(where: { $0.command === command }) {
        sends.remove(at: index)
      } else if let index = unacknowledgedSends.firstIndex(where: { $0.command === command }) {
        unacknowledgedSends.remove(at: index)
      } else if pendingClose !== command {
        return
      } else if !flow.finSent {
        // The FIN waits behind sends that are pending: the close itself is taken back.
        pendingClose = nil
      }
      command.fail(error, &effects)
      service(nil, &effects)
    }
  }
}
