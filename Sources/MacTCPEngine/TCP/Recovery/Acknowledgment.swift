internal import MacTCPWire

extension LossRecovery {
  /// What a segment acknowledges: the input of ``LossRecovery/acknowledged(_:now:pool:)``. The caller has found
  /// that the segment is acceptable, and that its number is not behind SND.NXT.
  struct Acknowledgment {
    /// SEG.ACK.
    var ack: SequenceNumber
    /// The blocks of the SACK option, a D-SACK among them.
    var sackBlocks = SACKBlocks()
    /// The age of the timestamp that is echoed, in microseconds, if there is one (RFC 7323 §4). The clock of
    /// timestamps ticks in milliseconds.
    var echoAge: Int?
    /// Whether it carries data, SYN or FIN, and whether it changes the window: then it is no duplicate
    /// (RFC 5681 §2).
    var carriesData = false
    var changesWindow = false
    /// ECE is set, on a connection that uses ECN.
    var hasECE = false
    /// New data could be sent at once: there are some, and the peer's window lets them.
    var canSendNew = false

    /// If it acknowledges nothing new it is a duplicate.
    var mayBeDuplicate: Bool { !carriesData && !changesWindow }
  }

  /// What an acknowledgement has brought.
  struct Outcome {
    /// The sequence numbers that are newly acknowledged, and those newly sacked.
    var acknowledged = 0
    var sacked = 0
    /// The round trip that has been measured, in microseconds; 0 if none was.
    var roundTrip = 0
    /// Segments have been taken for lost.
    var hasLosses = false
    var enteredRecovery = false
    var leftRecovery = false
    /// A reaction to a loss was taken back.
    var undone = false
    /// cwnd was reduced because of ECE.
    var reacted = false
  }
}
