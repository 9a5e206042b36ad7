// Resource records as values: RFC 1035 §3.2.1, §3.3 and §3.4; RFC 3596; RFC 3597.

/// A resource record: what the domain name system says of a name (RFC 1035 §3.2.1).
public struct ResourceRecord: Hashable, Sendable {
  /// The name that the record belongs to.
  public var name: DomainName
  /// The name space; only records of ``ResourceRecordClass/internet`` are of use.
  public var recordClass: ResourceRecordClass
  /// How long the record may be kept, in seconds.
  public var timeToLive: UInt32
  /// What the record says.
  public var data: Data

  /// A record from its parts.
  public init(
    name: DomainName, recordClass: ResourceRecordClass = .internet, timeToLive: UInt32, data: Data
  ) {
    self.name = name
    self.recordClass = recordClass
    self.timeToLive = timeToLive
    self.data = data
  }

  /// The record's type.
  public var type: ResourceRecordType { data.type }

  /// What a record says, by its type.
  public enum Data: Hashable, Sendable {
    /// A: the host's IPv4 address.
    case a(IPAddress)
    /// NS: a name server of the zone.
    case ns(DomainName)
    /// CNAME: the name that this one is an alias of.
    case cname(DomainName)
    /// SOA: what all servers of the zone go by.
    case soa(StartOfAuthority)
    /// PTR: the name that belongs to an address.
    case ptr(DomainName)
    /// HINFO: the host's machine and operating system, in at most 255 bytes each.
    case hinfo(cpu: [UInt8], os: [UInt8])
    /// MX: a host that takes mail for the name; the smallest preference is tried first.
    case mx(preference: UInt16, exchange: DomainName)
    /// TXT: strings of at most 255 bytes each.
    case txt([[UInt8]])
    /// AAAA: the host's IPv6 address, 16 bytes in network order.
    case aaaa([UInt8])
    /// A type or class whose format is not known here, as it came (RFC 3597).
    case unknown(ResourceRecordType, [UInt8])

    /// The type that data of this kind has.
    public var type: ResourceRecordType {
      switch self {
      case .a: .a
      case .ns: .ns
      case .cname: .cname
      case .soa: .soa
      case .ptr: .ptr
      case .hinfo: .hinfo
      case .mx: .mx
      case .txt: .txt
      case .aaaa: .aaaa
      case .unknown(let type, _): type
      }
    }
  }
}

/// The start of a zone of authority (RFC 1035 §3.3.13). Times are in seconds.
public struct StartOfAuthority: Hashable, Sendable {
  /// The server that the zone's data comes from.
  public var primary: DomainName
  /// The mailbox of the zone's keeper; its first label is the part before the `@`.
  public var mailbox: DomainName
  /// The version of the zone.
  public var serial: UInt32
  /// After which time a secondary server looks for a new version.
  public var refresh: UInt32
  /// After which time it looks again when that failed.
  public var retry: UInt32
  /// After which time its copy is no longer good.
  public var expire: UInt32
  /// How long it may be remembered that something does not exist (RFC 2308 §4).
  public var minimum: UInt32

  /// A start of authority from its parts.
  public init(
    primary: DomainName, mailbox: DomainName, serial: UInt32, refresh: UInt32, retry: UInt32,
    expire: UInt32, minimum: UInt32
  ) {
    self.primary = primary
    self.mailbox = mailbox
    self.serial = serial
    self.refresh = refresh
    self.retry = retry
    self.expire = expire
    self.minimum = minimum
  }
}

extension ResourceRecord: CustomStringConvertible {
  /// The record as a line of a master file (RFC 1035 §5.1): `example.com. 3600 IN MX 10 mail.example.com.`
  public var description: String {
    "\(Self.absolute(name)) \(timeToLive) \(recordClass) \(type) \(data)"
  }

  /// A name with the dot at its end that makes it complete in a master file.
  fileprivate static func absolute(_ name: DomainName) -> String {
    name.isRoot ? "." : "\(name)."
  }
}

extension ResourceRecord.Data: CustomStringConvertible {
  /// The data as in a master file (RFC 1035 §5.1, RFC 5952); `\# 2 CAFE` where the format is not known
  /// (RFC 3597 §5).
  public var description: String {
    switch self {
    case .a(let address): "\(address)"
    case .ns(let name), .cname(let name), .ptr(let name): ResourceRecord.absolute(name)
    case .soa(let soa):
      "\(ResourceRecord.absolute(soa.primary)) \(ResourceRecord.absolute(soa.mailbox)) "
        + "\(soa.serial) \(soa.refresh) \(soa.retry) \(soa.expire) \(soa.minimum)"
    case .hinfo(let cpu, let os): "\(Self.quoted(cpu)) \(Self.quoted(os))"
    case .mx(let preference, let exchange): "\(preference) \(ResourceRecord.absolute(exchange))"
    case .txt(let strings): strings.map(Self.quoted).joined(separator: " ")
    case .aaaa(let bytes): Self.textOfIPv6(bytes)
    case .unknown(_, let bytes):
      "\\# \(bytes.count)" + (bytes.isEmpty ? "" : " ") + bytes.map(Self.hexadecimal).joined()
    }
  }

  /// A string between quotation marks; bytes that are no visible ASCII characters or spaces as `\DDD`.
  private static func quoted(_ bytes: [UInt8]) -> String {
    var text = "\""
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        text += "\\"
        text.unicodeScalars.append(Unicode.Scalar(byte))
      case 0x20...0x7E:
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        text += "\\" + DomainName.threeDigits(byte)
      }
    }
    return text + "\""
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
  }

  /// An IPv6 address as RFC 5952 §4 has it: no leading zeros, the first longest run of zero groups as
  /// `::`, small letters.
  private static func textOfIPv6(_ bytes: [UInt8]) -> String {
    let groups = stride(from: 0, to: bytes.count - 1, by: 2).map {
      UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1])
    }
    var longest = 0..<0
    var start = 0
    while start < groups.count {
      let end = groups[start...].firstIndex { $0 != 0 } ?? groups.count
      if end - start > longest.count { longest = start..<end }
      start = max(end, start + 1)
    }
    func text(_ groups: ArraySlice<UInt16>) -> String {
      groups.map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard longest.count > 1 else { return text(groups[...]) }
    return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
  }
}
