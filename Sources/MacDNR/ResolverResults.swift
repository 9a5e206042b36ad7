public import MacTCPWire

/// The addresses of a host. MacTCP: `hostInfo`, the result of StrToAddr.
public struct HostAddresses: Sendable, Hashable {
  /// The host's real name, where every alias has been followed. MacTCP: `cname`.
  public var canonicalName: String
  /// Every address, at least one, in the order in which the server or the hosts file gave them.
  public var addresses: [IPAddress]

  /// A result from its parts.
  public init(canonicalName: String, addresses: [IPAddress]) {
    self.canonicalName = canonicalName
    self.addresses = addresses
  }

  /// The result as MacTCP's programs know it: exactly four addresses in host order, of which those
  /// that are not used are 0. MacTCP: `addr`; `ip0`...`ip3` in the Python module.
  public var classic: [UInt32] {
    let used = addresses.prefix(4).map(\.v4)
    return used + [UInt32](repeating: 0, count: 4 - used.count)
  }
}

/// What kind of machine a host is (RFC 1035 §3.3.2). MacTCP: the result of HInfo.
public struct HostInfo: Sendable, Hashable {
  /// The host's real name, where every alias has been followed. MacTCP: `cname`.
  public var canonicalName: String
  /// The machine. MacTCP: `cpuType`.
  public var cpuType: String
  /// Its operating system. MacTCP: `osType`.
  public var osType: String

  /// A result from its parts.
  public init(canonicalName: String, cpuType: String, osType: String) {
    self.canonicalName = canonicalName
    self.cpuType = cpuType
    self.osType = osType
  }
}

/// A host that takes mail for a domain (RFC 1035 §3.3.9). MacTCP: the result of MXInfo.
public struct MailExchange: Sendable, Hashable {
  /// The domain's real name, where every alias has been followed. MacTCP: `cname`.
  public var canonicalName: String
  /// The host. `.` says that the domain takes no mail at all (RFC 7505).
  public var exchange: String
  /// The host's place: smallest first (RFC 5321 §5.1).
  public var preference: UInt16

  /// A result from its parts.
  public init(canonicalName: String, exchange: String, preference: UInt16) {
    self.canonicalName = canonicalName
    self.exchange = exchange
    self.preference = preference
  }
}

/// What the domain name system says of a name.
public struct ResolverAnswer: Sendable, Hashable {
  /// The name that the records belong to, where every alias has been followed.
  public var canonicalName: DomainName
  /// The aliases that were followed: records of type CNAME, in order.
  public var aliases: [ResourceRecord]
  /// The records, at least one. From the cache they have what is left of their times to live.
  public var records: [ResourceRecord]

  /// A result from its parts.
  public init(canonicalName: DomainName, aliases: [ResourceRecord], records: [ResourceRecord]) {
    self.canonicalName = canonicalName
    self.aliases = aliases
    self.records = records
  }
}
