import MacTCPEngine
import MacTCPWire

// The rows for the states in which both sides have agreed on their first numbers (RFC 9293 §3.10.7.4).

extension StateTable {
  /// All of them but TIME-WAIT, which has rows of its own.
  static let synchronized: [Setting] = [
    .established, .unacknowledged, .finWait1, .finWait2, .closeWait, .closing, .lastAck,
  ]
  /// Those in which the peer may still send data.
  static let receiving: [Setting] = [.established, .finWait1, .finWait2]
  /// Those in which the peer has closed.
  static let finished: [Setting] = [.closeWait, .closing, .lastAck]

  static let sequenceNumbers: [Row] = [
    Row(
      synchronized, Incoming("ACK before the window", .ack, -1), .ack(0),
      "SEG.LEN=0, RCV.WND>0: RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND, otherwise an acknowledgment"),
    Row(
      synchronized, Incoming("ACK behind the window", .ack, 5_000), .ack(0),
      "otherwise an acknowledgment"),
    Row(
      synchronized, Incoming("ACK half the space away", .ack, 1 << 31), .ack(0),
      "otherwise an acknowledgment"),
    Row(
      receiving, Incoming("ACK at the window's last number", .ack, 4_095, ack: .una(0)), .nothing,
      "RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND"),
    Row(
      receiving, Incoming("ACK just behind the window", .ack, 4_096, ack: .una(0)), .ack(0),
      "RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND, otherwise an acknowledgment"),
    Row(
      synchronized, Incoming("old data", .psh, -1, text: 1), .ack(0),
      "SEG.LEN>0: RCV.NXT =< SEG.SEQ+SEG.LEN-1, otherwise an acknowledgment"),
    Row(
      synchronized, Incoming("data behind the window", .psh, 4_096, text: 100), .ack(0),
      "SEG.LEN>0: SEG.SEQ < RCV.NXT+RCV.WND, otherwise an acknowledgment"),
    Row(
      synchronized, Incoming("FIN behind the window", .fin, 5_000), .ack(0),
      "SEG.LEN>0: SEG.SEQ < RCV.NXT+RCV.WND, otherwise an acknowledgment"),
    Row(
      synchronized, Incoming("old FIN,ACK", .fin, -1), .ack(0),
      "SEG.LEN>0: RCV.NXT =< SEG.SEQ+SEG.LEN-1, otherwise an acknowledgment"),
    Row(
      synchronized, Incoming("the SYN,ACK again", .syn, -2), .ack(0),
      "not acceptable: an acknowledgment"),
  ]

  static let resets: [Row] = [
    Row(
      [.established, .unacknowledged, .finWait1, .finWait2, .closeWait],
      Incoming("RST", .rst, ack: .none),
      .nothing, then: .closed, [.terminated(.remoteAbort)],
      "1) RST with RCV.NXT exactly: signal \"connection reset\", enter CLOSED"),
    Row(
      [.established, .unacknowledged, .finWait1, .finWait2, .closeWait], Incoming("RST,ACK", .rst),
      .nothing,
      then: .closed, [.terminated(.remoteAbort)], "the ACK of a RST does not matter"),
    Row(
      [.closing, .lastAck], Incoming("RST", .rst, ack: .none), .nothing, then: .closed,
      [.terminated(.close)], "CLOSING, LAST-ACK: enter CLOSED; both sides had closed"),
    Row(
      [.established, .unacknowledged, .finWait1, .finWait2, .closeWait],
      Incoming("RST with data", .rst, ack: .none, text: 20), .nothing, then: .closed,
      [.terminated(.remoteAbort)], "a RST may have text that says why (RFC 9293 §3.5.3, SHLD-2)"),
    Row(
      synchronized, Incoming("RST in the window", .rst, 1, ack: .none), .ack(0),
      "2) in the window but not RCV.NXT: challenge ACK (RFC 5961 §3.2)"),
    Row(
      receiving, Incoming("RST at the window's last number", .rst, 4_095, ack: .none), .ack(0),
      "2) in the window but not RCV.NXT: challenge ACK"),
    Row(
      receiving, Incoming("RST just behind the window", .rst, 4_096, ack: .none), .nothing,
      "3) outside the window: silently discard"),
    Row(
      synchronized, Incoming("RST before the window", .rst, -1, ack: .none), .nothing,
      "3) silently discard"),
    Row(
      synchronized, Incoming("RST half the space away", .rst, 1 << 31, ack: .none), .nothing,
      "3) silently discard"),
  ]

