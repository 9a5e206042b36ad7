// The driver's one thread: it sleeps on the kernel's event queue for everybody who does not sleep himself, and calls
// them when something came or a deadline passed. It holds no lock while it calls.
internal import MacTCPCore
internal import SystemPackage

/// Who is called by the poller.
protocol PollerClient: AnyObject, Sendable {
  func pollerReports(_ readiness: Readiness)
  /// The next deadline, after which `pollerReports` must be called; asked for again after each such call.
  func pollerDeadline() -> MonotonicTime?
}

final class Poller: @unchecked Sendable {
  // Sendable: `queue` and `wakeEvent` are constant, `timers` and `events` belong to the poller's thread, and the other
  // variables are touched with `lock` held only.
  private let queue: EventQueue
  private let wakeEvent: WakeEvent
  private let lock = Lock()
  private var clients: [UInt64: Weak] = [:]
  private var lastToken = Poller.wakeToken
  /// Clients whose deadline is to be asked for anew, and those that are gone.
  private var changed: [UInt64] = []
  private var sleepsUntil: MonotonicTime?
  private var isAsleep = false
  private var isStopped = false

  private var timers = TimerHeap()

  private struct Weak { weak var client: (any PollerClient)? }

  private static let wakeToken: UInt64 = 0
  /// So many changed deadlines are put off until the poller wakes anyway.
  private static let mostChanges = 1024

  init() throws(Errno) {
    queue = try EventQueue()
    wakeEvent = try WakeEvent()
    let interest = Interest(readiness: .readable, repeats: true)
    if let error = queue.set(wakeEvent.descriptor, interest, token: Poller.wakeToken, isNew: true) {
      throw error
    }
  }

  /// Lets the thread end.
  func stop() {
    lock.withLock { isStopped = true }
    wakeEvent.wake()
  }

  /// Gives a client its token. The client takes it back with `remove` before it goes.
  func add(_ client: any PollerClient) -> UInt64 {
    lock.withLock {
      lastToken += 1
      clients[lastToken] = Weak(client: client)
      return lastToken
    }
  }

  func remove(_ token: UInt64, hadDeadline: Bool) {
    lock.withLock {
      clients[token] = nil
      if hadDeadline { changed.append(token) }
    }
  }

  /// All clients there are.
  var everyone: [any PollerClient] {
    lock.withLock { Array(clients.values) }.compactMap { $0.client }
  }

  func watch(_ descriptor: Descriptor, _ interest: Interest, token: UInt64, isNew: Bool) -> Errno? {
    queue.set(descriptor, interest, token: token, isNew: isNew)
  }

  /// Asks for the client's deadline anew; `deadline` is what it was a moment ago.
  func deadlineChanged(_ token: UInt64, to deadline: MonotonicTime) {
    lock.lock()
    changed.append(token)
    let wakes =
      isAsleep
      && ((sleepsUntil.map { deadline < $0 } ?? true) || changed.count > Poller.mostChanges)
    lock.unlock()
    if wakes { wakeEvent.wake() }
  }

  /// Starts the thread, which ends with `stop`.
  func start() throws(Errno) {
    if !startDetachedThread({ self.run() }) { throw .resourceTemporarilyUnavailable }
  }

  private func run() {
    var events: [EventQueue.Event] = []
    while true {
      takeChanges()
      let deadline = timers.earliest
      lock.lock()
      if isStopped {
        lock.unlock()
        return
      }
      sleepsUntil = deadline
      isAsleep = changed.isEmpty
      let sleeps = isAsleep
      lock.unlock()
      queue.wait(&events, milliseconds: sleeps ? milliseconds(until: deadline) : 0)
      lock.withLock { isAsleep = false }
      report(events)
      expire()
    }
  }

  private func takeChanges() {
    let tokens = lock.withLock { () -> [UInt64] in
      defer { changed.removeAll(keepingCapacity: true) }
      return changed
    }
    for token in tokens { timers.set(token, client(token)?.pollerDeadline()) }
  }

  private func client(_ token: UInt64) -> (any PollerClient)? {
    lock.withLock { clients[token] }?.client
  }

  private func report(_ events: [EventQueue.Event]) {
    for event in events {
      if event.token == Poller.wakeToken {
        wakeEvent.reset()
      } else {
        client(event.token)?.pollerReports(event.readiness)
      }
    }
  }

  private func expire() {
    guard let earliest = timers.earliest else { return }
    let now = MonotonicTime.now
    guard earliest <= now else { return }
    for token in timers.removeExpired(at: now) {
      guard let client = client(token) else { continue }
      client.pollerReports(.none)
      timers.set(token, client.pollerDeadline())
    }
  }

  /// Rounded up: waking early would only mean to sleep again.
  private func milliseconds(until deadline: MonotonicTime?) -> Int32 {
    guard let deadline else { return -1 }
    return sleepMilliseconds(until: deadline)
  }
}

/// Milliseconds from now until `deadline`, rounded up.
func sleepMilliseconds(until deadline: MonotonicTime) -> Int32 {
  let left = (deadline - .now).saturatedNanoseconds
  return left <= 0 ? 0 : Int32(clamping: (left - 1) / 1_000_000 + 1)
}
