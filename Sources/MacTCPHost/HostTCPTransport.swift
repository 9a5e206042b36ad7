// TCP for one stream over a kernel socket. Its lock is the stream's.
internal import MacTCPCore
internal import MacTCPWire
internal import SystemPackage

final class HostTCPTransport: TCPTransport, PollerClient, @unchecked Sendable {
  // Sendable: every variable but `token` is touched with `lock` held only, or in `deinit`.
  let lock = Lock()
  weak var client: (any TransportClient)?
  private let shared: HostShared
  private var token: UInt64 = 0
  private var hasDeadline = false

  private(set) var socket: Descriptor?
  private var local: Endpoint?
  private var remote: Endpoint?
  private var options = OpenOptions()
  private var armed: Interest?
  private var failure: Loss?
  var noDelay = false
  var finSent = false
  var endSeen = false
  var reportsAcknowledgements = false

  init(_ shared: HostShared) {
    self.shared = shared
    token = shared.poller.add(self)
  }

  deinit {
    shared.poller.remove(token, hadDeadline: hasDeadline)
  }

  var now: MonotonicTime { .now }

  // MARK: Opening

  func startPassiveOpen(_ request: PassiveOpenRequest) throws(MacTCPError) {
    let address = try shared.ports.add(self, request)
    lock.withLock {
      // The connection may have come already: what it brought stands.
      guard socket == nil else { return }
      local = address
      remote = nil
    }
  }

  func cancelPassiveOpen(_ number: UInt64) {
    shared.ports.remove(self, number)
  }

  /// A connection that came for a passive open: the socket has what its listening socket was given.
  func adopt(
    _ socket: Descriptor, from remote: Endpoint, _ request: PassiveOpenRequest, inherits: Bool
  )
    throws(MacTCPError)
  {
    begin(socket, remote, request.options)
    do throws(Errno) {
      if !inherits {
        try applyOptions(
          to: socket, request.options, receiveBuffer: request.receiveBuffer, replaces: true)
      } else if !request.options.ipOptions.isEmpty {
        // These are the only ones that a connection does not inherit.
        try SystemCalls.setIPOptions(socket, request.options.ipOptions)
      }
    } catch {
      finish()
      throw .opening("options for a connection from \(remote)", error)
    }
  }

  func startActiveOpen(_ request: ActiveOpenRequest) throws(MacTCPError) {
    do throws(Errno) {
      let socket = try SystemCalls.socket(.tcp)
      try applyOptions(to: socket, request.options, receiveBuffer: request.receiveBuffer)
      if request.local.port != 0 || request.local.address != .any {
        SystemCalls.setOption(socket, .reuseAddress, 1)
        try SystemCalls.bind(socket, request.local)
      }
      do throws(Errno) {
        try SystemCalls.connect(socket, request.remote)
      } catch  where error == .nowInProgress {}
      begin(socket, request.remote, request.options)
    } catch {
      throw .connecting(to: request.remote, from: request.local, error)
    }
  }

  private func begin(_ socket: Descriptor, _ remote: Endpoint, _ options: OpenOptions) {
    self.socket = socket
    self.remote = remote
    self.options = options
    local = nil
    armed = nil
    failure = nil
    noDelay = false
    finSent = false
    endSeen = false
    reportsAcknowledgements = false
  }

  func openProgress(_ readiness: Readiness) -> OpenProgress {
    guard let socket, let remote else { return .pending }
    if readiness.contains(.failed) {
      let error = SystemCalls.takeError(of: socket) ?? .connectionRefused
      return .failed(.connecting(to: remote, from: Endpoint(.any, 0), error), report: error.report)
    }
    return readiness.contains(.writable) ? .established : .pending
  }

  var localEndpoint: Endpoint? {
    if let socket {
      if local == nil { local = SystemCalls.localEndpoint(socket) }
    } else if let local, local.address == .any {
      // Waiting on every address: the one that a peer can be told is the interface's.
      return Endpoint(shared.address, local.port)
    }
    return local
  }

  var remoteEndpoint: Endpoint? { remote }

  // MARK: Ending

