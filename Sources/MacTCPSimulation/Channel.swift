// One direction of a wire at work: the queue, the rate and what goes wrong. It knows lengths and times; the bytes are
// elsewhere.

internal import MacTCPEngine

/// What becomes of a packet that was sent.
struct Passage: Equatable {
  enum Outcome: Equatable {
    case arrives(Instant)
    case tooLarge
    case queueFull
    case lost
  }

  var outcome: Outcome
  /// How much later than others it arrives, in microseconds.
  var lateBy = 0
  var isCorrupted = false
  var isDuplicated = false

  /// What there is to say about it in a capture.
  var comment: String {
    switch outcome {
    case .tooLarge: return "dropped: too large"
    case .queueFull: return "dropped: queue full"
    case .lost: return "lost"
    case .arrives:
      if !isCorrupted && lateBy == 0 && !isDuplicated { return "" }
      var words: [String] = []
      if isCorrupted { words.append("corrupted") }
      if lateBy >= 1_000 {
        words.append("reordered by \(lateBy / 1_000) ms")
      } else if lateBy > 0 {
        words.append("reordered by \(lateBy) µs")
      }
      if isDuplicated { words.append("duplicated") }
      return words.joined(separator: ", ")
    }
  }
}

struct Channel {
  /// A packet that waits before the wire.
  private struct Waiting {
    /// When the wire begins to send it.
    var start: Instant
    var length: Int
  }

  var wire: Wire
  /// Those at the ends: what one of them sends reaches all others.
  let hosts: [HostID]
  var statistics = WireStatistics()
  private var random: SeededGenerator
  /// When the wire has sent all that it was given: whole microseconds, and a part of one in units of 1/rate
  /// microseconds. So no time is lost or won however many packets follow each other.
  private var busyUntil = Instant.zero
  private var busyPart = 0
  /// Those that wait, oldest first, from `firstWaiting` on.
  private var waiting: [Waiting] = []
  private var firstWaiting = 0
  private var waitingBytes = 0
  /// Whether the wire of Gilbert and Elliott is bad now.
  private var isBad = false
  /// When the last packet had left.
  private var quietSince = Instant.zero

  init(_ wire: Wire, _ hosts: [HostID], seed: UInt64) {
    self.wire = wire
    self.hosts = hosts
    random = SeededGenerator(seed: seed)
  }

  /// Sends a packet of `length` bytes.
  mutating func send(_ length: Int, at now: Instant) -> Passage {
    statistics.sent &+= 1
    statistics.bytesSent &+= length
    if let largest = wire.largestPacket, length > largest {
      statistics.tooLarge &+= 1
      return Passage(outcome: .tooLarge)
    }
    guard let sent = transmit(length, at: now) else {
      statistics.dropped &+= 1
      return Passage(outcome: .queueFull)
    }
    passQuietTime(until: now, length)
    quietSince = sent
    if isLost() {
      statistics.lost &+= 1
      return Passage(outcome: .lost)
    }
    var passage = Passage(outcome: .lost)
    if random.happens(wire.corruption) {
      statistics.corrupted &+= 1
      passage.isCorrupted = true
    }
    if random.happens(wire.reordering) {
      statistics.reordered &+= 1
      passage.lateBy = 1 &+ Int(random.next(below: UInt64(wire.reorderingDelay)))
    }
    if random.happens(wire.duplication) {
      statistics.duplicated &+= 1
      passage.isDuplicated = true
    }
    passage.outcome = .arrives(sent.advanced(by: wire.delay &+ passage.lateBy))
    return passage
  }

  /// A number that says which bits to change.
  mutating func nextBit(of length: Int) -> Int {
    Int(random.next(below: UInt64(length) &* 8))
  }

  /// Puts a packet behind those that wait.
  ///
  /// - Returns: when its last bit is on the wire; `nil` if there is no room for it.
  private mutating func transmit(_ length: Int, at now: Instant) -> Instant? {
    guard let rate = wire.rate else { return now }
    forgetWaiting(until: now)
    if busyUntil < now || (busyUntil == now && busyPart == 0) {
      busyUntil = now
      busyPart = 0
    } else {
      let count = waiting.count &- firstWaiting
      switch wire.queue {
      case .packets(let limit): guard count < limit else { return nil }
      case .bytes(let limit): guard length <= limit &- waitingBytes else { return nil }
      }
      waiting.append(Waiting(start: endOfTransmission, length: length))
      waitingBytes &+= length
      statistics.longestQueue = max(statistics.longestQueue, count &+ 1)
    }
    // At most 8 * 65,549 * 10^6 + 10^12.
    let (whole, part) = (length &* 8_000_000 &+ busyPart).quotientAndRemainder(dividingBy: rate)
    busyUntil = busyUntil.advanced(by: whole)
    busyPart = part
    return endOfTransmission
  }

  /// The first whole microsecond at which all is sent.
  private var endOfTransmission: Instant {
    busyPart == 0 ? busyUntil : busyUntil.advanced(by: 1)
  }

  /// Forgets those whose turn has come.
  private mutating func forgetWaiting(until now: Instant) {
    while firstWaiting < waiting.count, waiting[firstWaiting].start <= now {
      waitingBytes &-= waiting[firstWaiting].length
      firstWaiting &+= 1
    }
    // Half of the list at least is forgotten: moving the rest costs less than it took to come so far.
    if firstWaiting > 64, firstWaiting &* 2 >= waiting.count {
      waiting.removeSubrange(..<firstWaiting)
      firstWaiting = 0
    }
  }

  /// Moves the chain of Gilbert and Elliott as often as packets of this length could have been sent since the last one.
  /// A sender that backs off would else find the wire as bad as he left it, however long he waits.
  private mutating func passQuietTime(until now: Instant, _ length: Int) {
    guard case .bursts(let begin, let end, _, _) = wire.loss, quietSince < now else { return }
    let slot = wire.rate.map { Double(max(1, length)) * 8_000_000 / Double($0) } ?? 1_000
    let steps = Int(min(Double(quietSince.microseconds(to: now)) / slot, 1_000_000))
    let sum = Double(begin.perBillion &+ end.perBillion)
    guard steps > 0, sum > 0 else { return }
    // After n steps the chance to be bad is begin / (begin + end), and the distance from it now times
    // (1 - begin - end)^n. So one number is drawn, however many steps there are.
    let share = Double(begin.perBillion) / sum
    let bad = share + ((isBad ? 1 : 0) - share) * power(1 - sum / 1e9, steps)
    isBad = random.happens(Probability(perBillion: Int((bad * 1e9).rounded())))
  }

  private mutating func isLost() -> Bool {
    switch wire.loss {
    case .none: return false
    case .random(let probability): return random.happens(probability)
    case .bursts(let begin, let end, let good, let bad):
      if random.happens(isBad ? end : begin) { isBad.toggle() }
      return random.happens(isBad ? bad : good)
    }
  }
}

/// By multiplications alone, which are the same everywhere.
private func power(_ base: Double, _ exponent: Int) -> Double {
  var (result, square, left) = (1.0, base, exponent)
  while left > 0 {
    if left & 1 == 1 { result *= square }
    square *= square
    left >>= 1
  }
  return result
}
