import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Byte ring")
struct ByteRingTests {
  /// The bytes of the ring from an offset on.
  private static func contents(_ ring: ByteRing, at offset: Int = 0, count: Int) -> [UInt8] {
    ring.withBytes(at: offset, count: count) { first, second in
      [UInt8](capacity: first.count + second.count) { output in
        for index in first.indices { output.append(first[index]) }
        for index in second.indices { output.append(second[index]) }
      }
    }
  }

  @Test("An empty ring has no memory, and one that becomes empty gives it back")
  func memory() throws {
    try check(MemoryLayout<ByteRing>.stride <= 24)
    var pool = MemoryPool(ceiling: 1 << 20)
    var ring = ByteRing()
    try check(ring.capacity == 0 && pool.bytesInUse == 0)
    try check(ring.append([1, 2, 3].span, limit: 8192, pool: &pool) == 3)
    try check(ring.capacity == 2048 && pool.bytesInUse == 2048)
    ring.drop(2, keepingBeyond: false, pool: &pool)
    try check(Self.contents(ring, count: 9).first == 3)
    try check(ring.count == 1)
    ring.drop(1, keepingBeyond: false, pool: &pool)
    try check(ring.capacity == 0 && pool.bytesInUse == 0)
  }

  @Test("The first block is as large as the last contents needed, within the limit")
  func growth() throws {
    var pool = MemoryPool(ceiling: 1 << 20)
    var ring = ByteRing()
    let bytes = [UInt8](repeating: 7, count: 20_000)
    for _ in 0..<10 {
      try check(
        ring.append(bytes.span.extracting(first: 2000), limit: 65_536, pool: &pool) == 2000)
    }
    try check(ring.capacity == 32_768)
    ring.drop(20_000, keepingBeyond: false, pool: &pool)
    try check(ring.append(bytes.span.extracting(first: 1), limit: 65_536, pool: &pool) == 1)
    try check(ring.capacity == 32_768)
    ring.drop(1, keepingBeyond: false, pool: &pool)
    try check(ring.append(bytes.span.extracting(first: 1), limit: 65_536, pool: &pool) == 1)
    try check(ring.capacity == 2048)
    ring.removeAll(pool: &pool)
    try check(ring.append(bytes.span, limit: 300, pool: &pool) == 300)
    try check(ring.capacity == 512)
    ring.removeAll(pool: &pool)
    try check(pool.bytesInUse == 0)
  }

  @Test("At the ceiling a ring takes what its memory holds, and nothing without memory")
  func ceiling() throws {
    var pool = MemoryPool(ceiling: 2048)
    var ring = ByteRing()
    let bytes = [UInt8](repeating: 1, count: 3000)
    try check(
      ring.append(bytes.span.extracting(first: 2000), limit: 65_536, pool: &pool) == 2000)
    try check(ring.append(bytes.span, limit: 65_536, pool: &pool) == 48)
    try check(ring.append(bytes.span, limit: 65_536, pool: &pool) == 0)
    try check(
      !ring.write(
        bytes.span.extracting(first: 1), at: 2048, limit: 65_536, pool: &pool))
    var other = ByteRing()
    try check(other.append(bytes.span, limit: 65_536, pool: &pool) == 0)
    try check(!other.write(bytes.span, at: 0, limit: 65_536, pool: &pool))
    ring.removeAll(pool: &pool)
  }

  @Test(
    "At the ceiling a ring takes the largest block that there is memory for, and keeps what it has")
  func largestAtCeiling() throws {
    var pool = MemoryPool(ceiling: 2048 + 8192)
    let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    var ring = ByteRing()
    // 16,384 and 32,768 are too much; from nothing, and from a block that has contents round its end.
    try check(ring.append(bytes.span, limit: 65_536, pool: &pool) == 8192)
    try check(Self.contents(ring, count: 8192) == Array(bytes[..<8192]))
    ring.removeAll(pool: &pool)
    ring = ByteRing()
    try check(
      ring.append(bytes.span.extracting(first: 2000), limit: 65_536, pool: &pool) == 2000)
    ring.drop(1000, keepingBeyond: false, pool: &pool)
    try check(ring.append(bytes.span.extracting(2000...), limit: 65_536, pool: &pool) == 7192)
    try check(Self.contents(ring, count: 8192) == Array(bytes[1000..<9192]))
    try check(ring.append(bytes.span, limit: 65_536, pool: &pool) == 0)
    ring.removeAll(pool: &pool)
    try check(pool.bytesInUse == 0)
  }

  @Test("Where there is no memory for the size of the last contents, a smaller block does")
  func smallerFirstBlock() throws {
    var pool = MemoryPool(ceiling: 8192)
    var ring = ByteRing()
    let bytes = [UInt8](repeating: 1, count: 8000)
    try check(ring.append(bytes.span, limit: 65_536, pool: &pool) == 8000)
    ring.removeAll(pool: &pool)
    try check(pool.reserve(4096))
    try check(ring.append(bytes.span.extracting(first: 9), limit: 65_536, pool: &pool) == 9)
    ring.removeAll(pool: &pool)
  }

