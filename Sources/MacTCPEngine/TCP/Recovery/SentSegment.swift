internal import MacTCPWire

/// What the sender remembers of one segment that is not acknowledged yet (RFC 8985 §5.1): 16 bytes.
struct SentSegment: BitwiseCopyable {
  /// What is known of its fate.
  struct Flags: OptionSet {
    let rawValue: UInt8

    /// The peer has it (RFC 2018).
    static var sacked: Flags { Flags(rawValue: 1) }
    /// Taken for lost, and not sent again since.
    static var lost: Flags { Flags(rawValue: 2) }
    /// Sent more than once: no round-trip time can be taken from it (Karn, RFC 6298 §3).
    static var retransmitted: Flags { Flags(rawValue: 4) }
  }

  private var startBits: UInt32
  private var countAndFlags: UInt32
  /// When it was sent last: the low 32 bits of the moment in microseconds. Once the segment is sacked
  /// nobody asks for that any more: then how many segments, from this one on, are known to be sacked.
  var sentAt: UInt32
  /// Nothing of this segment: a place of the list of retransmissions, see ``SentSegments``.
  var order: UInt32

  /// The most sequence numbers of one segment.
  static var greatestCount: Int { 0xFF_FFFF }

  init(start: SequenceNumber, count: Int, flags: Flags = [], sentAt: UInt32) {
    startBits = start.rawValue
    countAndFlags =
      UInt32(truncatingIfNeeded: count) & 0xFF_FFFF | UInt32(flags.rawValue) &<< 24
    self.sentAt = sentAt
    order = 0
  }

  /// Its first sequence number.
  var start: SequenceNumber {
    get { SequenceNumber(startBits) }
    set { startBits = newValue.rawValue }
  }

  /// How many sequence numbers it has, SYN and FIN among them.
  var count: Int {
    get { Int(countAndFlags & 0xFF_FFFF) }
    set {
      countAndFlags = countAndFlags & 0xFF00_0000 | UInt32(truncatingIfNeeded: newValue) & 0xFF_FFFF
    }
  }

  var flags: Flags {
    get { Flags(rawValue: UInt8(truncatingIfNeeded: countAndFlags &>> 24)) }
    set { countAndFlags = countAndFlags & 0xFF_FFFF | UInt32(newValue.rawValue) &<< 24 }
  }

  /// Becomes what `other` is, at a place that has an entry of the list of retransmissions of its own.
  @inline(__always)
  mutating func replace(with other: SentSegment) {
    let order = order
    self = other
    self.order = order
  }

  /// The sequence number behind its last.
  var end: SequenceNumber { start.advanced(by: count) }

  /// Whether it counts as being in the network: neither known to have arrived nor taken for lost.
  var isInFlight: Bool { flags.isDisjoint(with: [.sacked, .lost]) }
}
