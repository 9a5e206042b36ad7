internal import DequeModule
public import MacTCPWire

/// A datagram that was read. MacTCP: UDPRead, and UDPMultiRead for the local port.
public struct ReceivedDatagram: Sendable, Hashable {
  /// The data; a datagram may be empty.
  public var data: [UInt8]
  /// Who sent it.
  public var from: Endpoint
  /// Which of the stream's ports it was sent to.
  public var localPort: UInt16
}

/// A UDP stream of MacTCP, on one port or on a range of ports.
///
/// Streams are created by a ``Driver``. Operations have the three forms of ``TCPStream``: they suspend in a task, block
/// elsewhere, and `issue…` returns a command. Datagrams that come while no read is pending are kept as far as the
/// receive buffer allows. When the last reference to a stream goes, the stream is released.
public final class UDPStream: @unchecked Sendable {
  // Sendable: every variable is touched with `lock` held only.
  let transport: any UDPTransport
  let lock: Lock
  private let driver: AnyObject
  /// The size of the receive buffer in bytes; larger datagrams are dropped.
  public let receiveBuffer: Int
  /// The local ports, in rising order: one, but for multi-port streams.
  public let ports: [UInt16]
  /// The local address, or ``IPAddress/any``.
  public let address: IPAddress

  var isReleased = false
  var reads: Deque<PendingRead> = []
  var writes: Deque<PendingWrite> = []
  var dataArrivalGiven = false
  var announcedDeadline: MonotonicTime?
  var subscribers: EventSubscribers<UDPEvent>?
  var storedOutbox: Outbox?
  /// Where the one blocking read sleeps that the stream has.
  var sleepingReader: (any Sleeper)?

  /// The largest datagram of UDP over IPv4, in bytes of data.
  public static let largestDatagram = 65_507

  final class PendingRead {
    let command: Command<ReceivedDatagram>
    let deadline: MonotonicTime?
    init(_ command: Command<ReceivedDatagram>, _ deadline: MonotonicTime?) {
      self.command = command
      self.deadline = deadline
    }
  }

  struct PendingWrite {
    let command: Command<Void>
    let buffers: [[UInt8]]
    let remote: Endpoint
    let port: UInt16
    let checksum: Bool
  }

  package init(driver: AnyObject, transport: any UDPTransport, receiveBuffer: Int) {
    self.driver = driver
    self.transport = transport
    self.receiveBuffer = receiveBuffer
    ports = transport.ports
    address = transport.address
    lock = transport.lock
    transport.client = self
  }

  deinit {
    release()
  }

  /// The local port; the first one of a multi-port stream.
  public var port: UInt16 { ports.first ?? 0 }

  // MARK: Read

  /// Reads a datagram. MacTCP: UDPRead, UDPMultiRead.
  ///
  /// - Parameter timeout: How long to wait, from now; `nil` waits for ever.
  /// - Returns: A command that completes with the oldest datagram. It fails with ``ResultCode/commandTimeout``,
  ///   ``ResultCode/connectionTerminated`` (released meanwhile) or ``ResultCode/invalidStreamPtr``.
  public func issueRead(timeout: Duration? = nil) -> Command<ReceivedDatagram> {
    lock.perform { effects in
      do throws(MacTCPError) {
        if let datagram = try readNow(&effects) {
          return Command(.success(datagram), lock: lock)
        }
        return enqueueRead(until: timeout.map { transport.now + $0 }, &effects)
      } catch {
        return Command(.failure(error), lock: lock)
      }
    }
  }

  /// Reads a datagram, and suspends until there is one. See ``issueRead(timeout:)``.
  public func read(timeout: Duration? = nil) async throws(MacTCPError) -> ReceivedDatagram {
    var command: Command<ReceivedDatagram>?
    let datagram = try lock.perform { effects throws(MacTCPError) in
      let datagram = try readNow(&effects)
      if datagram == nil {
        command = enqueueRead(until: timeout.map { transport.now + $0 }, &effects)
      }
      return datagram
    }
    if let datagram { return datagram }
    guard let command else { throw .released }
    return try await command.value
  }

  /// Reads a datagram, and blocks until there is one. See ``issueRead(timeout:)``.
  public func read(timeout: Duration? = nil) throws(MacTCPError) -> ReceivedDatagram {
    let deadline = timeout.map { transport.now + $0 }
    let (datagram, queued) = try read(until: deadline, interruption: nil)
    if let datagram { return datagram }
    guard let queued else { throw .released }
    return try queued.wait()
  }

