// The control block of a connection (RFC 9293 §3.3.1): its variables, and what follows from them.
//
// A control block knows nothing of the tables and queues that it is in. Its methods take a segment, the present
// or a user's call, and change it; `TCPLayer.settle` looks at it afterwards and does what follows: timers, the
// queue of those that want to send, events, tables, its end. There is one for every stream, so that its size
// counts: what is not always needed is behind a pointer or in memory of the pool.

internal import MacTCPWire

struct ControlBlock: ~Copyable {
  // MARK: Identity

  var state = ConnectionState.closed
  /// For LISTEN, what to listen on; `any` matches all.
  var local = Endpoint(.any, 0)
  /// For LISTEN, who may connect; `any` and 0 match all.
  var remote = Endpoint(.any, 0)
  /// Which of the listeners this stream is; -1 if none.
  var listener: Int32 = -1
  /// The listener whose child this is, until it is accepted; -1 if none.
  var parent: Int32 = -1

  // MARK: Send sequence variables (RFC 9293 §3.3.1)

  var snd = SendSequence()
  /// What the user has sent and the peer has not acknowledged; the first byte's number is `sendStart`.
  var sendRing = ByteRing()
  /// The number of the first byte in `sendRing`.
  var sendStart = SequenceNumber(0)
  var recovery: LossRecovery

  // MARK: Receive sequence variables

  var rcv = ReceiveSequence()
  /// What has come in order and was not read, and behind it what came out of order.
  var receiveRing = ByteRing()
  var outOfOrder = OutOfOrderRanges()

  // MARK: Agreed on with the peer

  /// The largest segment that may be sent: of the peer's MSS option and the path, without options
  /// (RFC 9293 §3.7.1, Eff.snd.MSS).
  var mss: UInt16 = 536
  /// How often the paths had changed when `mss` was last taken from one.
  var pathChanges: UInt32 = 0
  /// What the peer's MSS option said.
  var peerMSS: UInt16 = 536
  /// How far the window fields that we send are shifted, and those that come.
  var receiveShift: UInt8 = 0
  var sendShift: UInt8 = 0
  var usesWindowScale = false
  var usesTimestamps = false
  var usesSACK = false
  var usesECN = false
  /// TS.Recent (RFC 7323 §4.3), and when it was set by `coarseClock`.
  var recentTimestamp: UInt32 = 0
  var recentTimestampAge: UInt32 = 0
  /// What is added to our clock to make TSval: unguessable, and different for each connection.
  var timestampOffset: UInt32 = 0

  // MARK: What the user has set

  var settings = Settings()
  var receiveLimit: UInt32 = 0
  var sendLimit: UInt32 = 0

  // MARK: What is under way

  var pending = Pending()
  var deadlines = Deadlines()
  /// The moment for which the wheel has this connection; `never` if it has not.
  var armed = Instant.never
  var events = PendingEvents()
  var reason: TerminationReason?
  /// How many keepalive probes are without an answer.
  var keepaliveProbes: UInt16 = 0
  /// How many probes of a closed window were sent in a row.
  var windowProbes: UInt8 = 0
  /// How many segments with data have come since the last acknowledgement.
  var unacknowledgedSegments: UInt8 = 0
  /// Since when there is no answer to what was sent.
  var unansweredSince = Instant.never
  /// What the next acknowledgement reports as a duplicate (RFC 2883), if `Pending.duplicateReport` says so.
  var duplicate = SACKBlock(left: SequenceNumber(0), right: SequenceNumber(0))
  /// What few connections have.
  var extras: Extras?
  /// Where `Context.figures` has what the connection has counted; -1 while it has carried no data.
  var figures: Int32 = -1
  /// Segments without data that were sent.
  var emptySegmentsSent: UInt32 = 0

  init(_ configuration: EngineConfiguration) {
    recovery = LossRecovery(configuration: .init(configuration), mss: 536)
  }
}

/// The send sequence variables.
struct SendSequence {
  /// The oldest number that is not acknowledged.
  var una = SequenceNumber(0)
  /// The next number to be sent.
  var nxt = SequenceNumber(0)
  /// The window, in bytes.
  var wnd: UInt32 = 0
  /// The number behind the last urgent byte; without meaning unless `isUrgent`.
  var up = SequenceNumber(0)
  /// The segment's sequence number and acknowledgement at the last window update.
  var wl1 = SequenceNumber(0)
  var wl2 = SequenceNumber(0)
  /// The initial number.
  var iss = SequenceNumber(0)
  /// The number behind the last byte that the user pushed.
  var psh = SequenceNumber(0)
  /// The number behind the last segment smaller than the MSS: Minshall's variant of Nagle.
  var small = SequenceNumber(0)
  /// The largest window that the peer ever offered (RFC 9293 §3.8.6.2.1).
  var largestWindow: UInt32 = 0
  /// Whether `up` means something.
  var isUrgent = false
}

