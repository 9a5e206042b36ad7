// The ports that passive opens wait on: one listening socket per local port, shared by the opens on it and closed with
// the last one.
internal import MacTCPCore
internal import MacTCPWire
internal import SystemPackage

/// Every listening port of the driver. One lock guards them all; it is never held while a stream is called, nor while
/// an open, a port or a transport goes: what is taken out is let go without it.
final class PortTable: @unchecked Sendable {
  // Sendable: the variables of the table and those of every `ListeningPort` are touched with `lock` held only.
  let lock = Lock()
  /// Held while a port is opened: who wants a port that another one has bound, but not entered yet, must find it here,
  /// and not the kernel's "in use". Taken before `lock`.
  private let opening = Lock()
  let poller: Poller
  private var ports: [Endpoint: ListeningPort] = [:]
  private var opens: [PassiveOpen.Key: PassiveOpen] = [:]
  private var lastTicket: UInt64 = 0
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
      if port.filters.contains(request.remote) {
        throw MacTCPError(
          .duplicateSocket,
          "a passive open on port \(port.local.port) waits for \(request.remote) already")
      }
      if let error = port.watch() { throw .watching(error) }
      lastTicket += 1
      let open = PassiveOpen(transport, request, port, ticket: lastTicket)
      opens[open.key] = open
      port.append(open)
    }
  }

  func remove(_ transport: HostTCPTransport, _ number: UInt64) {
    let gone = lock.withLock { () -> PassiveOpen? in
      guard let open = opens[PassiveOpen.Key(transport, number)] else { return nil }
      takeOut(open)
      return open
    }
    // Let go without the lock.
    _ = gone
  }

  /// An open waits no longer: its port is closed with the last one. Called with the lock held, by somebody who holds the
  /// open, and with it the port.
  func takeOut(_ open: PassiveOpen) {
    opens[open.key] = nil
    open.port.remove(open)
    closeIfUnused(open.port)
  }

  func reserve(_ local: Endpoint, _ options: OpenOptions, receiveBuffer: Int, backlog: Int)
    throws(MacTCPError) -> Endpoint
  {
    try withPort(local, options, receiveBuffer, backlog: backlog) { port throws(MacTCPError) in
      guard !port.isReserved else {
        throw MacTCPError(.duplicateSocket, "port \(port.local.port) is in use")
      }
      port.isReserved = true
    }
  }

  func cancelReservation(_ local: Endpoint) {
    let port = lock.withLock { () -> ListeningPort? in
      guard let port = ports[local] else { return nil }
      port.isReserved = false
      closeIfUnused(port)
      return port
    }
    // Let go without the lock.
    _ = port
  }

  /// Calls `body` with the port, which is opened if need be, and the lock held.
  private func withPort(
    _ local: Endpoint, _ options: OpenOptions, _ receiveBuffer: Int, backlog: Int,
    _ body: (ListeningPort) throws(MacTCPError) -> Void
  ) throws(MacTCPError) -> Endpoint {
    if let used = try withKnownPort(local, body) { return used }
    return try opening.withLock { () throws(MacTCPError) -> Endpoint in
      if let used = try withKnownPort(local, body) { return used }
      let opened = try ListeningPort(self, local, options, receiveBuffer, backlog: backlog)
      try lock.withLock { () throws(MacTCPError) in
        try body(opened)
        ports[opened.local] = opened
      }
      return opened.local
    }
  }

  private func withKnownPort(
    _ local: Endpoint, _ body: (ListeningPort) throws(MacTCPError) -> Void
  ) throws(MacTCPError) -> Endpoint? {
    try lock.withLock { () throws(MacTCPError) -> Endpoint? in
      guard let known = ports[local] else { return nil }
      try body(known)
      return known.local
    }
  }

  /// Called with the lock held, by somebody who holds the port.
  private func closeIfUnused(_ port: ListeningPort) {
    guard port.opens.isEmpty && !port.isReserved && ports[port.local] === port else { return }
    ports[port.local] = nil
    port.socket = nil
  }

  /// Takes a connection in order to reset it, although descriptors ran out. Called with the lock held. Returns `false`
  /// when there was none: the kernel looks for a descriptor first.
  func refuse(on socket: Descriptor) -> Bool {
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
