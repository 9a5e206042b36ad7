public import MacTCPWire

/// What a TCP stream is notified of without having asked: MacTCP's asynchronous notification routine.
public enum TCPEvent: Sendable, Hashable {
  /// The peer has closed and all its data has been delivered. MacTCP: TCPClosing.
  case closing
  /// The ULP time-out passed with data unacknowledged, and its action is to report. MacTCP: TCPULPTimeout.
  case ulpTimeout
  /// The connection is gone; exactly once per connection, after a graceful close too. MacTCP: TCPTerminate.
  case terminated(TerminationReason)
  /// Data arrived and no receive is pending; not again until a receive has completed. MacTCP: TCPDataArrival.
  case dataArrival
  /// Urgent data is known and no receive is pending; a pending receive completes with the urgent flag instead.
  /// MacTCP: TCPUrgent.
  case urgent
  /// An ICMP error concerning this connection arrived. It breaks no established connection. MacTCP: TCPICMPReceived.
  case icmpReceived(ICMPReport)

  /// The event's number in MacTCP.
  public var code: Int {
    switch self {
    case .closing: 1
    case .ulpTimeout: 2
    case .terminated: 3
    case .dataArrival: 4
    case .urgent: 5
    case .icmpReceived: 6
    }
  }

  /// MacTCP's second argument to a notification routine: the termination reason, the ICMP report type, or 0.
  public var detail: Int {
    switch self {
    case .terminated(let reason): reason.rawValue
    case .icmpReceived(let report): Int(report.type.rawValue)
    case .closing, .ulpTimeout, .dataArrival, .urgent: 0
    }
  }
}

extension TCPEvent: CustomStringConvertible {
  /// In words.
  public var description: String {
    switch self {
    case .closing: "closing"
    case .ulpTimeout: "ULP time-out"
    case .terminated(let reason): "terminated (\(reason))"
    case .dataArrival: "data arrival"
    case .urgent: "urgent data"
    case .icmpReceived(let report): "ICMP report (\(report))"
    }
  }
}

/// What a UDP stream is notified of without having asked.
public enum UDPEvent: Sendable, Hashable {
  /// A datagram arrived and no read is pending; not again until a read has completed. MacTCP: UDPDataArrival.
  case dataArrival
  /// An ICMP error came for a datagram sent from this stream. MacTCP: UDPICMPReceived.
  case icmpReceived(ICMPReport)

  /// The event's number in MacTCP.
  public var code: Int {
    switch self {
    case .dataArrival: 1
    case .icmpReceived: 2
    }
  }
}

extension UDPEvent: CustomStringConvertible {
  /// In words.
  public var description: String {
    switch self {
    case .dataArrival: "data arrival"
    case .icmpReceived(let report): "ICMP report (\(report))"
    }
  }
}

/// Why a connection is gone, with MacTCP's numbers.
public enum TerminationReason: Int, Sendable, CaseIterable {
  /// The peer reset the connection.
  case remoteAbort = 2
  /// The network failed: the route or the interface went away.
  case networkFailure = 3
  /// Security or precedence did not match. Never given: RFC 9293 no longer checks them.
  case secPrecMismatch = 4
  /// The ULP time-out passed and its action is to abort.
  case ulpTimeoutTerminate = 5
  /// This side aborted the connection.
  case ulpAbort = 6
  /// Both sides closed.
  case ulpClose = 7
  /// An unexpected SYN.
  case serviceError = 8
}

extension TerminationReason: CustomStringConvertible {
  /// In words.
  public var description: String {
    switch self {
    case .remoteAbort: "aborted by the peer"
    case .networkFailure: "network failure"
    case .secPrecMismatch: "security or precedence mismatch"
    case .ulpTimeoutTerminate: "ULP time-out"
    case .ulpAbort: "aborted by this side"
    case .ulpClose: "closed by both sides"
    case .serviceError: "unexpected SYN"
    }
  }
}

/// An ICMP error that came back for something a stream sent.
public struct ICMPReport: Sendable, Hashable {
  /// What the router or the host said.
  public var type: ICMPReportType
  /// This side of the datagram that the error is about.
  public var local: Endpoint
  /// The destination of the datagram that the error is about.
  public var remote: Endpoint
  /// For ``ICMPReportType/fragReqd`` the next hop's MTU in bytes (RFC 1191), else 0.
  public var additionalInfo: UInt32
  /// For ``ICMPReportType/parmProblem`` the offset of the octet in error (RFC 792), else 0.
  public var pointer: UInt8

  /// A report about a datagram from `local` to `remote`.
  public init(
    type: ICMPReportType, local: Endpoint, remote: Endpoint, additionalInfo: UInt32 = 0,
    pointer: UInt8 = 0
  ) {
    self.type = type
    self.local = local
    self.remote = remote
    self.additionalInfo = additionalInfo
    self.pointer = pointer
  }
}

extension ICMPReport: CustomStringConvertible {
  /// In words.
  public var description: String { "\(type) for \(remote)" }
}
