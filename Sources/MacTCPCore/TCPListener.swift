internal import DequeModule
public import MacTCPWire

/// A server's port: keeps passive opens posted and hands over the streams whose connections have come.
///
/// What a MacTCP server did by hand with several streams, each on a passive open of the same port. Connections that come
/// faster than they are accepted wait in the driver's backlog.
///
/// ```swift
/// let listener = try TCPListener(driver, on: 7000)
/// for try await stream in listener {
///   Task { try await serve(stream) }
/// }
/// ```
public final class TCPListener: AsyncSequence, @unchecked Sendable {
  // Sendable: every variable is touched with `lock` held only.
  /// An open stream.
  public typealias Element = TCPStream
  /// Why no more connections come, or one could not be taken.
  public typealias Failure = MacTCPError

  private let driver: any Driver
  private let reservation: any PortReservation
  private let posts: Int
  private let receiveBuffer: Int
  private let options: OpenOptions
  private let lock = Lock()
  /// Streams being created, those whose passive open is pending, and those whose connection has come.
  private var posting = 0
  private var posted: [TCPStream] = []
  private var ready: Deque<TCPStream> = []
  private var failure: MacTCPError?
  private var waiting: Deque<Command<TCPStream>> = []
  private var isClosed = false
  /// The serial queue of completion routines on `accept` commands.
  package let outbox: Outbox

  /// Listens on a port.
  ///
  /// - Parameters:
  ///   - driver: The driver to listen on.
  ///   - port: The local port; 0 lets the driver choose, and ``localEndpoint`` tells.
  ///   - address: The local address; ``IPAddress/any`` listens on all of them.
  ///   - posts: How many passive opens are kept posted, 1...1024; what is outside becomes the nearest.
  ///   - backlog: How many connections may wait behind those.
  ///   - receiveBuffer: Each stream's receive buffer in bytes, at least 4096.
  ///   - options: What is asked for of each connection.
  /// - Throws: ``ResultCode/duplicateSocket`` for a port in use, ``ResultCode/insufficientResources``,
  ///   ``ResultCode/invalidLength``.
  public init(
    _ driver: any Driver, on port: UInt16 = 0, at address: IPAddress = .any, posts: Int = 8,
    backlog: Int = 128, receiveBuffer: Int = 262_144, options: OpenOptions = OpenOptions()
  ) throws(MacTCPError) {
    try SmallestReceiveBuffer.checkTCP(receiveBuffer)
    self.driver = driver
    self.posts = Swift.min(Swift.max(1, posts), 1024)
    self.receiveBuffer = receiveBuffer
    self.options = try options.validated()
    outbox = Outbox(lock: lock)
    reservation = try driver.reservePort(
      Endpoint(address, port), backlog: Swift.max(1, backlog), receiveBuffer: receiveBuffer,
      options: self.options)
    post()
  }

  deinit {
    close()
  }

  /// The local address and port.
  public var localEndpoint: Endpoint { reservation.local }

  /// Takes the next connection. A command that nobody waits for any more takes one all the same: cancel it.
  ///
  /// - Returns: A command that completes with an open stream. It fails with ``ResultCode/insufficientResources`` when
  ///   descriptors ran out, which is over as soon as there are some again, and with
  ///   ``ResultCode/connectionTerminated`` once the listener is closed.
  public func issueAccept() -> Command<TCPStream> {
    let command = lock.withLock { () -> Command<TCPStream> in
      if isClosed { return Command(.failure(TCPListener.closedError), lock: lock) }
      if let stream = ready.popFirst() { return Command(.success(stream), lock: lock) }
      if let failure {
        self.failure = nil
        return Command(.failure(failure), lock: lock)
      }
      let command = Command<TCPStream>(lock: lock, owner: self)
      waiting.append(command)
      return command
    }
    post()
    return command
  }

  /// Takes the next connection, and suspends until there is one. See ``issueAccept()``.
  public func accept() async throws(MacTCPError) -> TCPStream {
    try await issueAccept().value
  }

