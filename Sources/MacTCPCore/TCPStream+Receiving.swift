/// How much a receive returns at most, where the caller does not say: 64 KiB.
public let defaultReceiveLimit = 65_536

/// How long data without a push waits for more: "a reasonable time" (MacTCP, TCPRcv).
package let accumulationTime = Duration.milliseconds(100)

extension TCPStream {
  // MARK: Receive

  /// Receives what has come. MacTCP: TCPRcv.
  ///
  /// Completes when pushed data has come, when urgent data is outstanding, when data without a push has waited for
  /// a reasonable time (100 ms), fills `limit` or a quarter of the receive buffer, or when the time-out passes.
  /// Urgent and other data never come together. A peer that closed and whose data was all received gives
  /// ``ResultCode/connectionClosing``.
  ///
  /// - Parameters:
  ///   - limit: The largest number of bytes to return, at least 1.
  ///   - timeout: How long to wait, from now; `nil` waits for ever. When it passes, data without a push is returned.
  /// - Returns: A command that completes with the data. It fails with ``ResultCode/commandTimeout``,
  ///   ``ResultCode/connectionClosing``, ``ResultCode/connectionTerminated``,
  ///   ``ResultCode/connectionDoesntExist``, ``ResultCode/invalidLength`` or ``ResultCode/invalidStreamPtr``.
  public func issueReceive(upTo limit: Int = defaultReceiveLimit, timeout: Duration? = nil)
    -> Command<Received>
  {
    lock.perform { effects in
      do throws(MacTCPError) {
        switch try startReceive(limit, timeout, &effects) {
        case .done(let received): return Command(.success(received), lock: lock)
        case .pending(let command): return command
        }
      } catch {
        return Command(.failure(error), lock: lock)
      }
    }
  }

  /// Receives what has come, and suspends until something has. See ``issueReceive(upTo:timeout:)``.
  public func receive(upTo limit: Int = defaultReceiveLimit, timeout: Duration? = nil)
    async throws(MacTCPError) -> Received
  {
    let start = try lock.perform { effects throws(MacTCPError) in
      try startReceive(limit, timeout, &effects)
    }
    switch start {
    case .done(let received): return received
    case .pending(let command): return try await command.value
    }
  }

  /// Receives what has come, and blocks until something has. See ``issueReceive(upTo:timeout:)``.
  public func receive(upTo limit: Int = defaultReceiveLimit, timeout: Duration? = nil)
    throws(MacTCPError) -> Received
  {
    try requirePositive(limit)
    if limit > LoanBuffer.size { return try issueReceive(upTo: limit, timeout: timeout).wait() }
    let loan = LoanPool.shared.take()
    defer { LoanPool.shared.giveBack(loan) }
    let buffer = UnsafeMutableRawBufferPointer(rebasing: loan.raw.prefix(limit))
    let received = try receive(into: buffer, timeout: timeout)
    return Received(
      data: Array(buffer.prefix(received.count)), isUrgent: received.isUrgent,
      isMark: received.isMark)
  }

  // MARK: Receive into a buffer

  /// Receives into the caller's array, whose bytes are replaced from its start and whose size does not change, and
  /// suspends until something has come. See ``issueReceive(upTo:timeout:)``. MacTCP: TCPRcv.
  public func receive(into buffer: inout [UInt8], timeout: Duration? = nil)
    async throws(MacTCPError) -> ReceivedCount
  {
    var start: Start<Received>?
    let count: ReceivedCount? = try lock.perform { effects throws(MacTCPError) in
      try requireReceivable(buffer.count)
      var span = buffer.mutableSpan
      let direct = span.withUnsafeMutableBytes { bytes in
        takeNow(into: bytes, &effects)
      }
      if let direct {
        service(nil, &effects)
        return try direct.get()
      }
      start = try startReceive(buffer.count, timeout, &effects)
      return nil
    }
    if let count { return count }
    let received: Received
    switch start {
    case .done(let data): received = data
    case .pending(let command): received = try await command.value
    case nil: throw notOpenErrorNow
    }
    var span = buffer.mutableSpan
    return span.withUnsafeMutableBytes { received.copy(to: $0) }
  }

