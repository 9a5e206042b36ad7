// Names and addresses that need no server: the format of hosts(5), RFC 952's successor.
internal import MacTCPCore
internal import MacTCPWire
internal import SystemPackage

/// What a file in the format of hosts(5) says. Lines that cannot be read, and those with IPv6
/// addresses, are passed over.
struct HostsFile {
  /// A line: an address and its names, the canonical one first.
  private struct Host {
    let canonicalName: DomainName
    var addresses: [IPAddress]
  }

  private var hosts: [DomainName: Host] = [:]
  private var names: [IPAddress: DomainName] = [:]
  /// Each name with its addresses, in the order of the file.
  private(set) var records: [ResourceRecord] = []

  /// The longest time that a record may be kept (RFC 2181 §8).
  private static let longestTimeToLive = UInt32(Int32.max)

  /// A file without hosts.
  init() {}

  /// Reads the text of a file. A name on several lines has all their addresses.
  init(parsing text: some Sequence<UInt8>) {
    // A set, because a name may have as many addresses as the file has lines.
    var seen: Set<ResourceRecord> = []
    for words in Lines(Array(text)) {
      guard let address = IPAddress(words[0]) else { continue }
      let lineNames = words.dropFirst().compactMap { DomainName($0) }
      guard let canonicalName = lineNames.first else { continue }
      if names[address] == nil { names[address] = canonicalName }
      for name in lineNames {
        let record = ResourceRecord(
          name: name, timeToLive: Self.longestTimeToLive, data: .a(address))
        guard seen.insert(record).inserted else { continue }
        records.append(record)
        // In place: a copy for each address would take the square of their number.
        hosts[name, default: Host(canonicalName: canonicalName, addresses: [])]
          .addresses.append(address)
      }
    }
  }

  /// The addresses of `name`; `nil` if it is not in the file.
  func addresses(of name: DomainName) -> HostAddresses? {
    hosts[name].map {
      HostAddresses(canonicalName: "\($0.canonicalName)", addresses: $0.addresses)
    }
  }

  /// The canonical name of the host at `address`; `nil` if it is not in the file.
  func name(of address: IPAddress) -> DomainName? { names[address] }
}

/// Reads a whole file, unless it is larger than any configuration file.
///
/// - Throws: what the system says, as `Errno`; `fileTooLarge` above 16 MB.
func readFile(_ path: String) throws -> [UInt8] {
  let most = 16 << 20
  let descriptor = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
  return try descriptor.closeAfter {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = try buffer.withUnsafeMutableBytes { try descriptor.read(into: $0) }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
      if bytes.count > most { throw Errno.fileTooLarge }
    }
  }
}
