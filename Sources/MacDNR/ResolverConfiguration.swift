internal import MacTCPCore
public import MacTCPWire

/// Where a ``Resolver`` asks, and how.
///
/// What is `nil` is taken from the file at ``resolvConfPath``, and from resolv.conf's defaults where
/// that says nothing. Files are read when the resolver is opened.
public struct ResolverConfiguration: Sendable, Hashable {
  /// The name servers, in the order in which they are asked. The port is 53 usually. 0.0.0.0 stands for
  /// this host.
  public var servers: [Endpoint]?
  /// The domains in which names are looked for that are not complete.
  public var searchDomains: [String]?
  /// A name with at least so many dots is first looked for as it stands, and one with fewer first in
  /// the search domains; 1 by default. A name with a dot at its end is only looked for as it stands.
  public var ndots: Int?
  /// How long a server's answer is waited for in the first round; 5 seconds by default. It doubles
  /// with each further round, up to 30 seconds. A TCP connection gets at least 2 seconds, the shortest
  /// ULP time-out.
  public var timeout: Duration?
  /// How many rounds over all servers are made, 1...16; 2 by default.
  public var attempts: Int?
  /// Whether each question begins with another server than the one before; `false` by default.
  public var rotate: Bool?
  /// A file in the format of resolv.conf(5); `nil` reads none.
  public var resolvConfPath: String?
  /// A file in the format of hosts(5), whose names and addresses need no server; `nil` reads none.
  public var hostsFile: String?

  /// How many answers are kept; 4096 by default. The oldest goes first. Long answers count for several:
  /// the cache takes at most about 4 KB of memory for each.
  public var cacheCapacity = 4096
  /// The longest time that an answer is kept; a day by default.
  public var longestTimeToLive = Duration.seconds(86_400)
  /// The longest time that it is remembered that there is no such name or record; 3 hours by default,
  /// the most that RFC 2308 §5 recommends.
  public var longestNegativeTimeToLive = Duration.seconds(10_800)
  /// How many questions are asked at the same time, each on a stream of its own; 64 by default.
  /// Further ones wait.
  public var mostStreams = 64

  /// A configuration; everything has a default.
  public init(
    servers: [Endpoint]? = nil, searchDomains: [String]? = nil, ndots: Int? = nil,
    timeout: Duration? = nil, attempts: Int? = nil, rotate: Bool? = nil,
    resolvConfPath: String? = "/etc/resolv.conf", hostsFile: String? = "/etc/hosts"
  ) {
    self.servers = servers
    self.searchDomains = searchDomains
    self.ndots = ndots
    self.timeout = timeout
    self.attempts = attempts
    self.rotate = rotate
    self.resolvConfPath = resolvConfPath
    self.hostsFile = hostsFile
  }
}

/// A configuration with all its values, as an open resolver has it.
struct Settings: Sendable, Equatable {
  var servers: [Endpoint] = []
  var searchDomains: [DomainName] = []
  var ndots = 1
  var timeout = Duration.seconds(5)
  var attempts = 2
  var rotate = false

  /// What is beyond these limits is of no use to anybody, and is brought within them.
  static let shortestTimeout = Duration.milliseconds(10)
  static let longestTimeout = Duration.seconds(30)
  static let mostAttempts = 16

  /// The values given in `configuration`, and those of `file` where it gives none.
  ///
  /// - Throws: ``ResultCode/ipBadCnfgErr`` for a search domain that is no domain name.
  init(_ configuration: ResolverConfiguration, _ file: ResolvConf) throws(MacTCPError) {
    // No answer comes from the unspecified address.
    servers = (configuration.servers ?? file.servers).map {
      $0.address == .any ? Endpoint(.loopback, $0.port) : $0
    }
    searchDomains = file.searchDomains ?? []
    if let domains = configuration.searchDomains {
      searchDomains = []
      for domain in domains {
        guard let name = DomainName(domain) else {
          throw MacTCPError(
            .ipBadCnfgErr, "the search domain \"\(domain)\" is not a domain name",
            cause: .badAddress)
        }
        searchDomains.append(name)
      }
    }
    ndots = max(0, configuration.ndots ?? file.ndots ?? ndots)
    timeout = max(Self.shortestTimeout, configuration.timeout ?? file.timeout ?? timeout)
    attempts = min(
      max(1, configuration.attempts ?? file.attempts ?? attempts), Self.mostAttempts)
    rotate = configuration.rotate ?? file.rotate ?? rotate
  }

  /// How long a server's answer is waited for in a round, the first of which is 0: RFC 1035 §4.2.1
  /// and resolv.conf's practice of doubling.
  func timeout(inRound round: Int) -> Duration {
    guard timeout < Self.longestTimeout else { return timeout }
    return min(timeout * (1 << min(round, Self.mostAttempts)), Self.longestTimeout)
  }
}
