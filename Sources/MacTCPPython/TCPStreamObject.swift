// `mactcp.TCPStream`: the rules of the Python module above the package's stream.
internal import CPythonShims
internal import MacTCP
internal import MacTCPCore
internal import MacTCPWire

final class TCPStreamObject: StreamObject, @unchecked Sendable {
  // Sendable: as StreamObject.
  private let stream: TCPStream
  /// The passive open that has not been seen to complete.
  private var pendingOpen: Command<Endpoint>?
  private var openIsHeard = false
  /// What the last passive open failed with, for `wait`.
  private var openError: MacTCPError?
  /// Data that was received for a call that a signal handler's exception ended.
  private var kept: [Received] = []

  init(size: Int) throws(MacTCPError) {
    stream = try Runtime.driver().createTCPStream(receiveBuffer: size)
  }

  override func dispose() {
    owner = nil
    stream.release()
  }

  // MARK: The asr

  override func asrChanged() {
    guard hasASR else {
      stream.onEvent = nil
      return
    }
    guard let main = Runtime.main else { return }
    stream.onEvent = { [weak self] event in
      guard let self else { return }
      main.post(
        MainThread.Notice(object: self, event: event.code, detail: event.detail),
        event.overflow)
    }
    hearOpen()
  }

  /// Has the asr called when the passive open completes. In order with the stream's events: the open's come after it.
  private func hearOpen() {
    guard let main = Runtime.main, hasASR, !openIsHeard, let pendingOpen, !pendingOpen.isDone
    else { return }
    openIsHeard = true
    pendingOpen.onCompletion { [weak self] _ in
      guard let self else { return }
      main.post(MainThread.Notice(object: self, event: passiveOpenDone, detail: 0), .keep)
    }
  }

  // MARK: Opening

  /// Whether a passive open is pending. One that has completed is forgotten, but for its error.
  private var isListening: Bool {
    guard let pendingOpen else { return false }
    guard let result = pendingOpen.result else { return true }
    if case .failure(let error) = result { openError = error }
    self.pendingOpen = nil
    return false
  }

  /// What is legal only when no passive open is pending.
  private func requireNotListening(_ code: ResultCode) throws(MacTCPError) {
    try Runtime.requireNoFork(.invalidStreamPtr)
    if isListening {
      throw MacTCPError(
        code,
        "a PassiveOpen is pending: only wait, isdone, GetSockName and Abort are possible until it completes"
      )
    }
  }

  func passiveOpen(port: UInt16) throws(PythonError) {
    try raising { () throws(MacTCPError) in
      try requireNotListening(.connectionExists)
      let command = withoutInterpreter { stream.issuePassiveOpen(on: port) }
      if case .failure(let error) = command.result { throw error }
      begin(command)
      hearOpen()
    }
  }

  private func begin(_ command: Command<Endpoint>?) {
    pendingOpen = command
    openIsHeard = false
    openError = nil
    kept = []
  }

  /// Waits for the passive open; what it failed with is raised each time, until the next open.
  func wait(until deadline: MonotonicTime?) throws(PythonError) {
    try raising { () throws(MacTCPError) in try Runtime.requireNoFork(.invalidStreamPtr) }
    if let pendingOpen, isListening {
      guard try MacTCPPython.wait(for: pendingOpen, until: deadline) != nil else {
        throw PythonError(
          MacTCPError(.commandTimeout, "nobody connected in time; the PassiveOpen is still pending")
        )
      }
    }
    if !isListening, let openError { throw PythonError(openError) }
  }

  var isDone: Bool { Runtime.isForkedChild || !isListening }

  func activeOpen(to remote: Endpoint, port: UInt16, until deadline: MonotonicTime?)
    throws(PythonError)
  {
    let command = try raising { () throws(MacTCPError) in
      try requireNotListening(.connectionExists)
      return withoutInterpreter { stream.issueActiveOpen(to: remote, port: port) }
    }
    let result = try waitOrCancel(for: command, until: deadline) {
      "\(remote) did not answer in time; the open was taken back"
    }
    if case .success = result { begin(nil) }
    _ = try raising { () throws(MacTCPError) in try result.get() }
  }

