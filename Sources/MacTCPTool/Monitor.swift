// What is shown on standard error while a connection lasts: progress, the Status block, notifications.
import MacTCP
import Synchronization

/// What a person or a program wants to see of a connection.
struct MonitorOptions: Sendable {
  var showsStatus = false
  var showsEvents = false
  var usesJSON = false
  /// Whether a person types the input: what is typed must not be rubbed out.
  var inputIsTerminal = false
  /// Whether a person reads the output: neither must that be.
  var outputIsTerminal = false

  /// Whether it is worth to show how far the transfer has come.
  var showsProgress: Bool { !inputIsTerminal && !showsEvents && !showsStatus && !usesJSON }
}

/// Watches one connection.
final class Monitor: Sendable {
  private let stream: TCPStream
  private let options: MonitorOptions
  private let counters: Counters
  /// When the command started: events are timed by it.
  private let start: ContinuousClock.Instant
  private let events: EventLog
  private let console = Console.shared
  private let state = Mutex(State())

  private struct State {
    /// The size of what is to be sent, where it is known.
    var total: Int?
    /// The last Status of the connection while there was one.
    var status: Status?
    var opened: ContinuousClock.Instant?
    var repeater: Repeater?
  }

  init(
    _ stream: TCPStream, _ options: MonitorOptions, counters: Counters,
    start: ContinuousClock.Instant
  ) {
    self.stream = stream
    self.options = options
    self.counters = counters
    self.start = start
    events = EventLog(since: start)
    guard options.showsEvents else { return }
    let usesJSON = options.usesJSON
    events.follow(stream) { Console.shared.note(usesJSON ? "\($0.json)" : $0.line) }
  }

  // MARK: The connection's milestones

  /// The connection stands, and `total` bytes are to be sent, where that is known.
  func begin(with peer: Endpoint, sending total: Int?) {
    if console.isTerminal && !options.usesJSON { console.note("connected with \(peer)") }
    look()
    console.share(options.inputIsTerminal || (options.outputIsTerminal && options.showsStatus))
    let repeater: Repeater? =
      if options.showsStatus {
        Repeater(every: .seconds(1)) { [weak self] in self?.showStatus() }
      } else if options.showsProgress && console.isTerminal {
        Repeater(every: .milliseconds(200)) { [weak self] in self?.showProgress() }
      } else {
        nil
      }
    state.withLock {
      $0.opened = .now
      $0.total = total
      $0.repeater = repeater
    }
  }

  /// Something was received.
  func received(_ received: ReceivedCount) {
    look()
    if options.outputIsTerminal { console.share(true) }
    guard options.showsEvents, received.isUrgent || received.isMark else { return }
    let flags = [received.isUrgent ? "urgent" : nil, received.isMark ? "mark" : nil].compactMap(
      \.self)
    let time = (ContinuousClock.now - start).inSeconds
    if options.usesJSON {
      let object = JSON.object([
        ("time", .decimal(time, digits: 6)), ("received", .number(received.count)),
        ("total", .number(counters.received)),
        ("urgent", .bool(received.isUrgent)), ("mark", .bool(received.isMark)),
      ])
      console.note("\(object)")
    } else {
      let what = "received \(amount(received.count)) of urgent data"
      console.note(
        "\(rightAligned(fixed(time, 6), to: 12)) s  \(what), flags: \(flags.joined(separator: ", "))"
      )
    }
  }

  /// Takes the Status, if it is wanted: without a connection there is none, so that the last one is kept.
  func look() {
    guard options.showsStatus, let status = try? stream.status() else { return }
    if status.connectionState != .closed { state.withLock { $0.status = status } }
  }

  /// The connection is gone.
  func end() {
    let (repeater, opened) = state.withLock { ($0.repeater, $0.opened) }
    repeater?.stop()
    guard let opened else { return }
    if options.showsEvents { events.waitForTermination(seconds: 1) }
    console.clearTransient()
    if options.showsStatus, let status = state.withLock({ $0.status }) {
      note(status)
    }
    summarize((ContinuousClock.now - opened).inSeconds)
  }

  // MARK: What is shown

  private func showStatus() {
    look()
    guard let status = state.withLock({ $0.status }) else { return }
    let isReplaced = !options.inputIsTerminal && !options.outputIsTerminal
    if isReplaced && console.isTerminal && !options.usesJSON {
      console.showTransiently(statusLines([("Status", status)]))
    } else {
      note(status)
    }
  }

  private func note(_ status: Status) {
    if options.usesJSON {
      console.note("\(status.json)")
    } else {
      console.note(statusLines([("Status", status)]).joined(separator: "\n"))
    }
  }

  private func showProgress() {
    let (opened, total) = state.withLock { ($0.opened, $0.total) }
    guard let opened else { return }
    let seconds = (ContinuousClock.now - opened).inSeconds
    let line =
      if total != nil && counters.received == 0 {
        progressLine(done: counters.sent, of: total, seconds: seconds)
      } else {
        "\(counters.summary), \(rate(counters.sent + counters.received, in: seconds))"
      }
    console.showTransiently([line])
  }

  private func summarize(_ seconds: Double) {
    if options.usesJSON {
      let object = JSON.object([
        ("sent", .number(counters.sent)), ("received", .number(counters.received)),
        ("seconds", .decimal(seconds, digits: 6)),
      ])
      console.note("\(object)")
    } else if options.showsStatus || (options.showsProgress && console.isTerminal) {
      let speed = rate(counters.sent + counters.received, in: seconds)
      console.note("\(counters.summary) in \(fixed(seconds, 3)) s (\(speed))")
    }
  }
}
