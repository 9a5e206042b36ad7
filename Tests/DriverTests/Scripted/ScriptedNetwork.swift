// What a test says to a scripted transport: what the peer and the network do, and what time it is. Each call ends as a
// driver's poller thread would go on: what the stream watches for and has come is reported to it.
import MacTCPCore
import MacTCPWire
import Testing

extension ScriptedTransport {
  static let peer = Endpoint(IPAddress(10, 0, 0, 2), 7000)

  // MARK: Opening

  /// The active open's connection stands.
  func establish() {
    change {
      state = .connected
      progress = .established
    }
  }

  /// The active open fails.
  func refuse(_ code: ResultCode = .openFailed, report: ICMPReportType? = nil) {
    change {
      progress = .failed(
        MacTCPError(code, "refused by the script", cause: .refused), report: report)
    }
  }

  /// A connection comes for the passive open; whether the stream took it.
  @discardableResult
  func connect(from peer: Endpoint = ScriptedTransport.peer, number: UInt64? = nil) -> Bool {
    guard let number = number ?? lock.withLock({ listening?.number }) else { return false }
    let isTaken = client?.transportAccepted(number) { () throws(MacTCPError) in
      if let adoptError {
        reset(.closed)
        throw adoptError
      }
      let local = self.local
      reset(.connected)
      self.local = local
      remote = peer
    }
    run()
    return isTaken ?? false
  }

  /// The passive open cannot go on.
  func failPassiveOpen(_ code: ResultCode) {
    guard let number = lock.withLock({ listening?.number }) else { return }
    lock.withLock { reset(.closed) }
    client?.transportFailedPassiveOpen(number, MacTCPError(code, "failed by the script"))
    run()
  }

  // MARK: Arrivals

  func arrive(_ bytes: [UInt8], push: Bool = true) {
    change {
      arrivals += 1
      inbound.append(
        Segment(bytes: bytes[...], isPushed: push, isUrgent: false, endsUrgent: false, since: clock)
      )
    }
  }

  func arrive(_ text: String, push: Bool = true) {
    arrive(Array(text.utf8), push: push)
  }

  /// Urgent data; with `mark` its last byte is the last urgent one.
  func arriveUrgent(_ bytes: [UInt8], mark: Bool = true) {
    change {
      arrivals += 1
      inbound.append(
        Segment(bytes: bytes[...], isPushed: true, isUrgent: true, endsUrgent: mark, since: clock))
    }
  }

  func arriveUrgent(_ text: String, mark: Bool = true) {
    arriveUrgent(Array(text.utf8), mark: mark)
  }

  func peerCloses() {
    change { peerHasClosed = true }
  }

  func lose(_ reason: TerminationReason = .remoteAbort, report: ICMPReportType? = nil) {
    change {
      lossOfConnection = Loss(reason, "lost by the script", report: report)
    }
  }

  // MARK: Acknowledgements

  /// The peer acknowledges `count` more bytes, or everything with its FIN.
  func acknowledge(_ count: Int? = nil) {
    change {
      acknowledge(upTo: count.map { acknowledged + $0 } ?? sent.count)
      if count == nil && finSent {
        finAcknowledged = true
        hasNews = true
      }
    }
  }

  /// There is room for `count` more bytes.
  func makeRoom(_ count: Int) {
    change { if room != .max { room += count } }
  }

  // MARK: Time

  /// Time passes; the stream is called at each deadline that it asked for.
  func advance(by duration: Duration) {
    run()
    let target = lock.withLock { clock } + duration
    var rounds = 0
    while let deadline = lock.withLock({ armed }), deadline <= target {
      lock.withLock {
        clock = max(clock, deadline)
        armed = nil
      }
      client?.transportIsReady([])
      let next = client?.takeDeadline()
      lock.withLock { armed = next }
      run()
      rounds += 1
      if rounds > 10_000 {
        Issue.record("the stream asks again and again for a deadline that has passed: \(deadline)")
        break
      }
    }
    lock.withLock { clock = target }
    wakeSleepers()
    run()
  }

  // MARK: What the poller does

  /// Reports to the stream until nothing is left that it watches for.
  func run() {
    for _ in 0..<1000 {
      guard let report = lock.withLock(dueReport) else { return }
      client?.transportIsReady(report)
    }
    Issue.record("the stream asks again and again to be told of what it was told of")
  }

  private func dueReport() -> Readiness? {
    guard !watched.isEmpty else { return nil }
    var ready = readiness()
    // Data that waits for more is worth a report only when more has come, and so is urgent data that has not come.
    if arrivals == reportedArrivals, case .accumulating = arrival(ready) { ready.remove(.readable) }
    if inbound.isEmpty { ready.remove(.urgent) }
    let due = ready.intersection(watched.union(.failed))
    return due.isEmpty ? nil : due
  }

  /// Changes what the network has done, and reports it.
  func change(_ body: () -> Void) {
    lock.withLock(body)
    wakeSleepers()
    run()
  }

  private func wakeSleepers() {
    for sleeper in lock.withLock({ asleep }) { sleeper.look() }
  }
}