  /// The same for a thread that must see to something else meanwhile. Behind other reads it becomes a command, for which
  /// the caller waits. Without datagram and command it was interrupted, and the caller may call again.
  package func read(until deadline: MonotonicTime?, interruption: (any Interruption)?)
    throws(MacTCPError) -> (datagram: ReceivedDatagram?, queued: Command<ReceivedDatagram>?)
  {
    try lock.perform { effects throws(MacTCPError) in
      if let datagram = try readNow(&effects) { return (datagram, nil) }
      if reads.isEmpty, sleepingReader == nil, let sleeper = transport.makeSleeper() {
        return (try readAlone(sleeper, until: deadline, interruption, &effects), nil)
      }
      return (nil, enqueueRead(until: deadline, &effects))
    }
  }

  /// Reads with the thread asleep on the network itself: nobody else reads meanwhile, and what is issued queues behind.
  /// Returns `nil` when it was interrupted.
  private func readAlone(
    _ sleeper: any Sleeper, until deadline: MonotonicTime?, _ interruption: (any Interruption)?,
    _ effects: inout Effects
  ) throws(MacTCPError) -> ReceivedDatagram? {
    sleepingReader = sleeper
    while true {
      lock.unlock()
      effects.run()
      effects = Effects()
      let ready = sleeper.sleep(for: .readable, until: deadline, interruption)
      lock.lock()
      var ends = false
      if ready.isEmpty, let interruption {
        // As `TCPStream.losesNothing(asleep:)`.
        let losesNothing = reads.isEmpty && subscribers?.isEmpty != false
        lock.unlock()
        ends = interruption.endsCall(losesNothing: losesNothing)
        lock.lock()
      }
      if isReleased { throw .releasedMeanwhile }
      let datagram = take()
      let isLate = deadline.map { transport.now >= $0 } ?? false
      if datagram == nil && !isLate && !ends {
        takeReports(&effects)
        continue
      }
      sleepingReader = nil
      if datagram != nil || isLate { dataArrivalGiven = false }
      if reads.isEmpty && datagram != nil { watch(&effects) } else { service(&effects) }
      if datagram == nil && isLate { throw timeoutError }
      return datagram
    }
  }

  var timeoutError: MacTCPError {
    MacTCPError(.commandTimeout, "no datagram came to port \(port) in time", cause: .timedOut)
  }

  private func requireStream() throws(MacTCPError) {
    if isReleased { throw .released }
  }

  /// The oldest datagram, when nobody else waits for it.
  private func readNow(_ effects: inout Effects) throws(MacTCPError) -> ReceivedDatagram? {
    try requireStream()
    guard reads.isEmpty, sleepingReader == nil, let datagram = take() else { return nil }
    dataArrivalGiven = false
    watch(&effects)
    return datagram
  }

  func take() -> ReceivedDatagram? {
    transport.read(transport.readiness()).map {
      ReceivedDatagram(data: $0.data, from: $0.from, localPort: $0.localPort)
    }
  }

  private func enqueueRead(until deadline: MonotonicTime?, _ effects: inout Effects)
    -> Command<ReceivedDatagram>
  {
    let command = Command<ReceivedDatagram>(lock: lock, owner: self)
    reads.append(PendingRead(command, deadline))
    service(&effects)
    return command
  }

  // MARK: Write

  /// Sends a datagram made of one or several buffers. MacTCP: UDPWrite with its write data structure, UDPMultiSend.
  ///
  /// - Parameters:
  ///   - buffers: The data, together 0...65 507 bytes.
  ///   - remote: The receiver.
  ///   - port: Which of a multi-port stream's ports sends; 0 stands for the first.
  ///   - checksum: Whether the datagram carries a checksum (RFC 768 makes it optional).
  /// - Returns: A command that completes when the driver has taken the datagram. It fails with
  ///   ``ResultCode/invalidLength``, ``ResultCode/ipRouteErr``, ``ResultCode/insufficientResources``,
  ///   ``ResultCode/ipDontFragErr`` or ``ResultCode/invalidStreamPtr``.
  public func issueWrite(
    gathering buffers: [[UInt8]], to remote: Endpoint, from port: UInt16 = 0, checksum: Bool = true
  ) -> Command<Void> {
    lock.perform { effects in
      do throws(MacTCPError) {
        return try startWrite(buffers, remote, port, checksum, &effects)
          ?? Command(.success(()), lock: lock)
      } catch {
        return Command(.failure(error), lock: lock)
      }
    }
  }