  /// Receives into the caller's array, and blocks until something has come.
  /// See ``receive(into:timeout:)-(UnsafeMutableRawBufferPointer,_)``.
  public func receive(into buffer: inout [UInt8], timeout: Duration? = nil)
    throws(MacTCPError) -> ReceivedCount
  {
    var span = buffer.mutableSpan
    return try span.withUnsafeMutableBytes { bytes throws(MacTCPError) in
      try receive(into: bytes, timeout: timeout)
    }
  }

  /// Receives into the caller's memory, and blocks until something has come: nothing is allocated or copied twice.
  /// See ``issueReceive(upTo:timeout:)``. MacTCP: TCPRcv.
  public func receive(into buffer: UnsafeMutableRawBufferPointer, timeout: Duration? = nil)
    throws(MacTCPError) -> ReceivedCount
  {
    let deadline = timeout.map { transport.now + $0 }
    let (count, queued) = try receive(into: buffer, until: deadline, interruption: nil)
    if let count { return count }
    guard let queued else { throw notOpenErrorNow }
    return try queued.wait().copy(to: buffer)
  }

  /// The same for a thread that must see to something else meanwhile. Behind other receives it becomes a command, for
  /// which the caller waits. Without count and command it was interrupted, and the caller may call again.
  package func receive(
    into buffer: UnsafeMutableRawBufferPointer, until deadline: MonotonicTime?,
    interruption: (any Interruption)?
  ) throws(MacTCPError) -> (count: ReceivedCount?, queued: Command<Received>?) {
    try lock.perform { effects throws(MacTCPError) in
      try requireReceivable(buffer.count)
      if phase == .open, receives.isEmpty, !isReceiverAsleep, let sleeper = transport.makeSleeper()
      {
        return (
          try receiveAlone(into: buffer, until: deadline, interruption, sleeper, &effects), nil
        )
      }
      switch try startReceive(buffer.count, deadline.map { $0 - transport.now }, &effects) {
      case .done(let received): return (received.copy(to: buffer), nil)
      case .pending(let command): return (nil, command)
      }
    }
  }

  // MARK: Receive without copying

  /// Receives into a buffer of the driver's, which is lent to the caller, and suspends until something has come. The
  /// rules are those of ``issueReceive(upTo:timeout:)``. MacTCP: TCPNoCopyRcv.
  ///
  /// - Returns: The loan, of at most 64 KiB; it is given back where its variable ends.
  public func receiveWithoutCopying(timeout: Duration? = nil) async throws(MacTCPError)
    -> ReceivedLoan
  {
    var start: Start<Received>?
    let loan = LoanPool.shared.take()
    do throws(MacTCPError) {
      let count: ReceivedCount? = try lock.perform { effects throws(MacTCPError) in
        try requireReceivable(LoanBuffer.size)
        if let direct = takeNow(into: loan.raw, &effects) {
          service(nil, &effects)
          return try direct.get()
        }
        start = try startReceive(LoanBuffer.size, timeout, &effects)
        return nil
      }
      if let count { return loan.lend(count) }
      switch start {
      case .done(let received): return loan.lend(received)
      case .pending(let command): return loan.lend(try await command.value)
      case nil: throw notOpenErrorNow
      }
    } catch {
      LoanPool.shared.giveBack(loan)
      throw error
    }
  }

  /// Receives into a buffer of the driver's, which is lent to the caller, and blocks until something has come.
  /// See ``receiveWithoutCopying(timeout:)-(_)``. MacTCP: TCPNoCopyRcv.
  public func receiveWithoutCopying(timeout: Duration? = nil) throws(MacTCPError) -> ReceivedLoan {
    let loan = LoanPool.shared.take()
    do throws(MacTCPError) {
      return loan.lend(try receive(into: loan.raw, timeout: timeout))
    } catch {
      LoanPool.shared.giveBack(loan)
      throw error
    }
  }
}

extension LoanBuffer {
  var raw: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(bytes) }

  consuming func lend(_ received: ReceivedCount) -> ReceivedLoan {
    ReceivedLoan(
      buffer: self, count: received.count, isUrgent: received.isUrgent, isMark: received.isMark)
  }

  consuming func lend(_ received: Received) -> ReceivedLoan {
    lend(received.copy(to: raw))
  }
}

extension Received {
  package func copy(to buffer: UnsafeMutableRawBufferPointer) -> ReceivedCount {
    buffer.copyBytes(from: data)
    return ReceivedCount(count: data.count, isUrgent: isUrgent, isMark: isMark)
  }
}
