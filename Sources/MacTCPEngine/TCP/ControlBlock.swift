// The control block of a connection (RFC 9293 §3.3.1): its variables, and what follows from them.
//
// A control block knows nothing of the tables and queues that it is in. Its methods take a segment, the present
// or a user's call, and change it; `TCPLayer.settle` looks at it afterwards and does what follows: timers, the
// queue of those that want to send, events, tables, its end. There is one for every stream, so that its size
// counts: what is not always needed is behind a pointer or in memory of the pool.

internal import MacTCPWire

/// The variables stand in the order in which they lie in memory: first what every segment needs, last what few do, and
/// none with a gap before it. Of many connections that are busy in turn each costs as many lines of the cache as are
/// touched, so that a new variable belongs to its like, where there is room.
struct ControlBlock: ~Copyable {
  var state = ConnectionState.closed
  /// How far the window fields that we send are shifted, and those that come.
  var receiveShift: UInt8 = 0
  var sendShift: UInt8 = 0
  /// How many segments with data have come since the last acknowledgement.
  var unacknowledgedSegments: UInt8 = 0
  var pending = Pending()
  /// For LISTEN, what to listen on; `any` matches all.
  var local = Endpoint(.any, 0)
  /// The largest segment that may be sent: of the peer's MSS option and the path, without options
  /// (RFC 9293 §3.7.1, Eff.snd.MSS).
  var mss: UInt16 = 536
  /// For LISTEN, who may connect; `any` and 0 match all.
  var remote = Endpoint(.any, 0)
  var events = PendingEvents()
  /// The listener whose child this is, until it is accepted; -1 if none.
  var parent: Int32 = -1

  // MARK: The sequence variables (RFC 9293 §3.3.1), and what was agreed on with the peer

  var snd = SendSequence()
  var usesTimestamps = false
  var usesSACK = false
  var usesECN = false
  var rcv = ReceiveSequence()
  var usesWindowScale = false
  /// What the peer's MSS option said.
  var peerMSS: UInt16 = 536
  /// How often the paths had changed when `mss` was last taken from one.
  var pathChanges: UInt32 = 0
  /// What the user has set.
  var settings = Settings()

  // MARK: Data

  /// What the user has sent and the peer has not acknowledged; the first byte's number is `sendStart`.
  var sendRing = ByteRing()
  /// How many keepalive probes are without an answer.
  var keepaliveProbes: UInt16 = 0
  /// What has come in order and was not read, and behind it what came out of order.
  var receiveRing = ByteRing()
  /// How many probes of a closed window were sent in a row.
  var windowProbes: UInt8 = 0
  var reason: TerminationReason?
  var outOfOrder = OutOfOrderRanges()

  // MARK: Time

  var deadlines = Deadlines()
  /// The moment for which the wheel has this connection; `never` if it has not.
  var armed = Instant.never
  /// Since when there is no answer to what was sent.
  var unansweredSince = Instant.never

  // MARK: More of the same

  /// What few connections have.
  var extras: Extras?
  /// The number of the first byte in `sendRing`.
  var sendStart = SequenceNumber(0)
  /// The sizes of the buffers, as the user has set them.
  var receiveLimit: UInt32 = 0
  var sendLimit: UInt32 = 0
  /// Where `Context.figures` has what the connection has counted; -1 while it has carried no data.
  var figures: Int32 = -1
  /// TS.Recent (RFC 7323 §4.3), and when it was set by `coarseClock`.
  var recentTimestamp: UInt32 = 0
  var recentTimestampAge: UInt32 = 0
  /// What is added to our clock to make TSval: unguessable, and different for each connection.
  var timestampOffset: UInt32 = 0
  /// Segments without data that were sent.
  var emptySegmentsSent: UInt32 = 0
  var recovery: LossRecovery

  // MARK: What few connections need

  /// Which of the listeners this stream is; -1 if none.
  var listener: Int32 = -1
  /// What the next acknowledgement reports as a duplicate (RFC 2883), if `Pending.duplicateReport` says so.
  var duplicate = SACKBlock(left: SequenceNumber(0), right: SequenceNumber(0))

  init(_ configuration: LossRecovery.Configuration) {
    recovery = LossRecovery(configuration: configuration, mss: 536)
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
