/// The control bits of a TCP segment (RFC 9293 §3.1, "Control bits").
public struct TCPFlags: OptionSet, Hashable, Sendable {
  /// The eight bits, as they stand in the header.
  public let rawValue: UInt8
  /// The flags of the given bits.
  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// No more data from the sender.
  @inlinable public static var fin: TCPFlags { TCPFlags(rawValue: 0x01) }
  /// Synchronize sequence numbers.
  @inlinable public static var syn: TCPFlags { TCPFlags(rawValue: 0x02) }
  /// Reset the connection.
  @inlinable public static var rst: TCPFlags { TCPFlags(rawValue: 0x04) }
  /// Push function.
  @inlinable public static var psh: TCPFlags { TCPFlags(rawValue: 0x08) }
  /// The acknowledgment field is significant.
  @inlinable public static var ack: TCPFlags { TCPFlags(rawValue: 0x10) }
  /// The urgent pointer field is significant.
  @inlinable public static var urg: TCPFlags { TCPFlags(rawValue: 0x20) }
  /// ECN-Echo (RFC 3168 §6.1).
  @inlinable public static var ece: TCPFlags { TCPFlags(rawValue: 0x40) }
  /// Congestion window reduced (RFC 3168 §6.1).
  @inlinable public static var cwr: TCPFlags { TCPFlags(rawValue: 0x80) }
}

// What `OptionSet` has for every set, for this one: the general ones are not specialized in other modules, and each
// packet would pay for that.
extension TCPFlags {
  /// The flags of both sets.
  @inlinable @inline(__always)
  public func union(_ other: TCPFlags) -> TCPFlags { TCPFlags(rawValue: rawValue | other.rawValue) }
  /// The flags that both sets have.
  @inlinable @inline(__always)
  public func intersection(_ other: TCPFlags) -> TCPFlags {
    TCPFlags(rawValue: rawValue & other.rawValue)
  }
  /// Whether all of the others are set.
  @inlinable @inline(__always)
  public func contains(_ other: TCPFlags) -> Bool { rawValue & other.rawValue == other.rawValue }
  /// Whether none of the others is set.
  @inlinable @inline(__always)
  public func isDisjoint(with other: TCPFlags) -> Bool { rawValue & other.rawValue == 0 }
  /// Whether no flag is set.
  @inlinable @inline(__always)
  public var isEmpty: Bool { rawValue == 0 }
  /// Sets all of the others.
  @inlinable @inline(__always)
  public mutating func formUnion(_ other: TCPFlags) { self = union(other) }
  /// Clears all of the others.
  @inlinable @inline(__always)
  public mutating func subtract(_ other: TCPFlags) {
    self = TCPFlags(rawValue: rawValue & ~other.rawValue)
  }
}

extension TCPFlags: CustomStringConvertible {
  /// The names of RFC 9293 with commas between them, as `SYN,ACK`; empty for none.
  public var description: String {
    let names: [(TCPFlags, String)] = [
      (.cwr, "CWR"), (.ece, "ECE"), (.urg, "URG"), (.syn, "SYN"), (.fin, "FIN"), (.rst, "RST"),
      (.psh, "PSH"), (.ack, "ACK"),
    ]
    return names.filter { contains($0.0) }.map(\.1).joined(separator: ",")
  }
}
