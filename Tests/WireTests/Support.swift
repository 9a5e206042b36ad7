import MacTCPWire

/// A small generator whose whole state is its seed, so that a failed test can be run again: SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// `count` random bytes.
  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) }
  }
}

/// The checksum as RFC 1071 §4.1 writes it, one 16-bit word at a time: slow and plainly right.
func referenceChecksum(_ bytes: [UInt8]) -> UInt16 {
  var sum = 0
  for index in bytes.indices {
    sum += index.isMultiple(of: 2) ? Int(bytes[index]) << 8 : Int(bytes[index])
    sum = (sum & 0xFFFF) + sum >> 16
  }
  return ~UInt16(sum)
}

extension ICMPEcho {
  /// The message as it goes on the wire, in an output of exactly its size.
  func written() throws(WireError) -> [UInt8] {
    try [UInt8](capacity: byteCount) { (output) throws(WireError) in try write(to: &output) }
  }
}
