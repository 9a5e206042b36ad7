// What a driver tells of itself and of its network interface, and the echo.
import MacTCP
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite("1.1, 3.6 The driver", .timeLimit(.minutes(2)))
struct DriverFactsBehaviour {
  @Test(
    "1.1 the loopback interface: its name, address, mask and packet size",
    arguments: DriverUnderTest.all)
  func loopback(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    #expect(own.name == driver.name)
    #expect(try own.address == .loopback)
    #expect(try own.netMask == IPAddress(255, 0, 0, 0))
    #expect(try own.mtu >= 1500)
    #expect(!own.interfaceName.isEmpty)
  }

  @Test("3.6 LAP statistics", arguments: DriverUnderTest.all)
  func linkStatistics(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let statistics = try own.linkStatistics()
    #expect(statistics.interfaceType == "loopback")
    #expect(statistics.name == own.interfaceName)
    #expect(try statistics.mtu == own.mtu)
    #expect(statistics.speed >= 0 && statistics.hardwareAddress == [] && statistics.arpTable == [])
  }

  @Test(
    "3.5 MaxMTUSize: the interface's packet without the headers, and never more than a datagram",
    arguments: DriverUnderTest.all)
  func maxDatagramSize(_ driver: DriverUnderTest) async throws {
    let own = try driver.open()
    let size = try own.maxDatagramSize(to: driver.address)
    #expect(try size == min(own.mtu - 28, 65_507))
  }

  @Test("the host driver's interface by configuration; one that does not exist: ipBadLapErr")
  func configuration() async throws {
    let own = try HostDriver(HostDriver.Configuration(interface: "lo"))
    #expect(own.interfaceName == "lo")
    #expect(try own.mtu == 65_536)
    for name in ["nonesuch0", "", "lo/../lo", "a name that is longer than any interface's"] {
      let code = await result { try HostDriver(HostDriver.Configuration(interface: name)) }
      #expect(code == .ipBadLapErr, "\(name)")
    }
    #expect(try MacTCP.open(HostDriver.Configuration(interface: "lo")).interfaceName == "lo")
  }

  @Test("the host driver's interface is the default route's, else the loopback one")
  func defaultInterface() async throws {
    let own = try HostDriver()
    #expect(!own.interfaceName.isEmpty)
    #expect(try own.mtu >= 576)
    #expect(try own.linkStatistics().name == own.interfaceName)
  }

  @Test(
    "the environment variable MACTCP_INTERFACE names the interface; a configuration overrides it")
  func environment() async throws {
    await #expect(processExitsWith: .success) {
      setenv("MACTCP_INTERFACE", "lo", 1)
      let named = try HostDriver()
      #expect(named.interfaceName == "lo")
      setenv("MACTCP_INTERFACE", "nonesuch0", 1)
      #expect(await result { try HostDriver() } == .ipBadLapErr)
      let configured = try HostDriver(HostDriver.Configuration(interface: "lo"))
      #expect(configured.interfaceName == "lo")
    }
  }

  @Test(
    "3.6 ICMP echo: the data comes back, with a round-trip time, in all three forms",
    arguments: DriverUnderTest.all,
    [0, 1, 56, 1472, 8192, 65_507])
  func echo(_ driver: DriverUnderTest, _ size: Int) async throws {
    let own = try driver.open()
    let data = pattern(size)
    let first = own.issueEcho(to: driver.address, data: data, timeout: .seconds(30))
    if let error = await first.error, error.cause == .permissionDenied {
      // Neither ping sockets nor raw ones for this user: then that is what must be said.
      #expect(error.code == .openFailed)
      print("ICMP echo is not permitted here, and was not tested")
      return
    }
    var replies = [try await first.value]
    replies.append(try await own.echo(to: driver.address, data: data))
    let inThread: Command<EchoReply> = blocking { () throws -> EchoReply in
      try own.echo(to: driver.address, data: data)
    }
    replies.append(try await inThread.value)
    for reply in replies {
      #expect(reply.from == driver.address && reply.data == data)
      #expect(reply.roundTrip > .zero && reply.roundTrip < .seconds(30))
    }
  }

  @Test("3.6 too much data for an echo: invalidLength", arguments: DriverUnderTest.all)
  func echoTooLong(_ driver: DriverUnderTest) async throws {
    let echo = try driver.open().issueEcho(
      to: driver.address, data: pattern(65_508), timeout: .seconds(30))
    #expect(await echo.completion == .invalidLength)
  }

  // A raw socket is given what every echo of the host sends and receives, which is more than its buffer holds here.
  @Test(
    "3.6 many echoes at once keep apart, and none takes another's room",
    arguments: DriverUnderTest.all, [100, 8192, 65_507])
  func manyEchoes(_ driver: DriverUnderTest, _ size: Int) async throws {
    let own = try driver.open()
    let echoes = (0..<100).map { index in
      own.issueEcho(
        to: driver.address, data: pattern(size, seed: UInt64(index)), timeout: .seconds(30))
    }
    for (index, echo) in echoes.enumerated() {
      let error = await echo.error
      if error?.cause == .permissionDenied { return }
      #expect(try await echo.value.data == pattern(size, seed: UInt64(index)))
    }
  }

  @Test(
    "3.6 an echo that nobody answers: icmpEchoTimeoutErr in time, or taken back; the driver may go meanwhile"
  )
  func echoTimeout() async throws {
    let exit = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      for driver in DriverUnderTest.foreign {
        // In one thread: the network is the thread's.
        let work = blocking {
          guard SilentNetwork.enter() else {
            print("no network without answers can be made here: an echo's time-out was not tested")
            return
          }
          var own: (any Driver)? = try driver.open()
          let start = ContinuousClock.now
          let echo = own?.issueEcho(to: driver.address, data: [1], timeout: .milliseconds(50))
          #expect(throws: MacTCPError(.icmpEchoTimeoutErr, "")) { try echo?.wait() }
          #expect(ContinuousClock.now - start >= .milliseconds(50))
          let cancelled = own?.issueEcho(to: driver.address, data: [1], timeout: .seconds(60))
          cancelled?.cancel()
          #expect(throws: MacTCPError(.abortErr, "")) { try cancelled?.wait() }
          let last = own?.issueEcho(to: driver.address, data: [1], timeout: .milliseconds(50))
          own = nil
          #expect(throws: MacTCPError.self) { try last?.wait() }
        }
        #expect(await work.error == nil)
      }
    }
    print(String(decoding: exit?.standardOutputContent ?? [], as: UTF8.self))
  }
}
