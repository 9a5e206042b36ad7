// The memory of all buffers, and the account of it against the engine's ceiling.
//
// Blocks have sizes that are powers of two. Blocks of up to 4 KiB are carved from slabs of 64 KiB; larger
// ones come from the system one by one, and a few of each size are kept when they are released. A slab
// in which nothing is in use goes back to the system, unless it is the only one with free blocks of its
// size: so a storm of connections does not leave the process large. Of each size two blocks that were released
// wait for the next who wants one: streams that are filled and emptied in turn touch no slab.
//
// This file works on pointers. The invariants: a slab lies at a multiple of 64 KiB, so that a block's
// address leads to its slab's header; a larger block has its header 64 bytes before it. Every slab is in
// one list (with free blocks of its size, or full), every larger block in the list `large`: `deinit` finds
// them all there, those that are handed out as well. A block is released once, to the pool it came from.

/// Memory in blocks of 256 B to 2 GiB, never more in use than a ceiling allows.
struct MemoryPool: ~Copyable {
  /// A piece of memory that the pool has handed out. Its contents are undefined.
  struct Block {
    /// Where it begins, at a multiple of 64.
    let base: UnsafeMutableRawPointer
    /// The logarithm of its size.
    let log2: UInt8

    /// Its size in bytes.
    var capacity: Int { 1 &<< Int(log2) }
  }

  /// The logarithms of the sizes of the smallest and of the largest block.
  static var leastLog2: Int { 8 }
  static var greatestLog2: Int { 31 }
  /// The size of the largest block, in bytes.
  static var greatestCapacity: Int { 1 << greatestLog2 }

  /// The most bytes that may be in use.
  let ceiling: Int
  /// Bytes that are handed out in blocks or reserved: never more than `ceiling`.
  private(set) var bytesInUse = 0

  private var slabsWithRoom = InlineArray<5, UnsafeMutablePointer<SlabHeader>?>(repeating: nil)
  /// For each size the blocks that are free, though their slabs count them as in use; each begins with the address of
  /// the next.
  private var spare = InlineArray<5, UnsafeMutableRawPointer?>(repeating: nil)
  private var spareCount = InlineArray<5, Int>(repeating: 0)
  private var fullSlabs: UnsafeMutablePointer<SlabHeader>?
  private var freeLarge = InlineArray<24, UnsafeMutablePointer<LargeHeader>?>(repeating: nil)
  private var freeLargeCount = InlineArray<24, Int>(repeating: 0)
  private var large: UnsafeMutablePointer<LargeHeader>?

  /// A pool that lets no more than `ceiling` bytes be in use at a time.
  init(ceiling: Int) {
    self.ceiling = max(0, ceiling)
  }

  deinit {
    for size in slabsWithRoom.indices { Self.deallocate(slabs: slabsWithRoom[size]) }
    Self.deallocate(slabs: fullSlabs)
    var next = large
    while let header = unsafe next {
      unsafe next = header.pointee.next
      unsafe UnsafeMutableRawPointer(header).deallocate()
    }
  }

  /// A block of at least `count` bytes, the smallest there is; `nil` if the ceiling would be exceeded, or
  /// if no block is so large.
  @inline(__always)
  mutating func allocate(atLeast count: Int) -> Block? {
    guard count <= Self.greatestCapacity else { return nil }
    return allocate(log2: Self.log2(ofCapacity: count))
  }

  /// A block of a size that there is, by its logarithm.
  @inline(__always)
  mutating func allocate(log2: Int) -> Block? {
    let capacity = 1 &<< log2
    guard capacity <= ceiling &- bytesInUse else { return nil }
    bytesInUse &+= capacity
    let base = log2 <= Self.greatestCarved ? allocateCarved(log2) : allocateLarge(log2)
    return unsafe Block(base: base, log2: UInt8(truncatingIfNeeded: log2))
  }

  /// Takes a block back.
  @inline(__always)
  mutating func release(_ block: Block) {
    bytesInUse &-= block.capacity
    #if DEBUG
      // Who still looks at it is seen by the tests.
      unsafe block.base.initializeMemory(as: UInt8.self, repeating: 0xDD, count: block.capacity)
    #endif
    let log2 = Int(block.log2)
    if log2 <= Self.greatestCarved {
      unsafe releaseCarved(block.base, log2)
    } else {
      unsafe releaseLarge(block.base, log2)
    }
  }

