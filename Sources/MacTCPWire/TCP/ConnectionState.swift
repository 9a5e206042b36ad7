// The states of a connection: every driver's, and the engine's.

/// A connection's state, with MacTCP's numbers (RFC 9293 §3.3.2).
@frozen public enum ConnectionState: UInt8, Hashable, Sendable, BitwiseCopyable, CaseIterable {
  /// No connection.
  case closed = 0
  /// A passive open waits for a SYN.
  case listen = 2
  /// A SYN came and was answered.
  case synReceived = 4
  /// A SYN was sent.
  case synSent = 6
  /// Data flows both ways.
  case established = 8
  /// This side closed; its FIN is not acknowledged.
  case finWait1 = 10
  /// This side closed and its FIN is acknowledged; the peer may still send.
  case finWait2 = 12
  /// The peer closed; this side may still send.
  case closeWait = 14
  /// Both sides closed at once; this side's FIN is not acknowledged.
  case closing = 16
  /// The peer closed first, then this side; this side's FIN is not acknowledged.
  case lastAck = 18
  /// Both sides closed; old segments are waited out.
  case timeWait = 20
}

extension ConnectionState: CustomStringConvertible {
  /// The name as RFC 9293 prints it.
  public var name: StaticString {
    switch self {
    case .closed: "CLOSED"
    case .listen: "LISTEN"
    case .synReceived: "SYN-RECEIVED"
    case .synSent: "SYN-SENT"
    case .established: "ESTABLISHED"
    case .finWait1: "FIN-WAIT-1"
    case .finWait2: "FIN-WAIT-2"
    case .closeWait: "CLOSE-WAIT"
    case .closing: "CLOSING"
    case .lastAck: "LAST-ACK"
    case .timeWait: "TIME-WAIT"
    }
  }

  /// The name as RFC 9293 prints it.
  public var description: String { name.description }
}