  static let syns: [Row] = [
    Row(
      synchronized, Incoming("SYN at RCV.NXT", .syn, ack: .none), .ack(0),
      "irrespective of the sequence number: challenge ACK (RFC 5961 §4.2)"),
    Row(
      synchronized, Incoming("SYN in the window", .syn, 100, ack: .none), .ack(0), "challenge ACK"),
    Row(
      synchronized, Incoming("SYN behind the window", .syn, 5_000, ack: .none), .ack(0),
      "challenge ACK"),
    Row(
      synchronized, Incoming("SYN far before the window", .syn, -9_000, ack: .none), .ack(0),
      "challenge ACK"),
    Row(synchronized, Incoming("SYN,ACK in the window", .syn, 100), .ack(0), "challenge ACK"),
    Row(
      synchronized, Incoming("SYN,FIN with data", TCPFlags.syn.union(.fin), ack: .none, text: 5),
      .ack(0),
      "challenge ACK: nothing else of the segment is looked at"),
    Row(
      [.established, .unacknowledged, .finWait1, .finWait2, .closeWait],
      Incoming("all flags at RCV.NXT", TCPFlags(rawValue: 0xFF), text: 5, urgent: 3), .nothing,
      then: .closed,
      [.terminated(.remoteAbort)], "second comes before fourth: it is a RST"),
  ]

  static let acknowledgments: [Row] = [
    Row(
      synchronized, Incoming("no ACK", .psh, ack: .none, text: 10), .nothing,
      "if the ACK bit is off, drop the segment"),
    Row(
      synchronized, Incoming("FIN without ACK", .fin, ack: .none), .nothing,
      "if the ACK bit is off, drop"),
    Row(
      synchronized, Incoming("no flags at all", [], ack: .none), .nothing,
      "if the ACK bit is off, drop"),
    Row(
      synchronized, Incoming("ACK of what was not sent", .ack, ack: .nxt(1)), .ack(0),
      "SEG.ACK > SND.NXT: send an ACK, drop the segment"),
    Row(
      receiving, Incoming("data with an ACK of what was not sent", .psh, ack: .nxt(1), text: 10),
      .ack(0),
      "SEG.ACK > SND.NXT: send an ACK, drop the segment"),
    Row(
      synchronized, Incoming("ACK half the space away", .ack, ack: .nxt(1 << 31)), .ack(0),
      "SEG.ACK > SND.NXT or too old: send an ACK"),
    Row(
      synchronized, Incoming("an old ACK", .ack, ack: .una(-1)), .nothing,
      "SEG.ACK =< SND.UNA: a duplicate, it can be ignored"),
    Row(
      synchronized, Incoming("an ACK older than the largest window", .ack, ack: .una(-65_536)),
      .ack(0),
      "SEG.ACK < SND.UNA-MAX.SND.WND: challenge ACK (RFC 5961 §5.2)"),
    Row(
      receiving, Incoming("data with an old ACK", .psh, ack: .una(-1), text: 10), .ack(10), [.data],
      "a duplicate ACK can be ignored; the text is taken"),
    Row(
      receiving, Incoming("data with too old an ACK", .psh, ack: .una(-65_536), text: 10), .ack(0),
      "SEG.ACK < SND.UNA-MAX.SND.WND: challenge ACK, the data are dropped (MAY-12)"),
    Row(
      [.established, .closeWait, .finWait2], Incoming("ACK of nothing new", .ack), .nothing,
      "SEG.ACK = SND.UNA"),
    Row(
      [.unacknowledged], Incoming("ACK of a part", .ack, ack: .una(40)), .nothing, [.acknowledged],
      "SND.UNA < SEG.ACK =< SND.NXT: SND.UNA <- SEG.ACK"),
    Row(
      [.unacknowledged], Incoming("ACK of all", .ack), .nothing, [.acknowledged],
      "SND.UNA < SEG.ACK =< SND.NXT: SND.UNA <- SEG.ACK"),
    Row(
      [.finWait1], Incoming("ACK of the FIN", .ack), .nothing, then: .finWait2, [.finAcknowledged],
      "FIN-WAIT-1: if the FIN is now acknowledged, enter FIN-WAIT-2"),
    Row(
      [.finWait1], Incoming("ACK before the FIN", .ack, ack: .una(0)), .nothing,
      "FIN-WAIT-1: not yet acknowledged"),
    Row(
      [.closing], Incoming("ACK of the FIN", .ack), .nothing, then: .timeWait,
      [.finAcknowledged, .terminated(.close)],
      "CLOSING: if the ACK acknowledges our FIN, enter TIME-WAIT"),
    Row(
      [.closing], Incoming("ACK before the FIN", .ack, ack: .una(0)), .nothing,
      "CLOSING: otherwise ignore"),
    Row(
      [.lastAck], Incoming("ACK of the FIN", .ack), .nothing, then: .closed,
      [.finAcknowledged, .terminated(.close)],
      "LAST-ACK: if our FIN is now acknowledged, enter CLOSED"),
    Row(
      [.lastAck], Incoming("ACK before the FIN", .ack, ack: .una(0)), .nothing,
      "LAST-ACK: not yet acknowledged"),
  ]

