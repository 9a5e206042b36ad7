// The type `mactcp.TCPStream` as Python sees it: names, parameters, documentation.
internal import CPythonShims
internal import MacTCP

private enum Parameters {
  static let passiveOpen = Signature("PassiveOpen", ["port"])
  static let wait = Signature("wait", ["timeout"], required: 0)
  static let activeOpen = Signature(
    "ActiveOpen", ["lport", "host", "rport", "timeout"], required: 3)
  static let send = Signature("Send", ["buf", "push", "urgent", "timeout"], required: 1)
  static let receive = Signature("Rcv", ["timeout"])
  static let exit = Signature("__exit__", ["type", "value", "traceback"], required: 0)
  static func none(_ name: StaticString) -> Signature { Signature(name, []) }
}

/// Calls `body` with the stream behind `object`, without parameters but for none.
private func stream(_ object: PyRef?) throws(PythonError) -> TCPStreamObject {
  try body(object, as: TCPStreamObject.self)
}

func makeTCPStreamType(_ module: PyRef) throws(PythonError) -> Owned {
  try makeType(
    module, "mactcp.TCPStream",
    """
    A TCP stream: it carries one connection at a time, and can be opened again when the connection is gone.

    Made by TCPCreate. It is released when its last reference goes, or at the end of a with statement: a
    connection that not both sides have closed is aborted then. At the end of a with statement without an
    exception the connection is closed first.
    """,
    methods: openingMethods + dataMethods + endingMethods,
    attributes: [
      asrAttribute(
        """
        None, or a callable (event, detail) of two ints that is told of events.

        Events: TCPClosing, TCPULPTimeout, TCPTerminate, TCPDataArrival, TCPUrgent, TCPICMPReceived and
        PassiveOpenDone of MACTCPconst. detail is the termination reason for TCPTerminate, the ICMP report
        type for TCPICMPReceived, else 0. It runs on the main thread between byte codes, also while a stream
        call is blocked waiting there, one event at a time and in order. It may make any call. An exception
        in it goes to sys.unraisablehook; but KeyboardInterrupt goes to the program.
        """)
    ],
    representation: { object in
      returning { () throws(PythonError) in try .string(stream(object).representation) }
    })
}

private var openingMethods: [PyMethodDef] {
  [
    function(
      "PassiveOpen",
      """
      PassiveOpen($self, port)
      --

      Listen for one connection on port (0: the driver picks), and return at once.

      Until the connection has come only wait, isdone, GetSockName and Abort are possible; other calls raise
      error. Several streams may listen on one port: the oldest PassiveOpen gets the next connection.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.passiveOpen, values, count, names)
        try stream(object).passiveOpen(port: arguments.port(0))
        return .none
      }
    },
    function(
      "wait",
      """
      wait($self, timeout=None)
      --

      Block until the PassiveOpen completes; raise its error if it failed.

      With a timeout in seconds error commandTimeout is raised when it has passed; the PassiveOpen is still
      pending then. None and 0 wait for ever.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.wait, values, count, names)
        try stream(object).wait(until: arguments.deadline(0))
        return .none
      }
    },
    function(
      "isdone",
      """
      isdone($self)
      --

      1 if the PassiveOpen has completed, else 0.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.none("isdone"), values, count, names)
        return try .integer(stream(object).isDone ? 1 : 0)
      }
    },
    function(
      "GetSockName",
      """
      GetSockName($self)
      --

      (host, port) of this side, two ints; also while a PassiveOpen is pending.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.none("GetSockName"), values, count, names)
        let local = try stream(object).localEndpoint()
        var tuple = try TupleBuilder(2)
        try tuple.add(.integer(Int(local.address.v4)))
        try tuple.add(.integer(Int(local.port)))
        return tuple.build()
      }
    },
    function(
      "ActiveOpen",
      """
      ActiveOpen($self, lport, host, rport, timeout=None)
      --

      Connect to rport of host, from lport (0: the driver picks); block until the connection stands or failed.

      With a timeout in seconds the attempt ends then, with error commandTimeout. None and 0 leave it to the
      ULP time-out of two minutes.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.activeOpen, values, count, names)
        let local = try arguments.port(0)
        let remote = Endpoint(try arguments.address(1), try arguments.port(2))
        try stream(object).activeOpen(to: remote, port: local, until: arguments.deadline(3))
        return .none
      }
    },
  ]
}

private var dataMethods: [PyMethodDef] {
  [
    function(
      "Send",
      """
      Send($self, buf, push=0, urgent=0, timeout=None)
      --

      Send buf, any bytes-like object that is not empty.

      Returns when the driver has taken all of it. With push it goes at once, and nothing before it is held
      back; with urgent all of it is urgent. Possible when Established and in Close Wait. With a timeout in
      seconds error commandTimeout is raised when it has passed; an unknown part has been sent then. None and
      0 wait for ever.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.send, values, count, names)
        let stream = try stream(object)
        let push = try arguments.flag(1)
        let urgent = try arguments.flag(2)
        let deadline = try arguments.deadline(3)
        try withBytes(of: arguments.object(0)) { bytes throws(PythonError) in
          try stream.send(bytes, push: push, urgent: urgent, until: deadline)
        }
        return .none
      }
    },
    function(
      "Rcv",
      """
      Rcv($self, timeout)
      --

      Receive what has come: (data, urgent, mark).

      Blocks until something has come, for at most timeout seconds; 0 and None wait for ever. urgent is 1 for
      the first data that is urgent, mark is 1 for the data that ends with the last urgent byte; urgent and
      other data never come together. Raises error: commandTimeout when nothing came in time, connectionClosing
      at the end of the peer's data, connectionTerminated when the connection was lost.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.receive, values, count, names)
        return try stream(object).receive(until: arguments.deadline(0))
      }
    },
    function(
      "Status",
      """
      Status($self)
      --

      The connection's figures at this moment, a TCPStatus; see there. Without a connection they are 0.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.none("Status"), values, count, names)
        return try stream(object).status()
      }
    },
  ]
}

private var endingMethods: [PyMethodDef] {
  [
    function(
      "Close",
      """
      Close($self)
      --

      There is no more data to send: return when everything, the FIN included, is acknowledged.

      The stream still receives. A second Close raises error connectionClosing.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.none("Close"), values, count, names)
        try stream(object).close()
        return .none
      }
    },
    function(
      "Abort",
      """
      Abort($self)
      --

      End the connection, or a pending PassiveOpen, at once; outstanding data is dropped.

      The asr is given TCPTerminate with the reason ULPAbort, and the stream can be opened again.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.none("Abort"), values, count, names)
        try stream(object).abort()
        return .none
      }
    },
    function("__enter__", "__enter__($self)\n--\n\nThe stream.") { object, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.none("__enter__"), values, count, names)
        guard let object else { throw PythonError() }
        return Owned(retaining: object)
      }
    },
    function(
      "__exit__",
      """
      __exit__($self, type=None, value=None, traceback=None)
      --

      Close the connection, or abort it after an exception, and release the stream.

      What the peer sends until it closes too is dropped; it has a second for that.
      """
    ) { object, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.exit, values, count, names)
        let type = arguments[0] ?? mactcp_None()
        try stream(object).exit(isFailure: type != mactcp_None())
        return .none
      }
    },
  ]
}
