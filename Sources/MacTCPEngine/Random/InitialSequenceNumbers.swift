import MacTCPWire

/// Where a connection's sequence numbers begin: RFC 6528 §3, ISN = M + F(local, remote, secret).
///
/// M counts units of 4 microseconds, so that a new connection between two endpoints begins behind the
/// numbers of the last one (RFC 9293 §3.4.1). F keeps an outsider, who sees the numbers of his own
/// connections, from knowing those of others.
struct InitialSequenceNumbers {
  private let key: SipHash.Key
  private let timestampKey: SipHash.Key

  /// The numbers of a key that is used for nothing else.
  init(key: SipHash.Key) {
    self.key = key.derived(for: 0)
    timestampKey = key.derived(for: 1)
  }

  /// The first sequence number of a connection that begins now.
  func next(local: Endpoint, remote: Endpoint, now: Instant) -> SequenceNumber {
    var hash = SipHash(key: key)
    hash.add(local, remote)
    return SequenceNumber(
      UInt32(truncatingIfNeeded: now.microseconds &>> 2) &+ UInt32(truncatingIfNeeded: hash.value))
  }

  /// What is added to the clock to make a connection's TSval (RFC 7323 §7.1): the same for each connection
  /// between two endpoints, so that a new one's time stamps are later than the last one's (RFC 6191 §2).
  func timestampOffset(local: Endpoint, remote: Endpoint) -> UInt32 {
    var hash = SipHash(key: timestampKey)
    hash.add(local, remote)
    return UInt32(truncatingIfNeeded: hash.value)
  }
}
