import MacTCP
import Synchronization
import SystemPackage

/// What `listen` and `connect` were asked for, beside where to.
struct SessionOptions: Sendable {
  var inputPath: String?
  var outputPath: String?
  var urgent: [UInt8] = []
  var idleTimeout: Duration?
  var monitor = MonitorOptions()
}

/// A stream and its connections, one after the other: the common part of `listen` and `connect`.
final class Session: Sendable {
  private let stream: TCPStream
  private let options: SessionOptions
  private let output: OutputSink
  private let start = ContinuousClock.now
  /// What went over earlier connections and this one.
  private let present = Mutex<(transfer: Transfer?, counters: Counters)>((nil, Counters()))
  private let earlier = Counters()
  /// The output is emptied once: with `--keep`, what later peers send follows.
  private let outputIsEmptied = Atomic(false)
  private let isStopped = Atomic(false)

  static let receiveBuffer = 262_144

  /// Opens the output and looks at the input, so that nothing is transferred that cannot be written or read.
  init(_ driver: any Driver, _ options: SessionOptions) throws(ToolFailure) {
    var options = options
    output = try OutputSink(path: options.outputPath)
    try InputSource.check(path: options.inputPath, for: output)
    stream = try translating { () throws(MacTCPError) in
      try driver.createTCPStream(receiveBuffer: Session.receiveBuffer)
    }
    options.monitor.inputIsTerminal =
      options.inputPath == nil && FileDescriptor.standardInput.isTerminal
    options.monitor.outputIsTerminal = output.isTerminal
    self.options = options
  }

  /// Runs `body`, which makes connections. When the process is told to stop, the connection is reset and the failure
  /// says how far it came.
  func run(_ body: () throws(ToolFailure) -> Void) throws(ToolFailure) {
    defer { stream.release() }
    do {
      try Interrupts.shared.whileStopping(with: { self.stop() }, body)
    } catch {
      throw Interrupts.shared.isInterrupted ? interruption : error
    }
    if Interrupts.shared.isInterrupted { throw interruption }
  }

  /// Makes one connection with `issueOpen` and transfers over it.
  ///
  /// - Returns: Why the transfer failed, or `nil`.
  /// - Throws: Why there is no connection.
  func connect(
    _ issueOpen: (TCPStream) -> Command<Endpoint>
  ) throws(ToolFailure) -> ToolFailure? {
    let counters = Counters()
    let monitor = Monitor(stream, options.monitor, counters: counters, start: start)
    defer { monitor.end() }
    let open = issueOpen(stream)
    // Stopped a moment ago, when there was nothing yet that could be given up.
    if isStopped.load(ordering: .sequentiallyConsistent) { open.cancel() }
    let peer = try translating { () throws(MacTCPError) in try open.wait() }
    let input: InputSource
    do throws(ToolFailure) {
      // Only now: each peer gets the file as it is when the peer connects.
      try InputSource.check(path: options.inputPath, for: output)
      input = try InputSource(path: options.inputPath)
      if !outputIsEmptied.exchange(true, ordering: .relaxed), options.outputPath != nil {
        try output.empty()
      }
    } catch {
      try? stream.abort()
      return error
    }
    let transfer = Transfer(
      stream: stream, input: input, output: output, counters: counters, monitor: monitor,
      urgent: options.urgent, idleTimeout: options.idleTimeout)
    present.withLock { $0 = (transfer, counters) }
    defer {
      earlier.addSent(counters.sent)
      earlier.addReceived(counters.received)
      present.withLock { $0 = (nil, Counters()) }
    }
    monitor.begin(with: peer, sending: input.size)
    do throws(ToolFailure) {
      try transfer.run()
      return nil
    } catch {
      return error
    }
  }

  /// Ends the connection, or the open that waits for one, from another thread. There is no other connection afterwards.
  func stop() {
    isStopped.store(true, ordering: .sequentiallyConsistent)
    if let transfer = present.withLock({ $0.transfer }) {
      transfer.stop()
    } else {
      try? stream.abort()
    }
  }

  private var interruption: ToolFailure {
    .interrupted(earlier.summary)
  }
}
