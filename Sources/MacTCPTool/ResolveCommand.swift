import ArgumentParser
import MacTCP

/// `mactcp resolve`.
struct ResolveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resolve",
    abstract: "Look up a host's addresses, or what else the domain name system says of a name.",
    discussion: """
      Prints an address per line. Names are looked for in /etc/hosts, and then by the servers and search domains of \
      /etc/resolv.conf. Exit status 68 when there is no such name or no such record, 75 when no server answers in \
      time, 69 when none is known or can be reached, or they fail.

      Example:
        mactcp resolve www.example.com
        mactcp resolve --reverse 192.0.2.1
        mactcp resolve --type TXT example.com --server 192.0.2.53
      """)

  @Argument(help: "The name; with --reverse, the address.")
  var name: String

  @Flag(help: "Look up the name of an address.")
  var reverse = false

  @Flag(help: "Look up who takes mail for the name, most preferred first.")
  var mx = false

  @Flag(help: "Look up the host's machine and operating system.")
  var hinfo = false

  @Option(
    help: ArgumentHelp(
      "Look up records of this type, a name or a number: TXT, AAAA, 33.", valueName: "type"))
  var type: RecordType?

  @Option(
    help: ArgumentHelp(
      "Ask this server instead; can be given more than once.", valueName: "address[:port]"))
  var server: [NameServer] = []

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if [reverse, mx, hinfo, type != nil].count(where: { $0 }) > 1 {
      throw ValidationError("--reverse, --mx, --hinfo and --type exclude each other.")
    }
    if reverse && IPAddress(name) == nil {
      throw ValidationError("--reverse takes an address in dotted-decimal notation.")
    }
  }

  func run() throws(ToolFailure) {
    if isIPv6Address(name) {
      throw ToolFailure("\(name) is an IPv6 address; only IPv4 is supported", .noHost)
    }
    let driver = try translating { () throws(MacTCPError) in try MacTCP.open() }
    var configuration = ResolverConfiguration()
    if !server.isEmpty { configuration.servers = server.map(\.endpoint) }
    let resolver = Resolver(driver: driver, configuration: configuration)
    let found = try lookUp(resolver)
    try Console.shared.print(json ? "\(found.json)" : found.lines.joined(separator: "\n"))
  }

  private func lookUp(_ resolver: Resolver) throws(ToolFailure) -> Found {
    if reverse, let address = IPAddress(name) {
      return Found(address: address, name: try resolver.outcome { $0.issueName(of: address) })
    }
    if mx { return Found(name, try resolver.outcome { $0.issueMailExchanges(of: name) }) }
    if hinfo { return Found(name, try resolver.outcome { $0.issueHostInfo(of: name) }) }
    if let type {
      return Found(name, try resolver.outcome { $0.issueQuery(name, type: type.type) })
    }
    return Found(name, try resolver.outcome { $0.issueAddresses(of: name) })
  }
}

/// The first address of the host with a name.
func address(named host: String) throws(ToolFailure) -> IPAddress {
  let resolver = Resolver(driver: try translating { () throws(MacTCPError) in try MacTCP.open() })
  guard let address = try resolver.outcome({ $0.issueAddresses(of: host) }).addresses.first else {
    throw ToolFailure("no address for \(host)", .noHost)
  }
  return address
}

extension Resolver {
  /// What a look-up finds. It ends when the process is told to stop.
  fileprivate func outcome<Value>(_ issue: (Resolver) -> Command<Value>) throws(ToolFailure)
    -> Value
  {
    try Interrupts.shared.whileStopping(with: { self.close() }) { () throws(ToolFailure) in
      let lookUp = issue(self)
      // What was closed before the look-up was issued is open again.
      if Interrupts.shared.isInterrupted { lookUp.cancel() }
      do throws(MacTCPError) {
        return try lookUp.wait()
      } catch {
        throw Interrupts.shared.isInterrupted
          ? .interrupted("nothing was found yet") : ToolFailure(error)
      }
    }
  }
}

/// What a look-up shows.
private struct Found {
  let lines: [String]
  let json: JSON

  init(_ name: String, _ host: HostAddresses) {
    lines = host.addresses.map(\.description)
    json = .object([
      ("name", .string(name)), ("canonicalName", .string(host.canonicalName)),
      ("addresses", .array(lines.map { .string($0) })),
    ])
  }

  init(address: IPAddress, name: String) {
    lines = [name]
    json = .object([("address", .string("\(address)")), ("name", .string(name))])
  }

  init(_ name: String, _ exchanges: [MailExchange]) {
    lines = exchanges.map { "\($0.preference) \($0.exchange)" }
    json = .object([
      ("name", .string(name)), ("canonicalName", .string(exchanges.first?.canonicalName ?? name)),
      (
        "exchanges",
        .array(
          exchanges.map {
            .object([
              ("exchange", .string($0.exchange)), ("preference", .number(Int($0.preference))),
            ])
          })
      ),
    ])
  }

  init(_ name: String, _ info: HostInfo) {
    lines = ["cpuType  \(Self.harmless(info.cpuType))", "osType   \(Self.harmless(info.osType))"]
    json = .object([
      ("name", .string(name)), ("canonicalName", .string(info.canonicalName)),
      ("cpuType", .string(info.cpuType)), ("osType", .string(info.osType)),
    ])
  }

  /// Text of a stranger's without the control characters that a terminal would obey.
  private static func harmless(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
  }

  init(_ name: String, _ answer: ResolverAnswer) {
    func members(_ records: [ResourceRecord]) -> JSON {
      .array(
        records.map {
          .object([
            ("name", .string("\($0.name)")), ("type", .string("\($0.type)")),
            ("timeToLive", .number(Int($0.timeToLive))), ("data", .string("\($0.data)")),
          ])
        })
    }
    lines = (answer.aliases + answer.records).map(\.description)
    json = .object([
      ("name", .string(name)), ("canonicalName", .string("\(answer.canonicalName)")),
      ("aliases", members(answer.aliases)), ("records", members(answer.records)),
    ])
  }
}

/// A type of record by its name or number.
struct RecordType: ExpressibleByArgument {
  let type: ResourceRecordType

  init?(argument: String) {
    guard let type = ResourceRecordType(argument) else { return nil }
    self.type = type
  }
}

/// A name server, at port 53 unless another one is given.
struct NameServer: ExpressibleByArgument {
  let endpoint: Endpoint

  init?(argument: String) {
    if let address = IPAddress(argument) {
      endpoint = Endpoint(address, 53)
    } else if let given = Endpoint(argument), given.port > 0 {
      endpoint = given
    } else {
      return nil
    }
  }
}
