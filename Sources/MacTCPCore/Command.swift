/// One command of the driver: issued, pending, completed exactly once with a value or a result code.
///
/// MacTCP's parameter block. A command is seen three ways: a task awaits ``value``, a thread blocks in ``wait()``,
/// a closure given to ``onCompletion(_:)`` is its completion routine. All three may be used on one command, any
/// number of times and from any thread.
///
/// A command does not keep its stream alive: when the stream's last reference goes, the stream is released and its
/// pending commands complete with ``ResultCode/connectionTerminated``.
public final class Command<Value: Sendable>: PendingCommand, @unchecked Sendable {
  // Sendable: `outcome` and the waiters are touched with `lock` held only.
  private var outcome: Result<Value, MacTCPError>?

  /// Whether the command has completed. MacTCP: `ioResult` is no longer `inProgress`.
  public var isDone: Bool { lock.withLock { outcome != nil } }

  /// The outcome, or `nil` while the command is pending.
  public var result: Result<Value, MacTCPError>? { lock.withLock { outcome } }

  /// The command's value, once it has completed.
  ///
  /// Cancelling the awaiting task cancels the command, as ``cancel()`` does.
  ///
  /// - Throws: What the command failed with; ``ResultCode/abortErr`` when it was cancelled.
  public var value: Value {
    get async throws(MacTCPError) {
      if let result { return try result.get() }
      await withTaskCancellationHandler {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
          lock.lock()
          if outcome == nil {
            waiters.append(.task(continuation))
            lock.unlock()
          } else {
            lock.unlock()
            continuation.resume()
          }
        }
      } onCancel: {
        self.cancel()
      }
      return try finished.get()
    }
  }

  /// Blocks the thread until the command has completed.
  ///
  /// - Throws: What the command failed with.
  @discardableResult
  public func wait() throws(MacTCPError) -> Value {
    block(until: nil)
    return try finished.get()
  }

  /// Blocks the thread until the command has completed or `timeout` has passed.
  ///
  /// - Returns: The value, or `nil` when the command is still pending; it stays pending then.
  /// - Throws: What the command failed with.
  public func wait(timeout: Duration) throws(MacTCPError) -> Value? {
    block(until: .now + timeout)
    return try result?.get()
  }

  /// Calls `body` when the command completes: the completion routine.
  ///
  /// On a command that has completed, `body` is called at once, on this thread. Otherwise it is called on a thread
  /// of its own kind, in order with the stream's notifications; it may make any call.
  public func onCompletion(_ body: @escaping @Sendable (Result<Value, MacTCPError>) -> Void) {
    // The stream may go before the command completes, on a thread that must not run the caller's closures. It is held
    // here so that it does not go while the lock is.
    let owner = owner
    defer { withExtendedLifetime(owner) {} }
    lock.lock()
    if let outcome {
      lock.unlock()
      body(outcome)
    } else {
      waiters.append(.routine(owner?.outbox ?? Outbox(lock: lock), { [self] in body(finished) }))
      lock.unlock()
    }
  }

  /// Takes the command back: if it is pending, it completes with ``ResultCode/abortErr``.
  ///
  /// A receive gives up its place and no data is lost. A send keeps what was accepted and drops the rest. An open is
  /// given up, and the stream can be opened again. A close cannot be undone: only the waiting ends.
  public func cancel() {
    owner?.cancel(self)
  }

  // MARK: Within the package

  /// A command that completes later. `owner` is asked to take it back on ``cancel()``.
  package init(lock: Lock, owner: (any CommandOwner)?) {
    super.init(lockedBy: lock, owner: owner)
  }

  /// A command that has completed.
  package init(_ outcome: Result<Value, MacTCPError>, lock: Lock) {
    self.outcome = outcome
    super.init(lockedBy: lock, owner: nil)
  }

  /// Completes the command, if it has not completed. Called with the lock held.
  package func complete(_ result: Result<Value, MacTCPError>, _ effects: inout Effects) {
    guard outcome == nil else { return }
    outcome = result
    for waiter in waiters {
      switch waiter {
      case .task(let continuation): effects.add(.resume(continuation))
      case .thread(let condition): effects.add(.signal(condition))
      case .hook(_, let body): effects.add(.call(body))
      case .routine(let outbox, let body): outbox.post(body, &effects)
      }
    }
    waiters = []
  }

  package override func fail(_ error: MacTCPError, _ effects: inout Effects) {
    complete(.failure(error), &effects)
  }

  /// Calls `body` with no lock held on whichever thread completes the command; for the package's own use, where
  /// `body` returns quickly and blocks on nothing. With a `key`, an object that outlives the command, only the first
  /// such `body` is kept: who waits again and again for a command leaves no more behind than who waits once.
  package func whenComplete(
    once key: AnyObject? = nil,
    _ body: @escaping @Sendable (Result<Value, MacTCPError>) -> Void
  ) {
    let key = key.map(ObjectIdentifier.init)
    lock.lock()
    if let outcome {
      lock.unlock()
      body(outcome)
    } else {
      let isKept =
        key != nil && waiters.contains { if case .hook(key, _) = $0 { true } else { false } }
      if !isKept { waiters.append(.hook(key, { [self] in body(finished) })) }
      lock.unlock()
    }
  }

  /// The outcome of a command that is known to have completed.
  private var finished: Result<Value, MacTCPError> {
    result ?? .failure(MacTCPError(.inProgress, "the command is still pending"))
  }

  private func block(until deadline: MonotonicTime?) {
    lock.lock()
    defer { lock.unlock() }
    if outcome != nil { return }
    let condition = Condition()
    waiters.append(.thread(condition))
    while outcome == nil {
      if let deadline, MonotonicTime.now >= deadline {
        waiters.removeAll { if case .thread(let other) = $0 { other === condition } else { false } }
        return
      }
      condition.wait(lock, until: deadline)
    }
  }
}

/// A command without its type, as a queue of pending commands sees it.
public class PendingCommand {
  package enum Waiter {
    case task(UnsafeContinuation<Void, Never>)
    case thread(Condition)
    case hook(ObjectIdentifier?, @Sendable () -> Void)
    case routine(Outbox, @Sendable () -> Void)
  }

  package let lock: Lock
  package fileprivate(set) weak var owner: (any CommandOwner)?
  fileprivate var waiters: [Waiter] = []

  fileprivate init(lockedBy lock: Lock, owner: (any CommandOwner)?) {
    self.lock = lock
    self.owner = owner
  }

  package func fail(_ error: MacTCPError, _ effects: inout Effects) {}
}

/// What a command was issued on.
package protocol CommandOwner: AnyObject, Sendable {
  /// Completes `command` with ``ResultCode/abortErr`` if it is pending. Called without the lock.
  func cancel(_ command: PendingCommand)
  /// Where completion routines wait to be run. Called with the lock held.
  var outbox: Outbox { get }
}
