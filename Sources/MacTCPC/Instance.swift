// What a `mactcp_engine *` points to, and the way to it. Every function of mactcp.h is written in Swift with `@c
// @implementation`: the compiler compares its signature with the header's.
//
// Invariant: the pointer is NULL, or one that `mactcp_engine_new` returned and `mactcp_engine_free` has not been given.
// The header demands it of the caller; nothing can check it. Everything else that comes from the caller is checked.

internal import CMacTCP
internal import MacTCPEngine
internal import MacTCPWire

/// An engine that has been started, or what it is going to be made of.
struct Instance: ~Copyable {
  var configuration = EngineConfiguration()
  /// `nil` until it is started. Behind a pointer: the engine stays where it is, whatever happens to this value.
  var engine: UnsafeMutablePointer<Engine>?

  init(seed: UInt64) { configuration.seed = seed }

  deinit {
    guard let engine else { return }
    engine.deinitialize(count: 1)
    engine.deallocate()
  }

  /// Makes the engine, if there is none yet.
  mutating func start() throws(EngineError) -> UnsafeMutablePointer<Engine> {
    if let engine { return engine }
    let made = try Engine(configuration)
    let engine = UnsafeMutablePointer<Engine>.allocate(capacity: 1)
    engine.initialize(to: made)
    self.engine = engine
    return engine
  }
}

/// Calls `body` with the engine, which is started first; an error becomes its code.
@inline(__always)
func withEngine(
  _ pointer: OpaquePointer?, _ body: (inout Engine) throws(EngineError) -> mactcp_result
) -> mactcp_result {
  guard let pointer else { return code(MACTCP_INVALID_BUFFER) }
  do {
    let engine = try UnsafeMutablePointer<Instance>(pointer).pointee.start()
    return try body(&engine.pointee)
  } catch {
    return mactcp_result(error.rawValue)
  }
}

/// A constant of the header as a result.
func code(_ constant: Int) -> mactcp_result { mactcp_result(constant) }

/// The most bytes that a call takes or gives: the header's 2^31 - 1.
private let longest = 1 << 31 - 1

/// Calls `body` with the caller's bytes. No byte is read here.
@inline(__always)
func withBytes(
  _ memory: UnsafeRawPointer?, _ length: Int, _ body: (Span<UInt8>) -> mactcp_result
) -> mactcp_result {
  // A size_t above Int.max is negative here.
  guard (0...longest).contains(length) else { return code(MACTCP_INVALID_LENGTH) }
  guard memory != nil || length == 0 else { return code(MACTCP_INVALID_BUFFER) }
  let bytes = UnsafeRawBufferPointer(start: memory, count: memory == nil ? 0 : length)
  return body(unsafe Span(_unsafeBytes: bytes))
}

/// Calls `body` with the caller's memory to append to.
///
/// - Returns: what `body` does, and how many bytes it has appended.
@inline(__always)
func withRoom(
  _ memory: UnsafeMutableRawPointer?, _ size: Int,
  _ body: (inout OutputSpan<UInt8>) -> mactcp_result
) -> (result: mactcp_result, count: Int) {
  guard (0...longest).contains(size) else { return (code(MACTCP_INVALID_LENGTH), 0) }
  guard memory != nil || size == 0 else { return (code(MACTCP_INVALID_BUFFER), 0) }
  let room = UnsafeMutableBufferPointer(
    start: memory?.assumingMemoryBound(to: UInt8.self), count: memory == nil ? 0 : size)
  var output = unsafe OutputSpan(buffer: room, initializedCount: 0)
  let result = body(&output)
  return (result, unsafe output.finalize(for: room))
}
