// Network interfaces: which one stands for the driver, and what is told of it.
import Glibc
import MacTCP
import Testing

extension NamespaceTests {
  @Suite("1.1, 3.6 Interfaces")
  struct LinkTests {
    /// An Ethernet: a pair of interfaces, of which the first one has an address.
    private static func withEthernet(_ body: () async throws -> Void) async throws {
      try Network.ip(
        "link add ether0 address 02:00:5e:10:00:01 mtu 1300 type veth peer name ether1")
      defer { try? Network.ip("link del ether0") }
      try Network.ip("addr add 10.250.0.1/16 dev ether0")
      try Network.ip("link set ether0 up")
      try Network.ip("link set ether1 up")
      try await body()
    }

    @Test("3.6 LAP statistics: type, name, MTU, speed, hardware address and ARP table")
    func linkStatistics() async throws {
      try await Self.withEthernet {
        // Two that are resolved, one for a time and one for ever, and one that does not answer.
        try Network.ip("neigh add 10.250.0.2 lladdr 02:00:5e:10:00:02 dev ether0 nud reachable")
        try Network.ip("neigh add 10.250.0.3 lladdr 02:00:5e:10:00:03 dev ether0 nud permanent")
        try Network.ip("neigh add 10.250.0.4 dev ether0 nud failed")
        let driver = try HostDriver(HostDriver.Configuration(interface: "ether0"))
        let statistics = try driver.linkStatistics()
        #expect(statistics.interfaceType == "Ethernet" && statistics.name == "ether0")
        #expect(statistics.mtu == 1300)
        #expect(statistics.hardwareAddress == [2, 0, 0x5E, 0x10, 0, 1])
        // What the kernel says of a pair of virtual interfaces.
        #expect(statistics.speed == 10_000_000_000)
        let table = statistics.arpTable.sorted { $0.address.v4 < $1.address.v4 }
        #expect(table.map(\.address) == [IPAddress(10, 250, 0, 2), IPAddress(10, 250, 0, 3)])
        #expect(
          table.map(\.hardwareAddress) == [
            [2, 0, 0x5E, 0x10, 0, 2], [2, 0, 0x5E, 0x10, 0, 3],
          ])
        // The other interface has a table of its own.
        let other = try HostDriver(HostDriver.Configuration(interface: "ether1"))
        #expect(try other.linkStatistics().arpTable.isEmpty)
        #expect(try await failure { try other.address }.code == .ipBadAddr)
      }
    }

    @Test(
      "4.1 a neighbour that does not answer: hostUnreach, for UDP and for an open; ipDestDeadErr for an echo"
    )
    func silentNeighbour() async throws {
      try await Self.withEthernet {
        try await Network.with("ipv4/neigh/ether0/retrans_time_ms", "10") {
          let driver = try HostDriver(HostDriver.Configuration(interface: "ether0"))
          let remote = Endpoint(IPAddress(10, 250, 0, 9), 7)
          let datagrams = try driver.createUDPStream()
          let reports = datagrams.events
          try await datagrams.write([1], to: remote)
          let local = Endpoint(IPAddress(10, 250, 0, 1), datagrams.port)
          #expect(
            try await reports.first()
              == .icmpReceived(ICMPReport(type: .hostUnreach, local: local, remote: remote)))
          let stream = try driver.createTCPStream(receiveBuffer: 8192)
          let events = stream.events
          let open = stream.issueActiveOpen(to: remote)
          let error = try #require(await open.error)
          #expect(error.code == .openFailed && error.cause == .unreachable)
          guard case .icmpReceived(let report) = try await events.first() else {
            Issue.record("no report")
            return
          }
          #expect(report.type == .hostUnreach && report.remote == remote)
          let echo = try await failure { try await driver.echo(to: remote.address) }
          #expect(echo.code == .ipDestDeadErr)
        }
      }
    }

    @Test(
      "the driver's interface: the default route's with the lowest metric, else the loopback one")
    func defaultRoute() async throws {
      #expect(try HostDriver().interfaceName == "lo")
      let (first, second) = (try Tunnel(), try Tunnel())
      #expect(try HostDriver().interfaceName == "lo")
      try Network.ip("route add default via \(first.router) dev \(first.name) metric 200")
      #expect(try HostDriver().interfaceName == first.name)
      try Network.ip("route add default via \(second.router) dev \(second.name) metric 100")
      let driver = try HostDriver()
      #expect(driver.interfaceName == second.name)
      #expect(try driver.address == second.near)
      #expect(try driver.linkStatistics().name == second.name)
      // Streams use every interface, whichever stands for the driver.
      let stream = try driver.createUDPStream()
      try await stream.write([1], to: Endpoint(first.far, 9))
      #expect(try datagram(first).datagram.source == Endpoint(first.near, stream.port))
    }

    @Test("an interface that goes, or loses its address: ipBadLapErr, ipBadAddr; the driver stays")
    func goes() async throws {
      var tunnel: Tunnel? = try Tunnel()
      let name = try #require(tunnel?.name)
      let driver = try HostDriver(HostDriver.Configuration(interface: name))
      try Network.ip("addr flush dev \(name)")
      #expect(try await failure { try driver.address }.code == .ipBadAddr)
      #expect(try await failure { try driver.netMask }.code == .ipBadAddr)
      #expect(try driver.mtu == 1500)
      tunnel = nil
      #expect(try await failure { try driver.mtu }.code == .ipBadLapErr)
      #expect(try await failure { try driver.linkStatistics() }.code == .ipBadLapErr)
      _ = try driver.globalInfo()
    }

    @Test("MACTCP_INTERFACE names the interface, before the default route does")
    func environment() async {
      await #expect(processExitsWith: .success) {
        let (first, second) = (try Tunnel(), try Tunnel())
        try Network.ip("route add default via \(first.router) dev \(first.name)")
        setenv("MACTCP_INTERFACE", second.name, 1)
        let driver = try MacTCP.open()
        #expect(driver.interfaceName == second.name)
        #expect(try driver.address == second.near && driver.mtu == 1500)
      }
    }
  }
}
