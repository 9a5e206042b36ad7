// The functions of mactcp.h for UDP and the echo. What they do stands there.

public import CMacTCP
internal import MacTCPEngine
internal import MacTCPWire

/// A UDP stream (UDPCreate).
@c @implementation
public func mactcp_udp_create(
  _ engine: OpaquePointer?, _ port: UInt16, _ ending_port: UInt16, _ receive_buffer: Int64,
  _ now: UInt64
) -> mactcp_result {
  withEngine(engine) { (engine) throws(EngineError) in
    let id = try engine.createUDPStream(
      on: port, through: ending_port == 0 ? nil : ending_port,
      receiveBuffer: receive_buffer == 0 ? 65_536 : Int(receive_buffer),
      at: Instant(microseconds: now))
    return handle(id.rawValue)
  }
}

/// The first port of a UDP stream.
@c @implementation
public func mactcp_udp_port(_ engine: OpaquePointer?, _ stream: Int64) -> mactcp_result {
  withEngine(engine) { (engine) throws(EngineError) in
    mactcp_result(try engine.port(of: udpStream(stream)))
  }
}

/// Sends a datagram (UDPWrite).
@c @implementation
public func mactcp_udp_send(
  _ engine: OpaquePointer?, _ stream: Int64, _ destination: UnsafePointer<mactcp_endpoint>?,
  _ data: UnsafeRawPointer?, _ length: Int, _ options: UnsafePointer<mactcp_datagram_options>?,
  _ now: UInt64
) -> mactcp_result {
  guard destination != nil, let options = load(options, initial: mactcp_datagram_options()) else {
    return code(MACTCP_INVALID_BUFFER)
  }
  return withBytes(data, length) { bytes in
    withEngine(engine) { (engine) throws(EngineError) in
      try engine.send(
        udpStream(stream), to: Endpoint(destination), bytes, options: DatagramOptions(options),
        at: Instant(microseconds: now))
      return 0
    }
  }
}

/// Receives a datagram (UDPRead).
@c @implementation
public func mactcp_udp_receive(
  _ engine: OpaquePointer?, _ stream: Int64, _ buffer: UnsafeMutableRawPointer?, _ size: Int,
  _ datagram: UnsafeMutablePointer<mactcp_datagram>?, _ now: UInt64
) -> mactcp_result {
  guard hasSize(datagram, least: 8) else { return code(MACTCP_INVALID_BUFFER) }
  return withRoom(buffer, size) { output in
    withEngine(engine) { (engine) throws(EngineError) in
      let received = try engine.receive(
        udpStream(stream), into: &output, at: Instant(microseconds: now))
      guard let received else { return 0 }
      var value = mactcp_datagram()
      value.length = UInt32(truncatingIfNeeded: received.length)
      value.source = mactcp_endpoint(received.source)
      value.destination = mactcp_endpoint(received.destination)
      store(value, to: datagram)
      return 1
    }
  }.result
}

/// Gives the UDP stream back (UDPRelease).
@c @implementation
public func mactcp_udp_release(
  _ engine: OpaquePointer?, _ stream: Int64, _ now: UInt64
) -> mactcp_result {
  withEngine(engine) { (engine) throws(EngineError) in
    try engine.release(udpStream(stream), at: Instant(microseconds: now))
    return 0
  }
}

/// The largest datagram without fragments (UDPMaxMTUSize).
@c @implementation
public func mactcp_udp_max_size(
  _ engine: OpaquePointer?, _ destination: UnsafePointer<mactcp_endpoint>?
) -> mactcp_result {
  guard destination != nil else { return code(MACTCP_INVALID_BUFFER) }
  return withEngine(engine) { (engine) throws(EngineError) in
    mactcp_result(try engine.maximumDatagramSize(to: Endpoint(destination).address))
  }
}

/// Sends an ICMP echo request (EchoICMP).
@c @implementation
public func mactcp_echo(
  _ engine: OpaquePointer?, _ destination: UnsafePointer<mactcp_endpoint>?,
  _ data: UnsafeRawPointer?, _ length: Int, _ options: UnsafePointer<mactcp_datagram_options>?,
  _ now: UInt64
) -> mactcp_result {
  guard destination != nil, let options = load(options, initial: mactcp_datagram_options()) else {
    return code(MACTCP_INVALID_BUFFER)
  }
  return withBytes(data, length) { bytes in
    withEngine(engine) { (engine) throws(EngineError) in
      let id = try engine.sendEcho(
        to: Endpoint(destination).address, bytes, options: EchoOptions(options),
        at: Instant(microseconds: now))
      return handle(id.rawValue)
    }
  }
}

private func udpStream(_ handle: Int64) -> UDPStreamID {
  UDPStreamID(rawValue: rawValue(handle))
}
