// SIGINT, SIGTERM and SIGHUP: a thread waits for them and tells the command that runs, which stops what it does and says how
// far it came. A second one, or one while nothing has registered, ends the process at once.
import Dispatch
import Synchronization

/// The interrupts of the process.
final class Interrupts: Sendable {
  static let shared = Interrupts()

  private struct State {
    var handler: (@Sendable () -> Void)?
    var status: ToolStatus?
  }

  private let state = Mutex(State())

  /// Begins to listen for signals. Called once, before any other thread is started.
  func start() {
    Signals.takeOver()
    DispatchQueue(label: "signals").async {
      while true { self.interrupt(with: Signals.next()) }
    }
  }

  /// Whether the process was told to stop.
  var isInterrupted: Bool { state.withLock { $0.status != nil } }

  /// What a process that was told to stop exits with.
  var status: ToolStatus { state.withLock { $0.status ?? .interrupted } }

  /// Runs `body`; when the process is told to stop meanwhile, `stop` is called, on another thread, and shall make `body`
  /// return soon.
  func whileStopping<R, E: Error>(
    with stop: @escaping @Sendable () -> Void, _ body: () throws(E) -> R
  ) throws(E) -> R {
    let isLate = state.withLock {
      $0.handler = stop
      return $0.status != nil
    }
    defer { state.withLock { $0.handler = nil } }
    if isLate { stop() }
    return try body()
  }

  private func interrupt(with status: ToolStatus) {
    let handler = state.withLock { state -> (@Sendable () -> Void)? in
      defer { state.status = status }
      return state.status == nil ? state.handler : nil
    }
    guard let handler else { exitProcess(status) }
    handler()
  }
}
