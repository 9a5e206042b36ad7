import Dispatch

/// A thread of its own for work that blocks.
final class Worker: Sendable {
  private let group = DispatchGroup()

  /// Starts the work.
  init(_ name: String, _ body: @escaping @Sendable () -> Void) {
    DispatchQueue(label: name).async(group: group, execute: body)
  }

  /// Blocks until the work is done.
  func join() {
    group.wait()
  }
}

/// Something that is done over and over on a thread of its own, until it is stopped.
final class Repeater: Sendable {
  private nonisolated(unsafe) let timer: any DispatchSourceTimer
  private let queue: DispatchQueue
  // Safe: the timer's calls are thread-safe, and the reference never changes.

  /// Calls `body` every `interval`, for the first time after one.
  init(every interval: DispatchTimeInterval, _ body: @escaping @Sendable () -> Void) {
    queue = DispatchQueue(label: "repeater")
    timer = DispatchSource.makeTimerSource(queue: queue)
    timer.schedule(deadline: .now() + interval, repeating: interval)
    timer.setEventHandler(handler: body)
    timer.activate()
  }

  /// Ends the repetition; once this returns, `body` is not running and never will.
  func stop() {
    timer.cancel()
    queue.sync {}
  }
}
