internal import CFuzzer

/// The bytes of an input, taken one after the other. Behind their end there are zeros.
struct Script {
  private let bytes: [UInt8]
  private var place = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { place >= bytes.count }

  mutating func byte() -> UInt8 {
    guard place < bytes.count else { return 0 }
    defer { place += 1 }
    return bytes[place]
  }

  mutating func uint16() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }

  /// A number of which small ones are the most frequent: -128...127, shifted left by up to 24 bits.
  mutating func offset() -> Int {
    let shift = byte()
    let number = Int(Int8(bitPattern: byte()))
    return shift < 128 ? number : number << Int(shift & 0x1F)
  }

  /// A length: mostly small, sometimes more than a packet holds.
  mutating func length() -> Int {
    let first = Int(byte())
    return first < 192 ? first : (first - 191) * (Int(byte()) + 1)
  }

  /// So many of the bytes that follow; zeros behind the end.
  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in byte() } }
}

/// Stops the program unless the condition holds: `precondition` says nothing in release builds.
func demand(_ condition: Bool, _ text: @autoclosure () -> String = "") {
  if !condition { fatalError(text()) }
}

/// Whether the program was given one input and nothing else: then it tells what happens.
let isTraced = CommandLine.arguments.count == 2 && !CommandLine.arguments[1].hasPrefix("-")

func trace(_ text: @autoclosure () -> String) {
  if isTraced { FuzzerTell(text()) }
}
