// The named tuples that Status and GlobalInfo return.
internal import CPythonShims
internal import MacTCP

/// A named tuple, made by Python's own `collections.namedtuple`: it prints itself and has `_asdict`.
private func makeNamedTuple(
  _ name: String, _ documentation: String, _ fields: [(name: String, documentation: String)]
) throws(PythonError) -> Owned {
  let collections = try Owned(PyImport_ImportModule("collections"))
  let make = try Owned(PyObject_GetAttrString(collections.object, "namedtuple"))
  var arguments = try TupleBuilder(2)
  try arguments.add(.string(name))
  try arguments.add(.string(fields.map(\.name).joined(separator: " ")))
  let type = try arguments.call(make.object)
  try set(type, "__module__", "mactcp")
  try set(type, "__doc__", documentation)
  for field in fields {
    let member = try Owned(PyObject_GetAttrString(type.object, field.name))
    try set(member, "__doc__", field.documentation)
  }
  return type
}

private func set(_ object: borrowing Owned, _ name: String, _ text: String) throws(PythonError) {
  let text = try Owned.string(text)
  guard PyObject_SetAttrString(object.object, name, text.object) == 0 else { throw PythonError() }
}

func makeStatusType() throws(PythonError) -> Owned {
  try makeNamedTuple(
    "TCPStatus",
    "The figures of a TCP stream's connection at one moment. Hosts are ints of 32 bits.",
    [
      ("remoteHost", "The peer's address"),
      ("remotePort", "The peer's port"),
      ("localHost", "This side's address"),
      ("localPort", "This side's port"),
      ("tosFlags", "The type of service asked for: low delay 1, throughput 2, reliability 4"),
      ("precedence", "The precedence asked for, 0 to 7"),
      (
        "connectionState",
        "Closed 0, Listen 2, SYN received 4, SYN sent 6, Established 8, FIN Wait 1 10, FIN Wait 2 12, Close Wait 14, Closing 16, Last Ack 18, Time Wait 20"
      ),
      ("sendWindow", "The window that the peer offers, in bytes"),
      ("rcvWindow", "The window that this side offers, in bytes"),
      ("amtUnackedData", "Bytes sent and not acknowledged"),
      ("amtUnreadData", "Bytes received and not read: what Rcv returns without waiting"),
      ("sendUnacked", "The sequence number of the oldest unacknowledged byte"),
      ("sendNext", "The sequence number of the next byte to be sent"),
      ("congestionWindow", "The congestion window in bytes"),
      ("rcvNext", "The sequence number expected next from the peer"),
      ("srtt", "The smoothed round-trip time in milliseconds"),
      ("lastRTT", "The last measured round-trip time in milliseconds"),
      ("sendMaxSegSize", "The largest segment that may be sent, in bytes of data"),
      ("ulpTimeoutValue", "The ULP time-out in seconds"),
      ("ulpTimeoutAction", "1 if the ULP time-out aborts, 0 if it reports"),
    ])
}

func makeGlobalInfoType() throws(PythonError) -> Owned {
  try makeNamedTuple(
    "TCPGlobalInfo",
    "The driver's parameters, and its TCP statistics since it was opened. Times are milliseconds.",
    [
      ("tcpRtoA", "The name of the retransmission time-out's algorithm"),
      ("tcpRtoMin", "The smallest retransmission time-out"),
      ("tcpRtoMax", "The largest retransmission time-out"),
      ("tcpMaxSegSize", "The largest segment that can be received, in bytes"),
      ("tcpMaxConn", "How many streams can be open at once"),
      ("tcpMaxWindow", "The largest window that can be offered, in bytes"),
      ("tcpConnAttempts", "Connections that an ActiveOpen attempted"),
      ("tcpConnOpened", "Connections that an ActiveOpen established"),
      ("tcpConnAccepted", "Connections that a PassiveOpen accepted"),
      ("tcpConnClosed", "Connections that both sides closed"),
      ("tcpConnAborted", "Connections that ended in any other way"),
      ("tcpOctetsIn", "Octets received"),
      ("tcpOctetsOut", "Octets sent"),
      ("tcpOctetsInDup", "Octets received twice"),
      ("tcpOctetsRetrans", "Octets sent again"),
      ("tcpInputPkts", "Segments received"),
      ("tcpOutputPkts", "Segments sent"),
      ("tcpDupPkts", "Segments received twice"),
      ("tcpRetransPkts", "Segments sent again"),
    ])
}

/// The values in the order of the fields above.
func globalInfo() throws(PythonError) -> Owned {
  let info = try raising { () throws(MacTCPError) in try Runtime.driver().globalInfo() }
  let numbers = [
    info.smallestRTO.milliseconds, info.largestRTO.milliseconds, info.largestSegmentReceived,
    info.streamsSupported, info.largestWindow, info.connectionsAttempted, info.connectionsOpened,
    info.connectionsAccepted, info.connectionsClosed, info.connectionsAborted, info.octetsIn,
    info.octetsOut, info.octetsInTwice, info.octetsResent, info.segmentsIn, info.segmentsOut,
    info.segmentsInTwice, info.segmentsResent,
  ]
  var tuple = try TupleBuilder(numbers.count + 1)
  try tuple.add(.string(info.rtoAlgorithm))
  for number in numbers { try tuple.add(.integer(number)) }
  return try tuple.call(Types.globalInfo)
}
