internal import DequeModule
public import MacTCPWire

/// A TCP stream of MacTCP: it owns a receive buffer, carries one connection at a time, and can be opened again once
/// the connection is gone.
///
/// Streams are created by a ``Driver``. Each operation has three forms with the same rules:
///
/// ```swift
/// let received = try await stream.receive()     // in a task: suspends
/// let received = try stream.receive()           // elsewhere: blocks the thread
/// let command = stream.issueReceive()           // at once: a Command to wait for, await or be called back by
/// ```
///
/// Any call may be made from any thread and from inside a notification. Commands of one kind complete in the order in
/// which they were issued. When the last reference to a stream goes, the stream is released.
public final class TCPStream: @unchecked Sendable {
  // Sendable: every variable is touched with `lock` held only.

  /// Where the stream is in its life. `opening` from the issue of an open to its completion.
  enum Phase {
    case idle, opening, open, released
  }

  let transport: any TCPTransport
  let lock: Lock
  /// Keeps the driver running for as long as it has a stream.
  private let driver: AnyObject
  /// The size of the receive buffer in bytes.
  public let receiveBuffer: Int

  var phase = Phase.idle
  var options = OpenOptions()
  /// How the last connection ended, until the stream is opened again.
  var ending: TerminationReason?
  /// The peer of the connection, or of the last one, for sentences.
  var peer: Endpoint?
  var opening: PendingOpen?
  var openCount: UInt64 = 0

  // Exclusivity is checked at run time for none of what every send and receive looks at: each check costs 5 ns and takes
  // part in nothing that the lock does not see to. Nothing that is called while one of these is changed touches it.
  @exclusivity(unchecked) var receives: Deque<PendingReceive> = []
  @exclusivity(unchecked) var sends: Deque<PendingSend> = []
  /// Sends that were accepted whole and are to be acknowledged.
  @exclusivity(unchecked) var unacknowledgedSends: Deque<PendingSend> = []
  @exclusivity(unchecked) var pendingClose: Command<Void>?
  /// Whether the one receive, or send, of the stream is a call whose thread sleeps on the transport.
  @exclusivity(unchecked) var isReceiverAsleep = false
  @exclusivity(unchecked) var isSenderAsleep = false
  /// Whether the close is a call whose thread sleeps on the transport.
  var isCloserAsleep = false
  /// What the connection's end means to calls that were asleep then.
  var sleepersError: MacTCPError?

  @exclusivity(unchecked) var flow = Flow()
  var ulpTimer: ULPTimer?
  /// When data without a push will have waited long enough.
  var accumulationDeadline: MonotonicTime?
  /// The earliest deadline that the driver was told of.
  var announcedDeadline: MonotonicTime?
  /// Data that had arrived when the connection was lost, and how much of it was received since.
  var leftover: (data: [UInt8], offset: Int)?

  @exclusivity(unchecked) var subscribers: EventSubscribers<TCPEvent>?
  private var storedOutbox: Outbox?

  /// What has been sent, received and notified of on the present connection.
  struct Flow {
    /// Bytes that the transport has taken.
    var accepted = 0
    /// How much an array is made for when the amount that waits is not known.
    var expectedBytes = 2048
    var isInsideUrgent = false
    var dataArrivalGiven = false
    var urgentGiven = false
    /// The peer's FIN has arrived.
    var peerClosed = false
    /// The peer has closed and everything was delivered.
    var endDelivered = false
    var finSent = false
    var finAcknowledged = false
  }

  /// Watches over what is unacknowledged (RFC 9293 §3.8.3, user time-out).
  struct ULPTimer {
    var deadline: MonotonicTime
    /// When something was last acknowledged, as far as the timer looked.
    var since: MonotonicTime
    /// How much had been acknowledged then.
    var acknowledged: Int
  }

