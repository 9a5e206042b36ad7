import MacTCPEngine
import MacTCPWire

// The rows for the states before the connection is there (RFC 9293 §3.10.7.1 to §3.10.7.3, and SYN-RECEIVED of §3.10.7.4).

extension StateTable {
  static let closed: [Row] = [
    Row(
      [.noStream], Incoming("RST", .rst, ack: .none), .nothing,
      "a segment containing a RST is discarded"),
    Row(
      [.noStream], Incoming("RST,ACK", .rst), .nothing, "a segment containing a RST is discarded"),
    Row(
      [.noStream], Incoming("SYN", .syn, ack: .none), .resetWithoutNumber,
      "if the ACK bit is off, sequence number zero is used"),
    Row(
      [.noStream], Incoming("SYN with data", .syn, ack: .none, text: 10), .resetWithoutNumber,
      "<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>"),
    Row(
      [.noStream], Incoming("FIN", .fin, ack: .none), .resetWithoutNumber,
      "<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>"),
    Row(
      [.noStream], Incoming("data without ACK", [], ack: .none, text: 100), .resetWithoutNumber,
      "<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>"),
    Row(
      [.noStream], Incoming("no flags at all", [], ack: .none), .resetWithoutNumber,
      "<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>"),
    Row(
      [.noStream], Incoming("ACK", .ack, ack: .nxt(77)), .reset,
      "if the ACK bit is on, <SEQ=SEG.ACK><CTL=RST>"),
    Row([.noStream], Incoming("SYN,ACK", .syn, ack: .nxt(77)), .reset, "<SEQ=SEG.ACK><CTL=RST>"),
    Row([.noStream], Incoming("FIN,ACK", .fin, ack: .nxt(77)), .reset, "<SEQ=SEG.ACK><CTL=RST>"),
    Row(
      [.noStream], Incoming("data", .psh, ack: .nxt(77), text: 100), .reset,
      "<SEQ=SEG.ACK><CTL=RST>"),
  ]

  static let listens: [Setting] = [.listen, .listener]

  static let listen: [Row] = [
    Row(
      listens, Incoming("RST", .rst, ack: .none), .nothing,
      "first: an incoming RST should be ignored"),
    Row(listens, Incoming("RST,ACK", .rst), .nothing, "first: an incoming RST should be ignored"),
    Row(
      listens, Incoming("ACK", .ack, ack: .nxt(5)), .reset,
      "second: any acknowledgment is bad if it arrives on a connection still in the LISTEN state"),
    Row(
      listens, Incoming("SYN,ACK", .syn, ack: .nxt(5)), .reset,
      "second: any acknowledgment is bad"),
    Row(
      listens, Incoming("data", .psh, ack: .nxt(5), text: 10), .reset,
      "second: any acknowledgment is bad"),
    Row(
      [.listen], Incoming("SYN", .syn, ack: .none), .synAck(1), then: .synReceived,
      "third: <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>"),
    Row(
      [.listener], Incoming("SYN", .syn, ack: .none), .synAck(1),
      "third: <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>; the listener goes on listening"),
    Row(
      [.listen], Incoming("SYN,FIN", TCPFlags.syn.union(.fin), ack: .none), .synAck(1),
      then: .synReceived,
      "third: any other control is processed in the SYN-RECEIVED state"),
    Row(
      listens, Incoming("FIN", .fin, ack: .none), .nothing,
      "fourth: any other control or data-bearing segment: drop"),
    Row(
      listens, Incoming("data without ACK", .psh, ack: .none, text: 10), .nothing, "fourth: drop"),
    Row(listens, Incoming("no flags at all", [], ack: .none), .nothing, "fourth: drop"),
  ]

