/// What an ICMP error message says, in the numbers of MacTCP's ICMP report (`ICMPReport.reportType`).
///
/// It comes with the notification `icmpReceived`. One ICMP error never ends an established connection
/// (RFC 1122 §4.2.3.9).
public enum ICMPReportType: UInt16, Hashable, Sendable, BitwiseCopyable, CaseIterable {
  /// The network cannot be reached (RFC 792, type 3 code 0).
  case netUnreach = 0
  /// The host cannot be reached (RFC 792, type 3 code 1).
  case hostUnreach = 1
  /// The host does not know the protocol (RFC 792, type 3 code 2).
  case protocolUnreach = 2
  /// Nobody has the port open (RFC 792, type 3 code 3).
  case portUnreach = 3
  /// The packet is too large for a link on its way and must not be fragmented (RFC 792, type 3 code 4;
  /// RFC 1191).
  case fragReqd = 4
  /// The source route could not be followed (RFC 792, type 3 code 5).
  case sourceRouteFailed = 5
  /// The packet's time to live or the time to reassemble it ran out (RFC 792, type 11).
  case timeExceeded = 6
  /// A field of the packet's header is wrong (RFC 792, type 12 code 0).
  case parmProblem = 7
  /// An option that is required is missing (RFC 1108, type 12 code 1).
  case missingOption = 8

  /// The report for an ICMP message, or `nil` if the message is not an error that is reported:
  /// a query or its reply, a redirect, a source quench (RFC 6633), or a code that nobody has defined.
  ///
  /// The later codes of "destination unreachable" (RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1) are reported
  /// as what they concern, a network or a host.
  ///
  /// - Parameters:
  ///   - type: the message's type (RFC 792).
  ///   - code: the message's code.
  public init?(type: UInt8, code: UInt8) {
    switch (type, code) {
    // Unreachable; unknown; administratively prohibited; not for this type of service.
    case (3, 0), (3, 6), (3, 9), (3, 11): self = .netUnreach
    // The same for hosts; isolated (8), filtered (13), precedence violated (14) or too low (15).
    case (3, 1), (3, 7), (3, 8), (3, 10), (3, 12), (3, 13), (3, 14), (3, 15): self = .hostUnreach
    case (3, 2): self = .protocolUnreach
    case (3, 3): self = .portUnreach
    case (3, 4): self = .fragReqd
    case (3, 5): self = .sourceRouteFailed
    // In transit; in reassembly.
    case (11, 0), (11, 1): self = .timeExceeded
    // Pointer to the wrong byte; bad length.
    case (12, 0), (12, 2): self = .parmProblem
    case (12, 1): self = .missingOption
    default: return nil
    }
  }
}

extension ICMPReportType: CustomStringConvertible {
  /// In words.
  public var description: String {
    switch self {
    case .netUnreach: "network unreachable"
    case .hostUnreach: "host unreachable"
    case .protocolUnreach: "protocol unreachable"
    case .portUnreach: "port unreachable"
    case .fragReqd: "fragmentation needed"
    case .sourceRouteFailed: "source route failed"
    case .timeExceeded: "time exceeded"
    case .parmProblem: "parameter problem"
    case .missingOption: "required option missing"
    }
  }
}