  /// Takes the next connection, and blocks until there is one. See ``issueAccept()``.
  public func accept() throws(MacTCPError) -> TCPStream {
    try issueAccept().wait()
  }

  /// Stops listening. Connections that were not accepted are reset; pending accepts complete with
  /// ``ResultCode/connectionTerminated``, and a loop over the listener ends.
  public func close() {
    let streams = lock.perform { effects -> [TCPStream] in
      guard !isClosed else { return [] }
      isClosed = true
      while let command = waiting.popFirst() {
        command.complete(.failure(TCPListener.closedError), &effects)
      }
      defer {
        posted = []
        ready = []
      }
      return posted + ready
    }
    for stream in streams { stream.release() }
    reservation.cancel()
  }

  private static let closedError = MacTCPError(.connectionTerminated, "the listener was closed")

  /// Posts passive opens until enough are pending, or ready to be accepted.
  private func post() {
    while lock.withLock({ takesPost() }) {
      let stream: TCPStream
      do throws(MacTCPError) {
        stream = try driver.createTCPStream(receiveBuffer: receiveBuffer)
      } catch {
        var effects = Effects()
        lock.withLock {
          posting -= 1
          fail(error, &effects)
        }
        effects.run()
        return
      }
      let isWanted = lock.withLock {
        posting -= 1
        if !isClosed { posted.append(stream) }
        return !isClosed
      }
      guard isWanted else { return }
      let local = reservation.local
      stream.issuePassiveOpen(on: local.port, at: local.address, options: options)
        .whenComplete { [weak self, weak stream] result in
          if let stream { self?.completed(stream, result) }
        }
    }
  }

  /// Whether one more is to be posted, which is counted then.
  private func takesPost() -> Bool {
    guard !isClosed, failure == nil, posting + posted.count + ready.count < posts else {
      return false
    }
    posting += 1
    return true
  }

  private func completed(_ stream: TCPStream, _ result: Result<Endpoint, MacTCPError>) {
    var effects = Effects()
    lock.lock()
    posted.removeAll { $0 === stream }
    switch result {
    case .success:
      if isClosed {
        lock.unlock()
        stream.release()
        return
      }
      if let command = waiting.popFirst() {
        command.complete(.success(stream), &effects)
      } else {
        ready.append(stream)
      }
    case .failure(let error):
      fail(error, &effects)
    }
    let posts = if case .success = result { true } else { !waiting.isEmpty }
    lock.unlock()
    effects.run()
    if posts { post() }
  }

  /// A post has failed: reported once; the next accept posts again.
  private func fail(_ error: MacTCPError, _ effects: inout Effects) {
    if isClosed { return }
    if let command = waiting.popFirst() {
      command.complete(.failure(error), &effects)
    } else {
      failure = error
    }
  }

  // MARK: AsyncSequence

  /// Iterates over the connections, until the listener is closed.
  public struct AsyncIterator: AsyncIteratorProtocol {
    let listener: TCPListener

    /// The next open stream, or `nil` once the listener is closed or the task cancelled.
    ///
    /// A connection that descriptors did not suffice for was reset: it is passed over here, and ``TCPListener/accept()``
    /// reports it.
    public mutating func next() async throws(MacTCPError) -> TCPStream? {
      while true {
        do throws(MacTCPError) {
          return try await listener.accept()
        } catch {
          switch error.code {
          case .insufficientResources:
            // Descriptors come back when other streams go; asking at once would only burn time.
            try? await Task.sleep(for: .milliseconds(10))
          case .connectionTerminated, .abortErr: return nil
          default: throw error
          }
        }
      }
    }

    /// The same, for iteration within an actor.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws(MacTCPError)
      -> TCPStream?
    {
      try await next()
    }
  }

  /// Begins to take connections; several iterators share them.
  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(listener: self)
  }
}

extension TCPListener: CommandOwner {
  package func cancel(_ command: PendingCommand) {
    lock.perform { effects in
      guard waiting.contains(where: { $0 === command }) else { return }
      waiting.removeAll { $0 === command }
      command.fail(MacTCPError(.abortErr, "the accept was cancelled", cause: .cancelled), &effects)
    }
  }
}
