// Types and classes of resource records, and response codes: RFC 1035 §3.2 and §4.1.1, RFC 6895.

/// What a resource record says of its name (RFC 1035 §3.2.2), in questions too (§3.2.3).
public struct ResourceRecordType: RawRepresentable, Hashable, Sendable {
  /// The type's number.
  public let rawValue: UInt16
  /// The type with a number.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// A host's IPv4 address (RFC 1035 §3.4.1).
  public static let a = ResourceRecordType(rawValue: 1)
  /// A zone's name server (RFC 1035 §3.3.11).
  public static let ns = ResourceRecordType(rawValue: 2)
  /// The name that this one is an alias of (RFC 1035 §3.3.1).
  public static let cname = ResourceRecordType(rawValue: 5)
  /// The start of a zone of authority (RFC 1035 §3.3.13).
  public static let soa = ResourceRecordType(rawValue: 6)
  /// The name that belongs to an address (RFC 1035 §3.3.12).
  public static let ptr = ResourceRecordType(rawValue: 12)
  /// A host's machine and operating system (RFC 1035 §3.3.2).
  public static let hinfo = ResourceRecordType(rawValue: 13)
  /// A host that takes mail for the name (RFC 1035 §3.3.9).
  public static let mx = ResourceRecordType(rawValue: 15)
  /// Text (RFC 1035 §3.3.14).
  public static let txt = ResourceRecordType(rawValue: 16)
  /// A host's IPv6 address (RFC 3596).
  public static let aaaa = ResourceRecordType(rawValue: 28)
  /// Not a record but EDNS(0)'s part of a message (RFC 6891).
  public static let opt = ResourceRecordType(rawValue: 41)
  /// In questions: records of every type (RFC 1035 §3.2.3; RFC 8482 lets servers answer as they like).
  public static let any = ResourceRecordType(rawValue: 255)

  private static let names: [(ResourceRecordType, String)] = [
    (.a, "A"), (.ns, "NS"), (.cname, "CNAME"), (.soa, "SOA"), (.ptr, "PTR"), (.hinfo, "HINFO"),
    (.mx, "MX"), (.txt, "TXT"), (.aaaa, "AAAA"), (.opt, "OPT"), (.any, "ANY"),
  ]
}

extension ResourceRecordType: LosslessStringConvertible {
  /// The type of a name, in capitals or not: `MX`. A type without a name is written `TYPE33`
  /// (RFC 3597 §5) or `33`.
  public init?(_ description: String) {
    let text = description.uppercased()
    if let known = Self.names.first(where: { $0.1 == text }) {
      self = known.0
      return
    }
    let digits = text.hasPrefix("TYPE") ? text.dropFirst(4) : text[...]
    guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let number = UInt16(digits)
    else { return nil }
    rawValue = number
  }

  /// The type's name; `TYPE33` for one that has none here (RFC 3597 §5).
  public var description: String {
    Self.names.first { $0.0 == self }?.1 ?? "TYPE\(rawValue)"
  }
}

/// Which name space a resource record belongs to (RFC 1035 §3.2.4).
public struct ResourceRecordClass: RawRepresentable, Hashable, Sendable {
  /// The class's number.
  public let rawValue: UInt16
  /// The class with a number.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The Internet, the only one in use.
  public static let internet = ResourceRecordClass(rawValue: 1)
  /// MIT's Chaosnet; name servers tell their versions in it.
  public static let chaos = ResourceRecordClass(rawValue: 3)
}

extension ResourceRecordClass: CustomStringConvertible {
  /// `IN`, `CH`, and `CLASS4` for one that has no name here (RFC 3597 §5).
  public var description: String {
    switch self {
    case .internet: "IN"
    case .chaos: "CH"
    default: "CLASS\(rawValue)"
    }
  }
}

/// What a server says of the query, 12 bits with EDNS and 4 without (RFC 1035 §4.1.1, RFC 6891 §6.1.3).
package struct ResponseCode: RawRepresentable, Hashable, Sendable {
  /// The code's number, 0...4095.
  package let rawValue: UInt16
  /// The code with a number.
  package init(rawValue: UInt16) { self.rawValue = rawValue }

  /// No error.
  package static let noError = ResponseCode(rawValue: 0)
  /// The server cannot read the query.
  package static let formatError = ResponseCode(rawValue: 1)
  /// The server cannot answer at the moment.
  package static let serverFailure = ResponseCode(rawValue: 2)
  /// There is no such name.
  package static let nameError = ResponseCode(rawValue: 3)
  /// The server does not know this kind of query.
  package static let notImplemented = ResponseCode(rawValue: 4)
  /// The server does not want to answer.
  package static let refused = ResponseCode(rawValue: 5)
  /// The server does not know this version of EDNS (RFC 6891 §9).
  package static let badVersion = ResponseCode(rawValue: 16)
}

extension ResponseCode: CustomStringConvertible {
  /// The code's name as RFC 6895 §2.3 has it: `NXDOMAIN`.
  package var description: String {
    switch self {
    case .noError: "NOERROR"
    case .formatError: "FORMERR"
    case .serverFailure: "SERVFAIL"
    case .nameError: "NXDOMAIN"
    case .notImplemented: "NOTIMP"
    case .refused: "REFUSED"
    case .badVersion: "BADVERS"
    default: "RCODE\(rawValue)"
    }
  }
}
