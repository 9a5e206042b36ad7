internal import MacTCPWire

extension EngineConfiguration {
  /// Throws for what no engine can work with.
  func validate() throws(EngineError) {
    // Loopback addresses are those of every host already, and must not leave it (RFC 1122 §3.2.1.3 g).
    for prefix in addresses
    where !prefix.address.isUnicast || prefix.address.isLoopback
      || prefix.isBroadcast(prefix.address)
    {
      throw .badAddress
    }
    try validateLink()
    let (hour, day) = (3_600_000_000, 86_400_000_000)
    let lengths = [
      (mtu, 68...65_535), (memoryCeiling, (64 << 10)...(1 << 40)),
      (receiveBuffer, Self.bufferRange), (sendBuffer, Self.bufferRange),
      (reassemblyMemory, 0...(1 << 30)), (reassemblyTimeout, 1...day),
      (timeWaitLimit, 0...(1 << 20)), (answersPerSecond, 0...1_000_000),
      (initialWindow, 1...10), (Int(timeToLive), 1...255),
      (
        minimumRetransmissionTimeout, 1_000...maximumRetransmissionTimeout.clamped(to: 1_000...hour)
      ),
      (
        initialRetransmissionTimeout, 1_000...maximumRetransmissionTimeout.clamped(to: 1_000...hour)
      ),
      (maximumRetransmissionTimeout, 1_000_000...day),
      (acknowledgmentDelay, 0...499_999), (maximumSegmentLifetime, 0...day),
      (finWait2Timeout, 0...day), (openTimeout, 0...(7 * day)),
      (retransmissionsBeforeAdvice, 1...255),
      (keepaliveIdle, 1_000_000...(7 * day)), (keepaliveInterval, 1_000_000...day),
      (keepaliveProbes, 1...1_000),
    ]
    for (value, range) in lengths where !range.contains(value) { throw .invalidLength }
    guard ephemeralPorts.lowerBound > 0, Self.isUserTimeout(userTimeout) else {
      throw .invalidLength
    }
  }

  /// The engine's hardware address is one interface's, and a gateway a host on the link.
  private func validateLink() throws(EngineError) {
    if case .ethernet(let hardware) = link, hardware.isMulticast || hardware == .zero {
      throw .badAddress
    }
    let onLink = addresses + routes.filter { $0.gateway == nil }.map(\.destination)
    for gateway in routes.compactMap(\.gateway)
    where !gateway.isUnicast || gateway.isLoopback
      || !(onLink.contains { $0.contains(gateway) && !$0.isBroadcast(gateway) })
    {
      throw .badAddress
    }
  }

  /// The sizes that a connection's buffers may have.
  static var bufferRange: ClosedRange<Int> { 4_096...(1 << 30) }

  /// Whether a user time-out can be so many microseconds: 0 for ever, or a millisecond to a week. One that is reported
  /// begins again each time, so a smaller one would give the engine nothing else to do.
  static func isUserTimeout(_ microseconds: Int) -> Bool {
    microseconds == 0 || (1_000...604_800_000_000).contains(microseconds)
  }
}

extension Int {
  func clamped(to range: ClosedRange<Int>) -> Int {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }
}
