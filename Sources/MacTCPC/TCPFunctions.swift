// The functions of mactcp.h for TCP. What they do stands there.

public import CMacTCP
internal import MacTCPEngine
internal import MacTCPWire

/// A stream without a connection (TCPCreate).
@c @implementation
public func mactcp_tcp_create(
  _ engine: OpaquePointer?, _ receive_buffer: Int64, _ send_buffer: Int64
) -> mactcp_result {
  withEngine(engine) { (engine) throws(EngineError) in
    let id = try engine.createConnection(
      receiveBuffer: receive_buffer == 0 ? nil : Int(receive_buffer),
      sendBuffer: send_buffer == 0 ? nil : Int(send_buffer))
    return handle(id.rawValue)
  }
}

/// Opens a connection (TCPActiveOpen).
@c @implementation
public func mactcp_tcp_active_open(
  _ engine: OpaquePointer?, _ stream: Int64, _ remote: UnsafePointer<mactcp_endpoint>?,
  _ local: UnsafePointer<mactcp_endpoint>?, _ options: UnsafePointer<mactcp_open_options>?,
  _ now: UInt64
) -> mactcp_result {
  guard remote != nil else { return code(MACTCP_INVALID_BUFFER) }
  return withEngine(engine) { (engine) throws(EngineError) in
    try engine.activeOpen(
      connection(stream), to: Endpoint(remote), from: Endpoint(local),
      options: OpenOptions(options),
      at: Instant(microseconds: now))
    return 0
  }
}

/// Waits for one connection (TCPPassiveOpen).
@c @implementation
public func mactcp_tcp_passive_open(
  _ engine: OpaquePointer?, _ stream: Int64, _ local: UnsafePointer<mactcp_endpoint>?,
  _ remote: UnsafePointer<mactcp_endpoint>?, _ options: UnsafePointer<mactcp_open_options>?,
  _ now: UInt64
) -> mactcp_result {
  withEngine(engine) { (engine) throws(EngineError) in
    try engine.passiveOpen(
      connection(stream), on: Endpoint(local), from: Endpoint(remote),
      options: OpenOptions(options),
      at: Instant(microseconds: now))
    return 0
  }
}

/// Makes a stream a listener.
@c @implementation
public func mactcp_tcp_listen(
  _ engine: OpaquePointer?, _ stream: Int64, _ local: UnsafePointer<mactcp_endpoint>?,
  _ backlog: Int64, _ options: UnsafePointer<mactcp_open_options>?, _ now: UInt64
) -> mactcp_result {
  guard (0...65_535).contains(backlog) else { return code(MACTCP_INVALID_LENGTH) }
  return withEngine(engine) { (engine) throws(EngineError) in
    try engine.listen(
      connection(stream), on: Endpoint(local), backlog: backlog == 0 ? 128 : Int(backlog),
      options: OpenOptions(options), at: Instant(microseconds: now))
    return 0
  }
}

/// Takes a listener's next connection.
@c @implementation
public func mactcp_tcp_accept(_ engine: OpaquePointer?, _ listener: Int64) -> mactcp_result {
  withEngine(engine) { (engine) throws(EngineError) in
    guard let id = try engine.accept(connection(listener)) else { return 0 }
    return handle(id.rawValue)
  }
}

/// Sends (TCPSend).
@c @implementation
public func mactcp_tcp_send(
  _ engine: OpaquePointer?, _ stream: Int64, _ data: UnsafeRawPointer?, _ length: Int,
  _ flags: UInt32, _ now: UInt64
) -> mactcp_result {
  guard Int(flags) & ~(MACTCP_PUSH | MACTCP_URGENT) == 0 else { return code(MACTCP_INVALID_LENGTH) }
  return withBytes(data, length) { bytes in
    withEngine(engine) { (engine) throws(EngineError) in
      mactcp_result(
        try engine.send(
          connection(stream), bytes, push: Int(flags) & MACTCP_PUSH != 0,
          urgent: Int(flags) & MACTCP_URGENT != 0, at: Instant(microseconds: now)))
    }
  }
}

