// The ports that passive opens wait on: one listening socket per local port, shared by the opens on it and closed with
// the last one.
internal import DequeModule
internal import MacTCPCore
internal import MacTCPWire
internal import SystemPackage

/// Every listening port of the driver. One lock guards them all; it is never held while a stream is called.
final class PortTable: @unchecked Sendable {
  // Sendable: `ports`, `spare` and the variables of every `ListeningPort` are touched with `lock` held only.
  fileprivate let lock = Lock()
  fileprivate let poller: Poller
  private var ports: [Endpoint: ListeningPort] = [:]
  /// Held in reserve, so that a connection can be refused when descriptors ran out.
  private var spare: WakeEvent?

  init(poller: Poller) {
    self.poller = poller
    spare = try? WakeEvent()
  }

  /// Adds a passive open; returns the local endpoint.
  func add(_ transport: HostTCPTransport, _ request: PassiveOpenRequest) throws(MacTCPError)
    -> Endpoint
  {
    try withPort(request.local, request.options, request.receiveBuffer, backlog: 128) {
      port throws(MacTCPError) in
      let isWhole = request.remote.address != .any && request.remote.port != 0
      if isWhole, port.opens.contains(where: { $0.request.remote == request.remote }) {
        throw MacTCPError(
          .duplicateSocket,
          "a passive open on port \(port.local.port) waits for \(request.remote) already")
      }
      port.opens.append(ListeningPort.Open(transport: transport, request: request))
      port.watch()
    }
  }

  func remove(_ transport: HostTCPTransport, _ number: UInt64) {
    // What is closed is let go without the lock.
    let closed = lock.withLock { () -> ListeningPort? in
      for port in ports.values {
        let count = port.opens.count
        port.opens.removeAll { $0.transport === transport && $0.request.number == number }
        if port.opens.count != count { return closeIfUnused(port) }
      }
      return nil
    }
    _ = closed
  }

  func reserve(_ local: Endpoint, _ options: OpenOptions, receiveBuffer: Int, backlog: Int)
    throws(MacTCPError) -> Endpoint
  {
    try withPort(local, options, receiveBuffer, backlog: backlog) { port throws(MacTCPError) in
      guard port.reservations == 0 else {
        throw MacTCPError(.duplicateSocket, "port \(port.local.port) is in use")
      }
      port.reservations = 1
    }
  }

  func cancelReservation(_ local: Endpoint) {
    let closed = lock.withLock { () -> ListeningPort? in
      guard let port = ports[local] else { return nil }
      port.reservations -= 1
      return closeIfUnused(port)
    }
    _ = closed
  }

  /// Calls `body` with the port, which is opened if need be, and the lock held.
  private func withPort(
    _ local: Endpoint, _ options: OpenOptions, _ receiveBuffer: Int, backlog: Int,
    _ body: (ListeningPort) throws(MacTCPError) -> Void
  ) throws(MacTCPError) -> Endpoint {
    var opened: ListeningPort?
    var failure: MacTCPError?
    while true {
      let used = try lock.withLock { () throws(MacTCPError) -> ListeningPort? in
        if let known = ports[local] {
          try body(known)
          return known
        }
        guard let opened else { return nil }
        try body(opened)
        ports[opened.local] = opened
        return opened
      }
      if let used { return used.local }
      // Somebody may have opened the port since it was looked for: then it is there the second time.
      if let failure { throw failure }
      do throws(MacTCPError) {
        opened = try ListeningPort(self, local, options, receiveBuffer, backlog: backlog)
      } catch {
        failure = error
      }
    }
  }

  /// Called with the lock held. Returns the port if it was closed.
  fileprivate func closeIfUnused(_ port: ListeningPort) -> ListeningPort? {
    port.opens.removeAll { $0.transport == nil }
    guard port.opens.isEmpty && port.reservations <= 0 && ports[port.local] === port else {
      return nil
    }
    ports[port.local] = nil
    port.socket = nil
    return port
  }

  /// Takes a connection in order to reset it, although descriptors ran out. Called with the lock held. Returns `false`
  /// when there was none: the kernel looks for a descriptor first.
  fileprivate func refuse(on socket: Descriptor) -> Bool {
    spare = nil
    defer { spare = try? WakeEvent() }
    do throws(Errno) {
      let (connection, _) = try SystemCalls.accept(socket)
      SystemCalls.resetOnClose(connection)
      return true
    } catch {
      return error != .wouldBlock
    }
  }
}

