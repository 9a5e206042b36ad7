public import MacTCPWire

// TCP's calls (RFC 9293 §3.9.1 and §3.10). All return at once: what takes longer is told by events.

extension Engine {
  /// A stream without a connection yet (MacTCP's TCPCreate): in the state CLOSED.
  ///
  /// - Parameters:
  ///   - receiveBuffer: how many bytes are buffered for reading, 4,096...1 GiB; `nil` is the configuration's.
  ///     Memory is taken when data come.
  ///   - sendBuffer: how many bytes are buffered for sending, 4,096...1 GiB; `nil` is the configuration's.
  /// - Throws: ``EngineError/invalidLength`` for other sizes, ``EngineError/insufficientResources`` at the
  ///   memory ceiling.
  public mutating func createConnection(receiveBuffer: Int? = nil, sendBuffer: Int? = nil)
    throws(EngineError) -> ConnectionID
  {
    try tcp.create(receiveBuffer: receiveBuffer, sendBuffer: sendBuffer, &context)
  }

  /// OPEN, active (RFC 9293 §3.10.1; MacTCP's TCPActiveOpen): sends a SYN. ``EngineEvent/opened(_:)`` tells that
  /// the connection is there, ``EngineEvent/terminated(_:_:)`` that it failed.
  ///
  /// - Parameters:
  ///   - local: the address and port to open from; those that are `any` and 0 are chosen.
  /// - Throws: ``EngineError/connectionExists``, ``EngineError/badAddress`` for a peer that no single host is or a
  ///   local address that is not the engine's (MUST-46), ``EngineError/noRoute``,
  ///   ``EngineError/duplicateSocket``, ``EngineError/insufficientResources`` if no port is free or at the memory ceiling,
  ///   ``EngineError/invalidLength`` for options that cannot be, ``EngineError/invalidStream``.
  public mutating func activeOpen(
    _ id: ConnectionID, to remote: Endpoint, from local: Endpoint = Endpoint(.any, 0),
    options: OpenOptions = OpenOptions(), at now: Instant
  ) throws(EngineError) {
    context.update(now)
    try tcp.activeOpen(id, to: remote, from: local, options, &ip, &context)
  }

  /// OPEN, passive (RFC 9293 §3.10.1; MacTCP's TCPPassiveOpen): waits in LISTEN for one connection.
  ///
  /// - Parameters:
  ///   - local: the address, or `any`, and the port, or 0 for one that is chosen.
  ///   - remote: who may connect; `any` and 0 for everybody.
  /// - Throws: as ``activeOpen(_:to:from:options:at:)``.
  public mutating func passiveOpen(
    _ id: ConnectionID, on local: Endpoint, from remote: Endpoint = Endpoint(.any, 0),
    options: OpenOptions = OpenOptions(), at now: Instant
  ) throws(EngineError) {
    context.update(now)
    try tcp.passiveOpen(id, on: local, from: remote, options, &ip, &context)
  }

  /// Makes the stream a listener: ``EngineEvent/incoming(_:)`` tells of connections, which ``accept(_:)``
  /// takes. They have the buffers and options that the listener has.
  ///
  /// - Parameter backlog: how many connections may wait, half open or for ``accept(_:)``; 1...65,535.
  /// - Throws: as ``passiveOpen(_:on:from:options:at:)``.
  public mutating func listen(
    _ id: ConnectionID, on local: Endpoint, backlog: Int = 128,
    options: OpenOptions = OpenOptions(), at now: Instant
  ) throws(EngineError) {
    context.update(now)
    try tcp.listen(id, on: local, backlog: backlog, options, &ip, &context)
  }

  /// The next connection of a listener, established; `nil` if none waits.
  ///
  /// - Throws: ``EngineError/invalidStream``, ``EngineError/connectionDoesntExist`` if the stream is no listener.
  public mutating func accept(_ listener: ConnectionID) throws(EngineError) -> ConnectionID? {
    try tcp.accept(listener, &context)
  }

