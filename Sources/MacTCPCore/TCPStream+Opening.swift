public import MacTCPWire

/// A pending open.
final class PendingOpen {
  /// Tells the opens of a stream apart, where the driver still deals with one that was taken back.
  let number: UInt64
  let command: Command<Endpoint>
  let isPassive: Bool
  /// The peer to be, or the filter.
  let remote: Endpoint
  /// A passive open's command time-out; an active open's ULP time-out.
  let deadline: MonotonicTime?

  init(
    number: UInt64, command: Command<Endpoint>, isPassive: Bool, remote: Endpoint,
    deadline: MonotonicTime?
  ) {
    self.number = number
    self.command = command
    self.isPassive = isPassive
    self.remote = remote
    self.deadline = deadline
  }
}

extension TCPStream {
  // MARK: Passive open

  /// Listens for one connection. MacTCP: TCPPassiveOpen.
  ///
  /// Several streams may listen on one port: connections go to the oldest open whose filter they match, and one that
  /// matches no filter is reset.
  ///
  /// - Parameters:
  ///   - port: The local port; 0 lets the driver choose, and ``localEndpoint`` tells.
  ///   - address: The local address; ``IPAddress/any`` listens on all of them.
  ///   - remote: Who may connect; 0 in address or port stands for any.
  ///   - timeout: How long to wait for a connection; `nil` waits for ever.
  ///   - options: What is asked for of the connection.
  /// - Returns: A command that completes with the peer's endpoint. It fails with ``ResultCode/commandTimeout``,
  ///   ``ResultCode/connectionExists`` (the stream is open), ``ResultCode/duplicateSocket`` (the port is in use),
  ///   ``ResultCode/insufficientResources`` or, when aborted or released, ``ResultCode/connectionTerminated``.
  public func issuePassiveOpen(
    on port: UInt16 = 0, at address: IPAddress = .any, from remote: Endpoint = Endpoint(.any, 0),
    timeout: Duration? = nil, options: OpenOptions = OpenOptions()
  ) -> Command<Endpoint> {
    let request: PassiveOpenRequest
    let pending: PendingOpen
    var effects = Effects()
    lock.lock()
    do throws(MacTCPError) {
      try requireClosed(&effects)
      let options = try options.validated()
      openCount &+= 1
      pending = PendingOpen(
        number: openCount, command: Command(lock: lock, owner: self), isPassive: true,
        remote: remote,
        deadline: timeout.map { transport.now + $0 })
      request = PassiveOpenRequest(
        number: openCount, local: Endpoint(address, port), remote: remote, options: options,
        receiveBuffer: receiveBuffer)
      begin(pending, options)
    } catch {
      lock.unlock()
      effects.run()
      return Command(.failure(error), lock: lock)
    }
    lock.unlock()
    effects.run()
    do throws(MacTCPError) {
      try transport.startPassiveOpen(request)
      // Aborted meanwhile, before the driver knew of it: the driver must not keep it.
      let isWanted = lock.perform { effects in
        service(nil, &effects)
        return opening === pending
      }
      if !isWanted { transport.cancelPassiveOpen(request.number) }
    } catch {
      lock.perform { effects in
        if opening === pending { openFailed(error, &effects) }
      }
    }
    return pending.command
  }

  /// Listens for one connection, and suspends until it has come. See ``issuePassiveOpen(on:at:from:timeout:options:)``.
  @discardableResult
  public func passiveOpen(
    on port: UInt16 = 0, at address: IPAddress = .any, from remote: Endpoint = Endpoint(.any, 0),
    timeout: Duration? = nil, options: OpenOptions = OpenOptions()
  ) async throws(MacTCPError) -> Endpoint {
    try await issuePassiveOpen(
      on: port, at: address, from: remote, timeout: timeout, options: options
    )
    .value
  }

  /// Listens for one connection, and blocks until it has come. See ``issuePassiveOpen(on:at:from:timeout:options:)``.
  @discardableResult
  public func passiveOpen(
    on port: UInt16 = 0, at address: IPAddress = .any, from remote: Endpoint = Endpoint(.any, 0),
    timeout: Duration? = nil, options: OpenOptions = OpenOptions()
  ) throws(MacTCPError) -> Endpoint {
    try issuePassiveOpen(on: port, at: address, from: remote, timeout: timeout, options: options)
      .wait()
  }

  // MARK: Active open

