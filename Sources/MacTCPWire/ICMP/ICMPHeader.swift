// The header that all ICMP messages share: RFC 792.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------+---------------+-------------------------------+
// |     type      |     code      |           checksum            |
// +---------------+---------------+-------------------------------+
// |                  what the type makes of it                    |
// +---------------------------------------------------------------+
//
// `ICMPError` parses further what is an error, `ICMPEcho` what is an echo. Who answers an echo without
// allocating writes this header with another type, and the data as they came.

/// The kind of an ICMP message (RFC 792, "Summary of Message Types"; RFC 1122 §3.2.2).
public struct ICMPType: RawRepresentable, Hashable, Sendable {
  /// The type's number.
  public let rawValue: UInt8
  /// The type with a number.
  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// Whether both are the same number: what `RawRepresentable` has for it is not specialized in other modules.
  @inlinable @inline(__always)
  public static func == (a: Self, b: Self) -> Bool { a.rawValue == b.rawValue }

  /// The answer to an echo request.
  @inlinable public static var echoReply: ICMPType { ICMPType(rawValue: 0) }
  /// A packet could not be delivered.
  @inlinable public static var destinationUnreachable: ICMPType { ICMPType(rawValue: 3) }
  /// Send less; of no effect today (RFC 6633).
  @inlinable public static var sourceQuench: ICMPType { ICMPType(rawValue: 4) }
  /// There is a better router for this destination.
  @inlinable public static var redirect: ICMPType { ICMPType(rawValue: 5) }
  /// The data shall be sent back.
  @inlinable public static var echoRequest: ICMPType { ICMPType(rawValue: 8) }
  /// A packet was too long on its way, or in pieces.
  @inlinable public static var timeExceeded: ICMPType { ICMPType(rawValue: 11) }
  /// A packet's header is wrong.
  @inlinable public static var parameterProblem: ICMPType { ICMPType(rawValue: 12) }

  /// Whether messages of the type are errors, about which no error is ever sent (RFC 1122 §3.2.2).
  @inlinable
  public var isError: Bool {
    switch self {
    case .destinationUnreachable, .sourceQuench, .redirect, .timeExceeded, .parameterProblem: true
    default: false
    }
  }
}

/// The first eight bytes of an ICMP message.
public struct ICMPHeader: Hashable, Sendable {
  /// Its length in bytes.
  @inlinable public static var byteCount: Int { 8 }

  /// The kind of message.
  public var type: ICMPType
  /// Tells messages of one type apart.
  public var code: UInt8
  /// The checksum as it came; ``write(to:payload:)`` computes it anew.
  public var checksum: UInt16
  /// The second four bytes: of an echo, identifier and sequence number.
  public var parameter: UInt32

  /// A header from its parts.
  @inlinable
  public init(type: ICMPType, code: UInt8 = 0, parameter: UInt32 = 0) {
    self.type = type
    self.code = code
    checksum = 0
    self.parameter = parameter
  }

  /// Parses the header at the start of `message`.
  ///
  /// - Parameters:
  ///   - message: the data of an IP packet, all of them.
  ///   - verifyingChecksum: `false` where somebody else has verified it.
  /// - Throws: ``WireError/truncated`` below 8 bytes, ``WireError/badChecksum``.
  public init(parsing message: Span<UInt8>, verifyingChecksum: Bool = true) throws(WireError) {
    guard let first = message.networkUInt32(at: 0), let parameter = message.networkUInt32(at: 4)
    else { throw .truncated }
    if verifyingChecksum && !InternetChecksum(of: message).isValid { throw .badChecksum }
    type = ICMPType(rawValue: UInt8(truncatingIfNeeded: first >> 24))
    code = UInt8(truncatingIfNeeded: first >> 16)
    checksum = first.lowerHalf
    self.parameter = parameter
  }

  /// Appends the whole message to `output`: the header with the checksum, and the payload, which is
  /// copied and summed in one pass.
  ///
  /// - Throws: ``WireError/noRoom`` if it has not room for both.
  public func write(to output: inout OutputSpan<UInt8>, payload: Span<UInt8> = Span())
    throws(WireError)
  {
    guard output.freeCapacity >= Self.byteCount,
      output.freeCapacity &- Self.byteCount >= payload.count
    else { throw .noRoom }
    let start = output.count
    var sum = InternetChecksum()
    sum.add(UInt32(UInt16(type.rawValue) << 8 | UInt16(code), 0), appendingTo: &output)
    sum.add(parameter, appendingTo: &output)
    try sum.add(payload, appendingTo: &output)
    output.overwrite(networkOrder: sum.value, at: start &+ 2)
  }
}
