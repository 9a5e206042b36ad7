public import MacTCPWire

/// What an engine is told when it is made. Everything has a default; only ``addresses`` has none that is
/// of use.
public struct EngineConfiguration: Sendable {
  /// What carries the packets.
  public enum Link: Hashable, Sendable {
    /// IPv4 packets without anything around them, as TUN devices and packet tunnels carry them.
    case rawIP
    /// Ethernet II frames without check sequence, from and to this hardware address; ARP is the engine's.
    case ethernet(HardwareAddress)
  }

  /// A way to a network.
  public struct Route: Hashable, Sendable {
    /// The network; `0.0.0.0/0` is everything.
    public var destination: IPv4Prefix
    /// The router, which must be on a link; `nil` where the network itself is on the link.
    public var gateway: IPAddress?

    /// The way to `destination` by way of `gateway`.
    public init(to destination: IPv4Prefix, gateway: IPAddress? = nil) {
      self.destination = destination
      self.gateway = gateway
    }
  }

  /// The congestion control of new connections.
  public enum CongestionControlAlgorithm: String, Hashable, Sendable, CaseIterable {
    /// RFC 5681.
    case newReno
    /// RFC 9438.
    case cubic
  }

  /// An engine with these addresses and defaults for the rest.
  public init(addresses: [IPv4Prefix] = []) {
    self.addresses = addresses
  }

  // MARK: The host

  /// The host's addresses, each with the length of its network's prefix. The first one is the source where
  /// no other is on the destination's network.
  public var addresses: [IPv4Prefix]
  /// Routes besides those to the networks of ``addresses``.
  public var routes: [Route] = []
  /// What carries the packets.
  public var link = Link.rawIP
  /// Whether the addresses are probed for before they are used (RFC 5227 §2.1, a must there): for 4 to 7
  /// seconds nothing but ARP is sent and received then, and what another host has is not used at all. Without, and
  /// with, they are announced, and conflicts are told (``EngineEvent/addressConflict(_:_:)``).
  public var probesAddresses = false
  /// The largest IP packet that the link carries, 68...65,535 bytes (RFC 791); others are refused.
  public var mtu = 1500
  /// The time to live of what is sent, 1...255 (RFC 1122 §3.2.1.7, MUST-49). MacTCP's own was 60.
  public var timeToLive: UInt8 = 64
  /// From which all that must not be guessed is made: initial sequence numbers, ports, identifications.
  /// The same seed and the same calls give the same packets; outside of tests it must be random.
  public var seed: UInt64 = 0
  /// Ports for those who do not choose one (RFC 6335 §6).
  public var ephemeralPorts: ClosedRange<UInt16> = 49_152...65_535

  // MARK: Memory

  /// The most bytes that connections, buffers and queues may take together. What would go beyond is refused
  /// or dropped, and counted.
  public var memoryCeiling = 64 << 20
  /// How many bytes a new connection buffers for reading: its window. 4,096...1 GiB.
  public var receiveBuffer = 256 << 10
  /// How many bytes a new connection buffers for sending, until they are acknowledged. 4,096...1 GiB.
  public var sendBuffer = 256 << 10
  /// The most bytes of fragments that wait for others, and how long they do, in microseconds
  /// (RFC 1122 §3.3.2: 60...120 s; RFC 4963 says why less is better).
  public var reassemblyMemory = 256 << 10
  /// See ``reassemblyMemory``.
  public var reassemblyTimeout = 30_000_000
  /// How many connections may be in TIME-WAIT; the oldest gives way.
  public var timeWaitLimit = 16_384
  /// Whether a port that nobody has is answered: with RST, or with ICMP "port unreachable".
  public var answersClosedPorts = true
  /// Whether echo requests are answered (RFC 1122 §3.2.2.6).
  public var answersEchoRequests = true
  /// Whether ICMP redirects lead packets to another router of the link (RFC 1122 §3.2.2.2). Whoever can send packets on
  /// the link, and knows a connection's numbers, can lead it past himself with one.
  public var followsRedirects = false
  /// The most ICMP errors, RSTs without a connection and challenge ACKs in a second, each
  /// (RFC 1812 §4.3.2.8, RFC 5961 §7).
  public var answersPerSecond = 100

  // MARK: TCP

  /// The congestion control of new connections.
  public var congestionControl = CongestionControlAlgorithm.cubic
  /// The window before the first acknowledgement, in segments: 1...10 (RFC 6928).
  public var initialWindow = 10
  /// The retransmission time-out before the first measurement, in microseconds (RFC 6298 §2.1); an hour at
  /// most.
  public var initialRetransmissionTimeout = 1_000_000
  /// The smallest retransmission time-out, in microseconds, an hour at most. RFC 6298 §2.4 wants a second; everybody takes
  /// less.
  public var minimumRetransmissionTimeout = 200_000
  /// The largest retransmission time-out, in microseconds, 60 s or more (RFC 6298 §2.5).
  public var maximumRetransmissionTimeout = 60_000_000
  /// How long an acknowledgement may be put off, in microseconds, below 500,000 (MUST-40); 0: not at all.
  public var acknowledgmentDelay = 40_000
  /// The maximum segment lifetime, in microseconds; TIME-WAIT is two of them (MUST-13).
  public var maximumSegmentLifetime = 30_000_000
  /// How long FIN-WAIT-2 is borne after the stream is released, in microseconds.
  public var finWait2Timeout = 60_000_000
  /// How long a connection without an answer lives, in microseconds: R2, the user time-out (SHLD-11). 0 for ever, or 1 ms
  /// to a week.
  public var userTimeout = 120_000_000
  /// The same for an unanswered SYN, 180 s or more (MUST-23).
  public var openTimeout = 180_000_000
  /// After how many retransmissions the path is doubted and the user is told (``EngineEvent/deliveryProblem(_:)``):
  /// R1, 1...255 (SHLD-9, SHLD-10).
  public var retransmissionsBeforeAdvice = 3
  /// How long a connection with keepalive is idle before the first probe, in microseconds (MUST-28).
  public var keepaliveIdle = 7_200_000_000
  /// The time between two probes, in microseconds.
  public var keepaliveInterval = 75_000_000
  /// After how many unanswered probes the connection is given up.
  public var keepaliveProbes = 9
  /// Whether the first slow start of a new connection ends when the round trips grow: HyStart++ (RFC 9406).
  public var usesHyStart = true
  /// Whether new connections look for time-outs that came too early: F-RTO (RFC 5682).
  public var usesFRTO = true
  /// Whether new connections probe for losses at the end of what was sent (RFC 8985 §7). RACK itself (§6) is how losses
  /// are found where there is SACK, and has no switch.
  public var usesTailLossProbe = true
  /// Whether new connections have the option: RFC 7323 §2.
  public var usesWindowScale = true
  /// RFC 7323 §3, with PAWS.
  public var usesTimestamps = true
  /// RFC 2018 and RFC 2883.
  public var usesSACK = true
  /// RFC 3168.
  public var usesECN = false
  /// Whether new connections hold small segments back (RFC 9293 §3.7.4, SHLD-7).
  public var usesNagle = true
  /// RFC 1191: whether TCP's packets have DF set, and "fragmentation needed" is heeded.
  public var usesPathMTUDiscovery = true
  /// Whether a listener whose queue is full answers with a SYN cookie (RFC 4987 §3.6) and not with silence.
  public var usesSYNCookies = true
}
