// Where the caller's closures run: notification routines and completion routines, one at a time and in order per
// stream, on threads that carry nothing else. A closure may therefore make any call, block in it, release the
// stream, or never return: it delays only the later notifications of its own stream.
internal import DequeModule

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The closures of one stream that wait to be run. Guarded by the stream's lock.
package final class Outbox: @unchecked Sendable {
  // Sendable: `jobs` and `isScheduled` are touched with `lock` held only.
  fileprivate let lock: Lock
  private var jobs: Deque<@Sendable () -> Void> = []
  private var isScheduled = false

  package init(lock: Lock) {
    self.lock = lock
  }

  /// Adds a closure; called with the lock held.
  package func post(_ job: @escaping @Sendable () -> Void, _ effects: inout Effects) {
    jobs.append(job)
    if !isScheduled {
      isScheduled = true
      effects.add(.deliver(self))
    }
  }

  fileprivate func runAll() {
    while true {
      lock.lock()
      guard let job = jobs.popFirst() else {
        isScheduled = false
        lock.unlock()
        return
      }
      lock.unlock()
      job()
    }
  }
}

/// Threads that run outboxes: as many as there are outboxes being run, kept a few seconds when idle.
package final class Notifier: @unchecked Sendable {
  // Sendable: every variable is touched with `lock` held only.
  package static let shared = Notifier()

  private let lock = Lock()
  private let condition = Condition()
  private var waiting: Deque<Outbox> = []
  private var idleThreads = 0
  private var threads = 0

  /// Closures that never return each keep a thread; past this many, notifications queue.
  private static let mostThreads = 512
  private static let idleTime = Duration.seconds(5)

  func deliver(_ outbox: Outbox) {
    lock.lock()
    waiting.append(outbox)
    let startsThread = waiting.count > idleThreads && threads < Notifier.mostThreads
    if startsThread { threads += 1 }
    lock.unlock()
    condition.wakeOne()
    if startsThread && !startDetachedThread({ self.run() }) {
      lock.withLock { threads -= 1 }
    }
  }

  private func run() {
    lock.lock()
    while true {
      let deadline = MonotonicTime.now + Notifier.idleTime
      while waiting.isEmpty {
        idleThreads += 1
        condition.wait(lock, until: deadline)
        idleThreads -= 1
        if waiting.isEmpty && MonotonicTime.now >= deadline {
          threads -= 1
          lock.unlock()
          return
        }
      }
      guard let outbox = waiting.popFirst() else { continue }
      lock.unlock()
      outbox.runAll()
      lock.lock()
    }
  }
}

/// Runs `body` on a new detached thread; `false` when the system has none left.
package func startDetachedThread(_ body: @escaping @Sendable () -> Void) -> Bool {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  let box = Unmanaged.passRetained(Box(body))
  // The program's signal handlers run on the program's threads.
  var all = sigset_t()
  var before = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_SETMASK, &all, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  defer { pthread_attr_destroy(&attributes) }
  #if canImport(Darwin)
    var thread: pthread_t?
    let result = pthread_create(
      &thread, &attributes,
      { argument in
        Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
  #else
    var thread = pthread_t()
    let result = pthread_create(
      &thread, &attributes,
      { argument in
        if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, box.toOpaque())
  #endif
  if result != 0 { box.release() }
  return result == 0
}
