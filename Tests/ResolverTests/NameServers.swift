// Real name servers, for the suites that meet them: unbound with a zone of its own, and dnsmasq.
//
// They are started for a suite and ended with it.
import Foundation
import MacDNR
import MacTCP
import MacTCPWire
import Testing

/// Starts the servers for a suite.
struct NameServersTrait: SuiteTrait, TestScoping {
  @concurrent
  func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @Sendable @concurrent () async throws -> Void
  ) async throws {
    let servers = try await NameServers.start()
    defer { servers.stop() }
    try await NameServers.$running.withValue(servers) { try await function() }
  }
}

extension Trait where Self == NameServersTrait {
  /// unbound and dnsmasq run while the suite does.
  static var nameServers: Self { Self() }
}

/// The servers, and where they listen.
final class NameServers: Sendable {
  @TaskLocal static var running: NameServers?

  /// Serves the zone `zone.test` and 2.0.192.in-addr.arpa, refuses `refused.test` and cannot resolve
  /// `broken.test`.
  let unbound: Endpoint
  /// Serves `mask.test`, and 1.100.51.198.in-addr.arpa.
  let dnsmasq: Endpoint
  private let children: [ServerProcess]
  private let folder: URL

  private init(_ unbound: Endpoint, _ dnsmasq: Endpoint, _ children: [ServerProcess], _ folder: URL)
  {
    self.unbound = unbound
    self.dnsmasq = dnsmasq
    self.children = children
    self.folder = folder
  }

  static func start() async throws -> NameServers {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("mactcp-dns-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let driver = try openDriver()
    let (unbound, dnsmasq) = (try freePort(driver), try freePort(driver))
    try zone.write(to: folder.appendingPathComponent("zone"), atomically: true, encoding: .utf8)
    try reverseZone.write(
      to: folder.appendingPathComponent("reverse"), atomically: true, encoding: .utf8)
    let unboundFile = folder.appendingPathComponent("unbound.conf")
    try unboundConfiguration(unbound, dnsmasq, folder).write(
      to: unboundFile, atomically: true, encoding: .utf8)
    let dnsmasqFile = folder.appendingPathComponent("dnsmasq.conf")
    try dnsmasqConfiguration(dnsmasq, folder).write(
      to: dnsmasqFile, atomically: true, encoding: .utf8)
    var children: [ServerProcess] = []
    do {
      children.append(
        try ServerProcess(
          "dnsmasq", ["--conf-file=\(dnsmasqFile.path)"], log: folder, endpoint: dnsmasq))
      children.append(
        try ServerProcess(
          "unbound", ["-d", "-c", unboundFile.path], log: folder, endpoint: unbound))
      for child in children { try await child.waitUntilReady(driver) }
      return NameServers(unbound, dnsmasq, children, folder)
    } catch {
      for child in children { child.stop() }
      try? FileManager.default.removeItem(at: folder)
      throw error
    }
  }

  func stop() {
    for child in children { child.stop() }
    try? FileManager.default.removeItem(at: folder)
  }

  /// A port that is free over UDP and TCP, and that no system hands out by itself: the server binds it later,
  /// and sockets of other tests must not have got it meanwhile.
  private static func freePort(_ driver: any Driver) throws -> Endpoint {
    while true {
      let port = UInt16.random(in: 10_000..<32_000)
      guard
        let stream = try? driver.createUDPStream(
          receiveBuffer: 2048, ports: port...port, address: .loopback)
      else { continue }
      defer { stream.release() }
      guard let listener = try? TCPListener(driver, on: port, at: .loopback) else { continue }
      defer { listener.close() }
      return Endpoint(.loopback, port)
    }
  }

  // MARK: What they serve

  private static let zone =
    """
    $ORIGIN zone.test.
    $TTL 300
    @ IN SOA ns keeper 7 3600 600 86400 60
    @ IN NS ns
    @ IN MX 20 mail2
    @ IN MX 10 mail1
    equal IN MX 10 a.mail
    equal IN MX 10 b.mail
    equal IN MX 5 first.mail
    ns IN A 127.0.0.1
    host IN A 192.0.2.1
    host IN HINFO "VAX-11/780" "UNIX"
    host IN AAAA 2001:db8::1
    host IN TXT "one" "two words"
    chain1 IN CNAME chain2
    chain2 IN CNAME chain3
    chain3 IN CNAME host
    out IN CNAME alias.mask.test.
    loop1 IN CNAME loop2
    loop2 IN CNAME loop1

    """
    + (1...6).map { "six IN A 192.0.2.\(10 + $0)\n" }.joined()
    + (0..<300).map { "big IN A 10.1.\($0 / 256).\($0 % 256)\n" }.joined()
    + (0..<20).map {
      "text IN TXT \"\($0) \(String(repeating: "x", count: 200))\"\n"
    }.joined()
    + (0..<1000).map { "h\($0) IN A 10.0.\($0 / 256).\($0 % 256)\n" }.joined()

  private static let reverseZone = """
    $ORIGIN 2.0.192.in-addr.arpa.
    $TTL 300
    @ IN SOA ns.zone.test. keeper.zone.test. 7 3600 600 86400 60
    @ IN NS ns.zone.test.
    1 IN PTR host.zone.test.
    2 IN CNAME 2.sub
    2.sub IN PTR classless.zone.test.

    """

  private static func unboundConfiguration(_ own: Endpoint, _ other: Endpoint, _ folder: URL)
    -> String
  {
    """
    server:
      username: ""
      chroot: ""
      directory: "\(folder.path)"
      pidfile: ""
      use-syslog: no
      do-daemonize: no
      num-threads: 1
      module-config: "iterator"
      interface: 127.0.0.1@\(own.port)
      access-control: 127.0.0.0/8 allow
      do-not-query-localhost: no
      do-ip6: no
      local-zone: "test." nodefault
      local-zone: "2.0.192.in-addr.arpa." nodefault
      local-zone: "refused.test." refuse
    auth-zone:
      name: "zone.test."
      zonefile: "\(folder.path)/zone"
      for-downstream: yes
      for-upstream: yes
    auth-zone:
      name: "2.0.192.in-addr.arpa."
      zonefile: "\(folder.path)/reverse"
      for-downstream: yes
      for-upstream: yes
    forward-zone:
      name: "broken.test."
      forward-addr: 127.0.0.1@\(other.port)
    remote-control:
      control-enable: no

    """
  }

  private static func dnsmasqConfiguration(_ own: Endpoint, _ folder: URL) -> String {
    """
    keep-in-foreground
    user=\(NSUserName())
    pid-file=\(folder.path)/dnsmasq.pid
    port=\(own.port)
    listen-address=127.0.0.1
    bind-interfaces
    no-resolv
    no-hosts
    log-facility=-
    local=/mask.test/
    host-record=host.mask.test,198.51.100.1,600
    host-record=six.mask.test,198.51.100.11
    host-record=six.mask.test,198.51.100.12
    cname=alias.mask.test,host.mask.test
    mx-host=mask.test,mail1.mask.test,10
    mx-host=mask.test,mail2.mask.test,10
    mx-host=mask.test,mail3.mask.test,20
    txt-record=host.mask.test,one,two words
    dns-rr=host.mask.test,13,0a5641582d31312f37383004554e4958

    """
  }
}
