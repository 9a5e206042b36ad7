/// When a send is complete.
public enum SendCompletion: Sendable, Hashable {
  /// When the driver has taken every byte. The caller's buffer is free then.
  case accepted
  /// When the peer's TCP has acknowledged every byte, as the command of MacTCP's driver does.
  case acknowledged
}

extension TCPStream {
  // MARK: Send

  /// Sends one or several buffers, one behind the other. MacTCP: TCPSend with its write data structure.
  ///
  /// - Parameters:
  ///   - buffers: The data, of any length; no data at all is refused.
  ///   - push: Whether the data goes at once. Without it the driver may hold a part segment back while earlier data
  ///     is unacknowledged (Nagle, RFC 9293 §3.7.4).
  ///   - urgent: Whether all of the data is urgent; the urgent pointer marks its end.
  ///   - completion: When the command completes.
  /// - Returns: A command that fails with ``ResultCode/connectionClosing`` (after a close),
  ///   ``ResultCode/connectionDoesntExist``, ``ResultCode/connectionTerminated``, ``ResultCode/invalidLength`` or
  ///   ``ResultCode/invalidStreamPtr``.
  public func issueSend(
    gathering buffers: [[UInt8]], push: Bool = true, urgent: Bool = false,
    until completion: SendCompletion = .accepted
  ) -> Command<Void> {
    lock.perform { effects in
      do throws(MacTCPError) {
        return try startSend(buffers, push, urgent, completion, &effects)
          ?? Command(.success(()), lock: lock)
      } catch {
        return Command(.failure(error), lock: lock)
      }
    }
  }

  /// Sends a buffer. See ``issueSend(gathering:push:urgent:until:)``. MacTCP: TCPSend.
  public func issueSend(
    _ data: [UInt8], push: Bool = true, urgent: Bool = false,
    until completion: SendCompletion = .accepted
  ) -> Command<Void> {
    issueSend(gathering: [data], push: push, urgent: urgent, until: completion)
  }

  /// Sends one or several buffers, and suspends until that is complete.
  /// See ``issueSend(gathering:push:urgent:until:)``.
  public func send(
    gathering buffers: [[UInt8]], push: Bool = true, urgent: Bool = false,
    until completion: SendCompletion = .accepted
  ) async throws(MacTCPError) {
    let command = try lock.perform { effects throws(MacTCPError) in
      try startSend(buffers, push, urgent, completion, &effects)
    }
    if let command { try await command.value }
  }

  /// Sends a buffer, and suspends until that is complete. See ``issueSend(_:push:urgent:until:)``.
  public func send(
    _ data: [UInt8], push: Bool = true, urgent: Bool = false,
    until completion: SendCompletion = .accepted
  ) async throws(MacTCPError) {
    let command = try lock.perform { effects throws(MacTCPError) in
      try startSend(data, push, urgent, completion, &effects)
    }
    if let command { try await command.value }
  }

  /// Sends one or several buffers, and blocks until that is complete.
  /// See ``issueSend(gathering:push:urgent:until:)``.
  public func send(
    gathering buffers: [[UInt8]], push: Bool = true, urgent: Bool = false,
    until completion: SendCompletion = .accepted
  ) throws(MacTCPError) {
    try issueSend(gathering: buffers, push: push, urgent: urgent, until: completion).wait()
  }

  /// Sends a buffer, and blocks until that is complete. See ``issueSend(_:push:urgent:until:)``.
  public func send(
    _ data: [UInt8], push: Bool = true, urgent: Bool = false,
    until completion: SendCompletion = .accepted
  ) throws(MacTCPError) {
    try data.span.withUnsafeBytes { bytes throws(MacTCPError) in
      try sendBlocking(bytes, push, urgent, completion)
    }
  }

  /// Sends memory of the caller's, and blocks until that is complete: nothing is allocated.
  /// See ``issueSend(_:push:urgent:until:)``.
  public func send(
    _ bytes: UnsafeRawBufferPointer, push: Bool = true, urgent: Bool = false,
    until completion: SendCompletion = .accepted
  ) throws(MacTCPError) {
    try sendBlocking(bytes, push, urgent, completion)
  }

  // MARK: Rules

  /// Which state a send is legal in, and with which error it is refused in the others.
  private func requireSendable(_ count: Int) throws(MacTCPError) {
    try requireStream()
    guard phase == .open else { throw notOpenError }
    if pendingClose != nil || flow.finSent {
      throw MacTCPError(
        .connectionClosing,
        "this side has closed the connection with \(peerName): nothing more can be sent")
    }
    guard count > 0 else {
      throw MacTCPError(.invalidLength, "a send takes at least 1 byte of data")
    }
  }

