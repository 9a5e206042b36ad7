internal import MacTCPCore

/// A thread that sleeps on a stream's descriptors itself.
final class HostSleeper: Sleeper {
  /// Held so that their numbers stay theirs for as long as the thread sleeps.
  private let first: Descriptor
  private let others: [Descriptor]
  private let event: WakeEvent

  /// `nil` when there is no event to be woken by.
  init?(_ first: Descriptor, _ others: [Descriptor] = []) {
    guard let event = ThreadWake.current else { return nil }
    self.first = first
    self.others = others
    self.event = event
  }

  func sleep(for readiness: Readiness, until deadline: MonotonicTime?) -> Readiness {
    var events: Int16 = 0
    if readiness.contains(.readable) { events |= SystemCalls.pollReadable }
    if readiness.contains(.writable) { events |= SystemCalls.pollWritable }
    if readiness.contains(.urgent) { events |= SystemCalls.pollUrgent }
    if readiness.contains(.peerClosed) { events |= SystemCalls.pollPeerClosed }
    let (found, woken) = SystemCalls.poll(
      first, others, events, waker: event.descriptor,
      milliseconds: deadline.map { sleepMilliseconds(until: $0) } ?? -1)
    if woken { event.reset() }
    return Readiness(poll: found)
  }

  func wake() {
    event.wake()
  }
}

extension Readiness {
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
