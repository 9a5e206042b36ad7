// Small things that tests of every kind share: logs, gates, threads, tasks, result codes, a random generator.
import MacTCPCore
import Testing

/// Suspends until every closure that was posted to `outbox` before has run.
func flush(_ outbox: @autoclosure () -> Outbox, _ lock: Lock) async {
  await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
    var effects = Effects()
    lock.withLock { outbox().post({ continuation.resume() }, &effects) }
    effects.run()
  }
}

/// What was notified, in order, from any thread.
final class EventLog<Element: Sendable>: @unchecked Sendable {
  // Sendable: `elements` is touched with `lock` held only.
  private let lock = Lock()
  private var elements: [Element] = []

  func add(_ element: Element) {
    lock.withLock { elements.append(element) }
  }

  /// Adds an element if there is none; whether it did.
  func addFirst(_ element: Element) -> Bool {
    lock.withLock {
      guard elements.isEmpty else { return false }
      elements.append(element)
      return true
    }
  }

  var all: [Element] { lock.withLock { elements } }

  func takeAll() -> [Element] {
    lock.withLock {
      defer { elements = [] }
      return elements
    }
  }
}

extension Command {
  /// The command's result code, as MacTCP's parameter block shows it in `ioResult`.
  var code: ResultCode {
    switch result {
    case nil: .inProgress
    case .success: .noErr
    case .failure(let error): error.code
    }
  }
}

extension Command where Value == Received {
  /// The received data as text; `nil` without.
  var text: String? {
    guard case .success(let received) = result else { return nil }
    return String(decoding: received.data, as: UTF8.self)
  }

  var flags: [Bool]? {
    guard case .success(let received) = result else { return nil }
    return [received.isUrgent, received.isMark]
  }
}

/// Runs `body`, which may block, on a thread of its own; the command completes with what it returns.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws(MacTCPError) -> Value)
  -> Command<Value>
{
  let lock = Lock()
  let command = Command<Value>(lock: lock, owner: nil)
  let isStarted = startDetachedThread {
    let result: Result<Value, MacTCPError>
    do throws(MacTCPError) {
      result = .success(try body())
    } catch {
      result = .failure(error)
    }
    var effects = Effects()
    lock.withLock { command.complete(result, &effects) }
    effects.run()
  }
  if !isStarted { Issue.record("no thread could be started") }
  return command
}

/// Runs `body` in a task; the command completes with what it returns.
func inTask<Value: Sendable>(_ body: @escaping @Sendable () async throws(MacTCPError) -> Value)
  -> Command<Value>
{
  let lock = Lock()
  let command = Command<Value>(lock: lock, owner: nil)
  Task {
    let result: Result<Value, MacTCPError>
    do throws(MacTCPError) {
      result = .success(try await body())
    } catch {
      result = .failure(error)
    }
    var effects = Effects()
    lock.withLock { command.complete(result, &effects) }
    effects.run()
  }
  return command
}

/// The result code of a call; `noErr` when it did not throw.
func code(_ body: () throws(MacTCPError) -> Void) -> ResultCode {
  do throws(MacTCPError) {
    try body()
    return .noErr
  } catch {
    return error.code
  }
}

/// Opened once, by any thread; whoever waits before that is held back.
final class Gate: @unchecked Sendable {
  // Sendable: the variables are touched with `lock` held only.
  private let lock = Lock()
  private let condition = Condition()
  private var isOpen = false

  func open() {
    lock.withLock { isOpen = true }
    condition.wakeAll()
  }

  /// Blocks the thread; not for tasks.
  func pass() {
    lock.withLock {
      while !isOpen { condition.wait(lock) }
    }
  }
}

/// Opened once, by any thread; tasks that wait before that are suspended.
final class AsyncGate: @unchecked Sendable {
  // Sendable: the variables are touched with `lock` held only.
  private let lock = Lock()
  private var isOpen = false
  private var waiters: [CheckedContinuation<Void, Never>] = []

  func open() {
    let woken = lock.withLock {
      isOpen = true
      defer { waiters = [] }
      return waiters
    }
    for waiter in woken { waiter.resume() }
  }

  func pass() async {
    await withCheckedContinuation { continuation in
      let passes = lock.withLock {
        if !isOpen { waiters.append(continuation) }
        return isOpen
      }
      if passes { continuation.resume() }
    }
  }
}

/// A small generator whose whole state is its seed, so that a failed test can be run again: SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
