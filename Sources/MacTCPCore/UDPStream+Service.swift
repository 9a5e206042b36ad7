// What a UDP stream is notified of, and the place where its commands complete.

extension UDPStream {
  // MARK: Events

  /// The events from now on, as a sequence for one task; it ends when the stream is released.
  public var events: StreamEvents<UDPEvent> {
    let subscription = EventSubscription<UDPEvent>(lock: lock)
    lock.perform { effects in
      guard !isReleased else {
        subscription.finish(&effects)
        return
      }
      madeSubscribers.add(subscription)
      service(&effects)
    }
    return StreamEvents(subscription: subscription)
  }

  /// The notification routine, under the rules of ``TCPStream/onEvent``.
  public var onEvent: (@Sendable (UDPEvent) -> Void)? {
    get { lock.withLock { subscribers?.handler } }
    set {
      let old = lock.perform { effects -> (@Sendable (UDPEvent) -> Void)? in
        guard !isReleased, newValue != nil || subscribers != nil else { return nil }
        let old = subscribers?.handler
        madeSubscribers.handler = newValue
        service(&effects)
        return old
      }
      _ = old
    }
  }

  private var madeSubscribers: EventSubscribers<UDPEvent> {
    if let subscribers { return subscribers }
    let made = EventSubscribers<UDPEvent>(lock: lock)
    subscribers = made
    return made
  }

  private func give(_ event: UDPEvent, _ effects: inout Effects) {
    subscribers?.give(event, outbox: { outbox }, &effects)
  }

  /// Where closures wait to be run; made when there is a first one.
  package var outbox: Outbox {
    if let storedOutbox { return storedOutbox }
    let outbox = Outbox(lock: lock)
    storedOutbox = outbox
    return outbox
  }

  // MARK: Service

  /// Completes what can be completed and gives the notifications that are due.
  func service(_ effects: inout Effects) {
    guard !isReleased else { return }
    takeReports(&effects)
    while let write = writes.first {
      switch send(write) {
      case .full:
        break
      case .sent:
        writes.removeFirst()
        write.command.complete(.success(()), &effects)
        continue
      case .failed(let error):
        writes.removeFirst()
        write.command.complete(.failure(error), &effects)
        continue
      }
      break
    }
    while sleepingReader == nil, let read = reads.first, let datagram = take() {
      reads.removeFirst()
      dataArrivalGiven = false
      read.command.complete(.success(datagram), &effects)
    }
    if reads.contains(where: { $0.deadline != nil }) {
      let now = transport.now
      for read in reads where read.deadline.map({ now >= $0 }) ?? false {
        reads.removeAll { $0 === read }
        read.command.complete(.failure(timeoutError), &effects)
      }
    }
    if isHeard && reads.isEmpty && sleepingReader == nil && !dataArrivalGiven
      && transport.readiness().contains(.readable)
    {
      dataArrivalGiven = true
      give(.dataArrival, &effects)
    }
    watch(&effects)
  }

  func takeReports(_ effects: inout Effects) {
    guard transport.readiness().contains(.failed) else { return }
    for report in transport.takeReports() { give(.icmpReceived(report), &effects) }
  }

  private var isHeard: Bool { subscribers?.isEmpty == false }

  func watch(_ effects: inout Effects) {
    guard !isReleased else { return }
    var wanted = Readiness.none
    if sleepingReader == nil && (!reads.isEmpty || (isHeard && !dataArrivalGiven)) {
      wanted.insert(.readable)
    }
    if !writes.isEmpty { wanted.insert(.writable) }
    if isHeard { wanted.insert(.failed) }
    if let error = transport.watch(wanted) {
      while let read = reads.popFirst() { read.command.complete(.failure(error), &effects) }
      while let write = writes.popFirst() { write.command.complete(.failure(error), &effects) }
    }
    guard let deadline = nextDeadline else { return }
    if let announcedDeadline, announcedDeadline <= deadline { return }
    announcedDeadline = deadline
    effects.add(.call { [transport] in transport.deadlineChanged(to: deadline) })
  }

  private var nextDeadline: MonotonicTime? { reads.compactMap(\.deadline).min() }
}

extension UDPStream: TransportClient, CommandOwner {
  package func transportIsReady(_ readiness: Readiness) {
    lock.perform { effects in
      if !readiness.isEmpty { transport.watchEnded() }
      service(&effects)
    }
  }

  package func transportAccepted(_ number: UInt64, _ adopt: () throws(MacTCPError) -> Void) -> Bool
  {
    false
  }

  package func transportFailedPassiveOpen(_ number: UInt64, _ error: MacTCPError) {}

  package func takeDeadline() -> MonotonicTime? {
    lock.withLock {
      announcedDeadline = nextDeadline
      return announcedDeadline
    }
  }

  package func cancel(_ command: PendingCommand) {
    lock.perform { effects in
      if let index = reads.firstIndex(where: { $0.command === command }) {
        reads.remove(at: index)
      } else if let index = writes.firstIndex(where: { $0.command === command }) {
        writes.remove(at: index)
      } else {
        return
      }
      command.fail(MacTCPError(.abortErr, "the command was cancelled", cause: .cancelled), &effects)
      watch(&effects)
    }
  }
}