  /// Sends a datagram. See ``issueWrite(gathering:to:from:checksum:)``. MacTCP: UDPWrite, UDPMultiSend.
  public func issueWrite(
    _ data: [UInt8], to remote: Endpoint, from port: UInt16 = 0, checksum: Bool = true
  ) -> Command<Void> {
    issueWrite(gathering: [data], to: remote, from: port, checksum: checksum)
  }

  /// Sends a datagram made of one or several buffers, and suspends until the driver has taken it.
  /// See ``issueWrite(gathering:to:from:checksum:)``.
  public func write(
    gathering buffers: [[UInt8]], to remote: Endpoint, from port: UInt16 = 0, checksum: Bool = true
  ) async throws(MacTCPError) {
    let command = try lock.perform { effects throws(MacTCPError) in
      try startWrite(buffers, remote, port, checksum, &effects)
    }
    if let command { try await command.value }
  }

  /// Sends a datagram, and suspends until the driver has taken it.
  /// See ``issueWrite(gathering:to:from:checksum:)``.
  public func write(
    _ data: [UInt8], to remote: Endpoint, from port: UInt16 = 0, checksum: Bool = true
  ) async throws(MacTCPError) {
    try await write(gathering: [data], to: remote, from: port, checksum: checksum)
  }

  /// Sends a datagram made of one or several buffers, and blocks until the driver has taken it.
  /// See ``issueWrite(gathering:to:from:checksum:)``.
  public func write(
    gathering buffers: [[UInt8]], to remote: Endpoint, from port: UInt16 = 0, checksum: Bool = true
  ) throws(MacTCPError) {
    let command = try lock.perform { effects throws(MacTCPError) in
      try startWrite(buffers, remote, port, checksum, &effects)
    }
    if let command { try command.wait() }
  }

  /// Sends a datagram, and blocks until the driver has taken it.
  /// See ``issueWrite(gathering:to:from:checksum:)``.
  public func write(
    _ data: [UInt8], to remote: Endpoint, from port: UInt16 = 0, checksum: Bool = true
  ) throws(MacTCPError) {
    try write(gathering: [data], to: remote, from: port, checksum: checksum)
  }

  private func startWrite(
    _ buffers: [[UInt8]], _ remote: Endpoint, _ port: UInt16, _ checksum: Bool,
    _ effects: inout Effects
  ) throws(MacTCPError) -> Command<Void>? {
    try requireStream()
    let count = buffers.reduce(0) { $0 + $1.count }
    guard count <= UDPStream.largestDatagram else {
      throw MacTCPError(
        .invalidLength,
        "a datagram carries at most \(UDPStream.largestDatagram) bytes, \(count) were given")
    }
    guard remote.port != 0 else {
      throw MacTCPError(
        .ipRouteErr, "a datagram cannot be sent to port 0 of \(remote.address)", cause: .badAddress)
    }
    guard port == 0 || ports.contains(port) else {
      throw MacTCPError(.invalidLength, "port \(port) is not one of the stream's")
    }
    let write = PendingWrite(
      command: Command(lock: lock, owner: self), buffers: buffers, remote: remote,
      port: port == 0 ? self.port : port, checksum: checksum)
    if writes.isEmpty {
      switch send(write) {
      case .sent:
        return nil
      case .failed(let error):
        takeReports(&effects)
        throw error
      case .full:
        break
      }
    }
    writes.append(write)
    watch(&effects)
    return write.command
  }

  func send(_ write: PendingWrite) -> WriteOutcome {
    transport.write(write.buffers, to: write.remote, from: write.port, checksum: write.checksum)
  }

  // MARK: Release

  /// Gives the stream up for good; pending commands complete with ``ResultCode/connectionTerminated``. Releasing twice
  /// does nothing. MacTCP: UDPRelease.
  public func release() {
    lock.perform { effects in
      guard !isReleased else { return }
      isReleased = true
      transport.close()
      let error = MacTCPError.releasedMeanwhile
      while let read = reads.popFirst() { read.command.complete(.failure(error), &effects) }
      while let write = writes.popFirst() { write.command.complete(.failure(error), &effects) }
      if let sleepingReader { effects.add(.wake(sleepingReader)) }
      if let subscribers {
        self.subscribers = nil
        subscribers.finish(outbox, &effects)
      }
    }
  }
}