  /// Counts memory of the caller's as in use; `false`, and nothing is done, if the ceiling would be exceeded.
  mutating func reserve(_ bytes: Int) -> Bool {
    guard bytes >= 0, bytes <= ceiling &- bytesInUse else { return false }
    bytesInUse &+= bytes
    return true
  }

  /// Ends what `reserve` began.
  mutating func unreserve(_ bytes: Int) {
    assert(bytes >= 0 && bytes <= bytesInUse)
    bytesInUse &-= max(0, min(bytes, bytesInUse))
  }

  /// The logarithm of the size of the smallest block that holds `count` bytes, which are at most 2^62.
  @inline(__always)
  static func log2(ofCapacity count: Int) -> Int {
    count <= 1 &<< leastLog2 ? leastLog2 : Int.bitWidth &- (count &- 1).leadingZeroBitCount
  }
}

/// What stands at the start of a slab.
private struct SlabHeader {
  var next: UnsafeMutablePointer<SlabHeader>?
  var previous: UnsafeMutablePointer<SlabHeader>?
  /// The first of the free blocks that have been in use before; each begins with the address of the next.
  var free: UnsafeMutableRawPointer?
  /// How many blocks have ever been in use: memory behind them has not been touched.
  var carved = 0
  var inUse = 0
}

/// What stands before a larger block.
private struct LargeHeader {
  var next: UnsafeMutablePointer<LargeHeader>?
  var previous: UnsafeMutablePointer<LargeHeader>?
  /// The next free block of the same size, while this one is free.
  var nextFree: UnsafeMutablePointer<LargeHeader>?
}

// MARK: Blocks of up to 4 KiB

extension MemoryPool {
  private static var greatestCarved: Int { 12 }
  /// How many free blocks of a size wait: a connection has a ring for each direction.
  private static var mostSpare: Int { 2 }
  private static var slabSize: Int { 1 << 16 }
  private static var slabHeaderSize: Int { 192 }
  /// What is asked of the system for a slab: 64 bytes less, so that with the allocator's own header behind
  /// it the next slab can follow at the next multiple of 64 KiB. Of 256 bytes, 255 blocks just fit.
  private static var slabByteCount: Int { slabSize - 64 }

  private static func blocksInSlab(_ log2: Int) -> Int {
    (slabByteCount &- slabHeaderSize) &>> log2
  }

  @inline(__always)
  private mutating func allocateCarved(_ log2: Int) -> UnsafeMutableRawPointer {
    let size = log2 &- Self.leastLog2
    guard let block = unsafe spare[size] else { return unsafe carve(log2) }
    unsafe spare[size] = block.load(as: UnsafeMutableRawPointer?.self)
    spareCount[size] &-= 1
    return unsafe block
  }

  @inline(never)
  private mutating func carve(_ log2: Int) -> UnsafeMutableRawPointer {
    let slab = unsafe slabsWithRoom[log2 &- Self.leastLog2] ?? makeSlab(log2)
    let block: UnsafeMutableRawPointer
    if let free = unsafe slab.pointee.free {
      unsafe block = free
      unsafe slab.pointee.free = free.load(as: UnsafeMutableRawPointer?.self)
    } else {
      let offset = unsafe Self.slabHeaderSize &+ slab.pointee.carved &<< log2
      unsafe block = UnsafeMutableRawPointer(slab) + offset
      unsafe slab.pointee.carved &+= 1
    }
    unsafe slab.pointee.inUse &+= 1
    if unsafe slab.pointee.inUse == Self.blocksInSlab(log2) {
      unsafe Self.unlink(slab, from: &slabsWithRoom[log2 &- Self.leastLog2])
      unsafe Self.link(slab, into: &fullSlabs)
    }
    return unsafe block
  }

  @inline(__always)
  private mutating func releaseCarved(_ block: UnsafeMutableRawPointer, _ log2: Int) {
    let size = log2 &- Self.leastLog2
    if spareCount[size] < Self.mostSpare {
      unsafe block.storeBytes(of: spare[size], as: UnsafeMutableRawPointer?.self)
      unsafe spare[size] = block
      spareCount[size] &+= 1
    } else {
      unsafe releaseToSlab(block, log2)
    }
  }

