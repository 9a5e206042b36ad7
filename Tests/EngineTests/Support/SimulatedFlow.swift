import MacTCPWire

@testable import MacTCPEngine

/// One sender with loss recovery, a bottleneck with a queue, and a receiver, in virtual time. Segments have
/// no contents: it is all about their numbers.
struct SimulatedFlow: ~Copyable {
  struct Path {
    /// Bits per second; 0 for no bottleneck.
    var rate = 0
    /// One way, in microseconds.
    var delay = 10_000
    /// The bytes that the bottleneck's queue holds.
    var queue = Int.max
    /// Of a million segments, how many are lost, delayed by up to `reorderingDelay`, sent twice; of a million
    /// acknowledgements, how many are lost.
    var loss = 0
    var reordering = 0
    var reorderingDelay = 10_000
    var duplication = 0
    var acknowledgmentLoss = 0
  }

  struct Receiver {
    var sendsSACK = true
    var usesTimestamps = true
    /// An acknowledgement for every second segment, or after 40 ms.
    var delays = false
  }

  private struct Event {
    enum Kind {
      case segment(start: UInt32, count: Int, timestamp: UInt32)
      case acknowledgment(LossRecovery.Acknowledgment, echo: UInt32)
      case delayedAcknowledgment(Int)
    }
    var at: UInt64
    var order: Int
    var kind: Kind
  }

  var recovery: LossRecovery
  var pool = MemoryPool(ceiling: 64 << 20)
  var path: Path
  let receiver: Receiver
  var generator: SeededGenerator
  var now = Instant(microseconds: 5_000_000)
  let mss: Int
  /// What the application gives in all.
  var total: Int
  /// Numbers that are lost the first time, or the first n times.
  var drops: [Int: Int] = [:]

  let first: UInt32
  var sent = 0
  private(set) var acknowledged = 0
  private(set) var retransmissions = 0
  private(set) var segmentsSent = 0
  private(set) var timeouts = 0
  private(set) var recoveries = 0
  private(set) var undone = 0
  private(set) var probes = 0
  private(set) var queueLosses = 0
  var trace: ((borrowing LossRecovery, Instant) -> Void)?

  private var events: [Event] = []
  private var order = 0
  private var linkFree: UInt64 = 0
  // The receiver.
  private var received = 0
  private var outOfOrder: [Range<Int>] = []
  private var recent = 0
  private var held = 0
  private var heldID = 0
  private var recentTimestamp: UInt32 = 0

  init(
    configuration: LossRecovery.Configuration = .init(), path: Path, receiver: Receiver = .init(),
    total: Int, mss: Int = 1000, first: UInt32 = 0xFFFF_F000, seed: UInt64
  ) {
    recovery = LossRecovery(configuration: configuration, mss: mss)
    recovery.start(mss: mss, sackPermitted: receiver.sendsSACK, now: now)
    self.path = path
    self.receiver = receiver
    self.total = total
    self.mss = mss
    self.first = first
    generator = SeededGenerator(seed: seed)
  }

  private func number(_ offset: Int) -> SequenceNumber {
    SequenceNumber(first).advanced(by: offset)
  }
  private func offset(_ number: SequenceNumber, near: Int) -> Int {
    near + self.number(near).distance(to: number)
  }
  private mutating func isChosen(_ perMillion: Int) -> Bool {
    perMillion > 0 && generator.number(0...999_999) < perMillion
  }

