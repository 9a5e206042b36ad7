// The sender's loss recovery and congestion control: what has been sent, when it is taken for lost, when
// it is sent again, and how much may be in the network.
//
// The order of calls, for each segment that takes sequence space: `sendQuota` or `nextRetransmission` says
// what may be sent, `transmitted` that it was. For each acceptable acknowledgement: `acknowledged`. When
// `deadline` has come: `expired`. SYN and FIN are sequence numbers like all others here.
//
// RFC 6298 retransmission timer, RFC 2018/2883/6675 SACK, RFC 8985 RACK-TLP, RFC 9937 PRR,
// RFC 3042 limited transmit, RFC 6582 NewReno for peers without SACK, RFC 5682 F-RTO, RFC 3522 Eifel,
// RFC 3168 ECN; congestion control in the folder Congestion.
//
// What is needed only while something is outstanding lies in the pool (SentSegments); the rest is here.

internal import MacTCPWire

/// Loss recovery and congestion control of one connection's sender.
struct LossRecovery: ~Copyable {
  /// What the user may choose.
  struct Configuration {
    /// The bounds of the retransmission time-out, and its value before the first measurement, in microseconds.
    var leastTimeout = 200_000
    var initialTimeout = 1_000_000
    var greatestTimeout = 60_000_000
    /// The initial window in segments (RFC 6928).
    var initialWindow = 10
    var algorithm = EngineConfiguration.CongestionControlAlgorithm.cubic
    var usesHyStart = true
    var usesTailLossProbe = true
    var usesFRTO = true

    init() {}

    init(_ configuration: EngineConfiguration) {
      leastTimeout = configuration.minimumRetransmissionTimeout
      initialTimeout = configuration.initialRetransmissionTimeout
      greatestTimeout = configuration.maximumRetransmissionTimeout
      initialWindow = configuration.initialWindow
      algorithm = configuration.congestionControl
      usesHyStart = configuration.usesHyStart
      usesFRTO = configuration.usesFRTO
      usesTailLossProbe = configuration.usesTailLossProbe
    }
  }

  /// Which reaction to a loss is under way.
  enum Phase: UInt8 {
    /// None.
    case open
    /// Fast recovery: RFC 9937, RFC 6582.
    case recovery
    /// Slow start after a retransmission time-out: RFC 5681 §3.1.
    case timeout
  }

  struct Flags: OptionSet {
    var rawValue: UInt32

    static var sack: Flags { Flags(rawValue: 1 << 0) }
    static var tailLossProbe: Flags { Flags(rawValue: 1 << 1) }
    static var frto: Flags { Flags(rawValue: 1 << 2) }
    /// Something has been sent again.
    static var hasRetransmitted: Flags { Flags(rawValue: 1 << 3) }
    /// `rack` has a value; `fack` has.
    static var hasRACK: Flags { Flags(rawValue: 1 << 4) }
    /// RACK.reordering_seen.
    static var reorderingSeen: Flags { Flags(rawValue: 1 << 5) }
    /// `duplicateRound` has a value (RACK.dsack_round).
    static var hasDuplicateRound: Flags { Flags(rawValue: 1 << 6) }
    /// `otherDeadline` is RACK's; otherwise it is the probe's.
    static var reorderingTimer: Flags { Flags(rawValue: 1 << 7) }
    /// The probe's time has come: one segment may be sent, whatever cwnd says.
    static var probeDue: Flags { Flags(rawValue: 1 << 8) }
    /// A probe is under way (TLP.end_seq has a value), and it was a retransmission (TLP.is_retrans).
    static var probing: Flags { Flags(rawValue: 1 << 9) }
    static var probeIsRetransmission: Flags { Flags(rawValue: 1 << 10) }
    /// A round trip has been measured since the last probe.
    static var sampledSinceProbe: Flags { Flags(rawValue: 1 << 11) }
    /// `recover` has a value, and it is an ECN reaction's.
    static var hasRecover: Flags { Flags(rawValue: 1 << 12) }
    static var recoverIsECN: Flags { Flags(rawValue: 1 << 13) }
    /// The first retransmission after a time-out, which no window holds back.
    static var retransmissionForced: Flags { Flags(rawValue: 1 << 14) }
    /// A reduction of the window is to be told to the peer (RFC 3168 §6.1.2).
    static var congestionWindowReduced: Flags { Flags(rawValue: 1 << 15) }
    /// In this recovery there was an acknowledgement of new data; a retransmission was lost.
    static var partiallyAcknowledged: Flags { Flags(rawValue: 1 << 16) }
    static var retransmissionLost: Flags { Flags(rawValue: 1 << 17) }
  }

