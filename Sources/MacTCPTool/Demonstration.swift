// What `mactcp demo` does. The order: open both streams, transfer, urgent data, both Status blocks, close both sides.
//
// The transfer goes in batches. Between two of them, with the clock stopped, each side hashes what it sent or received:
// the throughput is that of the streams, not of SHA-256.
import MacTCP
import Synchronization

/// Two streams on the loopback interface and what they are made to do.
final class Demonstration: Sendable {
  private let passive: TCPStream
  private let active: TCPStream
  private let total: Int
  /// Whether the steps are told as they are made.
  private let isTold: Bool
  private let start = ContinuousClock.now
  private let passiveLog: EventLog
  private let activeLog: EventLog
  private let events = Mutex<[DemoEvent]>([])
  private let counters = Counters()

  private static let urgentText = "attention, please"
  private static let batchSize = 16 << 20
  private static let patience = Duration.seconds(30)

  init(_ driver: any Driver, bytes: Int, isTold: Bool) throws(MacTCPError) {
    total = bytes
    self.isTold = isTold
    passive = try driver.createTCPStream(receiveBuffer: 1 << 20)
    active = try driver.createTCPStream(receiveBuffer: 1 << 20)
    passiveLog = EventLog(since: start)
    activeLog = EventLog(since: start)
    passiveLog.follow(passive) { [weak self] in self?.record(.passive, $0) }
    activeLog.follow(active) { [weak self] in self?.record(.active, $0) }
  }

  /// How many bytes have arrived.
  var transferred: Int { counters.received }

  /// Ends everything from another thread.
  func stop() {
    passive.release()
    active.release()
  }

  /// Runs the demonstration from its beginning to its end.
  func run() throws(MacTCPError) -> DemoReport {
    let endpoint = try openBoth()
    tell("passive stream on \(endpoint), active stream from \(text(active.localEndpoint))")
    var report = try transfer()
    tell("\(amount(total)) transferred in \(fixed(report.seconds, 3)) s")
    report.urgent = try sendUrgentData()
    report.statuses = (try passive.status(), try active.status())
    try closeBoth()
    passiveLog.waitForTermination(seconds: 5)
    activeLog.waitForTermination(seconds: 5)
    // The streams' events are in order each, but come on two threads.
    report.events = events.withLock { $0 }.sorted { $0.first.time < $1.first.time }
    passive.release()
    active.release()
    return report
  }

  /// Tells of a step. Where that fails, printing the report fails too.
  private func tell(_ line: String) {
    if isTold { try? Console.shared.print(line) }
  }

  private func text(_ endpoint: Endpoint?) -> String { endpoint.map { "\($0)" } ?? "nowhere" }

  // MARK: Events

  /// Keeps an event; one like the stream's last is counted with it.
  private func record(_ side: DemoEvent.Side, _ event: TimedEvent) {
    events.withLock { events in
      if let last = events.lastIndex(where: { $0.side == side }),
        events[last].first.event == event.event
      {
        events[last].count += 1
        events[last].lastTime = event.time
      } else {
        events.append(DemoEvent(side: side, first: event, lastTime: event.time))
      }
    }
  }

  // MARK: Steps

  private func openBoth() throws(MacTCPError) -> Endpoint {
    let open = passive.issuePassiveOpen(on: 0, at: .loopback, timeout: Demonstration.patience)
    guard let endpoint = passive.localEndpoint else {
      try open.wait()
      throw MacTCPError(.openFailed, "the passive open has no local endpoint")
    }
    try active.activeOpen(to: endpoint, options: OpenOptions(ulpTimeout: Demonstration.patience))
    try open.wait()
    return endpoint
  }

  private func transfer() throws(MacTCPError) -> DemoReport {
    let sender = BatchSender(active, size: min(total, Demonstration.batchSize))
    let receiver = BatchReceiver(
      passive, size: min(total, Demonstration.batchSize), counters: counters)
    let progress =
      isTold
      ? Repeater(every: .milliseconds(100)) { [counters, total] in
        Console.shared.showTransiently([progressBar(done: counters.received, of: total)])
      } : nil
    defer {
      progress?.stop()
      Console.shared.clearTransient()
    }
    var elapsed = Duration.zero
    var left = total
    sender.prepare(min(left, Demonstration.batchSize))
    while left > 0 {
      let count = min(left, Demonstration.batchSize)
      left -= count
      elapsed += try ContinuousClock().measuring { () throws(MacTCPError) in
        try together(
          { () throws(MacTCPError) in try sender.send() },
          { () throws(MacTCPError) in try receiver.receive(count) }, giveUp: { self.stop() })
      }
      let next = min(left, Demonstration.batchSize)
      try together({ sender.prepare(next) }, { receiver.hashBatch() }, giveUp: {})
    }
    return DemoReport(
      bytes: total, received: counters.received, seconds: elapsed.inSeconds,
      sentDigest: sender.digest, receivedDigest: receiver.digest)
  }

  private func sendUrgentData() throws(MacTCPError) -> DemoReport.Urgent {
    let text = Array(Demonstration.urgentText.utf8)
    try active.send(text, urgent: true)
    // With no receive pending the stream is notified; then the receive brings the flags.
    passiveLog.waitForUrgent(seconds: 2)
    var urgent = DemoReport.Urgent(sent: text)
    while urgent.received.count < text.count {
      let part = try passive.receive(timeout: .seconds(5))
      urgent.received += part.data
      urgent.urgentFlags += part.isUrgent ? 1 : 0
      urgent.markFlags += part.isMark ? 1 : 0
    }
    tell("urgent data: \(urgent.summary)")
    return urgent
  }

  private func closeBoth() throws(MacTCPError) {
    try active.close()
    try receiveEnd(of: passive)
    try passive.close()
    try receiveEnd(of: active)
  }

  /// Receives on a stream whose peer has closed: that gives the end and nothing else.
  private func receiveEnd(of stream: TCPStream) throws(MacTCPError) {
    do throws(MacTCPError) {
      let received = try stream.receive(timeout: .seconds(5))
      throw MacTCPError(
        .invalidLength, "\(received.data.count) bytes came that nobody sent", cause: .other)
    } catch {
      if error.code != .connectionClosing { throw error }
    }
  }
}

extension ContinuousClock {
  /// How long `body` takes; its error keeps its type.
  fileprivate func measuring<E: Error>(_ body: () throws(E) -> Void) throws(E) -> Duration {
    let start = now
    try body()
    return now - start
  }
}