  @Test("No argument traps")
  func extremes() throws {
    var pool = MemoryPool(ceiling: .max)
    var ring = ByteRing()
    let bytes: [UInt8] = [1, 2, 3]
    for limit in [Int.min, -1, 0, 2] {
      for offset in [Int.min, -1, 0, 3, 1 << 24, .max] {
        try check(!ring.write(bytes.span, at: offset, limit: limit, pool: &pool))
      }
    }
    try check(!ring.write(bytes.span, at: .max, limit: .max, pool: &pool))
    try check(
      !ring.write(bytes.span, at: MemoryPool.greatestCapacity, limit: .max, pool: &pool))
    try check(ring.append(bytes.span, limit: .min, pool: &pool) == 0)
    try check(ring.append(Span(), limit: .max, pool: &pool) == 0)
    try check(ring.append(bytes.span, limit: .max, pool: &pool) == 3)
    for offset in [Int.min, -1, 0, 2048, .max] {
      for count in [Int.min, -1, 0, .max] {
        try ring.withBytes(at: offset, count: count) { (first, second) throws(Violation) in
          try check(first.count + second.count == (offset == 0 && count > 0 ? 2048 : 0))
        }
      }
    }
    ring.removeAll(pool: &pool)
    try check(pool.bytesInUse == 0)
  }

  @Test("Out-of-order bytes stay while the queue before them is empty")
  func keepingBeyond() throws {
    var pool = MemoryPool(ceiling: 1 << 20)
    var ring = ByteRing()
    try check(ring.append([1, 2].span, limit: 100, pool: &pool) == 2)
    try check(ring.write([5, 6].span, at: 4, limit: 100, pool: &pool))
    var read = try [UInt8](capacity: 9) { (output) throws(Violation) in
      try check(ring.read(into: &output, atMost: 9, keepingBeyond: true, pool: &pool) == 2)
    }
    try check(read == [1, 2] && ring.isEmpty && ring.capacity > 0)
    try check(ring.write([3, 4].span, at: 0, limit: 100, pool: &pool))
    ring.commit(4)
    read = try [UInt8](capacity: 9) { (output) throws(Violation) in
      try check(ring.read(into: &output, atMost: 9, keepingBeyond: false, pool: &pool) == 4)
    }
    try check(read == [3, 4, 5, 6] && ring.capacity == 0 && pool.bytesInUse == 0)
  }

  @Test("The ring is a queue: any order of writes, reads and growth against an array")
  func model() {
    SeededGenerator.forSeeds(10) { generator in
      var pool = MemoryPool(ceiling: 1 << generator.number(12...16))
      var ring = ByteRing()
      // What is in the queue, and what has been written behind its end: nil where nothing was.
      var queue: [UInt8] = []
      var beyond: [UInt8?] = []
      let limit = generator.number(1...8000)
      for _ in 0..<300 {
        let bytes = generator.bytes(generator.number(0...generator.number(1...1500)))
        switch generator.number(0...5) {
        case 0, 1:
          let offset = generator.number(0...limit)
          var sum = InternetChecksum()
          let summed = generator.number(0...1) == 0
          let written =
            summed
            ? ring.write(
              bytes.span, at: offset, addingTo: &sum, limit: limit, pool: &pool)
            : ring.write(bytes.span, at: offset, limit: limit, pool: &pool)
          guard written else {
            try check(
              offset + bytes.count > limit || pool.ceiling < 4 * limit, "refused a write")
            continue
          }
          try check(offset + bytes.count <= limit, "beyond the limit")
          if summed {
            try check(sum.value == InternetChecksum(of: bytes.span).value, "checksum")
          }
          for (index, byte) in bytes.enumerated() {
            let place = offset + index
            if place < queue.count {
              queue[place] = byte
            } else {
              while beyond.count <= place - queue.count { beyond.append(nil) }
              beyond[place - queue.count] = byte
            }
          }
        case 2:
          let taken = ring.append(bytes.span, limit: limit, pool: &pool)
          let expected = max(0, min(bytes.count, limit - queue.count))
          try check(
            taken == expected || taken < expected && pool.ceiling < 4 * limit, "append")
          queue += bytes[..<taken]
          beyond.removeFirst(min(taken, beyond.count))
        case 3:
          let written = beyond.prefix { $0 != nil }.compactMap { $0 }
          ring.commit(written.count)
          queue += written
          beyond.removeFirst(written.count)
        case 4:
          let most = generator.number(0...generator.number(1...9000))
          let room = generator.number(0...9000)
          var count = 0
          let read = [UInt8](capacity: room) { output in
            count = ring.read(
              into: &output, atMost: most, keepingBeyond: !beyond.isEmpty, pool: &pool)
          }
          try check(count == min(most, min(room, queue.count)), "read count")
          try check(read == Array(queue[..<count]), "read bytes")
          queue.removeFirst(count)
        default:
          let count = generator.number(0...queue.count)
          ring.drop(count, keepingBeyond: !beyond.isEmpty, pool: &pool)
          queue.removeFirst(count)
        }
        try check(ring.count == queue.count && ring.isEmpty == queue.isEmpty, "count")
        try check(Self.contents(ring, count: ring.count) == queue, "contents")
        let behind = Self.contents(ring, at: ring.count, count: beyond.count)
        try check(
          zip(behind, beyond).allSatisfy { $1 == nil || $0 == $1 }
            && behind.count == beyond.count, "bytes behind the end")
        try check(pool.bytesInUse == ring.capacity, "account")
        if queue.isEmpty && beyond.isEmpty { ring.removeAll(pool: &pool) }
      }
      ring.removeAll(pool: &pool)
      try check(pool.bytesInUse == 0, "account at the end")
    }
  }
}