  /// How far F-RTO has come (RFC 5682 §2.1, §3.1): the step of the next acknowledgement.
  enum FRTOStep: UInt8 {
    case off
    case firstAcknowledgement
    case secondAcknowledgement
  }

  // In the order in which they lie in memory, as the variables of ``ControlBlock``: what every flight needs comes first.

  var segments = SentSegments()
  var phase = Phase.open
  var frto = FRTOStep.off
  /// How many time-outs there were since the last acknowledgement of new data.
  var timeouts: UInt8 = 0
  var flags: Flags
  /// When the retransmission timer runs out. With nothing outstanding: when the path counts as idle.
  var retransmissionDeadline = Instant.never
  var window: CongestionWindow
  /// SMSS, without the options that every segment bears.
  var segmentSize: UInt16
  /// Duplicate acknowledgements of a peer without SACK (RFC 5681 §3.2).
  var duplicates: UInt16 = 0
  var estimator: RoundTripEstimator
  var control: CongestionController
  var undoing = Undoing()
  let initialWindow: UInt8
  /// RACK.reo_wnd_mult and RACK.reo_wnd_persist (RFC 8985 §5.2).
  var reorderingMultiplier: UInt8 = 1
  var reorderingPersist: UInt8 = 0
  /// RACK.dsack_round: SND.NXT at the last D-SACK, for one reaction in a round trip.
  var duplicateRound = SequenceNumber(0)
  /// TLP.end_seq.
  var probeEnd = SequenceNumber(0)
  /// SND.NXT at the last reduction of the window: RFC 6582's and RFC 6675's recover.
  var recover = SequenceNumber(0)
  /// Reactions to losses that turned out to be none.
  var undone: UInt16 = 0

  /// Before the handshake.
  init(configuration: Configuration, mss: Int) {
    segmentSize = UInt16(clamping: max(1, mss))
    initialWindow = UInt8(clamping: max(1, configuration.initialWindow))
    window = CongestionWindow(Int(UInt16(clamping: max(1, mss))))
    control = CongestionController(configuration.algorithm, usesHyStart: configuration.usesHyStart)
    estimator = RoundTripEstimator(
      least: configuration.leastTimeout, initial: configuration.initialTimeout,
      greatest: configuration.greatestTimeout)
    flags = .sampledSinceProbe
    if configuration.usesTailLossProbe { flags.insert(.tailLossProbe) }
    if configuration.usesFRTO { flags.insert(.frto) }
  }

  /// The connection is established: the peer's options are known.
  mutating func start(mss: Int, sackPermitted: Bool, now: Instant) {
    segmentSize = UInt16(clamping: max(1, mss))
    if sackPermitted { flags.insert(.sack) }
    // RFC 6928 §2; RFC 5681 §3.1: one segment if the SYN had to be sent again.
    let hadToRepeatSYN = flags.contains(.hasRetransmitted)
    window = CongestionWindow(hadToRepeatSYN ? self.mss : initialWindowSize)
    if hadToRepeatSYN { estimator.beginAfterRetransmittedSYN() }
    (phase, frto, timeouts, duplicates) = (.open, .off, 0, 0)
    flags.remove([.hasRecover, .retransmissionForced, .congestionWindowReduced])
    undoing = Undoing()
  }

  /// Forgets what is outstanding and gives its memory back: the connection is closed.
  mutating func reset(_ pool: inout MemoryPool) {
    segments.removeAll(pool: &pool)
    (phase, frto) = (.open, .off)
    flags.remove([.probeDue, .probing, .retransmissionForced])
    retransmissionDeadline = .never
  }
}

// MARK: What lies with the segments

