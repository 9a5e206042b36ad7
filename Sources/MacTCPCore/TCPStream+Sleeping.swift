// Calls that block and are alone: the one receive, or the one send, that the stream has. Their thread sleeps on the
// transport itself, and nothing is made for them. What else is issued meanwhile queues behind, and is gone on with by
// the thread that was asleep.
//
// While a thread sleeps nobody else receives, or sends, for it. So only the end of the connection can complete its call
// behind its back; the thread wakes for that, and finds the error that pending commands got.

extension TCPStream {
  /// Receives into memory of a caller that is inside its call, and blocks until something has come. Called with the lock
  /// held, on an open stream without another receive. Returns `nil` when it was interrupted: nothing was taken then.
  func receiveAlone(
    into buffer: UnsafeMutableRawBufferPointer, until deadline: MonotonicTime?,
    _ interruption: (any Interruption)?, _ sleeper: any Sleeper, _ effects: inout Effects
  ) throws(MacTCPError) -> ReceivedCount? {
    let connection = openCount
    isReceiverAsleep = true
    while true {
      let (ready, ends) = sleep(
        sleeper, for: .receivable, until: deadline, interruption, &effects)
      guard phase == .open, openCount == connection else {
        if openCount == connection, let part = takeLeftover(buffer.count) {
          buffer.copyBytes(from: part)
          return ReceivedCount(count: part.count, isUrgent: false, isMark: false)
        }
        throw sleepersError ?? notOpenError
      }
      if let result = take(into: buffer, ready, &effects) {
        wakeReceiver(&effects)
        return try result.get()
      }
      if ready.contains(.failed), let loss = transport.loss() {
        throw connectionLost(loss, &effects)
      }
      if let deadline, transport.now >= deadline {
        receiveDone()
        wakeReceiver(&effects)
        throw receiveTimeoutError
      }
      if ends {
        wakeReceiver(&effects)
        return nil
      }
    }
  }

  /// Sends memory of a caller that is inside its call, and blocks until all of it was taken. Called with the lock held,
  /// on an open stream without another send. Returns how much is left where the driver has no place to sleep, and when
  /// it was interrupted or `deadline` has passed.
  func sendAlone(
    _ bytes: UnsafeRawBufferPointer, push: Bool, urgent: Bool, until deadline: MonotonicTime?,
    _ interruption: (any Interruption)?, _ effects: inout Effects
  ) throws(MacTCPError) -> (rest: UnsafeRawBufferPointer, wasInterrupted: Bool) {
    let connection = openCount
    var rest = bytes
    var ends = false
    while true {
      let taken = try sendNow(rest, push, urgent, &effects)
      rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
      if rest.isEmpty || ends { break }
      // Looking at the connection may have shown that it is lost.
      guard phase == .open else { throw notOpenError }
      guard let sleeper = transport.makeSleeper() else { break }
      isSenderAsleep = true
      (_, ends) = sleep(sleeper, for: .writable, until: deadline, interruption, &effects)
      if let deadline, transport.now >= deadline { ends = true }
      guard phase == .open, openCount == connection else { throw sleepersError ?? notOpenError }
      isSenderAsleep = false
    }
    if !sends.isEmpty || pendingClose != nil { service(nil, &effects) }
    return (rest, ends && !rest.isEmpty)
  }

  private func sleep(
    _ sleeper: any Sleeper, for readiness: Readiness, until deadline: MonotonicTime?,
    _ interruption: (any Interruption)?, _ effects: inout Effects
  ) -> (ready: Readiness, ends: Bool) {
    lock.unlock()
    effects.run()
    effects = Effects()
    let ready = sleeper.sleep(for: readiness, until: deadline, interruption)
    lock.lock()
    guard ready.isEmpty, let interruption else { return (ready, false) }
    let losesNothing = losesNothing(asleep: readiness)
    lock.unlock()
    let ends = interruption.endsCall(losesNothing: losesNothing)
    lock.lock()
    return (ready, ends)
  }

  /// Whether a call that sleeps can return and begin anew unseen: nobody waits behind it, and no notification routine
  /// would be told in between that data is there and no receive.
  private func losesNothing(asleep readiness: Readiness) -> Bool {
    if readiness == .receivable { return receives.isEmpty && subscribers == nil }
    return readiness == .writable && sends.isEmpty && pendingClose == nil
  }

  // MARK: Close

  /// Sleeps until the FIN that was sent is acknowledged; called with the lock held. Returns when the close has completed,
  /// and earlier where the driver has no place to sleep, or when the call was interrupted.
  func closeAlone(_ interruption: (any Interruption)?, _ effects: inout Effects) {
    guard flow.finSent, !flow.finAcknowledged, let sleeper = transport.makeAcknowledgementSleeper()
    else {
      isCloserAsleep = false
      service(nil, &effects)
      return
    }
    let connection = openCount
    while phase == .open, openCount == connection, !flow.finAcknowledged {
      let (ready, ends) = sleep(sleeper, for: .acknowledged, until: nil, interruption, &effects)
      guard phase == .open, openCount == connection else { return }
      if ends {
        isCloserAsleep = false
        service(nil, &effects)
        return
      }
      if !ready.isEmpty { service(transport.readiness(), &effects) }
    }
  }

  private func wakeReceiver(_ effects: inout Effects) {
    guard phase == .open else { return }
    isReceiverAsleep = false
    if !receives.isEmpty || subscribers != nil { service(nil, &effects) }
  }
}
