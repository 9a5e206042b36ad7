/// Why something that came, or should have gone, was dropped.
public enum DropReason: Int, Hashable, Sendable, CaseIterable {
  // Link and ARP
  /// The frame is too short, or its type is not known here.
  case unknownFrame
  /// The frame is for another host.
  case frameForAnother
  /// An ARP packet that cannot be parsed, or whose addresses no host has.
  case badARP
  /// The packets that wait for a hardware address are too many.
  case addressResolutionQueueFull
  /// No answer came to the ARP requests.
  case addressResolutionFailed
  // IP
  /// The IP header cannot be parsed, or the packet is shorter than it says.
  case badIPHeader
  /// The IP header's checksum is wrong.
  case badIPChecksum
  /// The packet's source cannot be a host.
  case badSource
  /// The packet is for another host; the engine does not forward.
  case packetForAnother
  /// The packet is multicast, and the engine is in no group.
  case multicast
  /// The protocol is not known.
  case unknownProtocol
  /// A fragment overlaps another (RFC 5722 says so for IPv6).
  case overlappingFragment
  /// A fragment with an impossible length or place.
  case badFragment
  /// The memory for reassembly is full.
  case reassemblyMemory
  /// Not all fragments came in time.
  case reassemblyTimeout
  /// There is no route to the destination.
  case noRoute
  /// The packet is too large and must not be fragmented.
  case needsFragmentation
  // ICMP
  /// The ICMP message cannot be parsed.
  case badICMP
  /// The ICMP error is about nothing that was sent from here just now (RFC 5927 §4).
  case unrelatedICMP
  /// So many answers were sent in this second that no more are.
  case answersPerSecond
  // UDP
  /// The UDP header cannot be parsed.
  case badUDPHeader
  /// The UDP checksum is wrong.
  case badUDPChecksum
  /// Nobody has the UDP port.
  case noUDPPort
  /// The UDP stream's buffer is full.
  case datagramBufferFull
  // TCP
  /// The TCP header cannot be parsed.
  case badTCPHeader
  /// The TCP checksum is wrong.
  case badTCPChecksum
  /// No connection, and nobody listens.
  case noConnection
  /// A SYN from or to an address that no single host has (MUST-57, MUST-63).
  case badSYNAddress
  /// The segment is outside of the window (RFC 9293 §3.10.7.4, first).
  case outsideWindow
  /// A RST that is in the window but not its first number (RFC 5961 §3.2).
  case inexactReset
  /// A SYN on an open connection (RFC 5961 §4.2).
  case unexpectedSYN
  /// An acknowledgement of what is too old or was never sent (RFC 5961 §5.2).
  case unacceptableAcknowledgment
  /// PAWS: the time stamp is old (RFC 7323 §5).
  case oldTimestamp
  /// A segment without ACK where one must be.
  case noAcknowledgment
  /// A segment without the time stamps that were agreed on (RFC 7323 §3.2).
  case missingTimestamp
  /// The listener's queue is full.
  case listenQueueFull
  /// The SYN cookie is wrong or old.
  case badCookie
  /// So much has come out of order that no more is kept.
  case outOfOrderLimit
  /// Data for a connection that nobody will read.
  case dataAfterClose
  // All
  /// The memory ceiling is reached.
  case memoryCeiling
  /// A queue of answers is full.
  case answerQueueFull
}

/// What the engine has counted since it was made; each group as its MIB has it. All wrap around after 2^64.
public struct Counters: Hashable, Sendable {
  /// RFC 4293.
  public struct IP: Hashable, Sendable {
    /// Packets that came.
    public var received: UInt64 = 0
    /// Packets that were given to a protocol.
    public var delivered: UInt64 = 0
    /// Packets that were sent, fragments not counted.
    public var sent: UInt64 = 0
    /// Fragments that came.
    public var fragmentsReceived: UInt64 = 0
    /// Packets that were put together from fragments.
    public var reassembled: UInt64 = 0
    /// Packets that were sent as fragments.
    public var fragmented: UInt64 = 0
    /// Fragments that were sent.
    public var fragmentsSent: UInt64 = 0
  }