/// The receive sequence variables.
struct ReceiveSequence {
  /// The next number expected.
  var nxt = SequenceNumber(0)
  /// The number behind the window that was offered: it never goes back (SHLD-14).
  var edge = SequenceNumber(0)
  /// The acknowledgement that was sent last (RFC 7323 §4.3, Last.ACK.sent).
  var acknowledged = SequenceNumber(0)
  /// The number behind the last urgent byte, and the first of its segment; without meaning unless `isUrgent`.
  var up = SequenceNumber(0)
  var urgentStart = SequenceNumber(0)
  /// The number behind the last byte that was pushed.
  var psh = SequenceNumber(0)
  /// The number of a FIN that came out of order; without meaning unless `Pending.finOutOfOrder`.
  var fin = SequenceNumber(0)
  /// The initial number.
  var irs = SequenceNumber(0)
  /// Whether `up` means something.
  var isUrgent = false
}

/// What the user has set, and what follows from the opening.
struct Settings {
  var typeOfService: UInt8 = 0
  var timeToLive: UInt8 = 64
  var usesNagle = true
  var delaysAcknowledgments = true
  var usesKeepalive = false
  var userTimeoutAborts = true
  /// Whether the connection began with a passive open (MUST-11).
  var isPassive = false
  /// Whether the user has set `userTimeout`, which then holds for the opening too.
  var userTimeoutIsSet = false
  /// Microseconds; 0 for ever.
  var userTimeout: Int = 0
}

/// What the connection has to do at the next occasion.
struct Pending {
  /// An acknowledgement must go out.
  var acknowledgment = false
  /// The user has closed: a FIN follows the data.
  var fin = false
  /// The FIN was sent.
  var finSent = false
  /// The FIN was acknowledged.
  var finAcknowledged = false
  /// The peer's FIN has been received in order.
  var finReceived = false
  /// A FIN came out of order: it is taken when all before it has come.
  var finOutOfOrder = false
  /// The first SYN must go out, or go out again.
  var syn = false
  /// A RST must go out, and the connection is gone.
  var reset = false
  /// Something may be sent: the queue of those that want to send must have this connection.
  var output = false
  /// A probe of a closed window, of an idle connection, of the tail of a window (RFC 8985 §7).
  var windowProbe = false
  var keepaliveProbe = false
  var tailLossProbe = false
  /// One byte beyond SND.NXT was sent to probe the window, and may be acknowledged.
  var probedByte = false
  /// The path may swallow large packets: `settle` tells IP.
  var doubtsPath = false
  /// What the window's override timer lets go although it is small (RFC 9293 §3.8.6.2.1).
  var override = false
  /// ECN: echo congestion in all acknowledgements until CWR comes (RFC 3168 §6.1.3).
  var echoCongestion = false
  /// A duplicate was received, which the next acknowledgement reports (RFC 2883).
  var duplicateReport = false
  /// The user has released the stream.
  var released = false
  /// The table has the connection under its four-tuple.
  var inTable = false
  /// A passive open has failed half-way and goes back to LISTEN.
  var returnsToListen = false
  /// The port's list has the listener.
  var inPorts = false
  /// The listener knows that the connection waits to be accepted.
  var isAnnounced = false
  /// The connection was established once.
  var wasEstablished = false

  /// Whether what comes next cannot be taken as predicted (Prediction.swift).
  @inline(__always) var isUnpredictable: Bool { finOutOfOrder || probedByte || released }

  /// Whether one of the segments is due that are no data, acknowledgement or FIN.
  @inline(__always) var asksForSegment: Bool {
    windowProbe || keepaliveProbe || tailLossProbe || syn || reset || doubtsPath
  }
}

/// When what is due.
struct Deadlines {
  var delayedAcknowledgment = Instant.never
  /// The next probe of a closed window.
  var persist = Instant.never
  /// Keepalive, or the end of FIN-WAIT-2.
  var idle = Instant.never
}

/// The events that the user has not been told of.
struct PendingEvents: OptionSet {
  let rawValue: UInt16
  static let opened = PendingEvents(rawValue: 1 << 0)
  static let incoming = PendingEvents(rawValue: 1 << 1)
  static let icmpReport = PendingEvents(rawValue: 1 << 2)
  static let urgent = PendingEvents(rawValue: 1 << 3)
  static let dataArrived = PendingEvents(rawValue: 1 << 4)
  static let acknowledged = PendingEvents(rawValue: 1 << 5)
  static let finAcknowledged = PendingEvents(rawValue: 1 << 6)
  static let closing = PendingEvents(rawValue: 1 << 7)
  static let deliveryProblem = PendingEvents(rawValue: 1 << 8)
  static let userTimeout = PendingEvents(rawValue: 1 << 9)
  static let terminated = PendingEvents(rawValue: 1 << 10)
}
