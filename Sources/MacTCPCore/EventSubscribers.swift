internal import DequeModule

/// An event that may be given any number of times without the program doing anything in between. Only these are
/// dropped when a program does not take its events: the others are bounded by the program's own calls.
package protocol NotifiedEvent: Sendable {
  var isRepeatable: Bool { get }
}

extension TCPEvent: NotifiedEvent {
  package var isRepeatable: Bool {
    switch self {
    case .icmpReceived, .ulpTimeout: true
    case .closing, .terminated, .dataArrival, .urgent: false
    }
  }
}

extension UDPEvent: NotifiedEvent {
  package var isRepeatable: Bool {
    switch self {
    case .icmpReceived: true
    case .dataArrival: false
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
  func add(_ event: Event, isRepeatable: Bool, _ effects: inout Effects) {
    if isRepeatable && events.count >= EventLimit.undelivered { return }
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

enum EventLimit {
  /// So many undelivered events of a stream are kept before repeatable ones are dropped.
  static let undelivered = 256
}

/// Everybody who is told of a stream's events. Guarded by the stream's lock; made when the first one subscribes.
final class EventSubscribers<Event: NotifiedEvent>: @unchecked Sendable {
  // Sendable: the variables are touched with the stream's lock held only.
  private struct Weak { weak var subscription: EventSubscription<Event>? }

  var handler: (@Sendable (Event) -> Void)?
  private var subscriptions: [Weak] = []

  /// Whether anybody listens: without that nothing is watched for.
  var isEmpty: Bool {
    handler == nil && !subscriptions.contains { $0.subscription != nil }
  }

  func add(_ subscription: EventSubscription<Event>) {
    subscriptions.removeAll { $0.subscription == nil }
    subscriptions.append(Weak(subscription: subscription))
  }

  func give(_ event: Event, outbox: () -> Outbox, _ effects: inout Effects) {
    for weak in subscriptions {
      weak.subscription?.add(event, isRepeatable: event.isRepeatable, &effects)
    }
    if let handler {
      let outbox = outbox()
      if event.isRepeatable && outbox.count >= EventLimit.undelivered { return }
      outbox.post({ handler(event) }, &effects)
    }
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