  @inline(never)
  private mutating func releaseToSlab(_ block: UnsafeMutableRawPointer, _ log2: Int) {
    let offset = Int(bitPattern: block) & (Self.slabSize &- 1)
    let slab = unsafe (block - offset).assumingMemoryBound(to: SlabHeader.self)
    unsafe block.storeBytes(of: slab.pointee.free, as: UnsafeMutableRawPointer?.self)
    unsafe slab.pointee.free = block
    if unsafe slab.pointee.inUse == Self.blocksInSlab(log2) {
      unsafe Self.unlink(slab, from: &fullSlabs)
      unsafe Self.link(slab, into: &slabsWithRoom[log2 &- Self.leastLog2])
    }
    unsafe slab.pointee.inUse &-= 1
    if unsafe slab.pointee.inUse == 0
      && (slab.pointee.next != nil || slab.pointee.previous != nil)
    {
      unsafe Self.unlink(slab, from: &slabsWithRoom[log2 &- Self.leastLog2])
      unsafe UnsafeMutableRawPointer(slab).deallocate()
    }
  }

  @inline(never)
  private mutating func makeSlab(_ log2: Int) -> UnsafeMutablePointer<SlabHeader> {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: Self.slabByteCount, alignment: Self.slabSize)
    let slab = unsafe memory.initializeMemory(as: SlabHeader.self, to: SlabHeader())
    unsafe Self.link(slab, into: &slabsWithRoom[log2 &- Self.leastLog2])
    return unsafe slab
  }

  private static func link(
    _ slab: UnsafeMutablePointer<SlabHeader>, into list: inout UnsafeMutablePointer<SlabHeader>?
  ) {
    unsafe slab.pointee.previous = nil
    unsafe slab.pointee.next = list
    unsafe list?.pointee.previous = slab
    unsafe list = slab
  }

  private static func unlink(
    _ slab: UnsafeMutablePointer<SlabHeader>, from list: inout UnsafeMutablePointer<SlabHeader>?
  ) {
    let next = unsafe slab.pointee.next
    let previous = unsafe slab.pointee.previous
    unsafe next?.pointee.previous = previous
    if let previous = unsafe previous {
      unsafe previous.pointee.next = next
    } else {
      unsafe list = next
    }
  }

  private static func deallocate(slabs: UnsafeMutablePointer<SlabHeader>?) {
    var next = unsafe slabs
    while let slab = unsafe next {
      unsafe next = slab.pointee.next
      unsafe UnsafeMutableRawPointer(slab).deallocate()
    }
  }
}

// MARK: Larger blocks

extension MemoryPool {
  private static var largeHeaderSize: Int { 64 }

  /// How many free blocks of a size are kept: 1 MiB of each, or one of up to 4 MiB; none of a size of which
  /// the ceiling allows less than four.
  private func mostFree(_ log2: Int) -> Int {
    guard 4 &<< log2 <= ceiling, log2 <= 22 else { return 0 }
    return max(1, (1 << 20) &>> log2)
  }

  private mutating func allocateLarge(_ log2: Int) -> UnsafeMutableRawPointer {
    let size = log2 &- Self.leastLog2
    if let header = unsafe freeLarge[size] {
      unsafe freeLarge[size] = header.pointee.nextFree
      freeLargeCount[size] &-= 1
      return unsafe UnsafeMutableRawPointer(header) + Self.largeHeaderSize
    }
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: Self.largeHeaderSize &+ 1 &<< log2, alignment: 64)
    let header = unsafe memory.initializeMemory(as: LargeHeader.self, to: LargeHeader())
    unsafe header.pointee.next = large
    unsafe large?.pointee.previous = header
    unsafe large = header
    return unsafe memory + Self.largeHeaderSize
  }

  private mutating func releaseLarge(_ block: UnsafeMutableRawPointer, _ log2: Int) {
    let size = log2 &- Self.leastLog2
    let memory = unsafe block - Self.largeHeaderSize
    let header = unsafe memory.assumingMemoryBound(to: LargeHeader.self)
    if freeLargeCount[size] < mostFree(log2) {
      unsafe header.pointee.nextFree = freeLarge[size]
      unsafe freeLarge[size] = header
      freeLargeCount[size] &+= 1
      return
    }
    let next = unsafe header.pointee.next
    let previous = unsafe header.pointee.previous
    unsafe next?.pointee.previous = previous
    if let previous = unsafe previous {
      unsafe previous.pointee.next = next
    } else {
      unsafe large = next
    }
    unsafe memory.deallocate()
  }
}