  func lost(_ error: Errno) -> Loss {
    let loss = failure ?? Loss(error)
    failure = loss
    return loss
  }

  func loss() -> Loss? {
    guard failure == nil, let socket else { return failure }
    if reportsAcknowledgements { _ = SystemCalls.takeErrors(socket) }
    return SystemCalls.takeError(of: socket).map { lost($0) }
  }

  func drain() -> [UInt8] {
    guard let socket else { return [] }
    var data: [UInt8] = []
    while true {
      let waiting = SystemCalls.unread(socket)
      guard waiting > 0 else { return data }
      let part = [UInt8](unsafeUninitializedCapacity: waiting) { buffer, count in
        count = (try? SystemCalls.receive(socket, UnsafeMutableRawBufferPointer(buffer))) ?? 0
      }
      if part.isEmpty { return data }
      data += part
    }
  }

  func sendFIN() {
    guard let socket else { return }
    SystemCalls.sendFIN(socket)
    finSent = true
  }

  var isFINAcknowledged: Bool {
    guard let socket else { return true }
    #if os(Linux)
      switch ConnectionState(linux: SystemCalls.tcpInformation(socket)?.state ?? 0) {
      case .finWait2, .timeWait, .closed: return true
      default: return false
      }
    #else
      return SystemCalls.unacknowledged(socket) == 0
    #endif
  }

  func abort() {
    end { socket in SystemCalls.reset(socket) }
  }

  /// A thread that sleeps on the socket wakes for its end, and closes it with the last reference.
  func finish() {
    end { socket in
      if failure != nil { SystemCalls.reset(socket) }
    }
  }

  private func end(_ last: (Descriptor) -> Void) {
    guard let socket else { return }
    shared.counters.add(statistics())
    last(socket)
    self.socket = nil
    armed = nil
    local = nil
    remote = nil
  }

  // MARK: Waiting

  func watch(_ readiness: Readiness) -> MacTCPError? {
    guard let socket else { return nil }
    let interest = Interest(readiness: readiness, repeats: readiness.contains(.acknowledged))
    if interest == armed || (readiness.isEmpty && armed?.repeats != true) { return nil }
    if let armed, interest.isCovered(by: armed) { return nil }
    if let error = shared.poller.watch(socket, interest, token: token, isNew: armed == nil) {
      return .watching(error)
    }
    armed = interest
    return nil
  }

  func watchEnded() {
    if armed?.repeats == false { armed = Interest() }
  }

  func deadlineChanged(to deadline: MonotonicTime) {
    lock.withLock { hasDeadline = true }
    shared.poller.deadlineChanged(token, to: deadline)
  }

  func makeSleeper() -> (any Sleeper)? {
    socket
  }

  func makeAcknowledgementSleeper() -> (any Sleeper)? {
    #if os(Linux)
      return socket.flatMap { AcknowledgementSleeper($0) }
    #else
      return nil
    #endif
  }

  func pollerReports(_ readiness: Readiness) {
    client?.transportIsReady(readiness)
  }

  func pollerDeadline() -> MonotonicTime? {
    client?.takeDeadline()
  }

  // MARK: Figures

  func status() -> TransportStatus {
    var status = TransportStatus()
    guard let socket else { return status }
    status.typeOfService = options.typeOfService
    status.precedence = options.precedence
    status.unread = unread
    status.unacknowledged = unacknowledged
    if let information = SystemCalls.tcpInformation(socket) { status.add(information) }
    return status
  }

  func statistics() -> ConnectionStatistics {
    guard let socket, let information = SystemCalls.tcpInformation(socket) else {
      return ConnectionStatistics()
    }
    let state = ConnectionState(linux: information.state)
    // A connection that is over for the kernel, without an error, was closed by both sides.
    let bothClosed = state == .closed && finSent && failure == nil
    return ConnectionStatistics(
      information, finReceived: endSeen || bothClosed || state.hasPeerFIN)
  }

  func count(_ milestone: ConnectionMilestone) {
    shared.counters.count(milestone)
  }

  /// The counts of a connection that has not ended, for the driver's totals.
  var statisticsNow: ConnectionStatistics? {
    lock.withLock { socket == nil ? nil : statistics() }
  }
}
