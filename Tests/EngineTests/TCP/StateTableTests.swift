import MacTCPEngine
import MacTCPWire
import Testing

// SEGMENT ARRIVES as a table of states and segments (RFC 9293 §3.10.7). Each row names the sentence that it is; where
// another RFC or the engine's own choice takes its place, the row says which.

@Suite("Segment arrives, state by state (RFC 9293 §3.10.7)")
struct StateTableTests {
  @Test(
    "CLOSED: everything but a RST is answered with a RST",
    arguments: StateTable.closed.flatMap(\.cells))
  func closed(_ cell: Cell) throws { try cell.run() }

  @Test(
    "LISTEN: RST ignored, ACK refused, SYN taken", arguments: StateTable.listen.flatMap(\.cells))
  func listen(_ cell: Cell) throws { try cell.run() }

  @Test(
    "SYN-SENT: ACK, RST and SYN are looked at in this order",
    arguments: StateTable.synSent.flatMap(\.cells))
  func synSent(_ cell: Cell) throws { try cell.run() }

  @Test("SYN-RECEIVED", arguments: StateTable.synReceived.flatMap(\.cells))
  func synReceived(_ cell: Cell) throws { try cell.run() }

  @Test("First, check the sequence number", arguments: StateTable.sequenceNumbers.flatMap(\.cells))
  func sequenceNumbers(_ cell: Cell) throws { try cell.run() }

  @Test("Second, check the RST bit", arguments: StateTable.resets.flatMap(\.cells))
  func resets(_ cell: Cell) throws { try cell.run() }

  @Test("Fourth, check the SYN bit", arguments: StateTable.syns.flatMap(\.cells))
  func syns(_ cell: Cell) throws { try cell.run() }

  @Test("Fifth, check the ACK field", arguments: StateTable.acknowledgments.flatMap(\.cells))
  func acknowledgments(_ cell: Cell) throws { try cell.run() }

  @Test("Sixth, check the URG bit", arguments: StateTable.urgent.flatMap(\.cells))
  func urgent(_ cell: Cell) throws { try cell.run() }

  @Test("Seventh, process the segment text", arguments: StateTable.text.flatMap(\.cells))
  func text(_ cell: Cell) throws { try cell.run() }

  @Test("Eighth, check the FIN bit", arguments: StateTable.fins.flatMap(\.cells))
  func fins(_ cell: Cell) throws { try cell.run() }

  @Test("At a window of 0", arguments: StateTable.zeroWindow.flatMap(\.cells))
  func zeroWindow(_ cell: Cell) throws { try cell.run() }

  @Test("TIME-WAIT", arguments: StateTable.timeWait.flatMap(\.cells))
  func timeWait(_ cell: Cell) throws { try cell.run() }
}
