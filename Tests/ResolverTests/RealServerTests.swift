import MacDNR
import MacTCP
import MacTCPWire
import Testing

/// The resolver against unbound and dnsmasq.
@Suite("Real name servers", .nameServers, .timeLimit(.minutes(3))) struct RealServerTests {
  let driver: any Driver
  let servers: NameServers
  let unbound: Resolver
  let dnsmasq: Resolver

  init() throws {
    driver = try openDriver()
    servers = try #require(NameServers.running)
    unbound = Resolver(driver, asking: servers.unbound, timeout: .seconds(5), attempts: 3)
    dnsmasq = Resolver(driver, asking: servers.dnsmasq, timeout: .seconds(5), attempts: 3)
  }

  @Test("An address")
  func address() async throws {
    #expect(
      try await unbound.addresses(of: "host.zone.test")
        == HostAddresses(canonicalName: "host.zone.test", addresses: [IPAddress(192, 0, 2, 1)]))
    #expect(
      try await dnsmasq.addresses(of: "HOST.mask.test").addresses == [IPAddress(198, 51, 100, 1)])
  }

  @Test("Several addresses, of which the classic result has four")
  func severalAddresses() async throws {
    let host = try await unbound.addresses(of: "six.zone.test")
    #expect(Set(host.addresses) == Set((11...16).map { IPAddress(192, 0, 2, $0) }))
    #expect(host.classic == host.addresses.prefix(4).map(\.v4))
    let two = try await dnsmasq.addresses(of: "six.mask.test")
    #expect(Set(two.addresses) == [IPAddress(198, 51, 100, 11), IPAddress(198, 51, 100, 12)])
    #expect(two.classic.suffix(2) == [0, 0])
  }

  @Test("A chain of aliases")
  func aliases() async throws {
    let host = try await unbound.addresses(of: "chain1.zone.test")
    #expect(host.canonicalName == "host.zone.test" && host.addresses.count == 1)
    #expect(try await unbound.query("chain1.zone.test", type: .a).aliases.count == 3)
    #expect(
      try await dnsmasq.addresses(of: "alias.mask.test").canonicalName == "host.mask.test")
  }

  @Test("Aliases in a circle give dnrErr")
  func circle() async throws {
    let error = await failure { try await unbound.addresses(of: "loop1.zone.test") }
    #expect(error?.code == .dnrErr)
  }

  @Test("Names of addresses, also where the reverse zone has been delegated by alias")
  func names() async throws {
    #expect(try await unbound.name(of: IPAddress(192, 0, 2, 1)) == "host.zone.test")
    #expect(try await unbound.name(of: IPAddress(192, 0, 2, 2)) == "classless.zone.test")
    #expect(try await dnsmasq.name(of: IPAddress(198, 51, 100, 1)) == "host.mask.test")
    let error = await failure { try await unbound.name(of: IPAddress(192, 0, 2, 99)) }
    #expect(error?.code == .authNameErr)
  }

  @Test("Host information")
  func hostInfo() async throws {
    for (resolver, name) in [(unbound, "host.zone.test"), (dnsmasq, "host.mask.test")] {
      #expect(
        try await resolver.hostInfo(of: name)
          == HostInfo(canonicalName: name, cpuType: "VAX-11/780", osType: "UNIX"))
    }
  }

  @Test("Mail exchanges of different and of equal preference")
  func mail() async throws {
    let different = try await unbound.mailExchanges(of: "zone.test")
    #expect(different.map(\.exchange) == ["mail1.zone.test", "mail2.zone.test"])
    #expect(different.map(\.preference) == [10, 20])
    let equal = try await unbound.mailExchanges(of: "equal.zone.test")
    #expect(equal.map(\.preference) == [5, 10, 10])
    #expect(equal[0].exchange == "first.mail.zone.test")
    #expect(
      Set(equal.dropFirst().map(\.exchange)) == ["a.mail.zone.test", "b.mail.zone.test"])
    let mask = try await dnsmasq.mailExchanges(of: "mask.test")
    #expect(mask.map(\.preference) == [10, 10, 20] && mask[2].exchange == "mail3.mask.test")
    #expect(try await dnsmasq.mailExchange(of: "mask.test").preference == 10)
  }

  @Test("Other types: text, IPv6 addresses, the zone's own, any")
  func otherTypes() async throws {
    let text = ResourceRecord.Data.txt([Array("one".utf8), Array("two words".utf8)])
    #expect(try await unbound.query("host.zone.test", type: .txt).records.map(\.data) == [text])
    #expect(try await dnsmasq.query("host.mask.test", type: .txt).records.map(\.data) == [text])
    let address = try await unbound.query("host.zone.test", type: .aaaa)
    #expect(address.records.map(\.data.description) == ["2001:db8::1"])
    let soa = try await unbound.query("zone.test", type: .soa)
    #expect(
      soa.records[0].data.description == "ns.zone.test. keeper.zone.test. 7 3600 600 86400 60")
    #expect(try await unbound.query("zone.test", type: .ns).records.count == 1)
    #expect(try await unbound.query("host.zone.test", type: .any).records.isEmpty == false)
  }

  @Test("Answers that do not fit a datagram come over TCP")
  func truncation() async throws {
    #expect(Set(try await unbound.addresses(of: "big.zone.test").addresses).count == 300)
    #expect(try await unbound.query("text.zone.test", type: .txt).records.count == 20)
  }

  @Test("No such name, which is kept where the server says how long; no such record")
  func nothingThere() async throws {
    for (resolver, zone) in [(unbound, "zone.test"), (dnsmasq, "mask.test")] {
      for _ in 0..<2 {
        let error = await failure { try await resolver.addresses(of: "nobody.\(zone)") }
        #expect(error?.code == .authNameErr)
      }
      let error = await failure { try await resolver.mailExchange(of: "host.\(zone)") }
      #expect(error?.code == .authNameErr && error?.message.contains("no MX record") == true)
    }
    #expect(unbound.issueAddresses(of: "nobody.zone.test").isDone)
  }

  @Test("SERVFAIL and REFUSED")
  func failures() async throws {
    for (resolver, name, code) in [
      (unbound, "x.refused.test", "REFUSED"), (unbound, "x.broken.test", "SERVFAIL"),
      (dnsmasq, "x.elsewhere.test", "REFUSED"),
    ] {
      let error = await failure { try await resolver.addresses(of: name) }
      #expect(error?.code == .dnrErr, "\(name)")
      #expect(error?.message.contains(code) == true, "\(error.map { "\($0)" } ?? "none")")
    }
  }

  @Test("A dead first server, and one that refuses")
  func deadServer() async throws {
    let dead = try driver.createUDPStream(receiveBuffer: 2048, ports: 0...0, address: .loopback)
    defer { dead.release() }
    let resolver = Resolver(
      driver, asking: Endpoint(.loopback, dead.port), servers.dnsmasq, servers.unbound,
      timeout: .milliseconds(200), attempts: 4)
    #expect(try await resolver.addresses(of: "host.zone.test").addresses.count == 1)
  }

  @Test("A name is looked for in the search domains")
  func search() async throws {
    let resolver = Resolver(driver, asking: servers.unbound, search: ["refused.test", "zone.test"])
    #expect(try await resolver.addresses(of: "host").canonicalName == "host.zone.test")
    #expect(try await resolver.addresses(of: "chain3").canonicalName == "host.zone.test")
    #expect(await failure { try await resolver.addresses(of: "host.") } != nil)
  }

  @Test("A thousand look-ups at once")
  func thousand() async throws {
    let commands = (0..<1000).map { unbound.issueAddresses(of: "h\($0).zone.test") }
    for (number, command) in commands.enumerated() {
      #expect(
        try await command.value.addresses == [
          IPAddress(10, 0, UInt8(number / 256), UInt8(number % 256))
        ])
    }
    #expect(unbound.enumerateCache().count == 1000)
    #expect((0..<1000).allSatisfy { unbound.issueAddresses(of: "H\($0).zone.test.").isDone })
  }
}
