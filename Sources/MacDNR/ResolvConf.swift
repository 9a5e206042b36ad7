// The format of resolv.conf(5).
internal import MacTCPCore
internal import MacTCPWire

/// What a file in the format of resolv.conf(5) says. Lines and values that cannot be read are passed
/// over, as every resolver does: servers with IPv6 addresses are among them.
struct ResolvConf: Equatable {
  var servers: [Endpoint] = []
  var searchDomains: [DomainName]?
  var ndots: Int?
  var timeout: Duration?
  var attempts: Int?
  var rotate: Bool?

  /// What is beyond these numbers is passed over: each look-up goes over all of them.
  static let mostServers = 16
  static let mostSearchDomains = 32

  /// A file that says nothing.
  init() {}

  /// Reads the text of a file.
  init(parsing text: some Sequence<UInt8>) {
    for words in Lines(Array(text)) {
      let values = words.dropFirst()
      switch words[0] {
      case "nameserver":
        if servers.count < Self.mostServers, let address = values.first.flatMap({ IPAddress($0) }) {
          servers.append(Endpoint(address, 53))
        }
      case "domain":
        searchDomains = values.prefix(1).compactMap { DomainName($0) }
      case "search":
        searchDomains = Array(
          values.lazy.compactMap { DomainName($0) }.prefix(Self.mostSearchDomains))
      case "options":
        for option in values { read(option) }
      default:
        break
      }
    }
  }

  private mutating func read(_ option: String) {
    let parts = option.split(separator: ":", maxSplits: 1)
    let number = parts.count == 2 ? Int(parts[1]).flatMap { $0 < 0 ? nil : $0 } : nil
    // The largest values are those of resolv.conf(5); a time-out of 0 is 1 second, as in other resolvers.
    switch parts.first {
    case "ndots": ndots = number.map { min($0, 15) } ?? ndots
    case "timeout": timeout = number.map { .seconds(min(max($0, 1), 30)) } ?? timeout
    case "attempts": attempts = number.map { min($0, 5) } ?? attempts
    case "rotate": rotate = true
    default: break
    }
  }
}

/// The lines of a text file that say something, as their words, for files of the kind of /etc/hosts.
/// One line at a time, so that a large file takes little more memory than its bytes.
struct Lines: Sequence, IteratorProtocol {
  private var rest: ArraySlice<UInt8>

  init(_ text: [UInt8]) {
    rest = text[...]
  }

  /// The words of the next line: what stands between spaces, up to a comment, which begins with `#` or
  /// `;`.
  mutating func next() -> [String]? {
    while !rest.isEmpty {
      let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
      let line = rest[..<end].prefix { $0 != UInt8(ascii: "#") && $0 != UInt8(ascii: ";") }
      rest = rest[end...].dropFirst()
      let words = line.split { $0 <= 0x20 }
      if !words.isEmpty { return words.map { String(decoding: $0, as: UTF8.self) } }
    }
    return nil
  }
}
