import Testing

@testable import MacTCPEngine

@Suite("Memory pool")
struct MemoryPoolTests {
  @Test(
    "A request gets the smallest size that holds it",
    arguments: [
      (0, 256), (-5, 256), (1, 256), (256, 256), (257, 512), (4096, 4096), (4097, 8192),
      (65_536, 65_536), (65_537, 131_072), (16_777_216, 16_777_216),
    ])
  func sizes(request: Int, capacity: Int) throws {
    var pool = MemoryPool(ceiling: 1 << 30)
    let block = pool.allocate(atLeast: request)
    try check(block?.capacity == capacity)
    try check(pool.bytesInUse == capacity)
    if let block { pool.release(block) }
    try check(pool.bytesInUse == 0)
  }

  @Test("What is larger than the largest block is refused")
  func tooLarge() throws {
    var pool = MemoryPool(ceiling: .max)
    try check(pool.allocate(atLeast: MemoryPool.greatestCapacity + 1) == nil)
    try check(pool.allocate(atLeast: .max) == nil)
    try check(pool.bytesInUse == 0)
  }

  @Test("Blocks and reservations together stay below the ceiling")
  func ceiling() throws {
    var pool = MemoryPool(ceiling: 1000)
    try check(!pool.reserve(1001))
    try check(!pool.reserve(.max))
    try check(!pool.reserve(-1))
    try check(pool.reserve(500))
    try check(pool.allocate(atLeast: 512) == nil)
    guard let block = pool.allocate(atLeast: 256) else { throw Violation("refused") }
    try check(pool.bytesInUse == 756)
    try check(!pool.reserve(245))
    try check(pool.reserve(244))
    try check(pool.allocate(atLeast: 1) == nil)
    pool.unreserve(744)
    pool.release(block)
    try check(pool.bytesInUse == 0)
    var none = MemoryPool(ceiling: -1)
    try check(none.ceiling == 0)
    try check(none.allocate(atLeast: 1) == nil)
    try check(none.reserve(0))
  }

  @Test("Blocks never overlap and keep their contents, whatever is allocated and released between")
  func model() {
    SeededGenerator.forSeeds { generator in
      let ceiling = 1 << generator.number(12...25)
      var pool = MemoryPool(ceiling: ceiling)
      var blocks: [(block: MemoryPool.Block, mark: UInt64)] = []
      var model = 0
      for _ in 0..<3000 {
        if generator.number(0...99) < 55 {
          let request = generator.number(0...(1 << generator.number(0...18)))
          let capacity = max(256, request.nextPowerOfTwo)
          guard let block = pool.allocate(atLeast: request) else {
            try check(model + capacity > ceiling, "refused \(request) at \(model)")
            continue
          }
          try check(Int(bitPattern: block.base) % 64 == 0, "alignment")
          try check(block.capacity == capacity, "capacity")
          model += capacity
          let mark = generator.next()
          Self.mark(block, mark)
          blocks.append((block, mark))
        } else if !blocks.isEmpty {
          let index = generator.number(0...(blocks.count - 1))
          let (block, mark) = blocks.remove(at: index)
          try check(Self.holds(block, mark), "contents of \(block.capacity) bytes")
          model -= block.capacity
          pool.release(block)
        }
        try check(pool.bytesInUse == model && model <= ceiling, "account")
      }
      // Half of the runs leave their blocks to deinit.
      if generator.number(0...1) == 0 {
        for (block, mark) in blocks {
          try check(Self.holds(block, mark), "contents")
          pool.release(block)
        }
        try check(pool.bytesInUse == 0, "account at the end")
      }
    }
  }

  /// Writes the mark at both ends and in the middle of a block.
  private static func mark(_ block: MemoryPool.Block, _ mark: UInt64) {
    for offset in [0, block.capacity / 2, block.capacity - 8] {
      block.base.storeBytes(of: mark, toByteOffset: offset, as: UInt64.self)
    }
  }

  private static func holds(_ block: MemoryPool.Block, _ mark: UInt64) -> Bool {
    [0, block.capacity / 2, block.capacity - 8].allSatisfy {
      block.base.load(fromByteOffset: $0, as: UInt64.self) == mark
    }
  }
}

extension Int {
  /// The smallest power of two that is not smaller.
  fileprivate var nextPowerOfTwo: Int {
    var power = 1
    while power < self { power *= 2 }
    return power
  }
}