  static let urgent: [Row] = [
    Row(
      receiving, Incoming("URG with all of its data", .urg, ack: .una(0), text: 10, urgent: 10),
      .ack(10),
      [.urgent, .data], "RCV.UP <- max(RCV.UP,SEG.UP), and signal the user"),
    Row(
      receiving, Incoming("URG with data to come", .urg, ack: .una(0), urgent: 500), .nothing,
      [.urgent],
      "signal the user that the remote side has urgent data"),
    Row(
      receiving, Incoming("URG as far as it goes", .urg, ack: .una(0), urgent: 65_535), .nothing,
      [.urgent],
      "signal the user that the remote side has urgent data"),
    Row(
      receiving, Incoming("URG with a pointer to its own start", .urg, ack: .una(0), urgent: 0),
      .nothing,
      "if SEG.UP is in advance of the data consumed: it is not"),
    Row(
      receiving, Incoming("an urgent pointer without URG", .ack, ack: .una(0), urgent: 100),
      .nothing,
      "the urgent pointer is only interpreted with the URG control bit set (RFC 9293 §3.1)"),
    Row(
      [.closeWait, .lastAck], Incoming("URG", .urg, ack: .una(0), urgent: 10), .nothing,
      "this should not occur since a FIN has been received: ignore the URG"),
    Row([.closing], Incoming("URG", .urg, ack: .una(0), urgent: 10), .nothing, "ignore the URG"),
  ]

  static let text: [Row] = [
    Row(
      receiving, Incoming("data in order", .psh, ack: .una(0), text: 100), .ack(100), [.data],
      "deliver segment text to user RECEIVE buffers, acknowledge"),
    Row(
      receiving, Incoming("data that fill the window", .ack, ack: .una(0), text: 4_096),
      .ack(4_096),
      [.data], "deliver segment text to user RECEIVE buffers"),
    Row(
      receiving, Incoming("data beyond the window's end", .ack, ack: .una(0), text: 5_000),
      .ack(4_096),
      [.data], "first: segments are trimmed to the window"),
    Row(
      receiving,
      Incoming("data of which the first half is old", .ack, -50, ack: .una(0), text: 100), .ack(50),
      [.data], "first: segments are trimmed to the window"),
    Row(
      receiving, Incoming("data around the window", .ack, -50, ack: .una(0), text: 6_000),
      .ack(4_096),
      [.data], "first: segments are trimmed to the window"),
    Row(
      receiving, Incoming("data out of order", .ack, 100, ack: .una(0), text: 100), .ack(0),
      "out of order segments are held, and acknowledged at once (MAY-13, SHLD-31)"),
    Row(
      finished, Incoming("data behind the FIN", .psh, ack: .una(0), text: 10), .nothing,
      "this should not occur since a FIN has been received: ignore the segment text"),
  ]

  static let fins: [Row] = [
    Row(
      [.established], Incoming("FIN", .fin), .ack(1), then: .closeWait, [.closing],
      "ESTABLISHED: enter CLOSE-WAIT; advance RCV.NXT, send an acknowledgment"),
    Row(
      [.established], Incoming("FIN with data", .fin, text: 10), .ack(11), then: .closeWait,
      [.data, .closing], "FIN implies PUSH for any segment text not yet delivered"),
    Row(
      [.established], Incoming("FIN out of order", .fin, 10), .ack(0),
      "the FIN waits until all before it has come"),
    Row(
      [.established], Incoming("FIN behind data that fill the window", .fin, text: 4_096),
      .ack(4_097),
      then: .closeWait, [.data, .closing],
      "a FIN just behind the window is taken: it needs no memory"),
    Row(
      [.established], Incoming("FIN behind data beyond the window", .fin, text: 4_097), .ack(4_096),
      [.data], "what is behind the window is not taken, the FIN neither"),
    Row(
      [.finWait1], Incoming("FIN, ours not acknowledged", .fin, ack: .una(0)), .ack(1),
      then: .closing,
      [.closing], "FIN-WAIT-1: otherwise, enter CLOSING"),
    Row(
      [.finWait1], Incoming("FIN, ours acknowledged", .fin), .ack(1), then: .timeWait,
      [.finAcknowledged, .closing, .terminated(.close)],
      "FIN-WAIT-1: our FIN has been ACKed: enter TIME-WAIT"),
    Row(
      [.finWait2], Incoming("FIN", .fin), .ack(1), then: .timeWait,
      [.closing, .terminated(.close)],
      "FIN-WAIT-2: enter TIME-WAIT"),
    Row(
      [.finWait2], Incoming("FIN with data", .fin, text: 10), .ack(11), then: .timeWait,
      [.data, .closing, .terminated(.close)], "FIN-WAIT-2: the text first, then TIME-WAIT"),
    Row(
      [.closeWait, .closing, .lastAck], Incoming("the FIN again", .fin, -1, ack: .una(0)), .ack(0),
      "CLOSE-WAIT, CLOSING, LAST-ACK: remain"),
    Row(
      [.closing], Incoming("the FIN again, ours acknowledged", .fin, -1), .ack(0),
      "first: not acceptable: an acknowledgment; only the next ACK counts"),
  ]

