// MacTCP's figures from the kernel's.
internal import MacTCPCore
internal import MacTCPWire
internal import Synchronization

extension ConnectionState {
  /// A state from Linux's numbers. A connection that was received and not completed does not reach a socket.
  init(linux state: UInt8) {
    switch state {
    case 1: self = .established
    case 2: self = .synSent
    case 3, 12: self = .synReceived
    case 4: self = .finWait1
    case 5: self = .finWait2
    case 6: self = .timeWait
    case 8: self = .closeWait
    case 9: self = .lastAck
    case 10: self = .listen
    case 11: self = .closing
    default: self = .closed
    }
  }

  /// Whether the peer's FIN has come for certain.
  var hasPeerFIN: Bool {
    switch self {
    case .closeWait, .lastAck, .closing, .timeWait: true
    case .closed, .listen, .synReceived, .synSent, .established, .finWait1, .finWait2: false
    }
  }
}

extension TransportStatus {
  /// The kernel does not show sequence numbers: they count from 0 at the start of each direction. Nor does it show
  /// the last round-trip time measured: `lastRoundTrip` is the smoothed one.
  mutating func add(_ information: TCPInformation) {
    connectionState = ConnectionState(linux: information.state)
    sendWindow = Int(information.sendWindow)
    receiveWindow = Int(information.receiveWindow)
    congestionWindow = Int(information.congestionWindow) * Int(information.sendMaximumSegment)
    maximumSegmentSize = Int(information.sendMaximumSegment)
    smoothedRoundTrip = .microseconds(information.smoothedRoundTrip)
    lastRoundTrip = smoothedRoundTrip
    sendNext = UInt32(truncatingIfNeeded: information.bytesSent &- information.bytesRetransmitted)
    // What is unacknowledged was sent, but for what still waits to be.
    sendUnacknowledged =
      sendNext &- UInt32(clamping: unacknowledged - Int(information.bytesNotSent))
    receiveNext = UInt32(truncatingIfNeeded: information.bytesReceived)
  }
}

extension ConnectionStatistics {
  /// The kernel does not count bytes received twice or past the window, nor segments by size: all data segments stand
  /// in the bucket of their mean size.
  init(_ information: TCPInformation, finReceived: Bool) {
    self.init()
    dataSegmentsReceived = Int(information.dataSegmentsIn)
    dataSegmentsSent = Int(information.dataSegmentsOut)
    segmentsResent = Int(information.totalRetransmits)
    segmentsReceived = Int(information.segmentsIn)
    segmentsSent = Int(information.segmentsOut)
    // The kernel counts the peer's FIN with the bytes.
    bytesReceived = max(0, Int(clamping: information.bytesReceived) - (finReceived ? 1 : 0))
    bytesSent = Int(clamping: information.bytesSent &- information.bytesRetransmitted)
    bytesResent = Int(clamping: information.bytesRetransmitted)
    smoothedRTT = .microseconds(information.smoothedRoundTrip)
    lastRTT = smoothedRTT
    rttVariance = .microseconds(information.roundTripVariance)
    retransmissionTimeout = .microseconds(information.retransmissionTimeout)
    currentSegmentTries = Int(information.retransmits)
    if dataSegmentsSent > 0 {
      let mean = Int(clamping: information.bytesSent) / dataSegmentsSent
      let bucket = sentSegmentSizes.lastIndex { $0.smallest <= mean } ?? 0
      sentSegmentSizes[bucket].count = dataSegmentsSent
    }
  }
}

/// The driver's counts: connections that ended, and milestones. Counted with a stream's lock held, and so without one of
/// their own.
final class GlobalCounters: Sendable {
  private let attempted = Atomic(0)
  private let opened = Atomic(0)
  private let accepted = Atomic(0)
  private let closed = Atomic(0)
  private let aborted = Atomic(0)
  private let octetsIn = Atomic(0)
  private let octetsOut = Atomic(0)
  private let octetsResent = Atomic(0)
  private let segmentsIn = Atomic(0)
  private let segmentsOut = Atomic(0)
  private let segmentsResent = Atomic(0)

  func count(_ milestone: ConnectionMilestone) {
    switch milestone {
    case .attempted: attempted.wrappingAdd(1, ordering: .relaxed)
    case .opened: opened.wrappingAdd(1, ordering: .relaxed)
    case .accepted: accepted.wrappingAdd(1, ordering: .relaxed)
    case .closed: closed.wrappingAdd(1, ordering: .relaxed)
    case .aborted: aborted.wrappingAdd(1, ordering: .relaxed)
    }
  }

  func add(_ ended: ConnectionStatistics) {
    octetsIn.wrappingAdd(ended.bytesReceived, ordering: .relaxed)
    octetsOut.wrappingAdd(ended.bytesSent, ordering: .relaxed)
    octetsResent.wrappingAdd(ended.bytesResent, ordering: .relaxed)
    segmentsIn.wrappingAdd(ended.segmentsReceived, ordering: .relaxed)
    segmentsOut.wrappingAdd(ended.segmentsSent, ordering: .relaxed)
    segmentsResent.wrappingAdd(ended.segmentsResent, ordering: .relaxed)
  }

  var info: GlobalInfo {
    var info = GlobalInfo()
    info.connectionsAttempted = attempted.load(ordering: .relaxed)
    info.connectionsOpened = opened.load(ordering: .relaxed)
    info.connectionsAccepted = accepted.load(ordering: .relaxed)
    info.connectionsClosed = closed.load(ordering: .relaxed)
    info.connectionsAborted = aborted.load(ordering: .relaxed)
    info.octetsIn = octetsIn.load(ordering: .relaxed)
    info.octetsOut = octetsOut.load(ordering: .relaxed)
    info.octetsResent = octetsResent.load(ordering: .relaxed)
    info.segmentsIn = segmentsIn.load(ordering: .relaxed)
    info.segmentsOut = segmentsOut.load(ordering: .relaxed)
    info.segmentsResent = segmentsResent.load(ordering: .relaxed)
    return info
  }
}
