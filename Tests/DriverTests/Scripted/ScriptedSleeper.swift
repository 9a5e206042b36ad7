import MacTCPCore

/// A place to sleep on the scripted network: wakes for what the script does, and for the script's time.
final class ScriptedSleeper: Sleeper, @unchecked Sendable {
  // Sendable: `isAwake` is touched with the transport's lock held only.
  private weak var transport: (any ScriptedPlace)?
  private let condition = Condition()
  private var isAwake = false

  /// How many connections had ended when it was made: the end of this one wakes it.
  private let ends: Int

  /// Called with the lock held.
  init(_ transport: any ScriptedPlace) {
    self.transport = transport
    ends = transport.ends
  }

  func sleep(
    for readiness: Readiness, until deadline: MonotonicTime?, _ interruption: (any Interruption)?
  ) -> Readiness {
    guard let transport else { return [] }
    transport.lock.lock()
    defer { transport.lock.unlock() }
    transport.asleep.append(self)
    transport.wakeWatchers()
    defer { transport.asleep.removeAll { $0 === self } }
    while !isAwake && transport.ends == ends {
      let seen = transport.readiness()
      if !seen.intersection(readiness.union(.failed)).isEmpty { return seen }
      if let deadline, transport.now >= deadline { return [] }
      condition.wait(transport.lock)
    }
    isAwake = false
    return []
  }

  func wake() {
    transport?.lock.withLock { isAwake = true }
    condition.wakeAll()
  }

  /// Something has changed on the network.
  func look() {
    condition.wakeAll()
  }
}

/// What sleepers and tests that wait for other threads need of a scripted transport.
protocol ScriptedPlace: AnyObject, Sendable {
  var lock: Lock { get }
  var now: MonotonicTime { get }
  /// Threads that sleep on the transport now.
  var asleep: [ScriptedSleeper] { get set }
  var watchers: [ScriptedWatcher] { get set }
  /// How many connections have ended here.
  var ends: Int { get }
  func readiness() -> Readiness
}

/// A test that waits until the stream has done something.
struct ScriptedWatcher {
  let condition: () -> Bool
  let continuation: CheckedContinuation<Void, Never>
}

extension ScriptedTransport: ScriptedPlace {}

extension ScriptedPlace {
  /// Suspends until `condition`, evaluated with the lock held, is true: whenever the stream has done something.
  func until(_ condition: @escaping (Self) -> Bool) async {
    await withCheckedContinuation { continuation in
      lock.withLock {
        if condition(self) {
          continuation.resume()
        } else {
          watchers.append(
            ScriptedWatcher(condition: { condition(self) }, continuation: continuation))
        }
      }
    }
  }

  /// Called with the lock held.
  func wakeWatchers() {
    guard !watchers.isEmpty else { return }
    watchers.removeAll { watcher in
      guard watcher.condition() else { return false }
      watcher.continuation.resume()
      return true
    }
  }

  /// Reads a variable of the script.
  func read<R>(_ body: (Self) -> R) -> R {
    lock.withLock { body(self) }
  }
}