/// Receives (TCPRcv).
@c @implementation
public func mactcp_tcp_receive(
  _ engine: OpaquePointer?, _ stream: Int64, _ buffer: UnsafeMutableRawPointer?, _ size: Int,
  _ flags: UnsafeMutablePointer<UInt32>?, _ now: UInt64
) -> mactcp_result {
  let flags = flags.map { UnsafeMutableRawPointer($0) }
  flags?.storeBytes(of: 0, as: UInt32.self)
  let (result, count) = withRoom(buffer, size) { output in
    withEngine(engine) { (engine) throws(EngineError) in
      let received = try engine.receive(
        connection(stream), into: &output, at: Instant(microseconds: now))
      var set = 0
      if received.isPushed { set |= MACTCP_PUSH }
      if received.isUrgent { set |= MACTCP_URGENT }
      if received.isMark { set |= MACTCP_MARK }
      if received.isEnd { set |= MACTCP_END }
      flags?.storeBytes(of: UInt32(set), as: UInt32.self)
      return 0
    }
  }
  return result < 0 ? result : mactcp_result(count)
}

/// Closes for sending (TCPClose).
@c @implementation
public func mactcp_tcp_close(_ engine: OpaquePointer?, _ stream: Int64, _ now: UInt64)
  -> mactcp_result
{
  withEngine(engine) { (engine) throws(EngineError) in
    try engine.close(connection(stream), at: Instant(microseconds: now))
    return 0
  }
}

/// Ends the connection with a RST (TCPAbort).
@c @implementation
public func mactcp_tcp_abort(_ engine: OpaquePointer?, _ stream: Int64, _ now: UInt64)
  -> mactcp_result
{
  withEngine(engine) { (engine) throws(EngineError) in
    try engine.abort(connection(stream), at: Instant(microseconds: now))
    return 0
  }
}

/// Gives the stream back (TCPRelease).
@c @implementation
public func mactcp_tcp_release(
  _ engine: OpaquePointer?, _ stream: Int64, _ now: UInt64
) -> mactcp_result {
  withEngine(engine) { (engine) throws(EngineError) in
    try engine.release(connection(stream), at: Instant(microseconds: now))
    return 0
  }
}

/// Sets an option.
@c @implementation
public func mactcp_tcp_set(
  _ engine: OpaquePointer?, _ stream: Int64, _ option: Int32, _ value: Int64, _ now: UInt64
) -> mactcp_result {
  withEngine(engine) { (engine) throws(EngineError) in
    try engine.set(
      connectionOption(option, value), of: connection(stream), at: Instant(microseconds: now))
    return 0
  }
}

/// Sets the times of keepalive.
@c @implementation
public func mactcp_tcp_set_keepalive(
  _ engine: OpaquePointer?, _ stream: Int64, _ idle: Int64, _ interval: Int64, _ probes: Int64,
  _ now: UInt64
) -> mactcp_result {
  withEngine(engine) { (engine) throws(EngineError) in
    try engine.set(
      .keepaliveTimes(idle: Int(idle), interval: Int(interval), probes: Int(probes)),
      of: connection(stream), at: Instant(microseconds: now))
    return 0
  }
}

private func connection(_ handle: Int64) -> ConnectionID {
  ConnectionID(rawValue: rawValue(handle))
}

/// The option of the header's number with a value, whose range the engine checks where it fits the type.
private func connectionOption(_ option: Int32, _ value: Int64) throws(EngineError)
  -> ConnectionOption
{
  func flag() throws(EngineError) -> Bool {
    guard value == 0 || value == 1 else { throw .invalidLength }
    return value == 1
  }
  func octet() throws(EngineError) -> UInt8 {
    guard let octet = UInt8(exactly: value) else { throw .invalidLength }
    return octet
  }
  switch Int(option) {
  case MACTCP_OPTION_NAGLE: return .nagle(try flag())
  case MACTCP_OPTION_KEEPALIVE: return .keepalive(try flag())
  case MACTCP_OPTION_USER_TIMEOUT_ABORTS: return .userTimeout(Int(value), aborts: true)
  case MACTCP_OPTION_USER_TIMEOUT_REPORTS: return .userTimeout(Int(value), aborts: false)
  case MACTCP_OPTION_TYPE_OF_SERVICE: return .typeOfService(try octet())
  case MACTCP_OPTION_TIME_TO_LIVE: return .timeToLive(try octet())
  case MACTCP_OPTION_DELAYED_ACKNOWLEDGMENT: return .delayedAcknowledgment(try flag())
  case MACTCP_OPTION_RECEIVE_BUFFER: return .receiveBuffer(Int(value))
  case MACTCP_OPTION_SEND_BUFFER: return .sendBuffer(Int(value))
  default: throw .invalidLength
  }
}
