/// A place to sleep for drivers that have none of their own: the driver's thread sees the network and wakes it.
final class ConditionSleeper: Sleeper, @unchecked Sendable {
  // Sendable: `isAwake` is touched with `lock` held only.
  private let lock = Lock()
  private let condition = Condition()
  private var isAwake = false

  func sleep(for readiness: Readiness, until deadline: MonotonicTime?) -> Readiness {
    // No clock is read: the driver comes at each deadline, by its own clock.
    lock.withLock {
      while !isAwake { condition.wait(lock) }
      isAwake = false
      return .none
    }
  }

  func wake() {
    lock.withLock { isAwake = true }
    condition.wakeOne()
  }
}
