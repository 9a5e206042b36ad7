// A TCP transport whose network is the test: what arrives, what is acknowledged and what time it is are said by the
// test. Nothing happens between two lines of a test, so that every rule can be shown without waiting for anything.
//
// This file is what a stream sees, ScriptedNetwork.swift what a test says.
import MacTCPCore
import MacTCPWire

final class ScriptedTransport: TCPTransport, @unchecked Sendable {
  // Sendable: every variable is touched with `lock` held only; `client` is written once, before it is shared.
  let lock = Lock()
  weak var client: (any TransportClient)?

  enum State: Equatable {
    case closed, listening, connecting, connected
  }

  /// Data that arrived together.
  struct Segment {
    var bytes: ArraySlice<UInt8>
    var isPushed: Bool
    var isUrgent: Bool
    /// Whether its last byte is the last urgent one.
    var endsUrgent: Bool
    var since: MonotonicTime
  }

  /// One call of `send`.
  struct Offer: Equatable {
    var buffers: [Int]
    var push: Bool
    var urgent: Bool
    var notify: Bool
    var taken: Int
  }

  // What the network has done.
  /// Far from the kernel's clock, so that nobody mistakes one for the other.
  var clock = MonotonicTime(nanoseconds: 1_000_000_000)
  var state = State.closed
  var progress = OpenProgress.pending
  var inbound: [Segment] = []
  var isInsideUrgent = false
  var peerHasClosed = false
  var lossOfConnection: Loss?
  /// Counts arrivals, so that data which waits for more is reported once.
  var arrivals = 0
  var reportedArrivals = 0
  /// How much more the transport takes.
  var room = Int.max
  var acknowledged = 0
  var finAcknowledged = false
  /// Ends of what was sent with `notify` and is not acknowledged.
  var notifyPoints: [Int] = []
  var hasNews = false

  // What the stream has done.
  var listening: PassiveOpenRequest?
  var connecting: ActiveOpenRequest?
  var cancelledOpens: [UInt64] = []
  var sent: [UInt8] = []
  var offers: [Offer] = []
  var finSent = false
  var aborts = 0
  var finishes = 0
  var milestones: [ConnectionMilestone] = []
  var watched: Readiness = []
  var watchCalls = 0
  var armed: MonotonicTime?
  var local: Endpoint?
  var remote: Endpoint?

  // How the script is set up.
  /// Whether everything is acknowledged as soon as it is sent.
  var acknowledges = true
  var startError: MacTCPError?
  var adoptError: MacTCPError?
  /// What the next `send` fails with, once.
  var sendError: MacTCPError?
  /// Why nothing can be watched for.
  var watchError: MacTCPError?
  /// The connection is lost right after the next `send` that takes something.
  var lossAfterSend: Loss?
  /// Whether threads may sleep on the transport itself.
  var hasSleepers = false
  /// Threads that sleep on the transport now.
  var asleep: [ScriptedSleeper] = []
  var watchers: [ScriptedWatcher] = []
  var afterStart: (@Sendable () -> Void)?

  var now: MonotonicTime { clock }
  var localEndpoint: Endpoint? { local }
  var remoteEndpoint: Endpoint? { remote }
  var unread: Int { inbound.reduce(0) { $0 + $1.bytes.count } }
  var unacknowledged: Int { sent.count - acknowledged }
  var isFINAcknowledged: Bool { finAcknowledged || lossOfConnection != nil }
  func loss() -> Loss? { lossOfConnection }

  // MARK: Opening

  func startPassiveOpen(_ request: PassiveOpenRequest) throws(MacTCPError) {
    if let startError { throw startError }
    lock.withLock {
      reset(.listening)
      listening = request
      local = Endpoint(
        request.local.address == .any ? .loopback : request.local.address,
        request.local.port == 0 ? 50_000 : request.local.port)
    }
    afterStart?()
  }

  func cancelPassiveOpen(_ number: UInt64) {
    lock.withLock {
      cancelledOpens.append(number)
      if listening?.number == number { reset(.closed) }
    }
  }

  func startActiveOpen(_ request: ActiveOpenRequest) throws(MacTCPError) {
    if let startError { throw startError }
    reset(.connecting)
    connecting = request
    remote = request.remote
    local = Endpoint(.loopback, request.local.port == 0 ? 50_001 : request.local.port)
  }

  func openProgress(_ readiness: Readiness) -> OpenProgress { progress }

  /// Forgets the last connection, but for the log of what the stream did.
  func reset(_ state: State) {
    self.state = state
    progress = .pending
    inbound = []
    isInsideUrgent = false
    peerHasClosed = false
    lossOfConnection = nil
    lossAfterSend = nil
    room = .max
    acknowledged = 0
    finAcknowledged = false
    notifyPoints = []
    hasNews = false
    listening = nil
    connecting = nil
    if state != .closed {
      sent = []
      offers = []
      finSent = false
    }
    watched = []
    local = nil
    remote = nil
  }

  // MARK: Receiving

