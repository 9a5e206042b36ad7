public import MacTCPWire

/// Everything about a connection (RFC 9293 §3.10.6; MacTCP's TCPStatus and its statistics). Amounts are in
/// bytes, times in microseconds.
public struct ConnectionStatus: Sendable {
  /// The state.
  public var state = ConnectionState.closed
  /// This side's address and port.
  public var local = Endpoint(.any, 0)
  /// The peer's address and port.
  public var remote = Endpoint(.any, 0)
  /// Why the last connection of the stream ended; `nil` while there is one, or before the first.
  public var terminationReason: TerminationReason?
  /// SND.WND: what the peer offers.
  public var sendWindow = 0
  /// RCV.WND: what is offered to the peer.
  public var receiveWindow = 0
  /// What was sent and is not acknowledged, and what waits to be sent.
  public var unacknowledged = 0
  /// What can be received at once.
  public var unread = 0
  /// How much a send takes now.
  public var sendSpace = 0
  /// How many bytes up to and with the last urgent one are still to be received (MUST-33); 0 without.
  public var urgentRemaining = 0
  /// SND.UNA.
  public var sendUnacknowledged: UInt32 = 0
  /// SND.NXT.
  public var sendNext: UInt32 = 0
  /// RCV.NXT.
  public var receiveNext: UInt32 = 0
  /// The congestion window.
  public var congestionWindow = 0
  /// Where slow start ends.
  public var slowStartThreshold = 0
  /// The largest segment's data, options of each segment not counted.
  public var maximumSegmentSize = 0
  /// SRTT (RFC 6298).
  public var smoothedRoundTrip = 0
  /// RTTVAR (RFC 6298).
  public var roundTripVariance = 0
  /// RTO (RFC 6298).
  public var retransmissionTimeout = 0
  /// How often the oldest segment was sent again.
  public var retransmissions = 0
  /// The byte of the type of service.
  public var typeOfService: UInt8 = 0
  /// The hops that packets live.
  public var timeToLive: UInt8 = 0
  /// By how many bits this side's windows are shifted; `nil` without the option.
  public var windowScaleSent: UInt8?
  /// By how many bits the peer's windows are shifted; `nil` without the option.
  public var windowScaleReceived: UInt8?
  /// Whether both sides have agreed on time stamps.
  public var usesTimestamps = false
  /// Whether both sides have agreed on selective acknowledgements.
  public var usesSACK = false
  /// Whether both sides have agreed on ECN.
  public var usesECN = false
  /// The user time-out, 0 for ever.
  public var userTimeout = 0
  /// Whether the connection is aborted when it runs out.
  public var userTimeoutAborts = true
  /// What the connection has counted.
  public var statistics = ConnectionStatistics()
}

/// What a connection has counted (MacTCP's TCPConnectionStats).
public struct ConnectionStatistics: Hashable, Sendable {
  /// Segments with data that came.
  public var dataSegmentsReceived: UInt64 = 0
  /// Segments with data that were sent for the first time.
  public var dataSegmentsSent: UInt64 = 0
  /// Segments with data that were sent again.
  public var segmentsResent: UInt64 = 0
  /// Bytes that came, each once.
  public var bytesReceived: UInt64 = 0
  /// Bytes that came again.
  public var bytesReceivedTwice: UInt64 = 0
  /// Bytes that came beyond the window.
  public var bytesPastWindow: UInt64 = 0
  /// Bytes that were sent for the first time.
  public var bytesSent: UInt64 = 0
  /// Bytes that were sent again.
  public var bytesResent: UInt64 = 0
  /// How large the segments were that were sent, for the first time and again.
  public var sentSizes = SentSegmentSizes()
  /// The round trip that was measured last, in microseconds; 0 before the first.
  public var lastRoundTrip = 0
  /// Source quenches about what was outstanding, which have no effect (RFC 6633).
  public var sourceQuenches: UInt64 = 0

  /// Nothing counted.
  public init() {}
}

/// A histogram of the sizes of segments: bytes of data in each, without headers.
public struct SentSegmentSizes: Hashable, Sendable {
  /// The smallest size that falls into each of the seven buckets; the first is for segments without data.
  public static let smallest = [0, 1, 64, 128, 256, 512, 1_024]

  /// How many segments fell into each bucket.
  public internal(set) var counts = InlineArray<7, UInt64>(repeating: 0)

  /// No segments.
  public init() {}

  /// Whether both have counted the same.
  public static func == (a: SentSegmentSizes, b: SentSegmentSizes) -> Bool {
    a.counts.indices.allSatisfy { a.counts[$0] == b.counts[$0] }
  }

  /// What is the same for the same counts.
  public func hash(into hasher: inout Hasher) {
    for index in counts.indices { hasher.combine(counts[index]) }
  }
}

/// What can be set of a connection at any time.
public enum ConnectionOption: Hashable, Sendable {
  /// Whether small segments are held back while others are unacknowledged (MUST-17).
  case nagle(Bool)
  /// Whether an idle connection is probed (MUST-24); the times are the configuration's.
  case keepalive(Bool)
  /// After how many idle microseconds, how many apart, how often (MUST-27); switches keepalive on.
  case keepaliveTimes(idle: Int, interval: Int, probes: Int)
  /// How long, in microseconds, an answer may fail to come, 1 ms to a week or 0 for ever, and whether the connection is
  /// aborted then or the user told (RFC 9293 §3.9.1.6; MUST-21).
  case userTimeout(Int, aborts: Bool)
  /// The byte of the type of service, DSCP and precedence; the lowest two bits are ECN's (MUST-48).
  case typeOfService(UInt8)
  /// 1...255 (MUST-49).
  case timeToLive(UInt8)
  /// Whether acknowledgements are put off (SHLD-18).
  case delayedAcknowledgment(Bool)
  /// How many bytes are buffered for reading; never below what is offered to the peer already (SHLD-14).
  case receiveBuffer(Int)
  /// How many bytes are buffered for sending.
  case sendBuffer(Int)
}

/// What an opening says besides the endpoints; `nil` is the configuration's.
public struct OpenOptions: Sendable {
  /// The byte of the type of service.
  public var typeOfService: UInt8 = 0
  /// 1...255.
  public var timeToLive: UInt8?
  /// The user time-out in microseconds, 1 ms to a week or 0 for ever.
  public var userTimeout: Int?
  /// Whether the connection is aborted when that runs out; otherwise it is reported.
  public var userTimeoutAborts = true
  /// Options of the IP header of every packet, 40 bytes at most, as they stand there (MUST-51).
  public var ipOptions: [UInt8] = []

  /// The defaults.
  public init() {}
}

/// What a receive call returned.
public struct Received: Hashable, Sendable {
  /// How many bytes; 0 if there were none.
  public var count = 0
  /// They are urgent: ahead of them or among them is the end of urgent data.
  public var isUrgent = false
  /// The last of them is the last urgent byte.
  public var isMark = false
  /// The sender has pushed what is read with this call (MAY-17).
  public var isPushed = false
  /// Nothing will follow: the peer has closed, and all has been read.
  public var isEnd = false

  /// Nothing.
  public init() {}
}