  private mutating func push(_ at: UInt64, _ kind: Event.Kind) {
    order += 1
    events.append(Event(at: at, order: order, kind: kind))
    var child = events.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard Self.before(events[child], events[parent]) else { break }
      events.swapAt(child, parent)
      child = parent
    }
  }

  private static func before(_ a: Event, _ b: Event) -> Bool {
    a.at != b.at ? a.at < b.at : a.order < b.order
  }

  private mutating func pop() -> Event? {
    guard let first = events.first else { return nil }
    let last = events.removeLast()
    guard !events.isEmpty else { return first }
    events[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < events.count {
        if Self.before(events[child], events[least]) { least = child }
      }
      guard least != parent else { return first }
      events.swapAt(parent, least)
      parent = least
    }
  }

  // MARK: The sender

  private mutating func transmit(_ start: SequenceNumber, _ count: Int, again: Bool) throws {
    let wasRemembered = recovery.transmitted(
      start, count: count, isRetransmission: again, now: now, pool: &pool)
    try check(wasRemembered, "no memory")
    segmentsSent += 1
    if again { retransmissions += 1 }
    let at = offset(start, near: acknowledged)
    if let left = drops[at], left > 0 {
      drops[at] = left - 1
      return
    }
    if isChosen(path.loss) { return }
    var arrival = now.microseconds
    if path.rate > 0 {
      let bytes = count + 52
      let backlog = linkFree > arrival ? Int(linkFree - arrival) * path.rate / 8_000_000 : 0
      if backlog + bytes > path.queue {
        queueLosses += 1
        return
      }
      linkFree = max(linkFree, arrival) + UInt64(bytes * 8_000_000 / path.rate)
      arrival = linkFree
    }
    arrival += UInt64(path.delay)
    if isChosen(path.reordering) {
      arrival += UInt64(generator.number(1...max(1, path.reorderingDelay)))
    }
    let segment = Event.Kind.segment(
      start: start.rawValue, count: count,
      timestamp: UInt32(truncatingIfNeeded: now.microseconds / 1000))
    push(arrival, segment)
    if isChosen(path.duplication) { push(arrival + 50, segment) }
  }

  /// Sends what may be sent.
  mutating func send() throws {
    while true {
      if let lost = recovery.nextRetransmission(mss: mss) {
        try transmit(lost.start, lost.count, again: true)
        continue
      }
      let left = total - sent
      let count = min(left, mss)
      guard count > 0, recovery.sendQuota >= count else { return }
      try transmitNew(count)
    }
  }

  private mutating func transmitNew(_ count: Int) throws {
    let start = number(sent)
    sent += count
    try transmit(start, count, again: false)
  }

  private mutating func expire() throws {
    switch recovery.expired(now: now) {
    case .none, .reordering: break
    case .probe:
      probes += 1
      if total > sent {
        try transmitNew(min(mss, total - sent))
      } else if let last = recovery.lastSegment(mss: mss) {
        try transmit(last.start, last.count, again: true)
      }
    case .retransmissionTimeout: timeouts += 1
    }
  }

  // MARK: The receiver

  private mutating func receive(_ start: UInt32, _ count: Int, _ timestamp: UInt32) {
    let left = offset(SequenceNumber(start), near: received)
    let range = left..<(left + count)
    var duplicate: Range<Int>?
    if left <= received { recentTimestamp = max(recentTimestamp, timestamp) }
    if range.upperBound <= received
      || outOfOrder.contains(where: {
        $0.lowerBound <= range.lowerBound && range.upperBound <= $0.upperBound
      })
    {
      duplicate = range
    } else {
      recent = left
      var merged = max(left, received)..<range.upperBound
      var others: [Range<Int>] = []
      for other in outOfOrder {
        if other.upperBound < merged.lowerBound || merged.upperBound < other.lowerBound {
          others.append(other)
        } else {
          merged =
            min(other.lowerBound, merged.lowerBound)..<max(other.upperBound, merged.upperBound)
        }
      }
      others.append(merged)
      others.sort { $0.lowerBound < $1.lowerBound }
      while let next = others.first, next.lowerBound <= received {
        received = max(received, next.upperBound)
        others.removeFirst()
      }
      let filledHole = !outOfOrder.isEmpty
      outOfOrder = others
      held += 1
      if receiver.delays, outOfOrder.isEmpty, !filledHole, held < 2 {
        heldID += 1
        push(now.microseconds + 40_000, .delayedAcknowledgment(heldID))
        return
      }
    }
    acknowledge(duplicate)
  }

  private mutating func acknowledge(_ duplicate: Range<Int>?) {
    held = 0
    heldID += 1
    var acknowledgment = LossRecovery.Acknowledgment(ack: number(received))
    if receiver.sendsSACK {
      if let duplicate {
        acknowledgment.sackBlocks.append(
          SACKBlock(left: number(duplicate.lowerBound), right: number(duplicate.upperBound)))
      }
      // The block that came last first (RFC 2018 §4), then others.
      let latest = outOfOrder.filter { $0.contains(recent) }
      let others = outOfOrder.filter { !$0.contains(recent) }.reversed()
      for block in (latest + others).prefix(duplicate == nil ? 3 : 2) {
        acknowledgment.sackBlocks.append(
          SACKBlock(left: number(block.lowerBound), right: number(block.upperBound)))
      }
    }
    if isChosen(path.acknowledgmentLoss) { return }
    push(
      now.microseconds + UInt64(path.delay),
      .acknowledgment(acknowledgment, echo: recentTimestamp))
  }

  // MARK: Time

  /// What every state must satisfy.
  private func verify() throws {
    let outstanding = sent - acknowledged
    try check(recovery.bytesInFlight >= 0 && recovery.bytesInFlight <= outstanding, "pipe")
    try check(recovery.cwnd >= min(mss, 1), "cwnd \(recovery.cwnd)")
    try check(recovery.ssthresh >= 2 * mss, "ssthresh \(recovery.ssthresh)")
    try check(recovery.segments.sackedBytes <= outstanding, "sacked")
    if outstanding > 0 {
      try check(recovery.deadline != .never, "no timer for \(outstanding) outstanding bytes")
      try check(recovery.segments.start == number(acknowledged), "SND.UNA")
      try check(recovery.segments.end == number(sent), "SND.NXT")
    } else {
      try check(recovery.deadline == .never, "a timer for nothing")
      try check(pool.bytesInUse == 0, "memory for nothing")
    }
  }

  /// Runs until `end`, or until all is acknowledged.
  mutating func run(until end: Instant = .never, limit: Int = 2_000_000) throws {
    try send()
    var steps = 0
    while acknowledged < total {
      steps += 1
      try check(steps < limit, "no end after \(limit) steps: \(acknowledged) of \(total)")
      let next = events.first.map { Instant(microseconds: $0.at) } ?? .never
      if min(next, recovery.deadline) >= end {
        now = end
        return
      }
      if recovery.deadline < next {
        now = max(now, recovery.deadline)
        try expire()
      } else {
        guard let event = pop() else { throw Violation("stuck at \(acknowledged)") }
        now = max(now, Instant(microseconds: event.at))
        take(event)
      }
      try send()
      try verify()
      trace?(recovery, now)
    }
  }

  private mutating func take(_ event: Event) {
    switch event.kind {
    case .segment(let start, let count, let timestamp): receive(start, count, timestamp)
    case .delayedAcknowledgment(let id):
      if id == heldID, held > 0 { acknowledge(nil) }
    case .acknowledgment(var acknowledgment, let echo):
      if receiver.usesTimestamps {
        let age = UInt32(truncatingIfNeeded: now.microseconds / 1000) &- echo
        acknowledgment.echoAge = Int(age) * 1000
      }
      acknowledgment.canSendNew = sent < total
      let outcome = recovery.acknowledged(acknowledgment, now: now, pool: &pool)
      acknowledged = max(acknowledged, offset(acknowledgment.ack, near: acknowledged))
      if outcome.enteredRecovery { recoveries += 1 }
      if outcome.undone { undone += 1 }
    }
  }
}