  static let synSent: [Row] = [
    Row(
      [.synSent], Incoming("ACK of ISS", .ack, ack: .una(0)), .reset,
      "first: if SEG.ACK =< ISS, send a reset"),
    Row(
      [.synSent], Incoming("ACK of what was not sent", .ack, ack: .nxt(1)), .reset,
      "first: if SEG.ACK > SND.NXT, send a reset"),
    Row(
      [.synSent], Incoming("SYN,ACK with a bad ACK", .syn, ack: .nxt(1)), .reset,
      "first: if SEG.ACK > SND.NXT, send a reset"),
    Row(
      [.synSent], Incoming("RST,ACK with a bad ACK", .rst, ack: .nxt(1)), .nothing,
      "first: unless the RST bit is set, if so drop the segment"),
    Row(
      [.synSent], Incoming("RST,ACK", .rst), .nothing, then: .closed, [.terminated(.remoteAbort)],
      "second: if the ACK was acceptable, signal \"connection reset\", enter CLOSED"),
    Row(
      [.synSent], Incoming("RST", .rst, ack: .none), .nothing,
      "second: otherwise (no ACK), drop the segment"),
    Row(
      [.synSent], Incoming("SYN,ACK", .syn), .ack(1), then: .established, [.opened],
      "fourth: SND.UNA > ISS: ESTABLISHED, <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>"),
    Row(
      [.synSent], Incoming("SYN", .syn, ack: .none), .synAck(1), then: .synReceived,
      "fourth: otherwise enter SYN-RECEIVED, <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>"),
    Row(
      [.synSent], Incoming("SYN,ACK with data", .syn, text: 10), .ack(11), then: .established,
      [.opened, .data], "fourth: if there are other controls or text, continue at the sixth step"),
    Row(
      [.synSent], Incoming("SYN,ACK with FIN", TCPFlags.syn.union(.fin)), .ack(2), then: .closeWait,
      [.opened, .closing], "fourth: if there are other controls or text, continue at the sixth step"
    ),
    Row(
      [.synSent],
      Incoming("SYN,ACK with URG and data", TCPFlags.syn.union(.urg), text: 10, urgent: 6),
      .ack(11), then: .established, [.opened, .urgent, .data],
      "fourth: if there are other controls or text, continue at the sixth step"),
    Row([.synSent], Incoming("ACK", .ack), .nothing, "fifth: if neither SYN nor RST is set, drop"),
    Row([.synSent], Incoming("FIN,ACK", .fin), .nothing, "fifth: drop"),
    Row([.synSent], Incoming("data", .psh, ack: .none, text: 10), .nothing, "fifth: drop"),
    Row([.synSent], Incoming("no flags at all", [], ack: .none), .nothing, "fifth: drop"),
  ]

  static let halfOpen: [Setting] = [.passiveSynReceived, .activeSynReceived]

  static let synReceived: [Row] = [
    Row(
      halfOpen, Incoming("data behind the window", .psh, 4_096, text: 10), .ack(0),
      "first: not acceptable: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>"),
    Row(
      halfOpen, Incoming("RST outside", .rst, 4_096), .nothing,
      "first: unless the RST bit is set, if so drop the segment"),
    Row(
      [.passiveSynReceived], Incoming("RST", .rst, ack: .none), .nothing, then: .listen,
      "second: initiated with a passive OPEN: return to LISTEN; the user need not be informed"),
    Row(
      [.activeSynReceived], Incoming("RST", .rst, ack: .none), .nothing, then: .closed,
      [.terminated(.remoteAbort)], "second: initiated with an active OPEN: connection refused"),
    Row(
      halfOpen, Incoming("RST in the window", .rst, 1), .ack(0),
      "second: in the window, not RCV.NXT: challenge ACK (RFC 5961 §3.2)"),
    Row(
      halfOpen, Incoming("the same SYN", .syn, -1, ack: .none), .synAck(1),
      "first: an acknowledgment, here as SYN,ACK: the first was lost"),
    Row(
      halfOpen, Incoming("another SYN in the window", .syn, 100, ack: .none), .ack(0),
      "fourth: challenge ACK, for passive opens too: RFC 9293 would let a blind SYN end them"),
    Row(
      halfOpen, Incoming("ACK of ISS", .ack, ack: .una(0)), .reset,
      "fifth: if the acknowledgment is not acceptable: <SEQ=SEG.ACK><CTL=RST>"),
    Row(
      halfOpen, Incoming("ACK of what was not sent", .ack, ack: .nxt(1)), .reset,
      "fifth: if the acknowledgment is not acceptable: <SEQ=SEG.ACK><CTL=RST>"),
    Row(
      halfOpen, Incoming("ACK", .ack), .nothing, then: .established, [.opened],
      "fifth: SND.UNA < SEG.ACK =< SND.NXT: ESTABLISHED"),
    Row(
      [.activeSynReceived], Incoming("SYN,ACK", .syn, -1), .nothing, then: .established, [.opened],
      "fifth: simultaneous open: SEG.ACK acknowledges our SYN (RFC 9293 §3.5, Figure 8)"),
    Row(
      halfOpen, Incoming("data", .psh, text: 10), .ack(10), then: .established, [.opened, .data],
      "fifth: ESTABLISHED; seventh: the text is taken"),
    Row(
      halfOpen, Incoming("FIN,ACK", .fin), .ack(1), then: .closeWait, [.opened, .closing],
      "eighth: SYN-RECEIVED, ESTABLISHED: enter CLOSE-WAIT"),
    Row(
      halfOpen, Incoming("data without ACK", [], ack: .none, text: 10), .nothing,
      "fifth: if the ACK bit is off, drop"),
    Row(
      halfOpen, Incoming("FIN without ACK", .fin, ack: .none), .nothing,
      "fifth: if the ACK bit is off, drop"),
  ]
}
