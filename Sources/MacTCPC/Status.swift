// `mactcp_tcp_status`.

public import CMacTCP
internal import MacTCPEngine
internal import MacTCPWire

/// Fills the status of a stream (TCPStatus).
@c @implementation
public func mactcp_tcp_status(
  _ engine: OpaquePointer?, _ stream: Int64, _ status: UnsafeMutablePointer<mactcp_status>?,
  _ now: UInt64
) -> mactcp_result {
  guard hasSize(status, least: 8) else { return code(MACTCP_INVALID_BUFFER) }
  return withEngine(engine) { (engine) throws(EngineError) in
    let found = try engine.status(
      of: ConnectionID(rawValue: rawValue(stream)), at: Instant(microseconds: now))
    store(mactcp_status(found), to: status)
    return 0
  }
}

extension mactcp_status {
  fileprivate init(_ status: ConnectionStatus) {
    self.init()
    state = status.state.rawValue
    type_of_service = status.typeOfService
    time_to_live = status.timeToLive
    user_timeout_aborts = status.userTimeoutAborts ? 1 : 0
    termination_reason = status.terminationReason?.rawValue ?? 0
    window_scale_sent = status.windowScaleSent.map(Int8.init(truncatingIfNeeded:)) ?? -1
    window_scale_received = status.windowScaleReceived.map(Int8.init(truncatingIfNeeded:)) ?? -1
    uses_timestamps = status.usesTimestamps ? 1 : 0
    uses_sack = status.usesSACK ? 1 : 0
    uses_ecn = status.usesECN ? 1 : 0
    local = mactcp_endpoint(status.local)
    remote = mactcp_endpoint(status.remote)
    send_unacknowledged = status.sendUnacknowledged
    send_next = status.sendNext
    receive_next = status.receiveNext
    send_window = Int64(status.sendWindow)
    receive_window = Int64(status.receiveWindow)
    unacknowledged = Int64(status.unacknowledged)
    unread = Int64(status.unread)
    send_space = Int64(status.sendSpace)
    urgent_remaining = Int64(status.urgentRemaining)
    congestion_window = Int64(status.congestionWindow)
    slow_start_threshold = Int64(status.slowStartThreshold)
    maximum_segment_size = Int64(status.maximumSegmentSize)
    smoothed_round_trip = Int64(status.smoothedRoundTrip)
    round_trip_variance = Int64(status.roundTripVariance)
    retransmission_timeout = Int64(status.retransmissionTimeout)
    retransmissions = Int64(status.retransmissions)
    user_timeout = Int64(status.userTimeout)
    setStatistics(status.statistics)
  }

  private mutating func setStatistics(_ statistics: ConnectionStatistics) {
    data_segments_received = statistics.dataSegmentsReceived
    data_segments_sent = statistics.dataSegmentsSent
    segments_resent = statistics.segmentsResent
    bytes_received = statistics.bytesReceived
    bytes_received_twice = statistics.bytesReceivedTwice
    bytes_past_window = statistics.bytesPastWindow
    bytes_sent = statistics.bytesSent
    bytes_resent = statistics.bytesResent
    let sizes = statistics.sentSizes.counts
    sent_sizes = (sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6])
    last_round_trip = Int64(statistics.lastRoundTrip)
    source_quenches = statistics.sourceQuenches
  }
}