  /// SEND (RFC 9293 §3.10.2; MacTCP's TCPSend): takes as many bytes as there is room for
  /// (``ConnectionStatus/sendSpace``). Before the connection is established they wait.
  ///
  /// - Parameters:
  ///   - push: sends at once what can be sent, and marks the end with PSH (MAY-15).
  ///   - urgent: all the bytes are urgent: the urgent pointer marks the end of those taken (MUST-30).
  /// - Returns: how many bytes were taken; 0 while the buffer is full.
  /// - Throws: ``EngineError/connectionDoesntExist``, ``EngineError/connectionClosing`` after
  ///   ``close(_:at:)``, ``EngineError/connectionTerminated``, ``EngineError/insufficientResources`` at the
  ///   memory ceiling, ``EngineError/invalidStream``.
  public mutating func send(
    _ id: ConnectionID, _ bytes: Span<UInt8>, push: Bool = true, urgent: Bool = false,
    at now: Instant
  ) throws(EngineError) -> Int {
    context.update(now)
    return try tcp.send(id, bytes, push: push, urgent: urgent, &context)
  }

  /// RECEIVE (RFC 9293 §3.10.3; MacTCP's TCPRcv): appends what has come to `output`, as far as there is room.
  /// Urgent and other data never come together, and no call returns bytes from both sides of the urgent mark.
  ///
  /// - Throws: ``EngineError/connectionDoesntExist``, ``EngineError/connectionTerminated`` when the
  ///   connection was lost and all that had come is read, ``EngineError/invalidStream``.
  public mutating func receive(
    _ id: ConnectionID, into output: inout OutputSpan<UInt8>, at now: Instant
  ) throws(EngineError) -> Received {
    context.update(now)
    return try tcp.read(id, into: &output, &context)
  }

  /// CLOSE (RFC 9293 §3.10.4; MacTCP's TCPClose): a FIN follows what was sent. Receiving goes on.
  ///
  /// - Throws: ``EngineError/connectionClosing`` the second time, ``EngineError/connectionDoesntExist``,
  ///   ``EngineError/invalidStream``.
  public mutating func close(_ id: ConnectionID, at now: Instant) throws(EngineError) {
    context.update(now)
    try tcp.close(id, &context)
  }

  /// ABORT (RFC 9293 §3.10.5; MacTCP's TCPAbort): a RST ends the connection at once; what waits is lost.
  ///
  /// - Throws: ``EngineError/connectionDoesntExist``, ``EngineError/invalidStream``.
  public mutating func abort(_ id: ConnectionID, at now: Instant) throws(EngineError) {
    context.update(now)
    try tcp.abort(id, &context)
  }

  /// Gives the stream back (MacTCP's TCPRelease). A connection that has been closed for sending goes on to its end
  /// by itself; one that has not is aborted, and so is one with data that nobody has read or will (SHLD-3).
  /// No event of it follows.
  ///
  /// - Throws: ``EngineError/invalidStream``.
  public mutating func release(_ id: ConnectionID, at now: Instant) throws(EngineError) {
    context.update(now)
    try tcp.release(id, &context)
  }

  /// STATUS (RFC 9293 §3.10.6; MacTCP's TCPStatus).
  ///
  /// - Throws: ``EngineError/invalidStream``.
  public func status(of id: ConnectionID, at now: Instant) throws(EngineError) -> ConnectionStatus {
    try tcp.status(of: id, context)
  }

  /// Sets an option of a connection, or of a stream that has none yet, or of a listener for those that follow.
  ///
  /// - Throws: ``EngineError/invalidLength`` for a value out of its range, ``EngineError/insufficientResources`` at the
  ///   memory ceiling, ``EngineError/invalidStream``.
  public mutating func set(_ option: ConnectionOption, of id: ConnectionID, at now: Instant)
    throws(EngineError)
  {
    context.update(now)
    try tcp.set(option, of: id, &context)
  }
}
