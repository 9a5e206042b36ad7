import MacTCPWire
import Testing

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

/// The bytes of hexadecimal digits, between which spaces may stand.
func hex(_ text: String) -> [UInt8] {
  let digits = text.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// What `body` writes into an output with room for `capacity` bytes.
func written(
  capacity: Int = 70_000, _ body: (inout OutputSpan<UInt8>) throws(WireError) -> Void
) throws(WireError) -> [UInt8] {
  try [UInt8](capacity: capacity) { (output) throws(WireError) in try body(&output) }
}

/// Expects that `body` throws `noRoom` and writes nothing at every size below `count`, and writes `count`
/// bytes where there is room for just so many.
func expectRoom(
  for count: Int, _ body: (inout OutputSpan<UInt8>) throws(WireError) -> Void,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  for capacity in 0..<count {
    let bytes = [UInt8](capacity: capacity) { output in
      #expect(throws: WireError.noRoom, sourceLocation: sourceLocation) { try body(&output) }
    }
    #expect(bytes.isEmpty, "capacity \(capacity)", sourceLocation: sourceLocation)
  }
  let whole = try written(capacity: count, body)
  #expect(whole.count == count, sourceLocation: sourceLocation)
  let behind = try written { (output) throws(WireError) in
    output.append(0xEE)
    try body(&output)
  }
  #expect(behind == [0xEE] + whole, sourceLocation: sourceLocation)
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
