// The structures of mactcp.h. Those that begin with their size may be shorter or longer in the caller's program than they
// are here: never is more of them read or written than both sides know. They need not be aligned.

internal import CMacTCP
internal import MacTCPEngine
internal import MacTCPWire

/// Copies `value` to the caller's structure, as much as fits, and sets its size to that.
func store<Structure: BitwiseCopyable>(
  _ value: Structure, to pointer: UnsafeMutablePointer<Structure>?
) {
  guard let pointer else { return }
  let memory = UnsafeMutableRawPointer(pointer)
  let size = min(Int(memory.loadUnaligned(as: UInt32.self)), MemoryLayout<Structure>.size)
  withUnsafeBytes(of: value) { bytes in
    memory.copyMemory(from: bytes.baseAddress ?? UnsafeRawPointer(memory), byteCount: size)
  }
  memory.storeBytes(of: UInt32(truncatingIfNeeded: size), as: UInt32.self)
}

/// Whether the caller's structure is there and has at least `least` bytes.
func hasSize<Structure>(_ pointer: UnsafeMutablePointer<Structure>?, least: UInt32) -> Bool {
  guard let pointer else { return false }
  return UnsafeRawPointer(pointer).loadUnaligned(as: UInt32.self) >= least
}

/// The caller's structure of options: `initial` with as much of it as both know.
///
/// - Returns: `nil` if its size is less than its own member takes.
func load<Structure: BitwiseCopyable>(
  _ pointer: UnsafePointer<Structure>?, initial: Structure
) -> Structure? {
  guard let pointer else { return initial }
  let memory = UnsafeRawPointer(pointer)
  let size = Int(memory.loadUnaligned(as: UInt32.self))
  guard size >= 4 else { return nil }
  var value = initial
  withUnsafeMutableBytes(of: &value) { bytes in
    bytes.copyMemory(
      from: UnsafeRawBufferPointer(start: memory, count: min(size, bytes.count)))
  }
  return value
}

extension Endpoint {
  /// The caller's endpoint; any address and port where there is none.
  ///
  /// - Throws: `badAddress` for a family that is not known.
  init(_ pointer: UnsafePointer<mactcp_endpoint>?) throws(EngineError) {
    guard let pointer else {
      self.init(.any, 0)
      return
    }
    let endpoint = UnsafeRawPointer(pointer).loadUnaligned(as: mactcp_endpoint.self)
    switch Int(endpoint.family) {
    case 0: self.init(.any, endpoint.port)
    case MACTCP_IPV4:
      let octets = endpoint.address
      self.init(IPAddress(octets.0, octets.1, octets.2, octets.3), endpoint.port)
    default: throw .badAddress
    }
  }
}

extension mactcp_endpoint {
  init(_ endpoint: Endpoint) {
    self.init()
    port = endpoint.port
    let bits = endpoint.address.v4
    guard bits != 0 else { return }
    family = UInt8(MACTCP_IPV4)
    address.0 = UInt8(truncatingIfNeeded: bits >> 24)
    address.1 = UInt8(truncatingIfNeeded: bits >> 16)
    address.2 = UInt8(truncatingIfNeeded: bits >> 8)
    address.3 = UInt8(truncatingIfNeeded: bits)
  }
}

/// The first `length` bytes of a member with IP options.
///
/// - Throws: `invalidLength` if the member is shorter.
func ipOptions<Member>(_ member: Member, length: UInt8) throws(EngineError) -> [UInt8] {
  guard length > 0 else { return [] }
  guard Int(length) <= MemoryLayout<Member>.size else { throw .invalidLength }
  return withUnsafeBytes(of: member) { Array($0.prefix(Int(length))) }
}

extension OpenOptions {
  /// The caller's options; zeros are defaults.
  init(_ pointer: UnsafePointer<mactcp_open_options>?) throws(EngineError) {
    self.init()
    guard let options = load(pointer, initial: mactcp_open_options()) else { throw .invalidLength }
    typeOfService = options.type_of_service
    timeToLive = options.time_to_live == 0 ? nil : options.time_to_live
    userTimeoutAborts = options.user_timeout_reports == 0
    if options.user_timeout != 0 { userTimeout = Int(max(0, options.user_timeout)) }
    ipOptions = try MacTCPC.ipOptions(options.ip_options, length: options.ip_options_length)
  }
}

extension DatagramOptions {
  init(_ options: mactcp_datagram_options) throws(EngineError) {
    self.init()
    withChecksum = options.no_checksum == 0
    dontFragment = options.dont_fragment != 0
    timeToLive = options.time_to_live == 0 ? nil : options.time_to_live
    typeOfService = options.type_of_service
    sourcePort = options.source_port == 0 ? nil : options.source_port
    ipOptions = try MacTCPC.ipOptions(options.ip_options, length: options.ip_options_length)
  }
}

extension EchoOptions {
  init(_ options: mactcp_datagram_options) throws(EngineError) {
    self.init()
    guard options.timeout >= 0 else { throw .invalidLength }
    if options.timeout > 0 { timeout = Int(options.timeout) }
    dontFragment = options.dont_fragment != 0
    timeToLive = options.time_to_live == 0 ? nil : options.time_to_live
    typeOfService = options.type_of_service
    ipOptions = try MacTCPC.ipOptions(options.ip_options, length: options.ip_options_length)
  }
}

// The caller's handles are one more than the engine's, so that 0 is none.

/// The handle for the caller.
func handle(_ rawValue: Int64) -> Int64 { rawValue &+ 1 }

/// The engine's number of the caller's handle; -1, which nobody has, for what is none.
func rawValue(_ handle: Int64) -> Int64 { handle > 0 ? handle - 1 : -1 }
