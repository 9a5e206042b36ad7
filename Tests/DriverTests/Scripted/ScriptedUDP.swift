// A UDP transport whose network is the test, as ScriptedTransport is for TCP.
import MacTCPCore
import MacTCPWire
import Testing

final class ScriptedUDPTransport: UDPTransport, ScriptedPlace, @unchecked Sendable {
  // Sendable: every variable is touched with `lock` held only; `client` is written once, before it is shared.
  let lock = Lock()
  weak var client: (any TransportClient)?
  let ports: [UInt16]
  let address = IPAddress.any

  struct Written: Equatable {
    var data: [UInt8]
    var remote: Endpoint
    var port: UInt16
    var checksum: Bool
  }

  var clock = MonotonicTime(nanoseconds: 1_000_000_000)
  var arrived: [Datagram] = []
  var reports: [ICMPReport] = []
  var isFull = false
  var writeError: MacTCPError?
  /// Why nothing can be watched for.
  var watchError: MacTCPError?
  var written: [Written] = []
  var isClosed = false
  var watched = Readiness.none
  var watchCalls = 0
  var armed: MonotonicTime?
  var hasSleepers = false
  var asleep: [ScriptedSleeper] = []
  var ends: Int { 0 }
  var watchers: [ScriptedWatcher] = []

  init(ports: [UInt16]) {
    self.ports = ports
  }

  var now: MonotonicTime { clock }

  func readiness() -> Readiness {
    var ready = Readiness.none
    if !arrived.isEmpty { ready.insert(.readable) }
    if !isFull { ready.insert(.writable) }
    if !reports.isEmpty { ready.insert(.failed) }
    return ready
  }

  func read(_ readiness: Readiness) -> Datagram? {
    arrived.isEmpty ? nil : arrived.removeFirst()
  }

  func write(
    _ buffers: [[UInt8]], to remote: Endpoint, from port: UInt16, checksum: Bool
  ) -> WriteOutcome {
    if let writeError { return .failed(writeError) }
    if isFull { return .full }
    written.append(
      Written(data: buffers.flatMap { $0 }, remote: remote, port: port, checksum: checksum))
    return .sent
  }

  func takeReports() -> [ICMPReport] {
    defer { reports = [] }
    return reports
  }

  func close() { isClosed = true }

  func watch(_ readiness: Readiness) -> MacTCPError? {
    watchCalls += 1
    if let watchError, !readiness.isEmpty { return watchError }
    watched = readiness
    wakeWatchers()
    return nil
  }

  func watchEnded() { watched = .none }

  func deadlineChanged(to deadline: MonotonicTime) {
    let next = client?.takeDeadline()
    lock.withLock { armed = next }
  }

  func makeSleeper() -> (any Sleeper)? {
    hasSleepers ? ScriptedSleeper(self) : nil
  }

  // MARK: What a test says

  func arrive(_ data: [UInt8], from: Endpoint = ScriptedTransport.peer, to port: UInt16? = nil) {
    change { arrived.append(Datagram(data: data, from: from, localPort: port ?? ports[0])) }
  }

  func report(_ report: ICMPReport) {
    change { reports.append(report) }
  }

  func advance(by duration: Duration) {
    run()
    let target = lock.withLock { clock } + duration
    for _ in 0..<1000 {
      guard let deadline = lock.withLock({ armed }), deadline <= target else { break }
      lock.withLock {
        clock = max(clock, deadline)
        armed = nil
      }
      client?.transportIsReady(.none)
      let next = client?.takeDeadline()
      lock.withLock { armed = next }
      run()
    }
    change { clock = target }
  }

  func change(_ body: () -> Void) {
    lock.withLock(body)
    for sleeper in lock.withLock({ asleep }) { sleeper.look() }
    run()
  }

  func run() {
    for _ in 0..<1000 {
      let due = lock.withLock { () -> Readiness in
        let ready = readiness().rawValue
        return Readiness(
          rawValue: isClosed || watched.isEmpty
            ? 0 : ready & (watched.rawValue | Readiness.failed.rawValue))
      }
      if due.isEmpty { return }
      client?.transportIsReady(due)
    }
    Issue.record("the stream asks again and again to be told of what it was told of")
  }
}

/// A UDP stream on a scripted transport, and a log of what it is notified of.
struct ScriptedUDP: Sendable {
  let script: ScriptedUDPTransport
  let stream: UDPStream
  let log = EventLog<UDPEvent>()

  init(ports: [UInt16] = [5000], hears: Bool = true) {
    script = ScriptedUDPTransport(ports: ports)
    stream = UDPStream(driver: script, transport: script, receiveBuffer: 4096)
    if hears { stream.onEvent = { [log] event in log.add(event) } }
  }

  /// The events since the last call.
  func newEvents() async -> [UDPEvent] {
    await flush(stream.outbox, script.lock)
    return log.takeAll()
  }
}