  static let zeroWindow: [Row] = [
    Row(
      [.zeroWindow], Incoming("ACK at RCV.NXT", .ack), .nothing,
      "SEG.LEN=0, RCV.WND=0: SEG.SEQ = RCV.NXT"),
    Row(
      [.zeroWindow], Incoming("ACK behind RCV.NXT", .ack, 1), .ack(0),
      "SEG.LEN=0, RCV.WND=0: SEG.SEQ = RCV.NXT, otherwise an acknowledgment"),
    Row(
      [.zeroWindow], Incoming("one byte, a probe", .ack, text: 1), .ack(0),
      "SEG.LEN>0, RCV.WND=0: not acceptable, an acknowledgment"),
    Row([.zeroWindow], Incoming("a keepalive probe", .ack, -1), .ack(0), "an acknowledgment"),
    Row(
      [.zeroWindow], Incoming("data behind RCV.NXT", .ack, 5, text: 100), .ack(0),
      "an acknowledgment"),
    Row(
      [.zeroWindow], Incoming("RST", .rst, ack: .none), .nothing, then: .closed,
      [.terminated(.remoteAbort)],
      "when the receive window is zero, RST must be processed (MUST-66)"),
    Row(
      [.zeroWindow], Incoming("RST behind RCV.NXT", .rst, 1, ack: .none), .nothing,
      "outside the window: silently discard"),
    Row(
      [.zeroWindow], Incoming("URG", .urg, urgent: 10), .nothing, [.urgent],
      "when the receive window is zero, URG must be processed (MUST-66)"),
    Row(
      [.zeroWindow], Incoming("URG with data", .urg, text: 5, urgent: 10), .ack(0), [.urgent],
      "when the receive window is zero, URG must be processed (MUST-66); the text is not taken"),
    Row([.zeroWindow], Incoming("SYN", .syn, ack: .none), .ack(0), "challenge ACK (RFC 5961 §4.2)"),
    Row(
      [.zeroWindow], Incoming("FIN", .fin), .ack(1), then: .closeWait, [.closing],
      "a FIN just behind the window is taken: it needs no memory"),
  ]

  static let timeWait: [Row] = [
    Row(
      [.timeWait], Incoming("the FIN again", .fin, -1), .ack(0),
      "eighth: TIME-WAIT: remain; acknowledge, restart the 2 MSL time-out"),
    Row([.timeWait], Incoming("ACK", .ack), .nothing, "acceptable, and nothing to do"),
    Row([.timeWait], Incoming("old data", .psh, -10, text: 5), .ack(0), "first: an acknowledgment"),
    Row(
      [.timeWait], Incoming("data behind the window", .psh, 9_000, text: 5), .ack(0),
      "first: an acknowledgment"),
    Row(
      [.timeWait], Incoming("RST", .rst, ack: .none), .nothing,
      "second would be CLOSED; RFC 1337 §3: RST is ignored in TIME-WAIT"),
    Row(
      [.timeWait], Incoming("RST,ACK in the window", .rst, 10), .nothing,
      "RFC 1337 §3: RST is ignored in TIME-WAIT"),
    Row(
      [.timeWait], Incoming("an old SYN", .syn, -100, ack: .none), .ack(0),
      "fourth: all other cases: challenge ACK (RFC 5961 §4.2)"),
    Row(
      [.timeWait], Incoming("a new SYN, but nobody listens", .syn, 100_000, ack: .none), .ack(0),
      "fourth: all other cases: challenge ACK (RFC 5961 §4.2)"),
    Row([.timeWait], Incoming("SYN,ACK", .syn, 100), .ack(0), "fourth: challenge ACK"),
  ]
}
