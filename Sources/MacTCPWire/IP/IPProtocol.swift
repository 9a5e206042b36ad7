/// What an IP packet carries (RFC 791 §3.1, "Protocol"; RFC 1700, "Protocol Numbers").
public struct IPProtocol: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The protocol's number.
  public let rawValue: UInt8
  /// The protocol with a number.
  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// Whether both are the same number: what `RawRepresentable` has for it is not specialized in other modules.
  @inlinable @inline(__always)
  public static func == (a: Self, b: Self) -> Bool { a.rawValue == b.rawValue }

  /// ICMP (RFC 792).
  @inlinable public static var icmp: IPProtocol { IPProtocol(rawValue: 1) }
  /// TCP (RFC 9293).
  @inlinable public static var tcp: IPProtocol { IPProtocol(rawValue: 6) }
  /// UDP (RFC 768).
  @inlinable public static var udp: IPProtocol { IPProtocol(rawValue: 17) }
}

extension IPProtocol: CustomStringConvertible {
  /// `ICMP`, `TCP`, `UDP`, or the number.
  public var description: String {
    switch self {
    case .icmp: "ICMP"
    case .tcp: "TCP"
    case .udp: "UDP"
    default: "\(rawValue)"
    }
  }
}
