/// What the connection has to do at the next occasion, and how far it is: one bit each.
struct Pending {
  private var bits: UInt32 = 0

  /// An acknowledgement must go out.
  var acknowledgment: Bool {
    get { self[0] }
    set { self[0] = newValue }
  }
  /// The user has closed: a FIN follows the data.
  var fin: Bool {
    get { self[1] }
    set { self[1] = newValue }
  }
  /// The FIN was sent.
  var finSent: Bool {
    get { self[2] }
    set { self[2] = newValue }
  }
  /// The FIN was acknowledged.
  var finAcknowledged: Bool {
    get { self[3] }
    set { self[3] = newValue }
  }
  /// The peer's FIN has been received in order.
  var finReceived: Bool {
    get { self[4] }
    set { self[4] = newValue }
  }
  /// A FIN came out of order: it is taken when all before it has come.
  var finOutOfOrder: Bool {
    get { self[5] }
    set { self[5] = newValue }
  }
  /// The first SYN must go out, or go out again.
  var syn: Bool {
    get { self[6] }
    set { self[6] = newValue }
  }
  /// A RST must go out, and the connection is gone.
  var reset: Bool {
    get { self[7] }
    set { self[7] = newValue }
  }
  /// Something may be sent: the queue of those that want to send must have this connection.
  var output: Bool {
    get { self[8] }
    set { self[8] = newValue }
  }
  /// A probe of a closed window, of an idle connection, of the tail of a window (RFC 8985 §7).
  var windowProbe: Bool {
    get { self[9] }
    set { self[9] = newValue }
  }
  var keepaliveProbe: Bool {
    get { self[10] }
    set { self[10] = newValue }
  }
  var tailLossProbe: Bool {
    get { self[11] }
    set { self[11] = newValue }
  }
  /// One byte beyond SND.NXT was sent to probe the window, and may be acknowledged.
  var probedByte: Bool {
    get { self[12] }
    set { self[12] = newValue }
  }
  /// The path may swallow large packets: `settle` tells IP.
  var doubtsPath: Bool {
    get { self[13] }
    set { self[13] = newValue }
  }
  /// What the window's override timer lets go although it is small (RFC 9293 §3.8.6.2.1).
  var override: Bool {
    get { self[14] }
    set { self[14] = newValue }
  }
  /// ECN: echo congestion in all acknowledgements until CWR comes (RFC 3168 §6.1.3).
  var echoCongestion: Bool {
    get { self[15] }
    set { self[15] = newValue }
  }
  /// A duplicate was received, which the next acknowledgement reports (RFC 2883).
  var duplicateReport: Bool {
    get { self[16] }
    set { self[16] = newValue }
  }
  /// The user has released the stream.
  var released: Bool {
    get { self[17] }
    set { self[17] = newValue }
  }
  /// The table has the connection under its four-tuple.
  var inTable: Bool {
    get { self[18] }
    set { self[18] = newValue }
  }
  /// A passive open has failed half-way and goes back to LISTEN.
  var returnsToListen: Bool {
    get { self[19] }
    set { self[19] = newValue }
  }
  /// The port's list has the listener.
  var inPorts: Bool {
    get { self[20] }
    set { self[20] = newValue }
  }
  /// The listener knows that the connection waits to be accepted.
  var isAnnounced: Bool {
    get { self[21] }
    set { self[21] = newValue }
  }
  /// The connection was established once.
  var wasEstablished: Bool {
    get { self[22] }
    set { self[22] = newValue }
  }

  /// Whether what comes next cannot be taken as predicted (Prediction.swift).
  @inline(__always) var isUnpredictable: Bool { finOutOfOrder || probedByte || released }

  /// Whether one of the segments is due that are no data, acknowledgement or FIN.
  @inline(__always) var asksForSegment: Bool {
    windowProbe || keepaliveProbe || tailLossProbe || syn || reset || doubtsPath
  }

  private subscript(bit: UInt32) -> Bool {
    @inline(__always) get { bits & 1 &<< bit != 0 }
    @inline(__always) set { bits = newValue ? bits | 1 &<< bit : bits & ~(1 &<< bit) }
  }
}
