/// What is to be done once the lock is given up: waking tasks and threads, and running the caller's closures.
///
/// Whoever holds a lock collects here; ``run()`` is called with no lock held. Without effects nothing is allocated.
package struct Effects {
  package enum Effect {
    case resume(UnsafeContinuation<Void, Never>)
    case signal(Condition)
    case wake(any Sleeper)
    case call(@Sendable () -> Void)
    case deliver(Outbox)
  }

  private var effects: [Effect] = []

  package init() {}

  @inline(__always)
  package var isEmpty: Bool { effects.isEmpty }

  package mutating func add(_ effect: Effect) {
    effects.append(effect)
  }

  @inline(__always)
  package consuming func run() {
    if !effects.isEmpty { runAll() }
  }

  private consuming func runAll() {
    for effect in effects {
      switch effect {
      case .resume(let continuation): continuation.resume()
      case .signal(let condition): condition.wakeAll()
      case .wake(let sleeper): sleeper.wake()
      case .call(let body): body()
      case .deliver(let outbox): Notifier.shared.deliver(outbox)
      }
    }
  }
}

extension Lock {
  /// Runs `body` with the lock held, and afterwards, without it, what `body` collected.
  @inline(__always)
  package func perform<R, E: Error>(_ body: (inout Effects) throws(E) -> R) throws(E) -> R {
    var effects = Effects()
    lock()
    do {
      let value = try body(&effects)
      unlock()
      effects.run()
      return value
    } catch {
      unlock()
      effects.run()
      throw error
    }
  }
}
