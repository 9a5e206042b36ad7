// The functions of mactcp.h about the engine itself. What they do stands there.

public import CMacTCP
internal import MacTCPEngine
internal import MacTCPWire

/// The version of the interface.
@c @implementation
public func mactcp_version() -> UInt32 { UInt32(MACTCP_VERSION) }

/// Makes an engine.
@c @implementation
public func mactcp_engine_new(_ seed: UInt64) -> OpaquePointer? {
  let instance = UnsafeMutablePointer<Instance>.allocate(capacity: 1)
  instance.initialize(to: Instance(seed: seed))
  return OpaquePointer(instance)
}

/// Frees an engine.
@c @implementation
public func mactcp_engine_free(_ engine: OpaquePointer?) {
  guard let engine else { return }
  let instance = UnsafeMutablePointer<Instance>(engine)
  instance.deinitialize(count: 1)
  instance.deallocate()
}

/// Configures an engine that has not been used.
@c @implementation
public func mactcp_engine_set(
  _ engine: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?
) -> mactcp_result {
  guard let engine, let key, let value else { return code(MACTCP_INVALID_BUFFER) }
  let instance = UnsafeMutablePointer<Instance>(engine)
  guard instance.pointee.engine == nil else { return code(MACTCP_ALREADY_STARTED) }
  return instance.pointee.configuration.set(String(cString: key), to: String(cString: value))
}

/// Makes the engine ready.
@c @implementation
public func mactcp_engine_start(_ engine: OpaquePointer?) -> mactcp_result {
  withEngine(engine) { _ in 0 }
}

/// Takes a packet from the link.
@c @implementation
public func mactcp_engine_receive(
  _ engine: OpaquePointer?, _ packet: UnsafeRawPointer?, _ length: Int, _ now: UInt64
) -> mactcp_result {
  // The largest IP packet in a frame.
  guard length <= 65_535 + EthernetHeader.byteCount else { return code(MACTCP_INVALID_LENGTH) }
  return withBytes(packet, length) { packet in
    withEngine(engine) { engine in
      engine.receive(packet, at: Instant(microseconds: now))
      return 0
    }
  }
}

/// Writes the next packet for the link.
@c @implementation
public func mactcp_engine_transmit(
  _ engine: OpaquePointer?, _ packet: UnsafeMutableRawPointer?, _ size: Int, _ now: UInt64
) -> mactcp_result {
  let (result, count) = withRoom(packet, size) { packet in
    withEngine(engine) { (engine) throws(EngineError) in
      guard packet.freeCapacity >= engine.largestPacket else { throw .invalidLength }
      return engine.transmit(into: &packet, at: Instant(microseconds: now)) ? 1 : 0
    }
  }
  return result > 0 ? mactcp_result(count) : result
}

/// When `mactcp_engine_advance` must be called.
@c @implementation
public func mactcp_engine_deadline(_ engine: OpaquePointer?) -> mactcp_result {
  withEngine(engine) { engine in
    mactcp_result(truncatingIfNeeded: (engine.nextDeadline ?? .never).microseconds)
  }
}

/// Does what is due.
@c @implementation
public func mactcp_engine_advance(_ engine: OpaquePointer?, _ now: UInt64) -> mactcp_result {
  withEngine(engine) { engine in
    engine.advance(to: Instant(microseconds: now))
    return 0
  }
}

/// How many bytes are in use.
@c @implementation
public func mactcp_engine_memory(_ engine: OpaquePointer?) -> mactcp_result {
  withEngine(engine) { engine in mactcp_result(engine.memoryInUse) }
}

/// An entry of the table of hardware addresses.
@c @implementation
public func mactcp_neighbor_at(
  _ engine: OpaquePointer?, _ number: UInt32, _ neighbor: UnsafeMutablePointer<mactcp_neighbor>?
) -> mactcp_result {
  guard hasSize(neighbor, least: 8) else { return code(MACTCP_INVALID_BUFFER) }
  return withEngine(engine) { engine in
    let neighbors = engine.neighbors
    guard Int(number) < neighbors.count else { return 0 }
    let found = neighbors[Int(number)]
    var value = mactcp_neighbor()
    value.address = mactcp_endpoint(Endpoint(found.address, 0))
    if let hardware = found.hardware {
      value.is_known = 1
      value.hardware = octets(of: hardware)
    }
    store(value, to: neighbor)
    return 1
  }
}

extension Engine {
  /// The room that ``transmit(into:at:)`` needs.
  fileprivate var largestPacket: Int {
    switch configuration.link {
    case .rawIP: configuration.mtu
    case .ethernet: configuration.mtu + EthernetHeader.byteCount
    }
  }
}

/// The six bytes of an address as they are sent.
func octets(of address: HardwareAddress) -> (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) {
  func octet(_ shift: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: address.bits >> shift) }
  return (octet(40), octet(32), octet(24), octet(16), octet(8), octet(0))
}
