// Python's main thread: the one that runs signal handlers, and the asr.
//
// Notifications come on threads of the package's. They are queued here, and the main thread runs them between two byte
// codes, as a "pending call" of the interpreter's, or while it waits in a call of ours. One thread, the herald, tells
// the interpreter of pending calls. It is the only one that calls the API without being Python's, and it is out of it
// before the interpreter ends.
internal import CPythonShims
internal import MacTCPCore
internal import MacTCPHost

final class MainThread: Interruption, @unchecked Sendable {
  // Sendable: the variables of the first group are touched with `lock` held only, those of the second by the main
  // thread only.
  private let lock = Lock()
  private var notices: [Notice] = []
  /// A pending call has been asked for and has not come.
  private var isScheduled = false
  private var isDelivering = false
  /// Calls of ours in which the main thread waits, one inside the other.
  private var waits = 0
  /// How many waits have begun, until now and when the herald last looked; it looks while there are any.
  private var waitCount: UInt64 = 0
  private var waitCountSeen: UInt64 = 0
  private var isWatching = false
  private var isWoken = false
  private var heraldIsNeeded = false
  private var heraldIsBusy = false
  private var isClosed = false

  private var savedState: OpaquePointer?

  private let event: WakeEvent
  private let herald = Condition()
  private let identity: UInt

  /// An event for a stream's asr.
  struct Notice {
    let object: StreamObject
    let event: Int
    /// TCP's second argument.
    let detail: Int?
  }

  /// So many events wait for a main thread that does not come by, before those are dropped that come by themselves.
  private static let mostNotices = 4096

  init(identity: UInt, event: WakeEvent) {
    self.identity = identity
    self.event = event
  }

  var isCurrent: Bool { PyThread_get_thread_ident() == identity }

  // MARK: Waiting

  var descriptor: Int32 { event.number }

  /// Ctrl-C is to be noticed within a tenth of a second. Most signals end the sleep themselves; for one that comes just
  /// before it the herald ends a sleep that is older than this. Sleeping no longer than this would do too, but a timer
  /// for each sleep costs more than a small receive.
  private static let watchPeriod = Duration.milliseconds(40)

  /// Runs `body`, which may sleep, without the interpreter's lock; called on the main thread.
  func waiting<R, E: Error>(_ body: (MainThread) throws(E) -> R) throws(E) -> R {
    lock.lock()
    waits += 1
    waitCount &+= 1
    // What has come before would not wake it.
    if !notices.isEmpty && !isDelivering { wakeLocked() }
    if !isWatching {
      isWatching = true
      herald.wakeAll()
    }
    lock.unlock()
    let outer = savedState
    savedState = PyEval_SaveThread()
    defer {
      PyEval_RestoreThread(savedState)
      savedState = outer
      lock.lock()
      waits -= 1
      if isWoken && waits == 0 { resetLocked() }
      if !notices.isEmpty { scheduleLocked() }
      lock.unlock()
    }
    return try body(self)
  }

  /// Whether the call that waits is to return, so that signal handlers or an asr can be run: they may make any call, of
  /// the same stream too. Where only the herald has woken it there is most likely nothing to run, and it keeps its place
  /// if it would lose that; a handler that is run then cannot take the place either.
  func endsCall(losesNothing: Bool) -> Bool {
    let isHerald = lock.withLock {
      defer { if isWoken { resetLocked() } }
      return isWoken && (notices.isEmpty || isDelivering)
    }
    guard isHerald, !losesNothing else { return true }
    PyEval_RestoreThread(savedState)
    let raised = PyErr_CheckSignals() != 0
    savedState = PyEval_SaveThread()
    return raised
  }

  /// Runs signal handlers and the asr, between two turns of a call; called on the main thread.
  func attend() throws(PythonError) {
    if PyErr_CheckSignals() != 0 { throw PythonError() }
    try deliver()
  }

  func sleep(until deadline: MonotonicTime?) {
    var milliseconds: Int32 = -1
    if let deadline {
      let left = (deadline - .now).saturatedNanoseconds
      milliseconds = left <= 0 ? 0 : Int32(clamping: (left - 1) / 1_000_000 + 1)
    }
    event.sleep(milliseconds: milliseconds)
  }

  /// Ends the sleep, if the main thread waits in a call. Called from any thread.
  func wake() {
    lock.withLock { if waits > 0 { wakeLocked() } }
  }

