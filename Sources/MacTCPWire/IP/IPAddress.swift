/// An Internet address.
///
/// Opaque on purpose: streams, endpoints and the rules above them never look inside, so that a second
/// address family changes this file and no interface.
public struct IPAddress: Hashable, Sendable, BitwiseCopyable {
  /// The 32 bits of an IPv4 address in host order: 127.0.0.1 is `0x7F00_0001`, as MacTCP's `ip_addr`.
  public let v4: UInt32

  /// An IPv4 address from its 32 bits in host order.
  @inlinable @inline(__always)
  public init(v4: UInt32) {
    self.v4 = v4
  }

  /// Whether both are the same address.
  @inlinable @inline(__always)
  public static func == (a: IPAddress, b: IPAddress) -> Bool { a.v4 == b.v4 }

  /// An IPv4 address from its four octets, as they are written.
  @inlinable
  public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
    v4 = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
  }

  /// The unspecified address, 0.0.0.0: "any" in a filter and in a local binding.
  @inlinable public static var any: IPAddress { IPAddress(v4: 0) }
  /// 127.0.0.1.
  @inlinable public static var loopback: IPAddress { IPAddress(127, 0, 0, 1) }
  /// 255.255.255.255, the limited broadcast address (RFC 919).
  @inlinable public static var broadcast: IPAddress { IPAddress(v4: 0xFFFF_FFFF) }

  /// Whether the address is in 127.0.0.0/8 (RFC 1122 §3.2.1.3 g).
  @inlinable public var isLoopback: Bool { v4 >> 24 == 127 }
  /// Whether the address is in 224.0.0.0/4 (RFC 1112 §4).
  @inlinable public var isMulticast: Bool { v4 >> 28 == 0xE }
  /// Whether the address is in 169.254.0.0/16, valid on one link only (RFC 3927 §2.1).
  @inlinable public var isLinkLocal: Bool { v4 >> 16 == 0xA9FE }
  /// Whether the address is 255.255.255.255 (RFC 1122 §3.2.1.3 c).
  @inlinable public var isLimitedBroadcast: Bool { v4 == 0xFFFF_FFFF }
  /// Whether the address is in 0.0.0.0/8, "this host on this network": only a source, of a host that does
  /// not know its address yet (RFC 1122 §3.2.1.3 a and b).
  @inlinable public var isThisNetwork: Bool { v4 >> 24 == 0 }
  /// Whether the address is in 240.0.0.0/4 and not a broadcast: reserved, no host's (RFC 1112 §4).
  @inlinable public var isReserved: Bool { v4 >> 28 == 0xF && !isLimitedBroadcast }
  /// Whether one host can have the address: what may be a packet's source, unless it is the directed
  /// broadcast of a network that is known (RFC 1122 §3.2.1.3).
  @inlinable public var isUnicast: Bool { !isThisNetwork && v4 >> 29 != 7 }
}

extension IPAddress: LosslessStringConvertible {
  /// Dotted-decimal notation, exactly four numbers 0...255 without signs, spaces or leading zeros
  /// (which other programs read as octal); anything else is `nil`.
  public init?(_ description: String) {
    var bits: UInt32 = 0
    var octets = 0
    var value: UInt32 = 0
    var digits = 0
    for byte in description.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        if digits > 0 && value == 0 { return nil }
        value = value * 10 + UInt32(byte - UInt8(ascii: "0"))
        digits += 1
        if value > 255 { return nil }
      case UInt8(ascii: "."):
        if digits == 0 || octets == 3 { return nil }
        bits = bits << 8 | value
        octets += 1
        value = 0
        digits = 0
      default:
        return nil
      }
    }
    guard octets == 3, digits > 0 else { return nil }
    v4 = bits << 8 | value
  }

  /// Dotted-decimal notation, as `127.0.0.1`.
  public var description: String {
    "\(v4 >> 24).\(v4 >> 16 & 0xFF).\(v4 >> 8 & 0xFF).\(v4 & 0xFF)"
  }
}