  package init(driver: AnyObject, transport: any TCPTransport, receiveBuffer: Int)
    throws(MacTCPError)
  {
    try SmallestReceiveBuffer.checkTCP(receiveBuffer)
    self.driver = driver
    self.transport = transport
    self.receiveBuffer = receiveBuffer
    lock = transport.lock
    transport.client = self
  }

  deinit {
    release()
  }

  // MARK: What is known of the stream

  /// This side of the connection, also while a passive open is pending; `nil` without either. MacTCP: `localHost` and
  /// `localPort`; `GetSockName` in the Python module.
  ///
  /// A passive open on every local address shows the driver's own.
  public var localEndpoint: Endpoint? {
    lock.withLock { phase == .open || phase == .opening ? transport.localEndpoint : nil }
  }

  /// The peer, or `nil` without a connection.
  public var remoteEndpoint: Endpoint? {
    lock.withLock { phase == .open ? transport.remoteEndpoint : nil }
  }

  /// Everything about the connection at this moment. MacTCP: TCPStatus.
  ///
  /// Without a connection the state is ``ConnectionState/closed`` and the figures are 0.
  ///
  /// - Throws: ``ResultCode/invalidStreamPtr`` once the stream is released.
  public func status() throws(MacTCPError) -> Status {
    try lock.perform { effects throws(MacTCPError) in
      try requireStream()
      if phase == .open { service(nil, &effects) }
      switch phase {
      case .open:
        return Status(
          local: transport.localEndpoint, remote: transport.remoteEndpoint, options: options,
          transport: transport.status())
      case .opening:
        var status = TransportStatus()
        if opening?.isPassive == true {
          status.connectionState = .listen
        } else {
          status = transport.status()
          status.connectionState = .synSent
        }
        return Status(
          local: transport.localEndpoint, remote: opening?.remote, options: options,
          transport: status)
      case .idle, .released:
        var status = TransportStatus()
        status.unread = leftover.map { $0.data.count - $0.offset } ?? 0
        return Status(local: nil, remote: nil, options: options, transport: status)
      }
    }
  }

  /// The connection's counts since it was opened. MacTCP: the connection statistics of TCPStatus.
  ///
  /// - Throws: ``ResultCode/invalidStreamPtr`` once the stream is released, ``ResultCode/connectionDoesntExist``
  ///   without a connection.
  public func statistics() throws(MacTCPError) -> ConnectionStatistics {
    try lock.withLock { () throws(MacTCPError) in
      try requireStream()
      guard phase == .open else {
        throw MacTCPError(.connectionDoesntExist, "the stream has no connection to count for")
      }
      return transport.statistics()
    }
  }

  // MARK: Within the module

  func requireStream() throws(MacTCPError) {
    if phase == .released { throw .released }
  }

  /// Why data cannot be sent or received on a stream that is not open.
  var notOpenError: MacTCPError {
    switch phase {
    case .released:
      return .released
    case .opening:
      let what = opening?.isPassive == true ? "passive" : "active"
      return MacTCPError(
        .connectionDoesntExist,
        "the stream's \(what) open has not completed: there is no connection yet")
    case .idle, .open:
      switch ending {
      case nil, .ulpAbort:
        return MacTCPError(.connectionDoesntExist, "the stream has no connection: open it first")
      case .ulpClose:
        return bothClosedError
      case .some(let reason):
        return MacTCPError(
          .connectionTerminated, "the connection with \(peerName) is gone: \(reason)")
      }
    }
  }

  var bothClosedError: MacTCPError {
    MacTCPError(.connectionClosing, "both sides have closed the connection with \(peerName)")
  }

  /// The peer, for sentences.
  var peerName: String { peer.map { "\($0)" } ?? "the peer" }

  /// Where closures wait to be run; made when there is a first one.
  package var outbox: Outbox {
    if let storedOutbox { return storedOutbox }
    let outbox = Outbox(lock: lock)
    storedOutbox = outbox
    return outbox
  }
}