  func localEndpoint() throws(PythonError) -> Endpoint {
    try raising { () throws(MacTCPError) in
      try Runtime.requireNoFork(.invalidStreamPtr)
      if let local = stream.localEndpoint { return local }
      // Tells a released stream from one without a connection.
      _ = try stream.status()
      throw MacTCPError(
        .connectionDoesntExist, "the stream has no connection, and listens on no port")
    }
  }

  // MARK: Data

  func send(
    _ bytes: UnsafeRawBufferPointer, push: Bool, urgent: Bool, until deadline: MonotonicTime?
  ) throws(PythonError) {
    try raising { () throws(MacTCPError) in try requireNotListening(.connectionDoesntExist) }
    var rest = bytes
    if bytes.count <= TCPStreamObject.shortSend {
      // To give the interpreter's lock up and to take it again costs more than to send this.
      let (taken, queued) = try raising { () throws(MacTCPError) in
        try stream.send(
          rest, push: push, urgent: urgent, until: .accepted, deadline: .distantPast,
          interruption: nil)
      }
      if taken == bytes.count { return }
      if let queued { return try finish(queued, until: deadline) }
      rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
    }
    let queued: Command<Void>? = try repeatedly { interruption throws(MacTCPError) in
      let (taken, queued) = try stream.send(
        rest, push: push, urgent: urgent, until: .accepted, deadline: deadline,
        interruption: interruption)
      rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
      if rest.isEmpty || queued != nil { return .some(queued) }
      if let deadline, MonotonicTime.now >= deadline {
        throw MacTCPError(.commandTimeout, TCPStreamObject.lateSend, cause: .timedOut)
      }
      return nil
    }
    if let queued { try finish(queued, until: deadline) }
  }

  /// Waits for a send behind others.
  private func finish(_ queued: Command<Void>, until deadline: MonotonicTime?) throws(PythonError) {
    let result = try waitOrCancel(for: queued, until: deadline) { TCPStreamObject.lateSend }
    try raising { () throws(MacTCPError) in try result.get() }
  }

  private static let shortSend = 4096

  private static let lateSend = "not all data could be sent in time"

  func receive(until deadline: MonotonicTime?) throws(PythonError) -> Owned {
    try raising { () throws(MacTCPError) in try requireNotListening(.connectionDoesntExist) }
    if !kept.isEmpty { return try result(kept.removeFirst()) }
    let data = try ReceiveBuffer()
    let buffer = data.memory
    let (count, queued) = try repeatedly(
      keep: { (turn: (ReceivedCount?, Command<Received>?)) in self.keep(turn, buffer) }
    ) { interruption throws(MacTCPError) in
      let turn = try stream.receive(into: buffer, until: deadline, interruption: interruption)
      return turn.count == nil && turn.queued == nil ? nil : turn
    }
    if let count { return try result(data.bytes(count.count), count.isUrgent, count.isMark) }
    guard let queued else { throw PythonError(stream.noResult) }
    let outcome = try waitOrCancel(for: queued, keep: { kept.append($0) })
    return try result(try raising { () throws(MacTCPError) in try outcome.get() })
  }

  private func keep(
    _ turn: (count: ReceivedCount?, queued: Command<Received>?),
    _ buffer: UnsafeMutableRawBufferPointer
  ) {
    if let count = turn.count {
      kept.append(
        Received(
          data: Array(buffer.prefix(count.count)), isUrgent: count.isUrgent, isMark: count.isMark))
    }
    guard let queued = turn.queued else { return }
    queued.cancel()
    if case .success(let received) = queued.result { kept.append(received) }
  }

  private func result(_ received: Received) throws(PythonError) -> Owned {
    try result(.bytes(received.data), received.isUrgent, received.isMark)
  }