  func readiness() -> Readiness {
    var ready: Readiness = []
    if state == .connecting {
      if case .pending = progress {} else { ready.insert(.writable) }
      return ready
    }
    guard state == .connected else { return [] }
    let isLost = lossOfConnection != nil
    if !inbound.isEmpty || peerHasClosed || isLost { ready.insert(.readable) }
    if isInsideUrgent || inbound.contains(where: \.isUrgent) { ready.insert(.urgent) }
    if peerHasClosed { ready.insert(.peerClosed) }
    if isLost { ready.insert(.failed) }
    if room > 0 || isLost { ready.insert(.writable) }
    if hasNews { ready.insert(.acknowledged) }
    return ready
  }

  func arrival(_ readiness: Readiness) -> Arrival {
    if inbound.contains(where: { $0.isPushed || $0.isUrgent }) { return .complete }
    if peerHasClosed || lossOfConnection != nil { return .complete }
    guard let oldest = inbound.first else { return .nothing }
    return .accumulating(bytes: unread, since: oldest.since)
  }

  func receive(into buffer: UnsafeMutableRawBufferPointer, _ readiness: Readiness) -> Delivery {
    guard let first = inbound.first else {
      if let lossOfConnection { return .lost(lossOfConnection) }
      return peerHasClosed ? .end : .nothing
    }
    var count = 0
    var ends = false
    while let segment = inbound.first, count < buffer.count, !ends,
      segment.isUrgent == first.isUrgent
    {
      let part = segment.bytes.prefix(buffer.count - count)
      UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyBytes(from: part)
      count += part.count
      if part.count == segment.bytes.count {
        ends = segment.endsUrgent
        inbound.removeFirst()
      } else {
        inbound[0].bytes = segment.bytes.dropFirst(part.count)
      }
    }
    isInsideUrgent = first.isUrgent && !ends
    return .bytes(count: count, urgent: first.isUrgent, endsUrgent: ends)
  }

  func drain() -> [UInt8] {
    defer { inbound = [] }
    return inbound.flatMap(\.bytes)
  }

  // MARK: Sending

  func send(
    _ buffers: UnsafeBufferPointer<UnsafeRawBufferPointer>, push: Bool, urgent: Bool, notify: Bool
  ) -> SendOutcome {
    if let lossOfConnection { return .lost(lossOfConnection) }
    if let error = sendError {
      sendError = nil
      return .failed(error)
    }
    var taken = 0
    for buffer in buffers {
      let part = buffer.prefix(room == .max ? buffer.count : room - taken)
      sent += part
      taken += part.count
      if part.count < buffer.count { break }
    }
    if room != .max { room -= taken }
    offers.append(
      Offer(buffers: buffers.map(\.count), push: push, urgent: urgent, notify: notify, taken: taken)
    )
    if notify && taken > 0 { notifyPoints.append(sent.count) }
    if acknowledges { acknowledge(upTo: sent.count) }
    if taken > 0, let lossAfterSend { lossOfConnection = lossAfterSend }
    return .accepted(taken)
  }

  /// The peer has acknowledged so many bytes of the connection.
  func acknowledge(upTo count: Int) {
    acknowledged = count
    hasNews = hasNews || notifyPoints.contains { $0 <= count }
    notifyPoints.removeAll { $0 <= count }
  }

  // MARK: Closing

  func sendFIN() {
    finSent = true
    if acknowledges { finAcknowledged = true }
  }

  var ends: Int { aborts + finishes }

  func abort() {
    aborts += 1
    reset(.closed)
    for sleeper in asleep { sleeper.look() }
  }

  func finish() {
    finishes += 1
    reset(.closed)
    for sleeper in asleep { sleeper.look() }
  }

  // MARK: Watching

  func watch(_ readiness: Readiness) -> MacTCPError? {
    watchCalls += 1
    if let watchError, !readiness.isEmpty { return watchError }
    watched = readiness
    wakeWatchers()
    return nil
  }

  func watchEnded() {
    watched = []
    hasNews = false
    reportedArrivals = arrivals
  }

  func deadlineChanged(to deadline: MonotonicTime) {
    let next = client?.takeDeadline()
    lock.withLock { armed = next }
  }

  func makeAcknowledgementSleeper() -> (any Sleeper)? { nil }

  func makeSleeper() -> (any Sleeper)? {
    hasSleepers ? ScriptedSleeper(self) : nil
  }

  // MARK: Figures

  func status() -> TransportStatus {
    var status = TransportStatus()
    switch (finSent, peerHasClosed) {
    case _ where state != .connected: status.connectionState = .closed
    case (false, false): status.connectionState = .established
    case (false, true): status.connectionState = .closeWait
    case (true, false): status.connectionState = finAcknowledged ? .finWait2 : .finWait1
    case (true, true): status.connectionState = finAcknowledged ? .timeWait : .closing
    }
    status.unread = unread
    status.unacknowledged = unacknowledged
    return status
  }

  func statistics() -> ConnectionStatistics {
    ConnectionStatistics()
  }

  func count(_ milestone: ConnectionMilestone) {
    milestones.append(milestone)
  }
}
