public import MacTCPWire

/// What has happened, in the order in which it did for one stream: see ``Engine/nextEvent()``.
///
/// Events say that something is there, not how much: two arrivals of data before the caller asks are one
/// event. So there is never more than one event of a kind for a stream, and the queue cannot grow.
public enum EngineEvent: Hashable, Sendable {
  /// The connection is established: an active open, or a passive one (`PassiveOpenDone`).
  case opened(ConnectionID)
  /// The listener has a connection for ``Engine/accept(_:)``.
  case incoming(ConnectionID)
  /// Data can be received (`TCPDataArrival`).
  case dataArrived(ConnectionID)
  /// Urgent data is known to be on its way or there (`TCPUrgent`).
  case urgent(ConnectionID)
  /// The peer has acknowledged data: there is room to send, and ``ConnectionStatus/unacknowledged`` is less.
  case acknowledged(ConnectionID)
  /// The peer has closed; what it sent before can be received still (`TCPClosing`).
  case closing(ConnectionID)
  /// The peer has acknowledged our FIN: what MacTCP's Close waits for.
  case finAcknowledged(ConnectionID)
  /// What was sent, data or the SYN of an active open, has had no answer and goes out again for the
  /// ``EngineConfiguration/retransmissionsBeforeAdvice``-th time (R1 of RFC 9293 §3.8.3). The connection lives on until
  /// its user time-out. Once until something is acknowledged; not at all if it is over when the caller asks.
  case deliveryProblem(ConnectionID)
  /// The user time-out has run out, and the connection's action is to report it (`TCPULPTimeout`).
  case userTimeout(ConnectionID)
  /// An ICMP error about the connection has come (`TCPICMPReceived`).
  case icmpReport(ConnectionID, ICMPReport)
  /// The connection is gone, once per connection (`TCPTerminate`).
  case terminated(ConnectionID, TerminationReason)
  /// A datagram can be received (`UDPDataArrival`).
  case datagramArrived(UDPStreamID)
  /// An ICMP error about a datagram of the stream has come (`UDPICMPReceived`).
  case datagramReport(UDPStreamID, ICMPReport)
  /// The echo was answered, after so many microseconds.
  case echoReply(EchoID, roundTrip: Int)
  /// No answer to the echo came in its time.
  case echoTimeout(EchoID)
  /// Another host on the link uses one of the engine's addresses (RFC 5227 §2.4).
  case addressConflict(IPAddress, HardwareAddress)
}

/// Why a connection ended; the raw value is MacTCP's.
public enum TerminationReason: UInt16, Hashable, Sendable {
  /// The peer reset it.
  case remoteAbort = 2
  /// The network failed.
  case networkFailure = 3
  /// Security or precedence do not match.
  case securityMismatch = 4
  /// The user time-out ran out, and the connection's action is to abort.
  case userTimeout = 5
  /// Aborted here.
  case abort = 6
  /// Both sides have closed.
  case close = 7
  /// An unexpected SYN.
  case serviceError = 8
}

/// What an ICMP error said about something that was sent from here (MacTCP's `ICMPReport`).
public struct ICMPReport: Hashable, Sendable, BitwiseCopyable {
  /// Where the packet came from.
  public var local: Endpoint
  /// Where the packet was meant to go.
  public var remote: Endpoint
  /// What is wrong.
  public var type: ICMPReportType
  /// The largest packet in bytes with `fragmentationRequired`, the gateway or host that sent it otherwise 0.
  public var additionalInfo: UInt16
  /// The byte that is wrong, with `parameterProblem`.
  public var pointer: UInt8
  /// Who sent the report.
  public var sender: IPAddress

  /// A report from its parts.
  public init(
    local: Endpoint, remote: Endpoint, type: ICMPReportType, additionalInfo: UInt16,
    pointer: UInt8, sender: IPAddress
  ) {
    self.local = local
    self.remote = remote
    self.type = type
    self.additionalInfo = additionalInfo
    self.pointer = pointer
    self.sender = sender
  }
}
