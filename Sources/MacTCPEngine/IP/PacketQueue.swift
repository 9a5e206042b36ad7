// Packets that wait, each in a block of the engine's pool, and queues of them.
//
// This file works on pointers. The invariant: a block begins with a header, which was initialized when the
// packet was made, and `count` bytes behind it are initialized. A packet is in one queue, or in the hands of
// one function; `release` ends it, and no copy of the handle is used after that.

internal import MacTCPWire

/// A packet in memory of the pool, with what is to be remembered of it. A handle: copies are the same packet.
struct StoredPacket<Note: BitwiseCopyable>: BitwiseCopyable {
  private struct Header {
    var next: UnsafeMutableRawPointer?
    var log2: UInt8
    var count: Int
    /// How many bytes there is room for.
    var capacity: Int
    var note: Note
  }

  private let base: UnsafeMutablePointer<Header>

  private init(base: UnsafeMutablePointer<Header>) { unsafe self.base = base }

  /// An empty packet with room for `capacity` bytes, at most 128 KiB; `nil` at the memory ceiling.
  init?(capacity: Int, _ note: Note, _ pool: inout MemoryPool) {
    guard capacity >= 0, capacity <= 1 << 17,
      let block = pool.allocate(atLeast: Self.headerSize &+ capacity)
    else { return nil }
    unsafe base = block.base.initializeMemory(
      as: Header.self,
      to: Header(
        next: nil, log2: block.log2, count: 0, capacity: block.capacity &- Self.headerSize,
        note: note))
  }

  /// Gives the memory back.
  func release(to pool: inout MemoryPool) {
    unsafe pool.release(
      MemoryPool.Block(base: UnsafeMutableRawPointer(base), log2: base.pointee.log2))
  }

  /// The bytes before the packet's own; so many that these are aligned.
  private static var headerSize: Int { (MemoryLayout<Header>.size &+ 15) & ~15 }

  private var bytes: UnsafeMutablePointer<UInt8> {
    unsafe (UnsafeMutableRawPointer(base) + Self.headerSize).assumingMemoryBound(to: UInt8.self)
  }

  /// What was to be remembered.
  var note: Note {
    get { unsafe base.pointee.note }
    nonmutating set { unsafe base.pointee.note = newValue }
  }

  /// How many bytes the packet has.
  var count: Int { unsafe base.pointee.count }

  /// How much of the pool's memory it takes.
  var memory: Int { unsafe 1 &<< Int(base.pointee.log2) }

  /// Calls `body` with the packet's bytes.
  func withBytes<R: ~Copyable, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    try unsafe body(UnsafeBufferPointer(start: bytes, count: base.pointee.count).span)
  }

  /// Calls `body` with the packet's bytes, to change them in place.
  func withMutableBytes<R: ~Copyable>(_ body: (inout MutableSpan<UInt8>) -> R) -> R {
    var span = unsafe UnsafeMutableBufferPointer(start: bytes, count: base.pointee.count)
      .mutableSpan
    return body(&span)
  }

  /// Calls `body` with the packet's bytes and the room behind them, to append some.
  func withOutput<R: ~Copyable>(_ body: (inout OutputSpan<UInt8>) -> R) -> R {
    let memory = unsafe UnsafeMutableBufferPointer(start: bytes, count: base.pointee.capacity)
    var output = unsafe OutputSpan(buffer: memory, initializedCount: base.pointee.count)
    let result = body(&output)
    unsafe base.pointee.count = output.finalize(for: memory)
    return result
  }

  /// How many bytes there is room for.
  var capacity: Int { unsafe base.pointee.capacity }

  /// Makes the packet at least `count` bytes long, with zeros where there were none, as far as there is room.
  func lengthen(to count: Int) {
    let wanted = unsafe min(count, base.pointee.capacity)
    let missing = unsafe wanted &- base.pointee.count
    guard missing > 0 else { return }
    unsafe (bytes + base.pointee.count).initialize(repeating: 0, count: missing)
    unsafe base.pointee.count = wanted
  }

  /// The packet behind this one in its queue.
  fileprivate var next: StoredPacket? {
    get {
      unsafe base.pointee.next.map {
        unsafe StoredPacket(base: $0.assumingMemoryBound(to: Header.self))
      }
    }
    nonmutating set {
      unsafe base.pointee.next = newValue.map { unsafe UnsafeMutableRawPointer($0.base) }
    }
  }
}

/// Packets in the order in which they came. It must be emptied before it is thrown away, and is one queue
/// however often it is copied.
struct PacketQueue<Note: BitwiseCopyable>: BitwiseCopyable {
  /// The packet that came first.
  private(set) var first: StoredPacket<Note>?
  private var last: StoredPacket<Note>?
  /// How many there are.
  private(set) var count = 0
  /// How much of the pool's memory they take.
  private(set) var memory = 0

  init() {}

  @inline(__always) var isEmpty: Bool { count == 0 }

  mutating func append(_ packet: StoredPacket<Note>) {
    packet.next = nil
    if let last { last.next = packet } else { first = packet }
    last = packet
    count &+= 1
    memory &+= packet.memory
  }

  /// The first packet, which is the caller's to release.
  mutating func removeFirst() -> StoredPacket<Note>? {
    guard let packet = first else { return nil }
    first = packet.next
    if first == nil { last = nil }
    packet.next = nil
    count &-= 1
    memory &-= packet.memory
    return packet
  }

  /// Gives all packets back to the pool: how many.
  @discardableResult
  mutating func removeAll(_ pool: inout MemoryPool) -> Int {
    let removed = count
    while let packet = removeFirst() { packet.release(to: &pool) }
    return removed
  }
}

extension OutputSpan<UInt8> {
  /// Appends a copy of `bytes`, as far as there is room.
  @inline(__always)
  mutating func append(_ bytes: Span<UInt8>) {
    unsafe bytes.withUnsafeBufferPointer { source in
      unsafe withUnsafeMutableBufferPointer { buffer, initializedCount in
        guard let from = source.baseAddress, let to = buffer.baseAddress else { return }
        // Room for `count` bytes behind `initializedCount`; the two are not the same memory, because
        // this output is held exclusively.
        let count = min(source.count, buffer.count &- initializedCount)
        unsafe (to + initializedCount).update(from: from, count: count)
        initializedCount &+= count
      }
    }
  }
}