  /// RFC 4293, and ARP.
  public struct ICMP: Hashable, Sendable {
    /// Messages that came.
    public var received: UInt64 = 0
    /// Errors that came.
    public var errorsReceived: UInt64 = 0
    /// Source quenches that came, which have no effect (RFC 6633).
    public var sourceQuenchesReceived: UInt64 = 0
    /// Redirects that came, and those of them that were followed.
    public var redirectsReceived: UInt64 = 0
    /// See ``redirectsReceived``.
    public var redirectsFollowed: UInt64 = 0
    /// Echo requests that were answered.
    public var echoesAnswered: UInt64 = 0
    /// Errors that were sent.
    public var errorsSent: UInt64 = 0
    /// ARP requests that were sent.
    public var arpRequestsSent: UInt64 = 0
    /// ARP replies that were sent.
    public var arpRepliesSent: UInt64 = 0
    /// ARP packets that came.
    public var arpReceived: UInt64 = 0
  }

  /// RFC 4113.
  public struct UDP: Hashable, Sendable {
    /// Datagrams that came for a stream.
    public var received: UInt64 = 0
    /// Datagrams that were sent.
    public var sent: UInt64 = 0
  }

  /// RFC 4022, and what MacTCP's TCPGlobalInfo shows.
  public struct TCP: Hashable, Sendable {
    /// Connections that were opened actively.
    public var activeOpens: UInt64 = 0
    /// Connections that a SYN opened.
    public var passiveOpens: UInt64 = 0
    /// Openings that failed.
    public var attemptsFailed: UInt64 = 0
    /// Connections that were established.
    public var established: UInt64 = 0
    /// Those of them that a passive open or a listener accepted.
    public var accepted: UInt64 = 0
    /// Connections that both sides closed.
    public var closedGracefully: UInt64 = 0
    /// Connections that were established and aborted.
    public var aborted: UInt64 = 0
    /// Segments that came.
    public var segmentsReceived: UInt64 = 0
    /// Segments that were sent.
    public var segmentsSent: UInt64 = 0
    /// Segments with data that were sent again.
    public var segmentsResent: UInt64 = 0
    /// Segments that came twice.
    public var segmentsReceivedTwice: UInt64 = 0
    /// Bytes that came, each once.
    public var bytesReceived: UInt64 = 0
    /// Bytes that were sent for the first time.
    public var bytesSent: UInt64 = 0
    /// Bytes that came again.
    public var bytesReceivedTwice: UInt64 = 0
    /// Bytes that were sent again.
    public var bytesResent: UInt64 = 0
    /// Segments with RST that were sent.
    public var resetsSent: UInt64 = 0
    /// Segments with RST that ended a connection.
    public var resetsReceived: UInt64 = 0
    /// Challenge acknowledgements that were sent (RFC 5961).
    public var challengeAcknowledgments: UInt64 = 0
    /// Retransmission time-outs.
    public var retransmissionTimeouts: UInt64 = 0
    /// Fast recoveries that began.
    public var fastRecoveries: UInt64 = 0
    /// Recoveries that were undone: nothing had been lost.
    public var spuriousRecoveries: UInt64 = 0
    /// Probes for the tail of a window (RFC 8985).
    public var tailLossProbes: UInt64 = 0
    /// SYN cookies that were sent.
    public var cookiesSent: UInt64 = 0
    /// SYN cookies that made a connection.
    public var cookiesAccepted: UInt64 = 0
    /// Probes of a closed window.
    public var zeroWindowProbes: UInt64 = 0
    /// Probes of an idle connection.
    public var keepaliveProbes: UInt64 = 0
    /// Segments that came out of order.
    public var segmentsOutOfOrder: UInt64 = 0
    /// Connections in TIME-WAIT that a SYN opened anew.
    public var timeWaitReused: UInt64 = 0
  }

  /// IP's.
  public var ip = IP()
  /// ICMP's and ARP's.
  public var icmp = ICMP()
  /// UDP's.
  public var udp = UDP()
  /// TCP's.
  public var tcp = TCP()
  /// One for each reason; there are fewer than 64.
  var drops = InlineArray<64, UInt64>(repeating: 0)

  /// Nothing counted.
  public init() {}

  /// How much was dropped for a reason.
  public subscript(reason: DropReason) -> UInt64 { drops[reason.rawValue] }

  /// Counts one drop.
  mutating func drop(_ reason: DropReason) { drops[reason.rawValue] &+= 1 }

  /// Whether both have counted the same.
  public static func == (a: Counters, b: Counters) -> Bool {
    a.ip == b.ip && a.icmp == b.icmp && a.udp == b.udp && a.tcp == b.tcp
      && DropReason.allCases.allSatisfy { a[$0] == b[$0] }
  }

  /// What is the same for the same counts.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(ip)
    hasher.combine(icmp)
    hasher.combine(udp)
    hasher.combine(tcp)
    for reason in DropReason.allCases { hasher.combine(self[reason]) }
  }
}
