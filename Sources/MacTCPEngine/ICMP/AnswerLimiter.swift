// How many answers a stranger can make this host send: RFC 1812 §4.3.2.8, RFC 5961 §7.

/// A bucket of tokens: at most so many answers in any second.
///
/// A quarter of them may come at once; the others follow evenly. An answer costs one token or two, by chance, so
/// that from the number of answers that came nobody can tell how many others got (RFC 9293 §3.10.7.4 on
/// RFC 5961: the limit is a side channel).
struct AnswerLimiter {
  /// In millionths of a token.
  private var tokens: Int
  private let capacity: Int
  private let perMicrosecond: Int
  private var filled = Instant.zero

  init(perSecond: Int) {
    let burst = min(perSecond, max(1, perSecond / 4))
    capacity = burst &* 1_000_000
    perMicrosecond = perSecond <= 1 ? perSecond : perSecond &- burst
    tokens = capacity
  }

  /// Whether one more answer may be sent now.
  mutating func allows(_ context: inout Context) -> Bool {
    let elapsed = min(1_000_000_000, filled.microseconds(to: context.now))
    filled = context.now
    tokens = min(capacity, tokens &+ elapsed &* perMicrosecond)
    guard tokens >= 1_000_000 else { return false }
    let cost = 1 &+ Int(truncatingIfNeeded: context.random.next() & 1)
    tokens = max(0, tokens &- cost &* 1_000_000)
    return true
  }
}