/// One listening socket and the passive opens on it, oldest first. Guarded by the table's lock.
private final class ListeningPort: PollerClient, @unchecked Sendable {
  // Sendable: see PortTable.
  struct Open {
    weak var transport: HostTCPTransport?
    let request: PassiveOpenRequest
  }

  /// A cycle until the port is closed.
  private let table: PortTable
  let local: Endpoint
  var socket: Descriptor?
  var opens: Deque<Open> = []
  var reservations = 0
  private let options: OpenOptions
  private let receiveBuffer: Int
  private var token: UInt64 = 0
  private var isRegistered = false
  private var isArmed = false

  init(
    _ table: PortTable, _ local: Endpoint, _ options: OpenOptions, _ receiveBuffer: Int,
    backlog: Int
  ) throws(MacTCPError) {
    self.table = table
    self.options = options
    self.receiveBuffer = receiveBuffer
    do throws(Errno) {
      let socket = try SystemCalls.socket(.tcp)
      SystemCalls.setOption(socket, .reuseAddress, 1)
      // The connections inherit these, in time for data that comes with the handshake's last segment.
      try applyOptions(to: socket, options, receiveBuffer: receiveBuffer)
      try SystemCalls.bind(socket, local)
      try SystemCalls.listen(socket, backlog: backlog)
      self.local = SystemCalls.localEndpoint(socket) ?? local
      self.socket = socket
    } catch {
      throw .listening(on: local, error)
    }
    token = table.poller.add(self)
  }

  deinit {
    table.poller.remove(token, hadDeadline: false)
  }

  /// Asks to be told of the next connection, if an open waits for one.
  func watch() {
    guard let socket, !isArmed, !opens.isEmpty else { return }
    let interest = Interest(readiness: .readable)
    if table.poller.watch(socket, interest, token: token, isNew: !isRegistered) == nil {
      isRegistered = true
      isArmed = true
    }
  }

  func pollerDeadline() -> MonotonicTime? { nil }

  /// Connections have come: hands each to the oldest open that it matches.
  func pollerReports(_ readiness: Readiness) {
    table.lock.withLock { isArmed = false }
    // A flood of connections must not keep the poller from everybody else.
    for _ in 0..<64 {
      guard let step = nextStep() else { break }
      switch step {
      case .connection(let connection, let remote):
        offer(connection, from: remote)
      case .exhausted(let open, let error):
        open?.transport?.client?.transportFailedPassiveOpen(
          open?.request.number ?? 0, .opening("a connection to port \(local.port)", error))
      }
    }
    table.lock.withLock {
      _ = table.closeIfUnused(self)
      watch()
    }
  }

  private enum Step {
    case connection(Descriptor, Endpoint)
    /// The kernel has nothing to take the connection with: it was refused, and the open fails.
    case exhausted(Open?, Errno)
  }

  /// Takes a connection from the kernel's queue, if an open waits for one.
  private func nextStep() -> Step? {
    table.lock.withLock {
      opens.removeAll { $0.transport == nil }
      guard let socket, !opens.isEmpty else { return nil }
      while true {
        do throws(Errno) {
          let (connection, remote) = try SystemCalls.accept(socket)
          return .connection(connection, remote)
        } catch {
          switch error {
          case .wouldBlock: return nil
          case .connectionAbort: continue  // the connection died in the queue
          default:
            guard table.refuse(on: socket) else { return nil }
            return .exhausted(opens.popFirst(), error)
          }
        }
      }
    }
  }

  /// Offers a connection to the opens that it matches, oldest first; nobody wants it: it is reset.
  private func offer(_ connection: Descriptor, from remote: Endpoint) {
    while let open = takeOpen(matching: remote) {
      guard let transport = open.transport, let client = transport.client else { continue }
      let request = open.request
      let inherits = request.options == options && request.receiveBuffer == receiveBuffer
      let isWanted = client.transportAccepted(request.number) { () throws(MacTCPError) in
        try transport.adopt(connection, from: remote, request, inherits: inherits)
      }
      if isWanted { return }
    }
    SystemCalls.resetOnClose(connection)
  }

  private func takeOpen(matching remote: Endpoint) -> Open? {
    table.lock.withLock {
      let index = opens.firstIndex { open in
        let filter = open.request.remote
        return (filter.address == .any || filter.address == remote.address)
          && (filter.port == 0 || filter.port == remote.port)
      }
      guard let index else { return nil }
      let open = opens.remove(at: index)
      // The last open's port is closed before its command completes: who connects after that is refused.
      _ = table.closeIfUnused(self)
      return open
    }
  }
}
