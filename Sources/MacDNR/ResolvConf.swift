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

  /// A file that says nothing.
  init() {}

  /// Reads the text of a file.
  init(parsing text: some Sequence<UInt8>) {
    for line in Lines(text) {
      let words = line.words
      guard let keyword = words.first else { continue }
      let values = words.dropFirst()
      switch keyword {
      case "nameserver":
        if let address = values.first.flatMap({ IPAddress($0) }) {
          servers.append(Endpoint(address, 53))
        }
      case "domain":
        searchDomains = values.prefix(1).compactMap { DomainName($0) }
      case "search":
        searchDomains = values.compactMap { DomainName($0) }
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
    // The largest values are those of resolv.conf(5).
    switch parts.first {
    case "ndots": ndots = number.map { min($0, 15) } ?? ndots
    case "timeout": timeout = number.map { .seconds(min($0, 30)) } ?? timeout
    case "attempts": attempts = number.map { min($0, 5) } ?? attempts
    case "rotate": rotate = true
    default: break
    }
  }
}

/// The lines of a text file, without comments, for configuration files of the kind of /etc/hosts.
struct Lines: Sequence {
  private let text: [UInt8]

  init(_ text: some Sequence<UInt8>) {
    self.text = Array(text)
  }

  /// One line.
  struct Line {
    fileprivate let bytes: ArraySlice<UInt8>

    /// What stands between spaces.
    var words: [String] {
      bytes.split { $0 <= 0x20 }.map { String(decoding: $0, as: UTF8.self) }
    }
  }

  func makeIterator() -> some IteratorProtocol<Line> {
    text.split(separator: UInt8(ascii: "\n")).lazy.map { line in
      // A comment begins with either sign.
      Line(bytes: line.prefix { $0 != UInt8(ascii: "#") && $0 != UInt8(ascii: ";") })
    }.makeIterator()
  }
}