  private func wakeLocked() {
    guard !isWoken else { return }
    isWoken = true
    event.wake()
  }

  private func resetLocked() {
    isWoken = false
    event.reset()
  }

  // MARK: Notices

  /// Queues an event. Called from any thread, without the interpreter's lock or with it.
  func post(_ notice: Notice, _ overflow: Overflow) {
    lock.withLock {
      if isClosed || (notices.count >= MainThread.mostNotices && isDropped(notice, overflow)) {
        return
      }
      notices.append(notice)
      if isDelivering { return }
      if waits > 0 { wakeLocked() } else { scheduleLocked() }
    }
  }

  private func isDropped(_ notice: Notice, _ overflow: Overflow) -> Bool {
    switch overflow {
    case .drop: true
    case .merge:
      notices.contains { $0.object === notice.object && $0.event == notice.event }
    case .keep: false
    }
  }

  /// Asks for a pending call. Who delivers looks again when it is done, and needs none.
  private func scheduleLocked() {
    if isScheduled || isDelivering || isClosed { return }
    isScheduled = true
    heraldIsNeeded = true
    herald.wakeAll()
  }

  /// The pending call.
  fileprivate func pendingCallCame() -> Int32 {
    lock.withLock { isScheduled = false }
    do throws(PythonError) {
      try deliver()
      return 0
    } catch {
      return -1
    }
  }

  /// Runs the asr for what has been queued until now, one event after the other; called on the main thread. While an
  /// asr runs, events wait: none is begun within another.
  func deliver() throws(PythonError) {
    let due = lock.withLock { () -> [Notice] in
      guard !isDelivering else { return [] }
      isDelivering = !notices.isEmpty
      defer { notices = [] }
      return notices
    }
    guard !due.isEmpty else { return }
    for (index, notice) in due.enumerated() where !notice.object.runASR(notice) {
      endDelivery(due[(index + 1)...])
      throw PythonError()
    }
    endDelivery([])
  }

  private func endDelivery(_ rest: ArraySlice<Notice>) {
    lock.withLock {
      isDelivering = false
      notices.insert(contentsOf: rest, at: 0)
      if !notices.isEmpty { scheduleLocked() }
    }
  }

  // MARK: The herald

  func startHerald() -> Bool {
    startDetachedThread { self.runHerald() }
  }

  private func runHerald() {
    // Until 3.12 a pending call that another thread adds is not noticed by a main thread that runs byte codes and
    // does nothing else. Taking the interpreter's lock from it and giving it back makes it look.
    let mustNudge = mactcp_pythonVersion() < 0x030D_0000
    lock.lock()
    while !isClosed {
      guard heraldIsNeeded else {
        watch()
        continue
      }
      heraldIsNeeded = false
      heraldIsBusy = true
      lock.unlock()
      let isAdded = Py_AddPendingCall(deliverPending, nil) == 0
      if isAdded && mustNudge { PyGILState_Release(PyGILState_Ensure()) }
      lock.lock()
      heraldIsBusy = false
      if isClosed {
        herald.wakeAll()
      } else if !isAdded {
        // The interpreter's queue has a few places only.
        heraldIsNeeded = true
        herald.wait(lock, until: .now + .milliseconds(1))
      }
    }
    lock.unlock()
  }

  /// Sleeps until needed. Called with the lock held, and while the main thread waits now and then with a look at it:
  /// one and the same wait that was there at two looks is woken.
  private func watch() {
    guard isWatching else {
      herald.wait(lock)
      return
    }
    let deadline = MonotonicTime.now + MainThread.watchPeriod
    while !isClosed && !heraldIsNeeded && MonotonicTime.now < deadline {
      herald.wait(lock, until: deadline)
    }
    guard MonotonicTime.now >= deadline else { return }
    if waitCount == waitCountSeen {
      if waits > 0 { wakeLocked() } else { isWatching = false }
    }
    waitCountSeen = waitCount
  }

  /// The interpreter ends: no asr from now on. Returns when the herald is out of the interpreter.
  func close() {
    withoutInterpreter {
      lock.lock()
      isClosed = true
      notices = []
      herald.wakeAll()
      while heraldIsBusy { herald.wait(lock) }
      lock.unlock()
    }
  }
}

/// What the interpreter calls on its main thread.
private func deliverPending(_: UnsafeMutableRawPointer?) -> Int32 {
  guard !Runtime.isForkedChild, let main = Runtime.main else { return 0 }
  return main.pendingCallCame()
}