  private func result(_ data: consuming Owned, _ urgent: Bool, _ mark: Bool) throws(PythonError)
    -> Owned
  {
    var tuple = try TupleBuilder(3)
    try tuple.add(data)
    try tuple.add(.integer(urgent ? 1 : 0))
    try tuple.add(.integer(mark ? 1 : 0))
    return tuple.build()
  }

  // MARK: Ending

  func close() throws(PythonError) {
    try raising { () throws(MacTCPError) in try requireNotListening(.connectionDoesntExist) }
    let command = try turn { interruption throws(MacTCPError) in
      try stream.close(interruption: interruption)
    }
    let result = try waitOrCancel(for: command)
    try raising { () throws(MacTCPError) in try result.get() }
  }

  func abort() throws(PythonError) {
    try raising { () throws(MacTCPError) in
      try Runtime.requireNoFork(.invalidStreamPtr)
      try stream.abort()
      kept = []
    }
  }

  /// The end of a `with`: an exception aborts. Otherwise the connection is closed, and what the peer still sends is
  /// dropped until it closes too, for a second at most. Then the stream is released.
  func exit(isFailure: Bool) throws(PythonError) {
    guard !Runtime.isForkedChild else { return }
    defer { stream.release() }
    guard !isFailure, !isListening, stream.remoteEndpoint != nil else { return }
    let result = try waitOrCancel(for: withoutInterpreter { stream.issueClose() })
    // It may have been closed inside the `with`.
    if case .failure(let error) = result, error.code != .connectionClosing {
      throw PythonError(error)
    }
    try dropRest(until: .now + .seconds(1))
  }

  private func dropRest(until deadline: MonotonicTime) throws(PythonError) {
    let size = 65_536
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
    defer { buffer.deallocate() }
    let _: Void = try repeatedly { interruption throws(MacTCPError) in
      do throws(MacTCPError) {
        while MonotonicTime.now < deadline {
          let (count, queued) = try stream.receive(
            into: buffer, until: deadline, interruption: interruption)
          queued?.cancel()
          if count == nil && queued == nil { return nil }
        }
      } catch {
        // The peer has closed, the connection is gone or time is up: nothing is left to be dropped.
      }
      return ()
    }
  }

  // MARK: Looking

  func status() throws(PythonError) -> Owned {
    let members = try raising { () throws(MacTCPError) in
      try requireNotListening(.connectionDoesntExist)
      return try stream.status().members
    }
    var tuple = try TupleBuilder(members.count)
    for (_, value) in members {
      switch value {
      case .number(let number): try tuple.add(.integer(number))
      case .host(let address): try tuple.add(.integer(Int(address.v4)))
      }
    }
    return try tuple.call(Types.status)
  }

  var representation: String {
    if Runtime.isForkedChild { return "<mactcp.TCPStream of the parent process>" }
    guard let status = try? stream.status() else { return "<mactcp.TCPStream released>" }
    switch status.connectionState {
    case .closed: return "<mactcp.TCPStream Closed>"
    case .listen: return "<mactcp.TCPStream \(status.local) Listen>"
    default:
      return
        "<mactcp.TCPStream \(status.local) to \(status.remote) \(status.connectionState.macName)>"
    }
  }
}

/// PassiveOpenDone: an event of the Python module's own.
let passiveOpenDone = 32766

extension TCPStream {
  /// What cannot be: a call that ended without a result.
  fileprivate var noResult: MacTCPError {
    MacTCPError(.connectionDoesntExist, "the stream has no connection")
  }
}

extension ConnectionState {
  /// The state's name as MacTCP writes it.
  var macName: String {
    switch self {
    case .closed: "Closed"
    case .listen: "Listen"
    case .synReceived: "SYN received"
    case .synSent: "SYN sent"
    case .established: "Established"
    case .finWait1: "FIN Wait 1"
    case .finWait2: "FIN Wait 2"
    case .closeWait: "Close Wait"
    case .closing: "Closing"
    case .lastAck: "Last Ack"
    case .timeWait: "Time Wait"
    }
  }
}
