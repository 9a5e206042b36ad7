/// What an IP packet carries (RFC 791 §3.1, "Protocol"; RFC 1700, "Protocol Numbers").
package struct IPProtocol: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The protocol's number.
  package let rawValue: UInt8
  /// The protocol with a number.
  @inlinable
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// ICMP (RFC 792).
  @inlinable package static var icmp: IPProtocol { IPProtocol(rawValue: 1) }
  /// TCP (RFC 9293).
  @inlinable package static var tcp: IPProtocol { IPProtocol(rawValue: 6) }
  /// UDP (RFC 768).
  @inlinable package static var udp: IPProtocol { IPProtocol(rawValue: 17) }
}

extension IPProtocol: CustomStringConvertible {
  /// `ICMP`, `TCP`, `UDP`, or the number.
  package var description: String {
    switch self {
    case .icmp: "ICMP"
    case .tcp: "TCP"
    case .udp: "UDP"
    default: "\(rawValue)"
    }
  }
}
