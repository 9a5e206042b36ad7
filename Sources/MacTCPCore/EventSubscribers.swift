internal import DequeModule

/// What becomes of an event when a program does not take its events and many are undelivered.
package enum Overflow {
  /// It may come any number of times without the program doing anything in between: dropped.
  case drop
  /// It asks for a receive, and comes again after each one: dropped if the same is undelivered, which asks for one too.
  case merge
  /// It is bounded by the program's own opens: kept.
  case keep
}

package protocol NotifiedEvent: Sendable, Equatable {
  var overflow: Overflow { get }
}

extension TCPEvent: NotifiedEvent {
  package var overflow: Overflow {
    switch self {
    case .icmpReceived, .ulpTimeout: .drop
    case .dataArrival, .urgent: .merge
    case .closing, .terminated: .keep
    }
  }
}

extension UDPEvent: NotifiedEvent {
  package var overflow: Overflow {
    switch self {
    case .icmpReceived: .drop
    case .dataArrival: .merge
    }
  }
}

/// A stream's events from the moment it was taken, as an asynchronous sequence; it ends when the stream is released.
///
/// Every sequence taken from a stream gets every event. It is iterated by one task.
public struct StreamEvents<Event: Sendable>: AsyncSequence, Sendable {
  let subscription: EventSubscription<Event>

  /// Iterates over the events.
  public struct AsyncIterator: AsyncIteratorProtocol {
    let subscription: EventSubscription<Event>

    /// The next event, or `nil` once the stream is released or the task cancelled.
    public mutating func next() async -> Event? {
      await subscription.next()
    }
  }

  /// Begins to take events.
  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(subscription: subscription)
  }
}

/// One sequence's undelivered events. Guarded by the stream's lock.
final class EventSubscription<Event: Sendable>: @unchecked Sendable {
  // Sendable: the variables are touched with `lock` held only.
  private let lock: Lock
  private var events: Deque<Event> = []
  private var isFinished = false
  /// Tasks that wait: one, unless several share the sequence. All are woken, and look again.
  private var waiters: [Int: UnsafeContinuation<Void, Never>] = [:]
  private var lastWaiter = 0

  init(lock: Lock) {
    self.lock = lock
  }

  func next() async -> Event? {
    while true {
      lock.lock()
      if let event = events.popFirst() {
        lock.unlock()
        return event
      }
      let ends = isFinished
      lastWaiter += 1
      let number = lastWaiter
      lock.unlock()
      if ends || Task.isCancelled { return nil }
      await withTaskCancellationHandler {
        await withUnsafeContinuation { continuation in
          lock.lock()
          if events.isEmpty && !isFinished && !Task.isCancelled {
            waiters[number] = continuation
            lock.unlock()
          } else {
            lock.unlock()
            continuation.resume()
          }
        }
      } onCancel: {
        lock.withLock { waiters.removeValue(forKey: number) }?.resume()
      }
    }
  }

  /// Called with the lock held.
  func add(_ event: Event, _ effects: inout Effects) where Event: NotifiedEvent {
    guard events.hasRoom(for: event) else { return }
    events.append(event)
    wake(&effects)
  }

  /// Called with the lock held.
  func finish(_ effects: inout Effects) {
    isFinished = true
    wake(&effects)
  }

  private func wake(_ effects: inout Effects) {
    for waiter in waiters.values { effects.add(.resume(waiter)) }
    waiters = [:]
  }
}

extension Deque where Element: NotifiedEvent {
  /// Whether one more undelivered event is kept. There is always room for 256.
  fileprivate func hasRoom(for event: Element) -> Bool {
    if count < 256 { return true }
    return switch event.overflow {
    case .drop: false
    case .merge: !contains(event)
    case .keep: true
    }
  }
}

/// Everybody who is told of a stream's events. Guarded by the stream's lock; made when the first one subscribes.
final class EventSubscribers<Event: NotifiedEvent>: @unchecked Sendable {
  // Sendable: the variables are touched with the stream's lock held only.
  private struct Weak { weak var subscription: EventSubscription<Event>? }

  var handler: (@Sendable (Event) -> Void)?
  /// What waits in the outbox for a handler.
  private var handed: Deque<Event> = []
  private let lock: Lock
  private var subscriptions: [Weak] = []

  init(lock: Lock) {
    self.lock = lock
  }

  /// Whether anybody listens: without that nothing is watched for.
  var isEmpty: Bool {
    handler == nil && !subscriptions.contains { $0.subscription != nil }
  }

  func add(_ subscription: EventSubscription<Event>) {
    subscriptions.removeAll { $0.subscription == nil }
    subscriptions.append(Weak(subscription: subscription))
  }

  func give(_ event: Event, outbox: () -> Outbox, _ effects: inout Effects) {
    for weak in subscriptions { weak.subscription?.add(event, &effects) }
    guard let handler, handed.hasRoom(for: event) else { return }
    handed.append(event)
    outbox().post(
      { [self] in
        // Whatever comes from now on is news to the handler.
        if let event = lock.withLock({ handed.popFirst() }) { handler(event) }
      }, &effects)
  }

  /// Ends the sequences, and lets the handler go where closures run: what it holds may do anything when it goes, and
  /// this may be the driver's thread.
  func finish(_ outbox: Outbox, _ effects: inout Effects) {
    for weak in subscriptions { weak.subscription?.finish(&effects) }
    if let last = handler {
      handler = nil
      outbox.post({ withExtendedLifetime(last) {} }, &effects)
    }
  }
}
