internal import MacTCPCore

/// A thread that sleeps on a TCP stream's socket wakes for whatever ends the connection: nobody need wake it.
extension Descriptor: Sleeper {
  func sleep(
    for readiness: Readiness, until deadline: MonotonicTime?, _ interruption: (any Interruption)?
  ) -> Readiness {
    let milliseconds = deadline.map { sleepMilliseconds(until: $0) } ?? -1
    guard let interruption else {
      return Readiness(
        poll: SystemCalls.poll(number, readiness.pollEvents, milliseconds: milliseconds))
    }
    return Readiness(
      poll: SystemCalls.poll(
        number, readiness.pollEvents, waker: interruption.descriptor, milliseconds: milliseconds))
  }

  func wake() {}
}

/// A thread that sleeps on a UDP stream's sockets, which another thread may release.
final class HostSleeper: Sleeper {
  /// Held so that their numbers stay theirs for as long as the thread sleeps.
  private let descriptors: [Descriptor]
  private let event: WakeEvent

  /// `nil` when there is no event to be woken by.
  init?(_ descriptors: [Descriptor]) {
    guard let event = ThreadWake.current else { return nil }
    self.descriptors = descriptors
    self.event = event
  }

  func sleep(
    for readiness: Readiness, until deadline: MonotonicTime?, _ interruption: (any Interruption)?
  ) -> Readiness {
    let (found, woken) = SystemCalls.poll(
      descriptors, readiness.pollEvents, waker: event.descriptor,
      interruption: interruption?.descriptor,
      milliseconds: deadline.map { sleepMilliseconds(until: $0) } ?? -1)
    if woken { event.reset() }
    return Readiness(poll: found)
  }

  func wake() {
    event.wake()
  }
}

#if os(Linux)
  /// A thread that sleeps until something was acknowledged. `poll` cannot tell: a socket that was shut down is always
  /// writable. An event queue with edges can, see `EventQueue.set`. It is the thread's own, and woken by nobody.
  final class AcknowledgementSleeper: Sleeper, @unchecked Sendable {
    // Sendable: made, used and let go by one thread, inside one call.
    private let socket: Descriptor
    private let thread: ThreadQueue
    private var events: [EventQueue.Event] = []

    init?(_ socket: Descriptor) {
      let interest = Interest(readiness: .acknowledged, repeats: true)
      guard let thread = ThreadQueue.current,
        thread.queue.set(socket, interest, token: 1, isNew: true) == nil
      else { return nil }
      self.socket = socket
      self.thread = thread
    }

    deinit {
      thread.queue.remove(socket)
    }

    func sleep(
      for readiness: Readiness, until deadline: MonotonicTime?, _ interruption: (any Interruption)?
    ) -> Readiness {
      if let interruption { thread.watchInterruption(interruption.descriptor) }
      thread.queue.wait(
        &events, milliseconds: deadline.map { sleepMilliseconds(until: $0) } ?? -1)
      return events.contains { $0.token == 1 } ? .acknowledged : .none
    }

    func wake() {}
  }
#endif

extension Readiness {
  /// What `poll` is asked for; it tells of failures unasked.
  fileprivate var pollEvents: Int16 {
    var events: Int16 = 0
    if contains(.readable) { events |= SystemCalls.pollReadable }
    if contains(.writable) { events |= SystemCalls.pollWritable }
    if contains(.urgent) { events |= SystemCalls.pollUrgent }
    if contains(.peerClosed) { events |= SystemCalls.pollPeerClosed }
    return events
  }

  /// What `poll` saw.
  init(poll events: Int16) {
    var found = Readiness.none
    if events & SystemCalls.pollReadable != 0 { found.insert(.readable) }
    if events & SystemCalls.pollWritable != 0 { found.insert(.writable) }
    if events & SystemCalls.pollUrgent != 0 { found.insert(.urgent) }
    if events & SystemCalls.pollPeerClosed != 0 { found.insert(.peerClosed) }
    if events & SystemCalls.pollFailed != 0 { found.insert(.failed) }
    self = found
  }
}
