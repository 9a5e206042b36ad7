import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("The queue of sent segments")
struct SentSegmentsTests {
  /// The same as an array, without cleverness.
  private struct Model {
    struct Entry: Equatable {
      var start: Int
      var count: Int
      var flags: SentSegment.Flags
      /// Of what was sent again.
      var sentAt: UInt32 = 0
    }
    var entries: [Entry] = []
    /// Retransmissions in their order, by start.
    var order: [Int] = []

    func sum(_ condition: (Entry) -> Bool) -> Int {
      entries.reduce(0) { $0 + (condition($1) ? $1.count : 0) }
    }
  }

  private static let base = SequenceNumber(0xFFFF_FF00)

  private func compare(_ segments: borrowing SentSegments, _ model: Model) throws {
    try check(segments.count == model.entries.count, "count")
    for (position, entry) in model.entries.enumerated() {
      let segment = segments[position]
      try check(segment.start == Self.base.advanced(by: entry.start), "start")
      try check(segment.count == entry.count, "count of \(position)")
      try check(segment.flags == entry.flags, "flags of \(position)")
    }
    try check(segments.bytesInFlight == model.sum { $0.flags.isDisjoint(with: [.sacked, .lost]) })
    try check(segments.sackedBytes == model.sum { $0.flags.contains(.sacked) }, "sacked")
    try check(segments.sackedCount == model.entries.count { $0.flags.contains(.sacked) })
    try check(segments.lostCount == model.entries.count { $0.flags.contains(.lost) }, "lost")
  }

  @Test("It does what an array of the same does, whatever is done to it")
  func model() {
    SeededGenerator.forSeeds(10) { generator in
      var pool = MemoryPool(ceiling: 1 << 22)
      var segments = SentSegments()
      var model = Model()
      var next = 0
      var time: UInt32 = .max - 500
      for _ in 0..<2000 {
        time &+= 1
        try step(&generator, &segments, &model, &next, time, &pool)
        segments.releaseIfEmpty(pool: &pool)
        try compare(segments, model)
      }
      segments.removeAll(pool: &pool)
      try check(pool.bytesInUse == 0, "memory")
    }
  }

  private func step(
    _ generator: inout SeededGenerator, _ segments: inout SentSegments, _ model: inout Model,
    _ next: inout Int, _ time: UInt32, _ pool: inout MemoryPool
  ) throws {
    let last = model.entries.count - 1
    switch generator.number(0...13) {
    case 0...5 where last < 60:
      let count = generator.number(1...30)
      let appended = segments.append(
        start: Self.base.advanced(by: next), count: count, sentAt: time, pool: &pool)
      try check(appended)
      model.entries.append(.init(start: next, count: count, flags: []))
      next += count
    case 6 where last >= 0:
      for _ in 0...generator.number(0...min(2, last)) {
        let removed = segments.removeFirst()
        let expected = model.entries.removeFirst()
        try check(removed.start == Self.base.advanced(by: expected.start))
      }
    case 7 where last >= 0:
      let position = generator.number(0...last)
      guard !model.entries[position].flags.contains(.sacked) else { return }
      segments.markSacked(position)
      model.entries[position].flags.remove(.lost)
      model.entries[position].flags.insert(.sacked)
    case 8 where last >= 0:
      let position = generator.number(0...last)
      let expected = (position...last).first { !model.entries[$0].flags.contains(.sacked) }
      try check(segments.nextNotSacked(position) == expected ?? last + 1, "next not sacked")
    case 9:
      let expected = model.entries.firstIndex { $0.flags.isEmpty }
      try check(segments.firstUnsettled() == expected, "first unsettled")
      // As RACK does: the first goes.
      if let expected, generator.number(0...1) == 1 {
        segments.markLost(expected)
        model.entries[expected].flags.insert(.lost)
      }
    case 10:
      let expected = model.entries.firstIndex { $0.flags.contains(.lost) }
      try check(segments.firstLost() == expected, "first lost")
      guard let expected else { return }
      resend(expected, &generator, &segments, &model, time, &pool)
    case 11:
      while let first = model.order.first,
        !model.entries.contains(where: { $0.start == first && $0.flags == .retransmitted })
      {
        model.order.removeFirst()
      }
      let expected = model.order.first.flatMap { start in
        model.entries.firstIndex { $0.start == start }
      }
      try check(segments.oldestRetransmission() == expected, "oldest retransmission")
      if let expected, generator.number(0...1) == 1 {
        segments.markLost(expected)
        // As RACK does: it asks for the next.
        _ = segments.oldestRetransmission()
        model.entries[expected].flags.insert(.lost)
        model.order.removeFirst()
      }
    case 12 where generator.number(0...20) == 0: unusual(&generator, &segments, &model, time)
    case 13 where last >= 0:
      let bytes = generator.number(0...40)
      segments.trimFirst(to: Self.base.advanced(by: model.entries[0].start + bytes))
      guard bytes > 0, bytes < model.entries[0].count else { return }
      model.order = model.order.map { $0 == model.entries[0].start ? $0 + bytes : $0 }
      model.entries[0].start += bytes
      model.entries[0].count -= bytes
    default: break
    }
  }

