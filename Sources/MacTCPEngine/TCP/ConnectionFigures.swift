// What connections count, apart from their control blocks: a connection that has carried no data has none, and most of
// many connections at a time are idle.

internal import MacTCPWire

extension ControlBlock {
  /// What a connection's figures take of the memory ceiling.
  static var figuresFootprint: Int { MemoryLayout<ConnectionStatistics>.stride &+ 8 }

  /// Counts something in the figures, which are made with the first that is counted. At the memory ceiling nothing is.
  @inline(__always)
  mutating func count(_ context: inout Context, _ body: (inout ConnectionStatistics) -> Void) {
    if figures < 0 { makeFigures(&context) }
    if figures >= 0 { body(&context.figures[Int(figures)]) }
  }

  @inline(never)
  private mutating func makeFigures(_ context: inout Context) {
    guard context.memory.reserve(Self.figuresFootprint) else { return }
    var first = ConnectionStatistics()
    // Only the opening has been measured yet: SRTT is that measurement (RFC 6298 §2.2).
    first.lastRoundTrip = recovery.srtt
    guard let handle = context.figures.insert(first) else {
      context.memory.unreserve(Self.figuresFootprint)
      return
    }
    figures = Int32(truncatingIfNeeded: handle.index)
  }

  /// Keeps a round trip that was measured; 0 is none.
  @inline(__always)
  mutating func note(roundTrip: Int, _ context: inout Context) {
    if roundTrip > 0, figures >= 0 { context.figures[Int(figures)].lastRoundTrip = roundTrip }
  }

  mutating func freeFigures(_ context: inout Context) {
    guard figures >= 0 else { return }
    context.figures.remove(Int(figures))
    context.memory.unreserve(Self.figuresFootprint)
    figures = -1
  }

  /// What was counted so far.
  borrowing func statistics(_ context: borrowing Context) -> ConnectionStatistics {
    var statistics = ConnectionStatistics()
    if figures >= 0 {
      statistics = context.figures[Int(figures)]
    } else {
      // As in `makeFigures`.
      statistics.lastRoundTrip = recovery.srtt
    }
    statistics.sentSizes.counts[0] = UInt64(emptySegmentsSent)
    return statistics
  }
}

extension SentSegmentSizes {
  /// Counts a segment with so many bytes of data: in a few steps, since every segment is counted.
  @inline(__always)
  mutating func count(_ bytes: Int) {
    // 1...63 bytes have at most 6 bits and go to 1, 64...127 have 7 and go to 2, and so on.
    let bits = Int.bitWidth &- bytes.leadingZeroBitCount
    counts[bytes <= 0 ? 0 : max(1, min(bits &- 5, 6))] &+= 1
  }
}
