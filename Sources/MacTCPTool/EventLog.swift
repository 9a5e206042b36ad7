// Notifications of a stream, with the time since the command started.
import Dispatch
import MacTCP

/// One notification and when it came.
struct TimedEvent: Sendable {
  /// Since the command started.
  let time: Duration
  let event: TCPEvent

  /// `0.001234 s  data arrival`.
  var line: String { "\(rightAligned(fixed(time.inSeconds, 6), to: 12)) s  \(event)" }

  /// The notification with MacTCP's name and numbers.
  var json: JSON {
    .object([
      ("time", .decimal(time.inSeconds, digits: 6)), ("event", .string(event.macTCPName)),
      ("code", .number(event.code)), ("detail", .number(event.detail)),
      ("description", .string("\(event)")),
    ])
  }
}

extension TCPEvent {
  /// The notification's name in MacTCP.
  var macTCPName: String {
    switch self {
    case .closing: "TCPClosing"
    case .ulpTimeout: "TCPULPTimeout"
    case .terminated: "TCPTerminate"
    case .dataArrival: "TCPDataArrival"
    case .urgent: "TCPUrgent"
    case .icmpReceived: "TCPICMPReceived"
    }
  }

  var isTerminated: Bool {
    if case .terminated = self { true } else { false }
  }
}

/// Follows the notifications of a stream over one connection.
final class EventLog: Sendable {
  private let start: ContinuousClock.Instant
  private let terminated = DispatchSemaphore(value: 0)
  private let urgent = DispatchSemaphore(value: 0)

  /// Times count from `start`.
  init(since start: ContinuousClock.Instant) {
    self.start = start
  }

  /// Becomes the stream's notification routine; `take` is called for each event, one at a time.
  func follow(_ stream: TCPStream, _ take: @escaping @Sendable (TimedEvent) -> Void) {
    stream.onEvent = { [self] event in
      take(TimedEvent(time: .now - start, event: event))
      switch event {
      case .terminated: terminated.signal()
      case .urgent: urgent.signal()
      case .closing, .ulpTimeout, .dataArrival, .icmpReceived: break
      }
    }
  }

  /// Blocks until the connection's end was notified, or for so many seconds.
  @discardableResult
  func waitForTermination(seconds: Double) -> Bool {
    terminated.wait(timeout: .now() + seconds) == .success
  }

  /// Blocks until urgent data was notified, or for so many seconds.
  @discardableResult
  func waitForUrgent(seconds: Double) -> Bool {
    urgent.wait(timeout: .now() + seconds) == .success
  }
}
