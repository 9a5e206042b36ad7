internal import MacTCPCore

/// A thread that sleeps on a TCP stream's socket wakes for whatever ends the connection: nobody need wake it.
extension Descriptor: Sleeper {
  func sleep(
    for readiness: Readiness, until deadline: MonotonicTime?, _ interruption: (any Interruption)?
  ) -> Readiness {
    let milliseconds = sleepMilliseconds(until: deadline, interruption)
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
      milliseconds: sleepMilliseconds(until: deadline, interruption))
    if woken { event.reset() }
    return Readiness(poll: found)
  }

  func wake() {
    event.wake()
  }
}

/// How long a sleeper may sleep, for `poll`: -1 is for ever.
private func sleepMilliseconds(
  until deadline: MonotonicTime?, _ interruption: (any Interruption)?
) -> Int32 {
  let longest = interruption?.longestSleep ?? -1
  guard let deadline else { return longest }
  let milliseconds = sleepMilliseconds(until: deadline)
  return longest < 0 ? milliseconds : min(longest, milliseconds)
}

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
