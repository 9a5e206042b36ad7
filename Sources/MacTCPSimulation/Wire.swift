public import MacTCPEngine

/// What happens to packets that go in one direction from host to host. Everything has a default: a wire
/// without limit of rate, with a delay of a millisecond, that does no harm.
///
/// A packet that is sent goes through, in this order: the test of its size, the queue before the wire,
/// the wire at its rate, loss, corruption, the delay, reordering, duplication. What is lost has taken its
/// time on the wire; what the queue dropped has not.
public struct Wire: Hashable, Sendable {
  /// What waits before a wire that is busy; what does not fit is dropped (drop-tail). The packet that is being
  /// sent does not count, so there is room for it at least.
  public enum Queue: Hashable, Sendable {
    /// So many packets.
    case packets(Int)
    /// Packets of so many bytes together.
    case bytes(Int)
  }

  /// How packets are lost.
  public enum Loss: Hashable, Sendable {
    /// None is.
    case none
    /// Each by itself.
    case random(Probability)
    /// In bursts, by the model of Gilbert and Elliott: before each packet the wire may go from good to bad or back,
    /// and loses packets with one probability while it is good and with another one while it is bad. Time that passes
    /// without a packet counts as the packets that would have had room in it: as many as the wire's rate allows, one in
    /// a millisecond without a rate. So packets that follow each other meet bursts of so many packets, and who waits
    /// meets a wire that has moved on.
    case bursts(begin: Probability, end: Probability, good: Probability, bad: Probability)

    /// Bursts in which everything is lost, `length` packets long in the mean and so often that `mean` of
    /// all packets are lost.
    public static func bursts(mean: Probability, length: Int) -> Loss {
      // The wire is bad for begin / (begin + end) of all packets, and for 1 / end of them at a time.
      let billion = 1_000_000_000
      let end = billion / max(1, length)
      let good = billion - mean.perBillion
      guard good > 0 else { return .random(.always) }
      let (product, overflow) = end.multipliedReportingOverflow(by: mean.perBillion)
      let begin = overflow ? billion : product / good
      return .bursts(
        begin: Probability(perBillion: begin), end: Probability(perBillion: end),
        good: .never, bad: .always)
    }
  }

  /// Bits per second of all bytes of a packet, 1...10^12; `nil`: it takes no time, and nothing ever waits.
  public var rate: Int?
  /// The time from one end to the other, in microseconds: 1 or more, so that time goes on, and an hour at most.
  public var delay = 1_000
  /// What waits before the wire.
  public var queue = Queue.packets(1_000)
  /// The packets that do not arrive.
  public var loss = Loss.none
  /// The packets that arrive late, so that others overtake them.
  public var reordering = Probability.never
  /// How late at most, in microseconds; how late is random, 1 at least.
  public var reorderingDelay = 1_000
  /// The packets that arrive twice, the second time right after the first.
  public var duplication = Probability.never
  /// The packets of which bits are changed.
  public var corruption = Probability.never
  /// How many bits, anywhere in the packet. Of one the Internet checksum always tells; of two it may not.
  public var corruptedBits = 1
  /// The largest packet in bytes that gets through, others vanish: a path with a smaller MTU than
  /// the hosts believe, and routers that do not tell. `nil`: all do.
  public var largestPacket: Int?

  /// A wire with these properties and defaults for the rest.
  public init(rate: Int? = nil, delay: Int = 1_000, loss: Loss = .none) {
    self.rate = rate
    self.delay = delay
    self.loss = loss
  }

  /// The other numbers are probabilities, which are always right.
  func validate() throws(SimulationError) {
    let hour = 3_600_000_000
    guard (1...1_000_000_000_000).contains(rate ?? 1) else { throw .badRate }
    guard (1...hour).contains(delay), (1...hour).contains(reorderingDelay) else { throw .badDelay }
    guard (1...1_000).contains(corruptedBits), (largestPacket ?? 0) >= 0 else { throw .badSize }
    switch queue {
    case .packets(let count), .bytes(let count):
      guard (0...(1 << 30)).contains(count) else { throw .badSize }
    }
  }
}

/// What a wire has done so far.
public struct WireStatistics: Hashable, Sendable {
  /// Packets that were sent, whatever became of them.
  public var sent = 0
  /// The same in bytes.
  public var bytesSent = 0
  /// Packets that did not fit into the queue.
  public var dropped = 0
  /// Packets that were too large.
  public var tooLarge = 0
  /// Packets that got lost.
  public var lost = 0
  /// Packets of which bits were changed.
  public var corrupted = 0
  /// Packets that were kept back.
  public var reordered = 0
  /// Packets that were doubled.
  public var duplicated = 0
  /// Packets that arrived, copies too. What is neither here nor gone is on its way.
  public var delivered = 0
  /// The same in bytes.
  public var bytesDelivered = 0
  /// The most packets that have waited in the queue at a time.
  public var longestQueue = 0

  /// Nothing yet.
  public init() {}
}

/// Why a simulation cannot be as it was told to be, or cannot go on.
public enum SimulationError: Error, Hashable, Sendable {
  /// A wire's rate is not in 1...10^12 bits per second.
  case badRate
  /// A delay is not in 1 µs...1 h.
  case badDelay
  /// A wire's queue, largest packet or number of bits is out of range.
  case badSize
  /// The host is connected already; or it is to be connected with itself.
  case alreadyConnected
  /// At this moment more happened than ever should: time does not go on.
  case stalled(at: Instant)
  /// Something that must always hold of a host's engine does not. Looked for in debug builds alone.
  case invariant(String, at: Instant)
}

extension SimulationError: CustomStringConvertible {
  /// One sentence without a full stop.
  public var description: String {
    switch self {
    case .badRate: "a wire's rate must be 1 to 10^12 bits per second"
    case .badDelay: "a wire's delays must be 1 microsecond to 1 hour"
    case .badSize: "a wire's queue, largest packet or number of corrupted bits is out of range"
    case .alreadyConnected: "a host can be connected once, and not with itself"
    case .stalled(let moment):
      "time stands still at \(moment.microseconds) µs: a host never stops to send or to act"
    case .invariant(let text, let moment): "at \(moment.microseconds) µs: \(text)"
    }
  }
}
