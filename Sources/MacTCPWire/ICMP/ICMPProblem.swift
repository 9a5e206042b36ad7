// What ICMP error messages say: RFC 792; RFC 1122 §3.2.2; RFC 1191 §4.

/// What is wrong with the packet that an ICMP error is about. The codes are those of the type, and may be
/// ones that nobody has defined.
public enum ICMPProblem: Hashable, Sendable {
  /// It cannot be delivered (RFC 792, type 3). The largest packet in bytes that would have gone through
  /// comes with code 4 only, and is 0 from routers older than RFC 1191.
  case destinationUnreachable(code: UInt8, nextHopMTU: UInt16 = 0)
  /// It was too much (type 4). Never sent, and of no effect (RFC 6633).
  case sourceQuench
  /// Others like it go by way of another router (type 5).
  case redirect(code: UInt8, gateway: IPAddress)
  /// Its time to live, code 0, or the time to reassemble it, code 1, ran out (type 11).
  case timeExceeded(code: UInt8)
  /// Its byte at `pointer`, counted from 0, is wrong (type 12; code 1 is RFC 1108's, without a pointer).
  case parameterProblem(code: UInt8, pointer: UInt8)

  /// Codes of "destination unreachable" that a host sends or must know (RFC 792, RFC 1122 §3.2.2.1).
  public enum Unreachable {
    /// The network cannot be reached.
    public static let network: UInt8 = 0
    /// The host cannot be reached.
    public static let host: UInt8 = 1
    /// The host does not know the protocol.
    public static let `protocol`: UInt8 = 2
    /// Nobody has the port open.
    public static let port: UInt8 = 3
    /// The packet is too large for a link and must not be fragmented.
    public static let fragmentationNeeded: UInt8 = 4
    /// The source route could not be followed.
    public static let sourceRouteFailed: UInt8 = 5
  }

  /// Codes of "time exceeded".
  public enum TimeExceeded {
    /// The time to live, on the way.
    public static let inTransit: UInt8 = 0
    /// The time to reassemble the packet from its fragments.
    public static let inReassembly: UInt8 = 1
  }

  /// The problem in the header of an ICMP message; `nil` for a message that is no error.
  public init?(_ header: ICMPHeader) {
    let code = header.code
    switch header.type {
    case .destinationUnreachable:
      // Other codes have nothing there, or what RFC 4884 puts there.
      let mtu = code == Unreachable.fragmentationNeeded ? header.parameter.lowerHalf : 0
      self = .destinationUnreachable(code: code, nextHopMTU: mtu)
    case .sourceQuench: self = .sourceQuench
    case .redirect: self = .redirect(code: code, gateway: IPAddress(v4: header.parameter))
    case .timeExceeded: self = .timeExceeded(code: code)
    case .parameterProblem:
      let pointer = UInt8(truncatingIfNeeded: header.parameter >> 24)
      self = .parameterProblem(code: code, pointer: pointer)
    default: return nil
    }
  }

  /// The header of the message that tells of the problem.
  public var header: ICMPHeader {
    switch self {
    case .destinationUnreachable(let code, let mtu):
      ICMPHeader(type: .destinationUnreachable, code: code, parameter: UInt32(mtu))
    case .sourceQuench: ICMPHeader(type: .sourceQuench)
    case .redirect(let code, let gateway):
      ICMPHeader(type: .redirect, code: code, parameter: gateway.v4)
    case .timeExceeded(let code): ICMPHeader(type: .timeExceeded, code: code)
    case .parameterProblem(let code, let pointer):
      ICMPHeader(type: .parameterProblem, code: code, parameter: UInt32(pointer) << 24)
    }
  }

  /// What MacTCP reports of it; `nil` for what is not reported.
  public var reportType: ICMPReportType? {
    let header = header
    return ICMPReportType(type: header.type.rawValue, code: header.code)
  }
}

extension ICMPProblem {
  /// The most bytes of an IP packet with an ICMP error in it (RFC 1812 §4.3.2.3): every host accepts so
  /// many.
  public static let mostPacketLength = 576

  /// The length in bytes of the message about a packet of `packetLength` bytes: all of the packet, or what
  /// fits.
  ///
  /// - Parameter ipHeaderLength: of the packet that the message goes out in.
  public static func messageLength(
    quoting packetLength: Int, ipHeaderLength: Int = IPv4Header.leastLength
  ) -> Int {
    let room = mostPacketLength &- ipHeaderLength &- ICMPHeader.byteCount
    return ICMPHeader.byteCount &+ max(0, min(packetLength, room))
  }

  /// Appends the whole message to `output`, with as much of the packet as fits.
  ///
  /// - Parameters:
  ///   - output: where the message goes.
  ///   - packet: the packet that it is about, from its IP header to its own end.
  ///   - ipHeaderLength: of the packet that the message goes out in.
  /// - Throws: ``WireError/noRoom`` if fewer than ``messageLength(quoting:ipHeaderLength:)`` bytes are free.
  public func write(
    to output: inout OutputSpan<UInt8>, quoting packet: Span<UInt8>,
    ipHeaderLength: Int = IPv4Header.leastLength
  ) throws(WireError) {
    let length = Self.messageLength(quoting: packet.count, ipHeaderLength: ipHeaderLength)
    let quotation = packet.extracting(first: length &- ICMPHeader.byteCount)
    try header.write(to: &output, payload: quotation)
  }
}
