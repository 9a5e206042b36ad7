/// The driver's parameters, and its TCP statistics since it was opened. MacTCP: TCPGlobalInfo.
public struct GlobalInfo: Sendable, Hashable {
  /// The retransmission time-out's algorithm, as RFC 4022's `tcpRtoAlgorithm` numbers them, by name.
  public var rtoAlgorithm = "Van Jacobson"
  /// The smallest retransmission time-out.
  public var smallestRTO: Duration = .zero
  /// The largest retransmission time-out.
  public var largestRTO: Duration = .zero
  /// The largest segment that can be received, in bytes.
  public var largestSegmentReceived = 0
  /// How many streams can be open at once.
  public var streamsSupported = 0
  /// The largest window that can be offered, in bytes.
  public var largestWindow = 0
  /// Connections that an active open attempted.
  public var connectionsAttempted = 0
  /// Connections that an active open established.
  public var connectionsOpened = 0
  /// Connections that a passive open accepted.
  public var connectionsAccepted = 0
  /// Connections that both sides closed.
  public var connectionsClosed = 0
  /// Connections that ended in any other way.
  public var connectionsAborted = 0
  /// Octets received.
  public var octetsIn = 0
  /// Octets sent.
  public var octetsOut = 0
  /// Octets received twice.
  public var octetsInTwice = 0
  /// Octets sent again.
  public var octetsResent = 0
  /// Segments received.
  public var segmentsIn = 0
  /// Segments sent.
  public var segmentsOut = 0
  /// Segments received twice.
  public var segmentsInTwice = 0
  /// Segments sent again.
  public var segmentsResent = 0

  package init() {}

  /// Adds one connection's counts.
  package mutating func add(_ connection: ConnectionStatistics) {
    octetsIn += connection.bytesReceived
    octetsOut += connection.bytesSent
    octetsInTwice += connection.bytesReceivedTwice
    octetsResent += connection.bytesResent
    segmentsIn += connection.segmentsReceived
    segmentsOut += connection.segmentsSent
    segmentsResent += connection.segmentsResent
  }

  package mutating func count(_ milestone: ConnectionMilestone) {
    switch milestone {
    case .attempted: connectionsAttempted += 1
    case .opened: connectionsOpened += 1
    case .accepted: connectionsAccepted += 1
    case .closed: connectionsClosed += 1
    case .aborted: connectionsAborted += 1
    }
  }
}
