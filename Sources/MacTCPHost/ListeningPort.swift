// One port of the port table: its listening socket, the passive opens on it, and the connections that come for them.
internal import DequeModule
internal import MacTCPCore
internal import MacTCPWire
internal import SystemPackage

/// A passive open that waits. It holds its transport until it is taken out, which the stream sees to when it completes,
/// is given up or goes: so a transport never goes while the table's lock is held.
final class PassiveOpen: Sendable {
  struct Key: Hashable {
    private let transport: ObjectIdentifier
    private let number: UInt64

    init(_ transport: HostTCPTransport, _ number: UInt64) {
      self.transport = ObjectIdentifier(transport)
      self.number = number
    }
  }

  let transport: HostTCPTransport
  let request: PassiveOpenRequest
  let port: ListeningPort
  /// Rises from open to open.
  let ticket: UInt64
  var key: Key { Key(transport, request.number) }

  init(
    _ transport: HostTCPTransport, _ request: PassiveOpenRequest, _ port: ListeningPort,
    ticket: UInt64
  ) {
    self.transport = transport
    self.request = request
    self.port = port
    self.ticket = ticket
  }

  func matches(_ remote: Endpoint) -> Bool {
    let filter = request.remote
    return (filter.address == .any || filter.address == remote.address)
      && (filter.port == 0 || filter.port == remote.port)
  }
}

/// One listening socket and the passive opens on it, oldest first. Guarded by the table's lock.
final class ListeningPort: PollerClient, @unchecked Sendable {
  // Sendable: see PortTable.

  /// A cycle until the port is closed.
  private let table: PortTable
  let local: Endpoint
  var socket: Descriptor?
  /// Their tickets rise.
  private(set) var opens: Deque<PassiveOpen> = []
  /// The filters of those that wait for one peer alone.
  private(set) var filters: Set<Endpoint> = []
  var isReserved = false
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

  func append(_ open: PassiveOpen) {
    opens.append(open)
    let filter = open.request.remote
    if filter.address != .any && filter.port != 0 { filters.insert(filter) }
  }

  /// Thousands may wait, and be given up in any order: the place is found by halving.
  func remove(_ open: PassiveOpen) {
    var (low, high) = (opens.startIndex, opens.endIndex)
    while low < high {
      let middle = (low + high) / 2
      if opens[middle].ticket < open.ticket { low = middle + 1 } else { high = middle }
    }
    guard low < opens.endIndex, opens[low] === open else { return }
    opens.remove(at: low)
    filters.remove(open.request.remote)
  }

  /// Asks to be told of the next connection. Fails when the event queue takes no more; a port that it has taken
  /// stays in it.
  func watch() -> Errno? {
    guard let socket, !isArmed else { return nil }
    let interest = Interest(readiness: .readable)
    if let error = table.poller.watch(socket, interest, token: token, isNew: !isRegistered) {
      return error
    }
    isRegistered = true
    isArmed = true
    return nil
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
        open.transport.client?.transportFailedPassiveOpen(
          open.request.number, .opening("a connection to port \(local.port)", error))
      }
    }
    table.lock.withLock {
      if !opens.isEmpty { _ = watch() }
    }
  }

  private enum Step {
    case connection(Descriptor, Endpoint)
    /// The kernel has nothing to take the connection with: it was refused, and the open fails.
    case exhausted(PassiveOpen, Errno)
  }

  /// Takes a connection from the kernel's queue, if an open waits for one.
  private func nextStep() -> Step? {
    table.lock.withLock {
      guard let socket, let oldest = opens.first else { return nil }
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
            table.takeOut(oldest)
            return .exhausted(oldest, error)
          }
        }
      }
    }
  }

  /// Offers a connection to the opens that it matches, oldest first; nobody wants it: it is reset.
  private func offer(_ connection: Descriptor, from remote: Endpoint) {
    while let open = takeOpen(matching: remote) {
      let (transport, request) = (open.transport, open.request)
      let inherits = request.options == options && request.receiveBuffer == receiveBuffer
      let isWanted = transport.client?.transportAccepted(request.number) {
        () throws(MacTCPError) in
        try transport.adopt(connection, from: remote, request, inherits: inherits)
      }
      if isWanted == true { return }
    }
    SystemCalls.resetOnClose(connection)
  }

  /// The last open's port is closed before its command completes: who connects after that is refused.
  private func takeOpen(matching remote: Endpoint) -> PassiveOpen? {
    table.lock.withLock {
      guard let open = opens.first(where: { $0.matches(remote) }) else { return nil }
      table.takeOut(open)
      return open
    }
  }
}
