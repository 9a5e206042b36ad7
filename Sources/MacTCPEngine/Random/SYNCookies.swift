// What a listener without room for another half-open connection answers with: RFC 4987 §3.6, appendix A.
//
// All that the listener would have to remember stands in what it sends: the segment size in the sequence
// number, window scale and SACK in the time stamp, if the peer sent one. The ACK brings both back, and a
// hash proves that they are the listener's own.

import MacTCPWire

/// Sequence numbers that hold what a listener must know of a SYN.
struct SYNCookies {
  /// The segment sizes that can be told apart: what the peer offered is rounded down to one,
  /// less than the least up to it.
  static var segmentSizes: InlineArray<8, UInt16> { [64, 256, 536, 1220, 1360, 1440, 1460, 8960] }
  /// How long a count lasts. A cookie is valid in its count and in the next: for 64 to 128 seconds.
  static var period: UInt64 { 64_000_000 }

  private let key: SipHash.Key
  /// So that the time stamps do not say for how long the engine has run.
  private let timestampOffset: UInt32

  /// The cookies of a key that is used for nothing else.
  init(key: SipHash.Key) {
    self.key = key.derived(for: 0)
    timestampOffset = UInt32(truncatingIfNeeded: key.derived(for: 1).k0)
  }

  /// The initial sequence number for the answer to a SYN with `sequence`. It is behind the peer's by a count of 5 bits, the number
  /// of the segment size, and 24 bits of a hash: so it grows a little faster than the peer's (Bernstein).
  func make(
    local: Endpoint, remote: Endpoint, sequence: SequenceNumber, mss: UInt16, now: Instant
  ) -> SequenceNumber {
    let sizes = Self.segmentSizes
    var index = sizes.count &- 1
    while index > 0, sizes[index] > mss { index &-= 1 }
    return cookie(
      local, remote, sequence, index: UInt32(index), count: now.microseconds / Self.period)
  }

  /// The segment size in a cookie, or `nil` if it is none of ours, or too old. `cookie` is the number before
  /// the one that the ACK acknowledges, `sequence` the one before that with which the ACK comes.
  func check(
    _ cookie: SequenceNumber, local: Endpoint, remote: Endpoint, sequence: SequenceNumber,
    now: Instant
  ) -> UInt16? {
    let difference = cookie.rawValue &- sequence.rawValue
    let current = now.microseconds / Self.period
    let age = (current &- UInt64(difference &>> 27)) & 31
    guard age <= 1, age <= current else { return nil }
    let index = difference &>> 24 & 7
    guard cookie == self.cookie(local, remote, sequence, index: index, count: current &- age)
    else { return nil }
    return Self.segmentSizes[Int(index)]
  }

  private func cookie(
    _ local: Endpoint, _ remote: Endpoint, _ sequence: SequenceNumber, index: UInt32, count: UInt64
  ) -> SequenceNumber {
    var hash = SipHash(key: key)
    hash.add(local, remote)
    hash.add(UInt64(sequence.rawValue) &<< 32 | UInt64(index))
    hash.add(count)
    let code = UInt32(truncatingIfNeeded: count & 31) &<< 27 | index &<< 24
    return SequenceNumber(
      sequence.rawValue &+ (code | UInt32(truncatingIfNeeded: hash.value) & 0xFF_FFFF))
  }
}

// MARK: Options

extension SYNCookies {
  /// The time stamp for the SYN-ACK, in milliseconds, with what the peer offered beside the segment size in
  /// its lowest 5 bits. Of all such it is the last that is not after the present: it must not be later than
  /// those of the segments that follow (RFC 7323 §5.2).
  func timestamp(windowScale: UInt8?, sackPermitted: Bool, now: Instant) -> UInt32 {
    let clock = UInt32(truncatingIfNeeded: now.microseconds / 1000) &+ timestampOffset
    // 14 is the most (RFC 7323 §2.3).
    let scale = windowScale.map { UInt32(min($0, 14)) } ?? 15
    let coded = clock & ~31 | scale | (sackPermitted ? 16 : 0)
    return coded & 31 > clock & 31 ? coded &- 32 : coded
  }

  /// What stands in a time stamp that the peer has sent back. The peer can change it, but could as well have
  /// offered something else.
  func options(of echo: UInt32) -> (windowScale: UInt8?, sackPermitted: Bool) {
    let scale = UInt8(truncatingIfNeeded: echo & 15)
    return (scale == 15 ? nil : scale, echo & 16 != 0)
  }
}
