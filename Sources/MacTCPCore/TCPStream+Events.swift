extension TCPStream {
  /// The events from now on, as a sequence for one task. MacTCP: the asynchronous notification routine.
  ///
  /// The sequence ends when the stream is released.
  public var events: StreamEvents<TCPEvent> {
    let subscription = EventSubscription<TCPEvent>(lock: lock)
    lock.perform { effects in
      guard phase != .released else {
        subscription.finish(&effects)
        return
      }
      madeSubscribers.add(subscription)
      service(nil, &effects)
    }
    return StreamEvents(subscription: subscription)
  }

  /// The notification routine: called for each event, one at a time and in order, on a thread of its own kind. It may
  /// make any call, release the stream, or block: only later notifications of the same stream wait for it.
  /// A closure that holds its stream strongly keeps it from being released by itself: capture it weakly, or call
  /// ``release()``. At most 512 closures run at once in a process; closures that wait for each other must not be more.
  /// `asr` in the Python module.
  public var onEvent: (@Sendable (TCPEvent) -> Void)? {
    get { lock.withLock { subscribers?.handler } }
    set {
      // What the old closure holds is let go without the lock: that may run anything.
      let old = lock.perform { effects -> (@Sendable (TCPEvent) -> Void)? in
        guard phase != .released, newValue != nil || subscribers != nil else { return nil }
        let old = subscribers?.handler
        madeSubscribers.handler = newValue
        service(nil, &effects)
        return old
      }
      _ = old
    }
  }

  private var madeSubscribers: EventSubscribers<TCPEvent> {
    if let subscribers { return subscribers }
    let made = EventSubscribers<TCPEvent>(lock: lock)
    subscribers = made
    return made
  }
}
