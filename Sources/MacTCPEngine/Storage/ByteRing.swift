// A queue of bytes in memory of a pool: what is to be sent, what has been received.
//
// A ring without contents has no memory. It begins with the size that the last contents needed, so that a
// busy stream does not grow by copying again and again, and doubles from there up to the caller's limit.
//
// This file works on pointers. The invariant: `base` is `nil`, or a block of 2^`log2` bytes of the pool that
// all calls are given; `head` is below its size, and `used` not above. Every access goes through `pieces`,
// which stays inside for every argument. A ring must not be used after it has been copied: the memory is one.

import MacTCPWire

/// A queue of bytes. It gives its memory back in ``removeAll(pool:)``, and when it becomes empty.
struct ByteRing {
  private var base: UnsafeMutableRawPointer?
  private var head: UInt32 = 0
  private var used: UInt32 = 0
  /// The most bytes from the head that had contents since there is memory.
  private var peak: UInt32 = 0
  private var log2: UInt8 = 0
  /// What the first block will be, as a logarithm.
  private var firstLog2: UInt8 = 11

  /// No bytes, no memory.
  init() {}

  /// How many bytes are in the queue.
  @inline(__always) var count: Int { Int(used) }
  @inline(__always) var isEmpty: Bool { used == 0 }
  /// The bytes of memory that the queue has.
  @inline(__always) var capacity: Int { unsafe base == nil ? 0 : 1 &<< Int(log2) }

  // MARK: Writing

  /// Appends as many of the bytes as `limit` bytes in all and the pool allow: how many.
  mutating func append(_ bytes: Span<UInt8>, limit: Int, pool: inout MemoryPool) -> Int {
    var taken = min(bytes.count, limit &- min(limit, count))
    guard taken > 0 else { return 0 }
    if !makeRoom(for: count &+ taken, limit: limit, pool: &pool) {
      // At the ceiling: what fits into the memory that there is.
      growAtCeiling(below: count &+ taken, pool: &pool)
      taken = min(taken, capacity &- count)
      guard taken > 0 else { return 0 }
    }
    copy(bytes.extracting(first: taken), to: count)
    used &+= UInt32(truncatingIfNeeded: taken)
    peak = max(peak, used)
    return taken
  }

  /// Writes bytes `offset` behind the head, maybe behind the end: `count` stays. `false`, and nothing is
  /// written, if they do not fit into `limit` bytes from the head on, or if there is no memory.
  mutating func write(
    _ bytes: Span<UInt8>, at offset: Int, limit: Int, pool: inout MemoryPool
  ) -> Bool {
    guard makeRoom(for: bytes, at: offset, limit: limit, pool: &pool) else { return false }
    copy(bytes, to: offset)
    return true
  }

  /// The same, and adds the bytes to a checksum in the same pass; only if `true`.
  mutating func write(
    _ bytes: Span<UInt8>, at offset: Int, addingTo sum: inout InternetChecksum, limit: Int,
    pool: inout MemoryPool
  ) -> Bool {
    guard makeRoom(for: bytes, at: offset, limit: limit, pool: &pool) else { return false }
    let (first, second) = unsafe pieces(at: offset, count: bytes.count)
    do {
      var target = unsafe first.mutableSpan
      try sum.add(bytes.extracting(first: first.count), copyingTo: &target)
      if second.count > 0 {
        target = unsafe second.mutableSpan
        try sum.add(bytes.extracting(last: second.count), copyingTo: &target)
      }
    } catch {
      // The two pieces have just the size of the bytes.
      return false
    }
    return true
  }

  /// Lengthens the queue over `n` bytes that have been written behind its end.
  @inline(__always)
  mutating func commit(_ n: Int) {
    assert(n >= 0 && n <= capacity &- count)
    used &+= UInt32(truncatingIfNeeded: max(0, min(n, capacity &- count)))
  }

  // MARK: Reading

  /// Calls `body` with `count` bytes from `offset` behind the head on, in up to two pieces. As many as
  /// there is memory for: the caller knows which of those behind `count` have been written.
  @inline(__always)
  func withBytes<R: ~Copyable, E: Error>(
    at offset: Int, count: Int, _ body: (Span<UInt8>, Span<UInt8>) throws(E) -> R
  ) throws(E) -> R {
    let (first, second) = unsafe pieces(at: offset, count: count)
    return try unsafe body(
      UnsafeBufferPointer(first).span, UnsafeBufferPointer(second).span)
  }

  /// Moves up to `most` bytes from the head to `output`, as many as it has room for: how many.
  /// `keepingBeyond` as for ``drop(_:keepingBeyond:pool:)``.
  mutating func read(
    into output: inout OutputSpan<UInt8>, atMost most: Int, keepingBeyond: Bool,
    pool: inout MemoryPool
  ) -> Int {
    let moved = max(0, min(most, min(count, output.freeCapacity)))
    let (first, second) = unsafe pieces(at: 0, count: moved)
    unsafe output.withUnsafeMutableBufferPointer { buffer, initializedCount in
      guard let start = buffer.baseAddress else { return }
      let end = unsafe UnsafeMutableRawPointer(start) + initializedCount
      if let source = first.baseAddress {
        unsafe end.copyMemory(from: source, byteCount: first.count)
      }
      if let source = second.baseAddress {
        unsafe (end + first.count).copyMemory(from: source, byteCount: second.count)
      }
      initializedCount &+= moved
    }
    drop(moved, keepingBeyond: keepingBeyond, pool: &pool)
    return moved
  }

