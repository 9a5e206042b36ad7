/// Proportional Rate Reduction (RFC 9937 §6): during fast recovery as much is sent as arrives, in the
/// proportion in which the window shrinks.
struct ProportionalRateReduction: BitwiseCopyable {
  private var delivered: UInt32 = 0
  private var out: UInt32 = 0
  /// RecoverFS: what was in the network when the recovery began.
  private var flight: UInt32 = 1

  init() {}

  /// A recovery begins.
  init(flight: Int) {
    self.flight = UInt32(clamping: max(1, flight))
  }

  /// Something has been sent, new or again.
  mutating func sent(_ bytes: Int) {
    out = UInt32(clamping: Int(out) &+ bytes)
  }

  /// The new cwnd after an acknowledgement that told of `bytes` delivered. `isSafe`: SND.UNA has advanced,
  /// and no further loss was found.
  mutating func acknowledged(
    delivered bytes: Int, inFlight: Int, ssthresh: Int, mss: Int, isSafe: Bool
  ) -> Int {
    delivered = UInt32(clamping: Int(delivered) &+ bytes)
    let out = Int(out)
    var quota: Int
    if inFlight > ssthresh {
      let share = Int(delivered) &* ssthresh
      quota = (share &+ Int(flight) &- 1) / Int(flight) &- out
    } else {
      // Packet conservation; with good news slow start towards ssthresh.
      quota = max(Int(delivered) &- out, bytes)
      if isSafe { quota &+= mss }
      quota = min(ssthresh &- inFlight, quota)
    }
    // The fast retransmit itself is never held back; nor is a segment when nothing is left in the network
    // that could bring an acknowledgement.
    if out == 0 || inFlight == 0 { quota = max(quota, mss) }
    return inFlight &+ max(0, quota)
  }
}
