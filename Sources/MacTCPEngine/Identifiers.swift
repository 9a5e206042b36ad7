// The handles under which a caller knows what is in the engine. A handle is a place and a generation:
// when a thing is released its generation ends, and its old handle finds nothing.

/// A TCP connection, or a listener: what a MacTCP `StreamPtr` is.
public struct ConnectionID: Hashable, Sendable {
  /// The handle as a number, never negative: for languages without types for it.
  public let rawValue: Int64

  /// The handle of a number. Any number may be tried: one that is no handle finds nothing.
  public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// A UDP stream.
public struct UDPStreamID: Hashable, Sendable {
  /// The handle as a number, never negative.
  public let rawValue: Int64

  /// The handle of a number. Any number may be tried: one that is no handle finds nothing.
  public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// An ICMP echo that is on its way.
public struct EchoID: Hashable, Sendable {
  /// The handle as a number, never negative.
  public let rawValue: Int64

  /// The handle of a number. Any number may be tried: one that is no handle finds nothing.
  public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// What all handles are made of: an index of 31 bits and a generation of 31 bits.
struct Handle: Hashable {
  var index: Int
  var generation: UInt32

  static var greatestGeneration: UInt32 { 0x7FFF_FFFF }

  init(index: Int, generation: UInt32) {
    self.index = index
    self.generation = generation
  }

  /// `nil` for a number that no handle has.
  init?(rawValue: Int64) {
    guard rawValue >= 0, rawValue >> 32 <= Int64(Self.greatestGeneration) else { return nil }
    index = Int(rawValue & 0xFFFF_FFFF)
    generation = UInt32(truncatingIfNeeded: rawValue >> 32)
  }

  var rawValue: Int64 { Int64(generation) << 32 | Int64(index) }
}
