public import MacTCPWire

/// Everything about a stream's connection at one moment. MacTCP: TCPStatus.
///
/// Windows and amounts are bytes. What a driver cannot see is documented with the driver; the host driver's
/// departures are the sequence numbers, which count from 0 at the start of each direction, and ``lastRTT``.
public struct Status: Sendable, Hashable {
  /// The peer; port 0 without a connection.
  public var remote: Endpoint
  /// This side; port 0 without a connection and without a passive open.
  public var local: Endpoint
  /// The type of service asked for at open.
  public var typeOfService: TypeOfService
  /// The precedence asked for at open, 0...7.
  public var precedence: UInt8
  /// The connection's state.
  public var connectionState: ConnectionState
  /// The window that the peer offers.
  public var sendWindow: Int
  /// The window that this side offers.
  public var receiveWindow: Int
  /// Bytes sent or accepted for sending and not acknowledged.
  public var unacknowledged: Int
  /// Bytes received and not delivered: what a receive returns without waiting.
  public var unread: Int
  /// The sequence number of the oldest unacknowledged byte.
  public var sendUnacknowledged: UInt32
  /// The sequence number of the next byte to be sent.
  public var sendNext: UInt32
  /// The congestion window.
  public var congestionWindow: Int
  /// The sequence number expected next from the peer.
  public var receiveNext: UInt32
  /// The smoothed round-trip time (RFC 6298).
  public var smoothedRTT: Duration
  /// The last measured round-trip time.
  public var lastRTT: Duration
  /// The largest segment that may be sent, in bytes of data.
  public var maximumSegmentSize: Int
  /// The time after which unacknowledged data ends the connection or is reported.
  public var ulpTimeout: Duration
  /// What happens then.
  public var ulpTimeoutAction: ULPTimeoutAction

  package init(
    local: Endpoint?, remote: Endpoint?, options: OpenOptions, transport: TransportStatus
  ) {
    self.local = local ?? Endpoint(.any, 0)
    self.remote = remote ?? Endpoint(.any, 0)
    typeOfService = transport.typeOfService
    precedence = transport.precedence
    connectionState = transport.connectionState
    sendWindow = transport.sendWindow
    receiveWindow = transport.receiveWindow
    unacknowledged = transport.unacknowledged
    unread = transport.unread
    sendUnacknowledged = transport.sendUnacknowledged
    sendNext = transport.sendNext
    congestionWindow = transport.congestionWindow
    receiveNext = transport.receiveNext
    smoothedRTT = transport.smoothedRoundTrip
    lastRTT = transport.lastRoundTrip
    maximumSegmentSize = transport.maximumSegmentSize
    ulpTimeout = options.ulpTimeout
    ulpTimeoutAction = options.ulpTimeoutAction
  }

  /// One member under its MacTCP name, for printing and for other languages. A value is an `Int`, but for hosts,
  /// which are dotted-decimal text.
  public enum MemberValue: Sendable, Hashable {
    /// A number: bytes, milliseconds, seconds, a port, a state or a sequence number.
    case number(Int)
    /// A host's address.
    case host(IPAddress)
  }

  /// Every member under the name and in the unit that MacTCP's status block gives it: times in milliseconds,
  /// `ulpTimeoutValue` in seconds, `connectionState` as MacTCP's number.
  public var members: [(name: String, value: MemberValue)] {
    [
      ("remoteHost", .host(remote.address)),
      ("remotePort", .number(Int(remote.port))),
      ("localHost", .host(local.address)),
      ("localPort", .number(Int(local.port))),
      ("tosFlags", .number(Int(typeOfService.rawValue))),
      ("precedence", .number(Int(precedence))),
      ("connectionState", .number(Int(connectionState.rawValue))),
      ("sendWindow", .number(sendWindow)),
      ("rcvWindow", .number(receiveWindow)),
      ("amtUnackedData", .number(unacknowledged)),
      ("amtUnreadData", .number(unread)),
      ("sendUnacked", .number(Int(sendUnacknowledged))),
      ("sendNext", .number(Int(sendNext))),
      ("congestionWindow", .number(congestionWindow)),
      ("rcvNext", .number(Int(receiveNext))),
      ("srtt", .number(smoothedRTT.milliseconds)),
      ("lastRTT", .number(lastRTT.milliseconds)),
      ("sendMaxSegSize", .number(maximumSegmentSize)),
      ("ulpTimeoutValue", .number(ulpTimeout.milliseconds / 1000)),
      ("ulpTimeoutAction", .number(ulpTimeoutAction == .abort ? 1 : 0)),
    ]
  }
}

/// Counts over the life of a connection. MacTCP: the connection statistics behind TCPStatus and TCPExtendedStat.
public struct ConnectionStatistics: Sendable, Hashable {
  /// Segments with data received.
  public var dataSegmentsReceived = 0
  /// Segments with data sent.
  public var dataSegmentsSent = 0
  /// Segments sent again.
  public var segmentsResent = 0
  /// Segments of every kind received.
  public var segmentsReceived = 0
  /// Segments of every kind sent.
  public var segmentsSent = 0
  /// Bytes received.
  public var bytesReceived = 0
  /// Bytes that were received twice.
  public var bytesReceivedTwice = 0
  /// Bytes that came past the offered window.
  public var bytesReceivedPastWindow = 0
  /// Bytes sent, those sent again not counted.
  public var bytesSent = 0
  /// Bytes sent again.
  public var bytesResent = 0
  /// Sent segments by size, seven buckets in rising order: the smallest size in bytes and how many.
  public var sentSegmentSizes: [SegmentSizeBucket] = ConnectionStatistics.emptyBuckets
  /// The last measured round-trip time.
  public var lastRTT: Duration = .zero
  /// The smoothed round-trip time.
  public var smoothedRTT: Duration = .zero
  /// The round-trip time's variance (RFC 6298's RTTVAR).
  public var rttVariance: Duration = .zero
  /// The retransmission time-out.
  public var retransmissionTimeout: Duration = .zero
  /// How often the oldest unacknowledged segment has been sent again.
  public var currentSegmentTries = 0
  /// Source quenches received. RFC 6633 deprecated them: drivers ignore them, and this is 0.
  public var sourceQuenches = 0

  /// One bucket of ``sentSegmentSizes``.
  public struct SegmentSizeBucket: Sendable, Hashable {
    /// The smallest size that falls into the bucket, in bytes of data.
    public var smallest: Int
    /// How many segments fell into it.
    public var count: Int

    /// A bucket of `count` segments of `smallest` bytes or more.
    public init(smallest: Int, count: Int) {
      self.smallest = smallest
      self.count = count
    }
  }

  /// The seven buckets, all empty.
  public static let emptyBuckets = [0, 1, 64, 128, 256, 512, 1024].map {
    SegmentSizeBucket(smallest: $0, count: 0)
  }

  package init() {}
}