  /// A lost segment is sent again, whole or its front.
  private func resend(
    _ position: Int, _ generator: inout SeededGenerator, _ segments: inout SentSegments,
    _ model: inout Model, _ time: UInt32, _ pool: inout MemoryPool
  ) {
    let entry = model.entries[position]
    let part = generator.number(1...entry.count)
    if part < entry.count {
      #expect(segments.split(position, at: part, pool: &pool))
      model.entries[position].count = part
      model.entries.insert(
        .init(
          start: entry.start + part, count: entry.count - part, flags: entry.flags,
          sentAt: entry.sentAt),
        at: position + 1)
    }
    segments.markRetransmitted(position, sentAt: time, ordered: true)
    model.entries[position].flags = .retransmitted
    model.entries[position].sentAt = time
    model.order.append(entry.start)
  }

  /// What happens at time-outs, and when a reaction is taken back.
  private func unusual(
    _ generator: inout SeededGenerator, _ segments: inout SentSegments, _ model: inout Model,
    _ time: UInt32
  ) {
    if generator.number(0...1) == 1 {
      segments.unmarkLost(ordered: true)
      guard model.entries.contains(where: { $0.flags.contains(.lost) }) else { return }
      for index in model.entries.indices { model.entries[index].flags.remove(.lost) }
      // The sort is stable.
      model.order = model.entries.filter { $0.flags == .retransmitted }
        .sorted { Int32(bitPattern: $0.sentAt &- $1.sentAt) < 0 }.map(\.start)
      return
    }
    if generator.number(0...1) == 1 {
      segments.forgetSacked(sentAt: time &- 10)
      for index in model.entries.indices where model.entries[index].flags.contains(.sacked) {
        model.entries[index].flags = [.lost, .retransmitted]
        model.entries[index].sentAt = time &- 10
      }
    }
    segments.markAllLost(olderThan: 0, now: time)
    for index in model.entries.indices where !model.entries[index].flags.contains(.sacked) {
      model.entries[index].flags.insert(.lost)
    }
    model.order = []
  }

  @Test(
    "After an undo what was lost again is found, but not where that takes the sorting of many",
    arguments: [(256, false, true), (257, false, false), (5_000, true, true)])
  func listedAnew(_ count: Int, inOrder: Bool, isFound: Bool) {
    var pool = MemoryPool(ceiling: 1 << 24)
    var segments = SentSegments()
    for index in 0..<count {
      _ = segments.append(
        start: SequenceNumber(UInt32(index)), count: 1, sentAt: 0, pool: &pool)
    }
    for time in 1...count {
      let position = inOrder ? time - 1 : count - time
      segments.markRetransmitted(position, sentAt: UInt32(time), ordered: true)
    }
    let first = inOrder ? 0 : count - 1
    let second = inOrder ? 1 : count - 2
    var oldest = segments.oldestRetransmission()
    #expect(oldest == first)
    segments.markLost(first)
    oldest = segments.oldestRetransmission()
    #expect(oldest == second)
    segments.unmarkLost(ordered: true)
    oldest = segments.oldestRetransmission()
    #expect(oldest == (isFound ? first : second))
    segments.removeAll(pool: &pool)
  }

  @Test(
    "Of thousands of sacked segments a block's walk visits few: its cost is that of what is new")
  func longRuns() {
    var pool = MemoryPool(ceiling: 1 << 24)
    var segments = SentSegments()
    let count = 60_000
    for index in 0..<count {
      _ = segments.append(
        start: SequenceNumber(UInt32(index)), count: 1, sentAt: 0, pool: &pool)
    }
    // A hole at the front, and every acknowledgement has one block over all the rest: 60,000 walks over up
    // to 60,000 segments, which would take minutes one by one.
    for index in 1..<count {
      let position = segments.nextNotSacked(1)
      #expect(position == index)
      segments.markSacked(position)
    }
    let end = segments.nextNotSacked(0)
    #expect(end == 0)
    segments.removeAll(pool: &pool)
  }

  @Test("It grows as far as the pool lets it, and keeps what it has when that ends")
  func ceiling() {
    var pool = MemoryPool(ceiling: 4096)
    var segments = SentSegments()
    var count = 0
    while segments.append(
      start: SequenceNumber(UInt32(count)), count: 1, sentAt: 0, pool: &pool)
    {
      count += 1
    }
    // Of 2,048 bytes: when it grows the old block and the new one are there at the same time.
    let total = segments.count
    #expect(total == count)
    #expect(count == (2048 - 96) / 16)
    let inFlight = segments.bytesInFlight
    #expect(inFlight == count)
    for index in 0..<count {
      let start = segments.removeFirst().start
      #expect(start == SequenceNumber(UInt32(index)))
    }
    segments.releaseIfEmpty(pool: &pool)
    #expect(pool.bytesInUse == 0)
  }
}