  /// Begins an asynchronous send; `nil` when it is complete already, which makes no command.
  private func startSend(
    _ data: [UInt8], _ push: Bool, _ urgent: Bool, _ until: SendCompletion,
    _ effects: inout Effects
  ) throws(MacTCPError) -> Command<Void>? {
    try requireSendable(data.count)
    var taken = 0
    if sends.isEmpty && !isSenderAsleep && until == .accepted {
      taken = try data.span.withUnsafeBytes { bytes throws(MacTCPError) in
        try sendNow(bytes, push, urgent, &effects)
      }
      if taken == data.count { return nil }
      // The connection may have been found lost since.
      try requireSendable(data.count)
    }
    return enqueue([data], taken, push, urgent, until, &effects)
  }

  private func startSend(
    _ buffers: [[UInt8]], _ push: Bool, _ urgent: Bool, _ until: SendCompletion,
    _ effects: inout Effects
  ) throws(MacTCPError) -> Command<Void>? {
    try requireSendable(buffers.reduce(0) { $0 + $1.count })
    return enqueue(buffers.filter { !$0.isEmpty }, 0, push, urgent, until, &effects)
  }

  private func enqueue(
    _ buffers: [[UInt8]], _ taken: Int, _ push: Bool, _ urgent: Bool, _ until: SendCompletion,
    _ effects: inout Effects
  ) -> Command<Void> {
    let command = Command<Void>(lock: lock, owner: self)
    sends.append(
      PendingSend(
        buffers, taken: taken, push: push, urgent: urgent, until: until, command: command))
    service(nil, &effects)
    return command
  }

  private func sendBlocking(
    _ bytes: UnsafeRawBufferPointer, _ push: Bool, _ urgent: Bool, _ until: SendCompletion
  ) throws(MacTCPError) {
    let (_, queued) = try send(
      bytes, push: push, urgent: urgent, until: until, deadline: nil, interruption: nil)
    try queued?.wait()
  }

  /// The same for a thread that must see to something else meanwhile. Behind other sends it becomes a command, for which
  /// the caller waits. Without a command `taken` tells how much was sent: when that is not all, the call was interrupted
  /// or `deadline` has passed.
  package func send(
    _ bytes: UnsafeRawBufferPointer, push: Bool, urgent: Bool, until: SendCompletion,
    deadline: MonotonicTime?, interruption: (any Interruption)?
  ) throws(MacTCPError) -> (taken: Int, queued: Command<Void>?) {
    try lock.perform { effects throws(MacTCPError) in
      try requireSendable(bytes.count)
      var rest = bytes
      if until == .accepted, sends.isEmpty, !isSenderAsleep {
        let wasInterrupted: Bool
        (rest, wasInterrupted) = try sendAlone(
          bytes, push: push, urgent: urgent, until: deadline, interruption, &effects)
        if rest.isEmpty || wasInterrupted { return (bytes.count - rest.count, nil) }
      }
      return (
        bytes.count - rest.count, enqueue([Array(rest)], 0, push, urgent, until, &effects)
      )
    }
  }

  /// Offers a buffer to the transport with nothing queued before it; returns how much was taken.
  func sendNow(
    _ bytes: UnsafeRawBufferPointer, _ push: Bool, _ urgent: Bool, _ effects: inout Effects
  ) throws(MacTCPError) -> Int {
    let outcome = withUnsafePointer(to: bytes) {
      transport.send(
        UnsafeBufferPointer(start: $0, count: 1), push: push, urgent: urgent, notify: false)
    }
    switch outcome {
    case .accepted(let count):
      flow.accepted += count
      if ulpTimer == nil {
        startULPTimer()
        service(nil, &effects)
      }
      return count
    case .failed(let error):
      // Those that queued behind it go on.
      service(nil, &effects)
      throw error
    case .lost(let loss):
      throw connectionLost(loss, &effects)
    }
  }

  /// Sends what is queued, oldest first, and completes what has been taken or acknowledged.
  func progressSends(_ effects: inout Effects) {
    while !isSenderAsleep, let send = sends.first {
      let outcome = send.withRest {
        transport.send(
          $0, push: send.push, urgent: send.urgent, notify: send.until == .acknowledged)
      }
      switch outcome {
      case .lost(let loss):
        connectionLost(loss, &effects)
        return
      case .failed(let error):
        sends.removeFirst()
        send.command.complete(.failure(error), &effects)
        continue
      case .accepted(let count):
        flow.accepted += count
        send.offset += count
        if count > 0 && ulpTimer == nil { startULPTimer() }
      }
      guard send.offset == send.total else {
        // A list longer than is offered at once goes on; a full transport is waited for.
        if case .accepted(0) = outcome { break }
        continue
      }
      sends.removeFirst()
      if send.until == .accepted {
        send.command.complete(.success(()), &effects)
      } else {
        send.end = flow.accepted
        unacknowledgedSends.append(send)
      }
    }
    guard !unacknowledgedSends.isEmpty else { return }
    let acknowledged = flow.accepted - transport.unacknowledged
    while let send = unacknowledgedSends.first, send.end <= acknowledged {
      unacknowledgedSends.removeFirst()
      send.command.complete(.success(()), &effects)
    }
  }
}
