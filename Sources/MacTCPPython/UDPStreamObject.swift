// `mactcp.UDPStream`: the package's stream, and the type as Python sees it.
internal import CPythonShims
internal import MacTCP
internal import MacTCPCore

final class UDPStreamObject: StreamObject, @unchecked Sendable {
  // Sendable: as StreamObject.
  private let stream: UDPStream
  private var isReleased = false
  /// Datagrams that were read for a call that a signal handler's exception ended.
  private var kept: [ReceivedDatagram] = []

  init(size: Int, port: UInt16) throws(MacTCPError) {
    stream = try Runtime.driver().createUDPStream(receiveBuffer: size, port: port)
  }

  override func dispose() {
    owner = nil
    stream.release()
  }

  override func asrChanged() {
    guard hasASR, let main = Runtime.main else {
      stream.onEvent = nil
      return
    }
    stream.onEvent = { [weak self] event in
      guard let self else { return }
      main.post(
        MainThread.Notice(object: self, event: event.code, detail: nil),
        event.overflow)
    }
  }

  var port: Int { Int(stream.port) }

  func read(until deadline: MonotonicTime?) throws(PythonError) -> ReceivedDatagram {
    try raising { () throws(MacTCPError) in try Runtime.requireNoFork(.invalidStreamPtr) }
    if !kept.isEmpty { return kept.removeFirst() }
    let (datagram, queued) = try repeatedly(
      keep: { (turn: (ReceivedDatagram?, Command<ReceivedDatagram>?)) in self.keep(turn) }
    ) { interruption throws(MacTCPError) in
      let turn = try stream.read(until: deadline, interruption: interruption)
      return turn.datagram == nil && turn.queued == nil ? nil : turn
    }
    if let datagram { return datagram }
    guard let queued else {
      throw PythonError(MacTCPError(.invalidStreamPtr, "the stream was released"))
    }
    let result = try waitOrCancel(for: queued, keep: { kept.append($0) })
    return try raising { () throws(MacTCPError) in try result.get() }
  }

  private func keep(_ turn: (datagram: ReceivedDatagram?, queued: Command<ReceivedDatagram>?)) {
    if let datagram = turn.datagram { kept.append(datagram) }
    guard let queued = turn.queued else { return }
    queued.cancel()
    if case .success(let datagram) = queued.result { kept.append(datagram) }
  }

  func write(_ bytes: UnsafeRawBufferPointer, to remote: Endpoint) throws(PythonError) {
    guard bytes.count <= UDPStream.largestDatagram else {
      throw PythonError(
        MacTCPError(
          .invalidLength,
          "a datagram carries at most \(UDPStream.largestDatagram) bytes, \(bytes.count) were given"
        ))
    }
    let data = Array(bytes)
    let command = try raising { () throws(MacTCPError) in
      try Runtime.requireNoFork(.invalidStreamPtr)
      return withoutInterpreter { stream.issueWrite(data, to: remote) }
    }
    let result = try waitOrCancel(for: command)
    try raising { () throws(MacTCPError) in try result.get() }
  }

  func release() {
    guard !Runtime.isForkedChild else { return }
    isReleased = true
    stream.release()
  }

  var representation: String {
    if Runtime.isForkedChild { return "<mactcp.UDPStream of the parent process>" }
    return isReleased ? "<mactcp.UDPStream released>" : "<mactcp.UDPStream port \(port)>"
  }
}

// MARK: The type

private enum Parameters {
  static let read = Signature("Read", ["timeout"])
  static let readFrom = Signature("ReadFrom", ["timeout"])
  static let write = Signature("Write", ["host", "port", "buf"])
  static let enter = Signature("__enter__", [])
  static let exit = Signature("__exit__", ["type", "value", "traceback"], required: 0)
}

private func stream(_ object: PyRef?) throws(PythonError) -> UDPStreamObject {
  try body(object, as: UDPStreamObject.self)
}

func makeUDPStreamType(_ module: PyRef) throws(PythonError) -> Owned {
  try makeType(
    module, "mactcp.UDPStream",
    """
    A UDP stream on one port.

    Made by UDPCreate. It is released when its last reference goes, or at the end of a with statement.
    """,
    methods: methods,
    attributes: [
      asrAttribute(
        """
        None, or a callable (event) of one int that is told of events: UDPDataArrival and UDPICMPReceived of
        MACTCPconst. The rules are those of a TCP stream's asr.
        """),
      attribute("port", "The local port, an int; read-only.") { object, _ in
        returning { () throws(PythonError) in try .integer(stream(object).port) }
      },
    ],
    representation: { object in
      returning { () throws(PythonError) in try .string(stream(object).representation) }
    })
}

private var methods: [PyMethodDef] {
  [
    function(
      "Read",
      """
      Read($self, timeout)
      --

      The bytes of the oldest datagram.

      Blocks until there is one, for at most timeout seconds; -1, 0 and None wait for ever. Raises error
      commandTimeout when none came in time.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.read, values, count, names)
        let deadline = try arguments.deadline(0, minusOneIsForEver: true)
        return try .bytes(stream(object).read(until: deadline).data)
      }
    },
    function(
      "ReadFrom",
      """
      ReadFrom($self, timeout)
      --

      (data, host, port): as Read, with the sender's address and port. An addition to MacTCP's module.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.readFrom, values, count, names)
        let deadline = try arguments.deadline(0, minusOneIsForEver: true)
        let datagram = try stream(object).read(until: deadline)
        var tuple = try TupleBuilder(3)
        try tuple.add(.bytes(datagram.data))
        try tuple.add(.integer(Int(datagram.from.address.v4)))
        try tuple.add(.integer(Int(datagram.from.port)))
        return tuple.build()
      }
    },
    function(
      "Write",
      """
      Write($self, host, port, buf)
      --

      Send buf, a bytes-like object of at most 65507 bytes, to port of host as one datagram.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.write, values, count, names)
        let stream = try stream(object)
        let remote = Endpoint(try arguments.address(0), try arguments.port(1))
        try withBytes(of: arguments.object(2)) { bytes throws(PythonError) in
          try stream.write(bytes, to: remote)
        }
        return .none
      }
    },
    function("__enter__", "__enter__($self)\n--\n\nThe stream.") { object, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.enter, values, count, names)
        guard let object else { throw PythonError() }
        return Owned(retaining: object)
      }
    },
    function(
      "__exit__",
      "__exit__($self, type=None, value=None, traceback=None)\n--\n\nRelease the stream."
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.exit, values, count, names)
        try stream(object).release()
        return .none
      }
    },
  ]
}
