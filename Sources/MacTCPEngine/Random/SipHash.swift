// SipHash-2-4 of Aumasson and Bernstein: a short message's 64 bits that nobody can compute or foresee who
// does not know the key of 128 bits.

import MacTCPWire

/// SipHash-2-4 of messages that are whole words of 64 bits. Add the words, then read ``value``.
struct SipHash {
  private var v0: UInt64
  private var v1: UInt64
  private var v2: UInt64
  private var v3: UInt64
  private var byteCount: UInt64 = 0

  /// 128 secret bits: two words, in which the first byte is the least significant.
  struct Key {
    let k0: UInt64
    let k1: UInt64

    init(_ k0: UInt64, _ k1: UInt64) {
      self.k0 = k0
      self.k1 = k1
    }

    /// Another key, from which nobody can compute this one, nor those for other purposes.
    func derived(for purpose: UInt64) -> Key {
      var hash = SipHash(key: self)
      hash.add(purpose)
      let first = hash.value
      hash.add(purpose)
      return Key(first, hash.value)
    }
  }

  /// The hash of nothing.
  @inline(__always)
  init(key: Key) {
    v0 = key.k0 ^ 0x736F_6D65_7073_6575
    v1 = key.k1 ^ 0x646F_7261_6E64_6F6D
    v2 = key.k0 ^ 0x6C79_6765_6E65_7261
    v3 = key.k1 ^ 0x7465_6462_7974_6573
  }

  /// Adds eight bytes, the least significant first.
  @inline(__always)
  mutating func add(_ word: UInt64) {
    v3 ^= word
    round()
    round()
    v0 ^= word
    byteCount &+= 8
  }

  /// Adds a four-tuple.
  @inline(__always)
  mutating func add(_ local: Endpoint, _ remote: Endpoint) {
    add(UInt64(local.address.v4) &<< 32 | UInt64(remote.address.v4))
    add(UInt64(local.port) &<< 16 | UInt64(remote.port))
  }

  /// The hash of what has been added.
  var value: UInt64 {
    var copy = self
    copy.add(byteCount &<< 56)
    copy.v2 ^= 0xFF
    copy.round()
    copy.round()
    copy.round()
    copy.round()
    return copy.v0 ^ copy.v1 ^ copy.v2 ^ copy.v3
  }

  @inline(__always)
  private mutating func round() {
    v0 &+= v1
    v2 &+= v3
    v1 = Self.rotated(v1, by: 13) ^ v0
    v3 = Self.rotated(v3, by: 16) ^ v2
    v0 = Self.rotated(v0, by: 32)
    v2 &+= v1
    v0 &+= v3
    v1 = Self.rotated(v1, by: 17) ^ v2
    v3 = Self.rotated(v3, by: 21) ^ v0
    v2 = Self.rotated(v2, by: 32)
  }

  @inline(__always)
  private static func rotated(_ word: UInt64, by count: UInt64) -> UInt64 {
    word &<< count | word &>> (64 &- count)
  }
}