  /// Connects. MacTCP: TCPActiveOpen.
  ///
  /// - Parameters:
  ///   - remote: The peer; address and port are required.
  ///   - port: The local port; 0 lets the driver choose.
  ///   - address: The local address; ``IPAddress/any`` lets the driver choose.
  ///   - options: What is asked for of the connection. The ULP time-out ends the attempt.
  /// - Returns: A command that completes with the peer's endpoint. It fails with ``ResultCode/openFailed`` (refused,
  ///   unreachable or out of time: ``MacTCPError/cause`` tells), ``ResultCode/connectionExists``,
  ///   ``ResultCode/duplicateSocket``, ``ResultCode/insufficientResources`` or, when aborted or released,
  ///   ``ResultCode/connectionTerminated``.
  public func issueActiveOpen(
    to remote: Endpoint, port: UInt16 = 0, at address: IPAddress = .any,
    options: OpenOptions = OpenOptions()
  ) -> Command<Endpoint> {
    var effects = Effects()
    lock.lock()
    defer {
      lock.unlock()
      effects.run()
    }
    do throws(MacTCPError) {
      try requireClosed(&effects)
      guard remote.port != 0, remote.address != .any else {
        throw MacTCPError(
          .openFailed, "an active open takes the peer's address and port, \(remote) has not both",
          cause: .badAddress)
      }
      let options = try options.validated()
      try transport.startActiveOpen(
        ActiveOpenRequest(
          local: Endpoint(address, port), remote: remote, options: options,
          receiveBuffer: receiveBuffer))
      openCount &+= 1
      let pending = PendingOpen(
        number: openCount, command: Command(lock: lock, owner: self), isPassive: false,
        remote: remote,
        deadline: transport.now + options.ulpTimeout)
      begin(pending, options)
      transport.count(.attempted)
      service(nil, &effects)
      return pending.command
    } catch {
      return Command(.failure(error), lock: lock)
    }
  }

  /// Connects, and suspends until the connection stands. See ``issueActiveOpen(to:port:at:options:)``.
  @discardableResult
  public func activeOpen(
    to remote: Endpoint, port: UInt16 = 0, at address: IPAddress = .any,
    options: OpenOptions = OpenOptions()
  ) async throws(MacTCPError) -> Endpoint {
    try await issueActiveOpen(to: remote, port: port, at: address, options: options).value
  }

  /// Connects, and blocks until the connection stands. See ``issueActiveOpen(to:port:at:options:)``.
  @discardableResult
  public func activeOpen(
    to remote: Endpoint, port: UInt16 = 0, at address: IPAddress = .any,
    options: OpenOptions = OpenOptions()
  ) throws(MacTCPError) -> Endpoint {
    try issueActiveOpen(to: remote, port: port, at: address, options: options).wait()
  }

  // MARK: Rules

  private func requireClosed(_ effects: inout Effects) throws(MacTCPError) {
    try requireStream()
    // A connection may have ended while nobody asked.
    if phase == .open { service(transport.readiness(), &effects) }
    if phase == .open {
      throw MacTCPError(.connectionExists, "the stream has a connection with \(peerName) already")
    }
    if phase == .opening {
      throw MacTCPError(.connectionExists, "the stream is being opened already")
    }
  }

  private func begin(_ pending: PendingOpen, _ options: OpenOptions) {
    phase = .opening
    opening = pending
    self.options = options
    ending = nil
    leftover = nil
    flow = Flow()
  }

  func progressOpen(_ known: Readiness?, _ effects: inout Effects) {
    guard let opening else { return }
    if !opening.isPassive {
      switch transport.openProgress(known ?? transport.readiness()) {
      case .pending:
        break
      case .established:
        transport.count(.opened)
        opened(opening, &effects)
        return
      case .failed(let error, let report):
        if let report, let local = transport.localEndpoint {
          give(
            .icmpReceived(ICMPReport(type: report, local: local, remote: opening.remote)), &effects)
        }
        transport.finish()
        openFailed(error, &effects)
        return
      }
    }
    guard let deadline = opening.deadline, transport.now >= deadline else { return }
    giveUpOpen(&effects) {
      opening.isPassive
        ? MacTCPError(
          .commandTimeout,
          "nobody connected to port \(transport.localEndpoint?.port ?? 0) in time", cause: .timedOut
        )
        : MacTCPError(.openFailed, "\(opening.remote) did not answer in time", cause: .timedOut)
    }
  }

  private func opened(_ pending: PendingOpen, _ effects: inout Effects) {
    let remote = transport.remoteEndpoint ?? pending.remote
    phase = .open
    opening = nil
    peer = remote
    pending.command.complete(.success(remote), &effects)
  }

  private func openFailed(_ error: MacTCPError, _ effects: inout Effects) {
    phase = .idle
    let pending = opening
    opening = nil
    pending?.command.complete(.failure(error), &effects)
  }

  /// Takes a pending open back.
  func giveUpOpen(_ effects: inout Effects, error: () -> MacTCPError) {
    guard let opening else { return }
    if opening.isPassive {
      let number = opening.number
      effects.add(.call { [transport] in transport.cancelPassiveOpen(number) })
    }
    let error = error()
    if !opening.isPassive { transport.abort() }
    openFailed(error, &effects)
  }

  // MARK: What the driver calls

  package func transportAccepted(_ number: UInt64, _ adopt: () throws(MacTCPError) -> Void) -> Bool
  {
    lock.perform { effects in
      guard phase == .opening, let opening, opening.number == number else { return false }
      do throws(MacTCPError) {
        try adopt()
        transport.count(.accepted)
        opened(opening, &effects)
        service(nil, &effects)
      } catch {
        openFailed(error, &effects)
      }
      return true
    }
  }

  package func transportFailedPassiveOpen(_ number: UInt64, _ error: MacTCPError) {
    lock.perform { effects in
      guard phase == .opening, opening?.number == number else { return }
      openFailed(error, &effects)
    }
  }
}
