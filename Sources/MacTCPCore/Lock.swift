// The platform's mutex and condition variable, as the two classes everything above them shares.
//
// `Synchronization.Mutex` would do, but ThreadSanitizer does not see its hand-overs and reports races that are none.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A mutex on the heap, shared by a stream, its transport and its commands.
///
/// A transport chooses the grain: one lock per stream on the host driver, one per engine on the stack driver.
/// No thread holds two, and none holds one while code outside the package runs.
package final class Lock: Sendable {
  private nonisolated(unsafe) let mutex: UnsafeMutablePointer<pthread_mutex_t>
  // Safe: the pointer never changes, and what it points to is only ever passed to pthread_mutex functions.

  package init() {
    mutex = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  @inline(__always)
  package func lock() {
    pthread_mutex_lock(mutex)
  }

  @inline(__always)
  package func unlock() {
    pthread_mutex_unlock(mutex)
  }

  @inline(__always)
  package func withLock<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    lock()
    defer { unlock() }
    return try body()
  }

  fileprivate var pointer: UnsafeMutablePointer<pthread_mutex_t> { mutex }
}

/// A condition variable on the monotonic clock, waited on with a ``Lock`` held.
package final class Condition: Sendable {
  private nonisolated(unsafe) let condition: UnsafeMutablePointer<pthread_cond_t>
  // Safe: as in Lock.

  package init() {
    condition = .allocate(capacity: 1)
    #if canImport(Darwin)
      pthread_cond_init(condition, nil)
    #else
      var attributes = pthread_condattr_t()
      pthread_condattr_init(&attributes)
      pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
      pthread_cond_init(condition, &attributes)
      pthread_condattr_destroy(&attributes)
    #endif
  }

  deinit {
    pthread_cond_destroy(condition)
    condition.deallocate()
  }

  /// Gives up `lock`, sleeps until woken or until `deadline`, and takes `lock` again. May wake for no reason.
  package func wait(_ lock: Lock, until deadline: MonotonicTime? = nil) {
    guard let deadline else {
      pthread_cond_wait(condition, lock.pointer)
      return
    }
    #if canImport(Darwin)
      let left = max(0, deadline.nanoseconds - MonotonicTime.now.nanoseconds)
      var interval = timespec(
        tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
      pthread_cond_timedwait_relative_np(condition, lock.pointer, &interval)
    #else
      var time = timespec(
        tv_sec: Int(deadline.nanoseconds / 1_000_000_000),
        tv_nsec: Int(deadline.nanoseconds % 1_000_000_000))
      pthread_cond_timedwait(condition, lock.pointer, &time)
    #endif
  }

  package func wakeAll() {
    pthread_cond_broadcast(condition)
  }

  package func wakeOne() {
    pthread_cond_signal(condition)
  }
}