// Without segments it is what it is before the first.
extension LossRecovery {
  /// RACK's variables of this flight.
  var rack: RACK {
    @inline(__always) get { segments.isEmpty ? RACK() : segments.header.rack }
    @inline(__always) set { if !segments.isEmpty { segments.header.rack = newValue } }
  }
  /// When the probe or RACK's reordering timer is due.
  var otherDeadline: Instant {
    @inline(__always) get { segments.isEmpty ? .never : segments.header.otherDeadline }
    @inline(__always) set { if !segments.isEmpty { segments.header.otherDeadline = newValue } }
  }
  /// SND.NXT when the present round trip began.
  var roundEnd: SequenceNumber {
    @inline(__always) get { segments.isEmpty ? SequenceNumber(0) : segments.header.roundEnd }
    @inline(__always) set { if !segments.isEmpty { segments.header.roundEnd = newValue } }
  }
  /// The most bytes in flight in this round trip and in the one before.
  var roundPeak: UInt32 {
    @inline(__always) get { segments.isEmpty ? 0 : segments.header.roundPeak }
    @inline(__always) set { if !segments.isEmpty { segments.header.roundPeak = newValue } }
  }
  var lastRoundPeak: UInt32 {
    @inline(__always) get { segments.isEmpty ? 0 : segments.header.lastRoundPeak }
    @inline(__always) set { if !segments.isEmpty { segments.header.lastRoundPeak = newValue } }
  }
}

// MARK: What others may know

extension LossRecovery {
  var mss: Int { Int(segmentSize) }
  /// IW: RFC 6928 §2.
  var initialWindowSize: Int { min(Int(initialWindow) &* mss, max(2 &* mss, 14_600)) }
  var cwnd: Int { window.cwnd }
  /// `CongestionWindow.greatest` or more if there is none yet.
  var ssthresh: Int { window.ssthresh }
  /// SRTT, RTTVAR and RTO in microseconds; the first two are 0 before the first measurement.
  var srtt: Int { estimator.srtt }
  var rttvar: Int { estimator.rttvar }
  var rto: Int { estimator.rto }
  /// The time-outs since the last acknowledgement of new data, for R1 and R2 (RFC 9293 §3.8.3).
  var backoffCount: Int { Int(timeouts) }
  var isInRecovery: Bool { phase != .open }
  /// Reactions to losses that turned out to be none.
  var undoneCount: Int { Int(undone) }
  var usesSACK: Bool { flags.contains(.sack) }

  /// The bytes in the network: RFC 6675's pipe. Without SACK every duplicate acknowledgement says that one
  /// segment has left it.
  var bytesInFlight: Int {
    max(0, segments.bytesInFlight &- Int(duplicates) &* mss)
  }

  /// Whether a duplicate acknowledgement means something although nothing is outstanding (RFC 8985 §7.4).
  @inline(__always) var awaitsDuplicate: Bool { flags.contains(.probing) }

  /// Whether the new segment that is being made must bear CWR (RFC 3168 §6.1.2): `true` once for each
  /// reduction of the window.
  mutating func takeCWR() -> Bool {
    flags.remove(.congestionWindowReduced) != nil
  }

  /// The next moment at which ``expired(now:)`` has something to do.
  var deadline: Instant {
    segments.count == 0 ? .never : min(retransmissionDeadline, otherDeadline)
  }

  /// Enters a measurement of the round-trip time that was made elsewhere. One of a segment that went
  /// through ``transmitted(_:count:isRetransmission:now:pool:)`` is made here.
  mutating func sampled(rtt microseconds: Int, now: Instant) {
    estimator.sample(microseconds, outstanding: segments.count)
    estimator.sampleLeast(UInt32(clamping: max(1, microseconds)), now: now)
  }

  /// To be called before data are sent after a pause: RFC 5681 §4.1.
  mutating func idleRestart(now: Instant) {
    guard segments.count == 0, retransmissionDeadline != .never, now >= retransmissionDeadline
    else {
      return
    }
    retransmissionDeadline = .never
    window.cwnd = min(window.cwnd, initialWindowSize)
    control.interrupted()
  }
}

extension Instant {
  /// The low 32 bits, in which the times of segments are kept: they wrap after 71 minutes, longer than any
  /// segment is in flight without being sent again.
  @inline(__always) var clock: UInt32 { UInt32(truncatingIfNeeded: microseconds) }
}
