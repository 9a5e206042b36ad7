internal import MacTCPWire

/// What is needed to take back a reaction to a loss that was none.
struct Undoing {
  private(set) var isArmed = false
  private var rounds: UInt8 = 0
  /// No retransmission has been made since the reaction began.
  private var isFirst = true
  /// The first acknowledgement of new data after the first retransmission is still to come.
  private var awaitsEcho = false
  /// cwnd and ssthresh before the reaction.
  private(set) var window = CongestionWindow(0)
  /// SND.UNA when it began: D-SACKs of older data say nothing of it.
  private var marker = SequenceNumber(0)
  /// When the first retransmission was made.
  private var retransmittedAt: UInt32 = 0
  /// Retransmissions of which no D-SACK has told yet.
  private var outstanding: UInt16 = 0

  init() {}

  /// A reaction begins.
  init(window: CongestionWindow, una: SequenceNumber) {
    self.window = window
    marker = una
    isArmed = true
  }

  /// A segment has been sent again. `isOldest`: it is the one at SND.UNA, and it was sent once before. Only
  /// then the next acknowledgement of new data must come from either of the two.
  mutating func retransmitted(isOldest: Bool, now: UInt32) {
    guard isArmed else { return }
    if isFirst {
      retransmittedAt = now
      (isFirst, awaitsEcho) = (false, isOldest)
    }
    outstanding = UInt16(clamping: Int(outstanding) &+ 1)
  }

  /// Eifel detection (RFC 3522 §3.2): the first acknowledgement of new data echoes a timestamp older than
  /// the retransmission, so the original has arrived. `rtt` is the echo's age. The timestamps' clock ticks
  /// in milliseconds: as much can be between an echo's time and that of its segment.
  mutating func isContradicted(byEchoOf rtt: Int?, now: UInt32) -> Bool {
    guard isArmed, awaitsEcho else { return false }
    awaitsEcho = false
    guard let rtt else { return false }
    return rtt >= Int(now &- retransmittedAt) &+ 1000
  }

  /// A D-SACK has come (RFC 2883; RFC 3708 §3): whether now every retransmission has arrived twice.
  mutating func isContradicted(by block: SACKBlock, mss: Int, end: SequenceNumber) -> Bool {
    guard isArmed, outstanding > 0, marker.precedesOrEquals(block.left),
      block.right.precedesOrEquals(end)
    else { return false }
    let length = max(1, min(block.left.distance(to: block.right), 1 << 30))
    let segments = (length &+ mss &- 1) / mss
    outstanding = UInt16(clamping: max(0, Int(outstanding) &- segments))
    return outstanding == 0
  }

  mutating func disarm() { isArmed = false }

  /// A round trip without a reaction has ended. What is told later than after a few was not about this one.
  mutating func roundEnded() {
    guard isArmed else { return }
    rounds = min(rounds &+ 1, 100)
    if rounds > 3 { isArmed = false }
  }
}