  /// Takes `n` bytes from the head. A queue that is empty then gives its memory back, unless bytes have been
  /// written behind its end that are still wanted.
  @inline(__always)
  mutating func drop(_ n: Int, keepingBeyond: Bool, pool: inout MemoryPool) {
    assert(n >= 0 && n <= count)
    let dropped = UInt32(truncatingIfNeeded: max(0, min(n, count)))
    head = (head &+ dropped) & UInt32(truncatingIfNeeded: capacity &- 1)
    used &-= dropped
    if used == 0 && !keepingBeyond { removeAll(pool: &pool) }
  }

  /// Forgets the contents and gives the memory back.
  mutating func removeAll(pool: inout MemoryPool) {
    guard let memory = unsafe base else { return }
    unsafe pool.release(MemoryPool.Block(base: memory, log2: log2))
    firstLog2 = UInt8(truncatingIfNeeded: max(11, MemoryPool.log2(ofCapacity: Int(peak))))
    // Not `log2`, which means nothing now: with it the compiler clears all by two stores that overlap, and who asks for
    // `used` next has to wait until both are done.
    unsafe base = nil
    head = 0
    used = 0
    peak = 0
  }

  // MARK: Memory

  /// Room for bytes at an offset, if they end before the limit. There are such arguments that no sum of
  /// them overflows.
  @inline(__always)
  private mutating func makeRoom(
    for bytes: Span<UInt8>, at offset: Int, limit: Int, pool: inout MemoryPool
  ) -> Bool {
    guard offset >= 0, offset <= limit, bytes.count <= limit &- offset else { return false }
    guard bytes.count > 0 else { return true }
    let end = offset &+ bytes.count
    guard makeRoom(for: end, limit: limit, pool: &pool) else { return false }
    peak = max(peak, UInt32(truncatingIfNeeded: end))
    return true
  }

  @inline(__always)
  private mutating func makeRoom(for end: Int, limit: Int, pool: inout MemoryPool) -> Bool {
    if unsafe base == nil { return begin(toHold: end, limit: limit, pool: &pool) }
    return end <= 1 &<< Int(log2) || grow(toHold: end, limit: limit, pool: &pool)
  }

  /// Takes the first block: as large as the last contents needed, if it may be so large and there is memory.
  private mutating func begin(toHold end: Int, limit: Int, pool: inout MemoryPool) -> Bool {
    let wanted = 1 &<< Int(firstLog2)
    guard end <= wanted, wanted <= limit, let block = pool.allocate(log2: Int(firstLog2)) else {
      return grow(toHold: end, limit: limit, pool: &pool)
    }
    unsafe base = block.base
    log2 = block.log2
    return true
  }

  @inline(never)
  private mutating func grow(toHold end: Int, limit: Int, pool: inout MemoryPool) -> Bool {
    guard end <= MemoryPool.greatestCapacity else { return false }
    let needed = MemoryPool.log2(ofCapacity: end)
    let most = MemoryPool.log2(ofCapacity: min(limit, MemoryPool.greatestCapacity))
    let wanted = max(needed, min(Int(firstLog2), most))
    guard let block = pool.allocate(log2: wanted) ?? pool.allocate(log2: needed) else {
      return false
    }
    move(to: block, pool: &pool)
    return true
  }

  /// Takes the largest block that there is memory for, if it is larger than the present one.
  @inline(never)
  private mutating func growAtCeiling(below end: Int, pool: inout MemoryPool) {
    var log2 = MemoryPool.log2(ofCapacity: min(end, MemoryPool.greatestCapacity)) &- 1
    while log2 >= MemoryPool.leastLog2 && 1 &<< log2 > capacity {
      if let block = pool.allocate(log2: log2) {
        move(to: block, pool: &pool)
        return
      }
      log2 &-= 1
    }
  }

  /// Changes the memory for a larger block.
  private mutating func move(to block: MemoryPool.Block, pool: inout MemoryPool) {
    if let old = unsafe base {
      // All of the memory is copied: there may be contents behind the end.
      let (first, second) = unsafe pieces(at: 0, count: capacity)
      if let source = first.baseAddress {
        unsafe block.base.copyMemory(from: source, byteCount: first.count)
      }
      if let source = second.baseAddress {
        unsafe (block.base + first.count).copyMemory(from: source, byteCount: second.count)
      }
      unsafe pool.release(MemoryPool.Block(base: old, log2: log2))
    }
    unsafe base = block.base
    log2 = block.log2
    head = 0
  }

  /// Copies bytes for which there is room.
  @inline(__always)
  private func copy(_ bytes: Span<UInt8>, to offset: Int) {
    let (first, second) = unsafe pieces(at: offset, count: bytes.count)
    unsafe bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      if let target = first.baseAddress {
        unsafe UnsafeMutableRawPointer(target).copyMemory(from: start, byteCount: first.count)
      }
      if let target = second.baseAddress {
        unsafe UnsafeMutableRawPointer(target).copyMemory(
          from: start + first.count, byteCount: second.count)
      }
    }
  }

  /// The memory from `offset` behind the head on, `count` bytes or as many as there are.
  @inline(__always)
  private func pieces(
    at offset: Int, count: Int
  ) -> (UnsafeMutableBufferPointer<UInt8>, UnsafeMutableBufferPointer<UInt8>) {
    let none = unsafe UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0)
    let capacity = capacity
    guard let memory = unsafe base, offset >= 0, offset < capacity, count > 0 else {
      return unsafe (none, none)
    }
    let bytes = unsafe memory.assumingMemoryBound(to: UInt8.self)
    let length = min(count, capacity &- offset)
    let start = (Int(head) &+ offset) & (capacity &- 1)
    let firstLength = min(length, capacity &- start)
    let first = unsafe UnsafeMutableBufferPointer(start: bytes + start, count: firstLength)
    guard firstLength < length else { return unsafe (first, none) }
    return unsafe (
      first, UnsafeMutableBufferPointer(start: bytes, count: length &- firstLength)
    )
  }
}
