import Foundation
import MacTCP
import MacTCPWire
import Testing

@testable import MacDNR

/// resolv.conf(5), hosts(5) and what is given instead.
@Suite("Configuration and hosts files", .timeLimit(.minutes(2))) struct FileTests {
  /// A file in the system's folder for such, until it goes.
  private final class TemporaryFile {
    let path: String

    init(_ text: String) throws {
      let folder = FileManager.default.temporaryDirectory
      path = folder.appendingPathComponent("mactcp-resolver-\(UUID().uuidString)").path
      try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    deinit {
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  // MARK: resolv.conf

  @Test("resolv.conf names servers, search domains and options")
  func resolvConf() {
    let text = """
      # a comment
      nameserver 192.0.2.1
      nameserver\t192.0.2.2   ; another
      nameserver 2001:db8::1
      nameserver
      nameserver nonsense
      search example.com  sub.example.com.
      options ndots:3 timeout:7 attempts:4 rotate unknown ndots:x edns0
      sortlist 1.2.3.4
      """
    let file = ResolvConf(parsing: text.utf8)
    #expect(
      file.servers == [
        Endpoint(IPAddress(192, 0, 2, 1), 53), Endpoint(IPAddress(192, 0, 2, 2), 53),
      ])
    #expect(file.searchDomains == [domain("example.com"), domain("sub.example.com")])
    #expect(file.ndots == 3 && file.timeout == .seconds(7) && file.attempts == 4)
    #expect(file.rotate == true)
  }

  @Test("Of search and domain, the last one counts")
  func lastSearch() {
    #expect(
      ResolvConf(parsing: "search a b\ndomain c d\n".utf8).searchDomains == [domain("c")])
    #expect(
      ResolvConf(parsing: "domain c\nsearch a b".utf8).searchDomains == [domain("a"), domain("b")])
    #expect(ResolvConf(parsing: "search a..b ü c".utf8).searchDomains == [domain("c")])
  }

  @Test("Options have limits, and what is no number is passed over")
  func optionLimits() {
    let file = ResolvConf(parsing: "options ndots:99 timeout:9999 attempts:99".utf8)
    #expect(file.ndots == 15 && file.timeout == .seconds(30) && file.attempts == 5)
    let none = ResolvConf(
      parsing: "options ndots: timeout:-1 attempts rotat ndots:99999999999999999999".utf8)
    #expect(none == ResolvConf())
    #expect(ResolvConf(parsing: "options timeout:0".utf8).timeout == .seconds(1))
  }

  @Test("Of many servers and search domains the first ones count")
  func listLimits() {
    let text =
      (1...100).map { "nameserver 192.0.2.\($0)\n" }.joined()
      + "search" + (1...100).map { " d\($0).test" }.joined()
    let file = ResolvConf(parsing: text.utf8)
    #expect(file.servers == (1...16).map { Endpoint(IPAddress(192, 0, 2, $0), 53) })
    #expect(file.searchDomains == (1...32).map { domain("d\($0).test") })
  }

  @Test("The server 0.0.0.0 is this host")
  func unspecifiedServer() throws {
    let file = ResolvConf(parsing: "nameserver 0.0.0.0".utf8)
    #expect(
      try Settings(ResolverConfiguration(), file).servers == [Endpoint(.loopback, 53)])
    let given = ResolverConfiguration(servers: [Endpoint(.any, 5353)])
    #expect(try Settings(given, file).servers == [Endpoint(.loopback, 5353)])
  }

  @Test(
    "Any bytes are read as something",
    arguments: ["", "\n\n", "\u{0}\u{0}", "options", "search", " nameserver 192.0.2.1"])
  func oddFiles(_ text: String) {
    #expect(ResolvConf(parsing: text.utf8).servers.count <= 1)
    #expect(HostsFile(parsing: text.utf8).records.isEmpty)
  }

  @Test("Random bytes never trap")
  func randomFiles() {
    let seed = UInt64.random(in: .min ... .max)
    var state = seed
    for _ in 0..<500 {
      let bytes = (0..<200).map { _ -> UInt8 in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 33)
      }
      _ = ResolvConf(parsing: Array("nameserver 192.0.2.1\noptions ndots:".utf8) + bytes)
      _ = HostsFile(parsing: Array("192.0.2.1 ".utf8) + bytes)
    }
  }

  @Test("What is given counts, then what the file says, then the defaults")
  func settings() throws {
    let file = ResolvConf(
      parsing: "nameserver 192.0.2.1\nsearch f.test\noptions ndots:2 timeout:3 attempts:4 rotate"
        .utf8)
    let fromFile = try Settings(ResolverConfiguration(), file)
    #expect(fromFile.servers == file.servers && fromFile.searchDomains == [domain("f.test")])
    #expect(fromFile.ndots == 2 && fromFile.timeout == .seconds(3) && fromFile.attempts == 4)
    #expect(fromFile.rotate)
    let given = try Settings(
      ResolverConfiguration(
        servers: [], searchDomains: [], ndots: 0, timeout: .seconds(1), attempts: 1, rotate: false),
      file)
    #expect(given.servers.isEmpty && given.searchDomains.isEmpty && given.ndots == 0)
    #expect(given.timeout == .seconds(1) && given.attempts == 1 && !given.rotate)
    let defaults = try Settings(ResolverConfiguration(), ResolvConf())
    #expect(defaults.ndots == 1 && defaults.timeout == .seconds(5) && defaults.attempts == 2)
    #expect(!defaults.rotate && defaults.servers.isEmpty)
    #expect(throws: MacTCPError(.ipBadCnfgErr, "")) {
      try Settings(ResolverConfiguration(searchDomains: ["a b"]), ResolvConf())
    }
  }

  @Test("The time-out doubles with each round, up to 30 seconds; a longer one stays")
  func backOff() throws {
    func times(_ timeout: Duration) throws -> [Duration] {
      let settings = try Settings(
        ResolverConfiguration(timeout: timeout, attempts: 1000), ResolvConf())
      #expect(settings.attempts == 16)
      return (0..<4).map { settings.timeout(inRound: $0) }
    }
    #expect(try times(.seconds(5)) == [.seconds(5), .seconds(10), .seconds(20), .seconds(30)])
    #expect(try times(.seconds(40)) == Array(repeating: .seconds(40), count: 4))
    #expect(try times(.seconds(Int64.max)) == Array(repeating: .seconds(Int64.max), count: 4))
    #expect(try times(.zero)[0] > .zero && times(.seconds(-5))[0] > .zero)
  }

  @Test("A resolver reads its servers from the file that it is given")
  func resolvConfPath() async throws {
    let file = try TemporaryFile("search from-file.test\nnameserver 127.0.0.1\n")
    let driver = try openDriver()
    let server = try FakeServer(driver) { [$0.address()] }
    let configuration = ResolverConfiguration(
      servers: [server.endpoint], resolvConfPath: file.path, hostsFile: nil)
    let host = try await Resolver(driver: driver, configuration: configuration).addresses(of: "a")
    #expect(host.canonicalName == "a.from-file.test")
  }

  // MARK: hosts

  private static let hosts = """
    # the test's own
    127.0.0.1   localhost
    192.0.2.1   one.test ONE   uno.test # the first
    192.0.2.2   two.test
    192.0.2.3   one.test
    192.0.2.1   late.test
    ::1         six.test
    192.0.2.4
    nonsense    three.test
    192.0.2.5   bad..name good.test
    """

  @Test("Names and addresses of the hosts file need no server, and are done at once")
  func hostsFile() throws {
    let file = try TemporaryFile(Self.hosts)
    let resolver = Resolver(
      driver: try openDriver(),
      configuration: ResolverConfiguration(servers: [], resolvConfPath: nil, hostsFile: file.path))
    func host(_ name: String) -> HostAddresses? {
      guard case .success(let host) = resolver.issueAddresses(of: name).result else { return nil }
      return host
    }
    let one = [IPAddress(192, 0, 2, 1), IPAddress(192, 0, 2, 3)]
    #expect(host("one.test") == HostAddresses(canonicalName: "one.test", addresses: one))
    #expect(host("ONE.TEST.")?.addresses == one)
    #expect(host("one")?.canonicalName == "one.test" && host("uno.test")?.addresses == [one[0]])
    #expect(host("good.test")?.addresses == [IPAddress(192, 0, 2, 5)])
    #expect(host("six.test") == nil && host("three.test") == nil)
    func name(_ address: IPAddress) -> String? {
      try? resolver.issueName(of: address).result?.get()
    }
    #expect(name(IPAddress(192, 0, 2, 1)) == "one.test" && name(.loopback) == "localhost")
    #expect(name(IPAddress(192, 0, 2, 4)) == nil)
    let records = resolver.enumerateCache()
    #expect(records.contains(record("uno.test", .a(one[0]), timeToLive: 0x7FFF_FFFF)))
    #expect(records.count == 8)
  }

  @Test("A name may have an address on each line of a large file", .timeLimit(.minutes(1)))
  func manyAddresses() {
    // With the square of their number this would take minutes.
    let text = (0..<30_000 as Range<UInt32>).map {
      "\(IPAddress(v4: 0x0A00_0000 + $0)) many.test\n"
    }.joined()
    let hosts = HostsFile(parsing: text.utf8)
    #expect(hosts.addresses(of: domain("many.test"))?.addresses.count == 30_000)
  }

  @Test("A file that is larger than any configuration is not read")
  func largeFile() throws {
    let file = try TemporaryFile("192.0.2.9 nine.test\n")
    #expect(throws: Never.self) { try readFile(file.path) }
    #expect(truncate(file.path, (16 << 20) + 1) == 0)
    #expect(throws: (any Error).self) { try readFile(file.path) }
    // Nor is one without an end.
    #expect(throws: (any Error).self) { try readFile("/dev/zero") }
    let resolver = Resolver(driver: try openDriver())
    #expect(throws: MacTCPError(.ipNoCnfgErr, "")) { try resolver.open(hostsFile: file.path) }
    #expect(throws: MacTCPError(.ipNoCnfgErr, "")) { try resolver.open(hostsFile: "/") }
  }

  @Test("Of those who open a resolver at once, one succeeds")
  func openingAtOnce() async throws {
    // Long enough to read that the others come meanwhile.
    let file = try TemporaryFile((0..<5000).map { "192.0.2.1 h\($0).test\n" }.joined())
    let resolver = Resolver(
      driver: try openDriver(),
      configuration: ResolverConfiguration(servers: [], resolvConfPath: nil, hostsFile: file.path))
    let opened = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 {
        group.addTask { (try? await onThread { try resolver.open() }) != nil }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(opened == 1)
  }

  @Test("open takes another hosts file, which must be there; a configured one need not be")
  func openHostsFile() throws {
    let resolver = Resolver(
      driver: try openDriver(),
      configuration: ResolverConfiguration(
        servers: [], resolvConfPath: "/nonexistent/resolv.conf", hostsFile: "/nonexistent/hosts"))
    try resolver.open()
    resolver.close()
    #expect(throws: MacTCPError(.ipNoCnfgErr, "")) {
      try resolver.open(hostsFile: "/nonexistent/hosts")
    }
    #expect(!resolver.isOpen)
    let file = try TemporaryFile("192.0.2.9 nine.test")
    try resolver.open(hostsFile: file.path)
    #expect(
      try resolver.issueAddresses(of: "nine.test").wait().addresses == [IPAddress(192, 0, 2, 9)])
    // Closed and opened by a look-up, it has the configured one again.
    resolver.close()
    #expect(throws: MacTCPError(.noNameServer, "")) {
      try resolver.issueAddresses(of: "nine.test").wait()
    }
  }
}
