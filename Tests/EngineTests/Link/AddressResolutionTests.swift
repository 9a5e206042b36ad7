import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Address resolution")
struct AddressResolutionTests {
  let peer = Endpoint(TestHost.peer, 5000)
  let other = hw("02:00:00:00:00:66")

  private func answer(_ host: TestHost, from hardware: HardwareAddress = TestHost.peerHardware) {
    host.receive(
      arpFrame(
        2, from: (hardware, TestHost.peer), to: (TestHost.hardware, TestHost.address),
        frameTo: TestHost.hardware))
  }

  private func knows(_ host: TestHost, _ hardware: HardwareAddress?) -> Bool {
    let neighbors = host.engine.neighbors
    return neighbors.map(\.address) == [TestHost.peer] && neighbors.map(\.hardware) == [hardware]
  }

  @Test("A packet waits for the answer to one request, and then goes out")
  func queue() throws {
    let host = try TestHost.onEthernet()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    for index: UInt8 in 1...3 { try host.send(stream, to: peer, [index]) }
    let request = try host.sentOne()
    #expect(request.link?.destination == .everybody)
    #expect(
      request.arp
        == .init(
          operation: 1, senderHardware: TestHost.hardware, sender: TestHost.address,
          targetHardware: .nobody, target: TestHost.peer))
    #expect(knows(host, nil))
    answer(host)
    let packets = try host.sent()
    #expect(packets.map(\.data) == [[1], [2], [3]])
    #expect(packets.allSatisfy { $0.link?.destination == TestHost.peerHardware })
    #expect(knows(host, TestHost.peerHardware))
    try host.send(stream, to: peer, [4])
    #expect(try host.sentOne().data == [4])
  }

  @Test("Three requests a second apart, then what waits is dropped and its memory given back")
  func failure() throws {
    let host = try TestHost.onEthernet()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    let memory = host.engine.memoryInUse
    let start = host.now
    for _ in 0..<2 { try host.send(stream, to: peer, [1]) }
    var times = try host.sent().map { _ in 0 }
    times += try host.pass(10_000_000).map { start.microseconds(to: $0.at) }
    #expect(times == [0, 1_000_000, 2_000_000])
    #expect(host.drops == [.addressResolutionFailed: 2])
    #expect(host.engine.memoryInUse == memory && host.engine.neighbors.isEmpty)
    #expect(host.engine.nextDeadline == nil)
    try host.send(stream, to: peer, [1])
    #expect(try host.sentOne().arp != nil)
  }

  @Test("Who sends to a host that does not answer is told that it cannot be reached")
  func unreachable() throws {
    let host = try TestHost.onEthernet()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    try host.send(stream, to: peer, [1])
    _ = try host.sentOne()
    try host.pass(2_999_999)
    #expect(host.events().isEmpty)
    try host.pass(1)
    #expect(
      host.events() == [
        .datagramReport(
          stream,
          ICMPReport(
            local: Endpoint(TestHost.address, 7000), remote: peer, type: .hostUnreach,
            additionalInfo: 0, pointer: 0, sender: TestHost.address))
      ])
  }

  @Test("Requests for one host are a second apart, however much is sent to it (RFC 1122 §2.3.2.1)")
  func requestRate() throws {
    let host = try TestHost.onEthernet()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    var requests = 0
    for _ in 0..<95 {
      try host.send(stream, to: peer, [1])
      requests += try host.sent().count
      requests += try host.pass(100_000).count
    }
    #expect(requests <= 10)
  }

  @Test("The packets that wait for one host are bounded, the latest are kept (RFC 1122 §2.3.2.2)")
  func queueBound() throws {
    let host = try TestHost.onEthernet()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    for index in 0..<200 {
      try host.send(stream, to: peer, [UInt8(index)] + [UInt8](repeating: 0, count: 1000))
      _ = try host.sent()
    }
    #expect(host.engine.memoryInUse < 400 << 10)
    answer(host)
    let packets = try host.sent()
    #expect(packets.last?.data.first == 199 && packets.count < 200)
    #expect(host.drops == [.addressResolutionQueueFull: UInt64(200 - packets.count)])
  }

  @Test("All the packets that wait are bounded, and so is the table")
  func tableBound() throws {
    let host = try TestHost {
      $0.link = .ethernet(TestHost.hardware)
      $0.addresses = prefixes("10.0.0.1/8")
    }
    try host.pass(5_000_000)
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    for index in 0..<2000 {
      let address = IPAddress(v4: ip("10.1.0.0").v4 + UInt32(index))
      try host.send(stream, to: Endpoint(address, 1), [UInt8](repeating: 0, count: 1200))
      _ = try host.sent()
    }
    #expect(host.engine.neighbors.count == 512)
    #expect(host.engine.memoryInUse < 1 << 20)
    try host.pass(10_000_000)
    #expect(host.engine.neighbors.isEmpty)
    #expect(
      (host.drops[.addressResolutionFailed] ?? 0) + (host.drops[.addressResolutionQueueFull] ?? 0)
        == 2000)
  }

  @Test(
    "An entry is good for a minute; then its host is asked, alone at first, and kept while it answers"
  )
  func refresh() throws {
    let host = try TestHost.withNeighbor()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    try host.pass(59_000_000)
    try host.send(stream, to: peer, [1])
    #expect(try host.sentOne().data == [1])
    try host.pass(2_000_000)
    try host.send(stream, to: peer, [2])
    let packets = try host.sent()
    #expect(packets.count == 2)
    #expect(packets.first { $0.arp != nil }?.link?.destination == TestHost.peerHardware)
    #expect(packets.contains { $0.arp == nil && $0.data == [2] })
    answer(host)
    #expect(try host.pass(30_000_000).isEmpty)
    #expect(knows(host, TestHost.peerHardware))
  }

  @Test("An old entry whose host does not answer is asked for of all, and given up")
  func refreshFails() throws {
    let host = try TestHost.withNeighbor()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    try host.pass(61_000_000)
    try host.send(stream, to: peer, [1])
    var requests = try host.sent().filter { $0.arp != nil }
    requests += try host.pass(10_000_000).map(\.packet)
    #expect(
      requests.map { $0.link?.destination }
        == [TestHost.peerHardware, TestHost.peerHardware, .everybody])
    #expect(host.engine.neighbors.isEmpty)
  }

  @Test("Who asks for our address gets an answer, and is known then")
  func request() throws {
    let host = try TestHost.onEthernet()
    host.receive(arpFrame(1, from: (other, TestHost.peer), to: (.nobody, TestHost.address)))
    let reply = try host.sentOne()
    #expect(reply.link?.destination == other)
    #expect(
      reply.arp
        == .init(
          operation: 2, senderHardware: TestHost.hardware, sender: TestHost.address,
          targetHardware: other, target: TestHost.peer))
    #expect(knows(host, other))
    #expect(host.engine.counters.icmp.arpRepliesSent == 1)
  }

  @Test("What nobody asked for makes no entry: replies, requests for others, announcements")
  func unsolicited() throws {
    let host = try TestHost.onEthernet()
    answer(host, from: other)
    host.receive(arpFrame(1, from: (other, TestHost.peer), to: (.nobody, ip("192.0.2.9"))))
    host.receive(arpFrame(1, from: (other, TestHost.peer), to: (.nobody, TestHost.peer)))
    host.receive(arpFrame(2, from: (other, TestHost.peer), to: (other, TestHost.peer)))
    #expect(host.engine.neighbors.isEmpty)
    try host.sendsNothing()
  }

  @Test("A host that announces another hardware address is believed, but not within a second")
  func merge() throws {
    let host = try TestHost.withNeighbor()
    let announcement = arpFrame(1, from: (other, TestHost.peer), to: (.nobody, TestHost.peer))
    host.receive(announcement)
    #expect(knows(host, TestHost.peerHardware))
    try host.pass(1_000_000)
    host.receive(announcement)
    #expect(knows(host, other))
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    try host.send(stream, to: peer, [1])
    #expect(try host.sentOne().link?.destination == other)
  }

  @Test("Addresses that no host has are not learned, nor hardware addresses of groups")
  func poison() throws {
    let host = try TestHost.onEthernet()
    var before = host.drops[.badARP] ?? 0
    for sender in [
      "255.255.255.255", "192.0.2.255", "192.0.2.0", "224.0.0.1", "127.0.0.1", "240.0.0.1",
    ] {
      host.receive(arpFrame(1, from: (other, ip(sender)), to: (.nobody, TestHost.address)))
      before += 1
      #expect(host.drops[.badARP] == before, "\(sender)")
    }
    for hardware in [HardwareAddress.everybody, .nobody, hw("01:00:5e:00:00:01")] {
      host.receive(
        frame(
          to: TestHost.hardware, from: other, type: 0x0806,
          [0, 1, 8, 0, 6, 4, 0, 1] + octets(hardware) + octets(TestHost.peer)
            + octets(HardwareAddress.nobody) + octets(TestHost.address)))
      before += 1
      #expect(host.drops[.badARP] == before, "\(hardware)")
    }
    try host.sendsNothing()
    #expect(host.engine.neighbors.isEmpty)
    // Who is not on the link is answered, and not learned.
    host.receive(arpFrame(1, from: (other, ip("10.0.0.1")), to: (.nobody, TestHost.address)))
    #expect(try host.sentOne().arp?.operation == 2)
    #expect(host.engine.neighbors.isEmpty)
  }

  @Test("An ARP packet is dropped at every length it can be cut to, and if a field is another's")
  func malformed() throws {
    let host = try TestHost.onEthernet()
    let good = arpFrame(1, from: (other, TestHost.peer), to: (.nobody, TestHost.address))
    for length in 14..<good.count { host.receive(Array(good.prefix(length))) }
    for index in 14..<22 {
      var bad = good
      bad[index] ^= 0x40
      host.receive(bad)
    }
    #expect(host.drops == [.badARP: 28 + 8])
    try host.sendsNothing()
    // An Ethernet frame's padding.
    host.receive(good + [UInt8](repeating: 0, count: 18))
    #expect(try host.sentOne().arp != nil)
  }

  @Test(
    "A flood of requests is answered as far as the queue holds, and fills no more than the table")
  func flood() throws {
    let host = try TestHost {
      $0.link = .ethernet(TestHost.hardware)
      $0.addresses = prefixes("10.0.0.1/8")
    }
    try host.pass(5_000_000)
    for index in 0..<5000 {
      let sender = IPAddress(v4: ip("10.1.0.0").v4 + UInt32(index))
      host.receive(
        arpFrame(
          1, from: (HardwareAddress(bits: 0x0200_0001_0000 + UInt64(index)), sender),
          to: (.nobody, ip("10.0.0.1"))))
    }
    #expect(host.engine.neighbors.count == 512)
    #expect(try host.sent().count == 128)
    #expect(host.drops == [.answerQueueFull: 5000 - 128])
  }
}

@Suite("Ownership of addresses")
struct AddressOwnershipTests {
  let other = hw("02:00:00:00:00:66")

  private func conflicting(_ hardware: HardwareAddress) -> [UInt8] {
    arpFrame(1, from: (hardware, TestHost.address), to: (.nobody, TestHost.address))
  }

  @Test("Addresses are announced twice, two seconds apart (RFC 5227 §2.3)")
  func announcements() throws {
    let host = try TestHost {
      $0.link = .ethernet(TestHost.hardware)
      $0.addresses = prefixes("192.0.2.1/24", "10.0.0.1/8")
    }
    let start = host.now
    let packets = try host.pass(60_000_000)
    #expect(packets.map { start.microseconds(to: $0.at) } == [0, 0, 2_000_000, 2_000_000])
    for (index, packet) in packets.map(\.packet).enumerated() {
      let address = ip(index % 2 == 0 ? "192.0.2.1" : "10.0.0.1")
      #expect(packet.link?.destination == .everybody)
      #expect(
        packet.arp
          == .init(
            operation: 1, senderHardware: TestHost.hardware, sender: address,
            targetHardware: .nobody, target: address))
    }
    #expect(host.engine.nextDeadline == nil)
  }

  @Test("A conflict is told, and the address defended once in ten seconds (RFC 5227 §2.4)")
  func defence() throws {
    let host = try TestHost.onEthernet()
    host.receive(conflicting(other))
    #expect(host.events() == [.addressConflict(TestHost.address, other)])
    let defence = try #require(try host.sentOne().arp)
    #expect(defence.sender == TestHost.address && defence.target == TestHost.address)
    for _ in 0..<50 { host.receive(conflicting(other)) }
    #expect(host.events().isEmpty)
    try host.sendsNothing()
    try host.pass(10_000_000)
    host.receive(conflicting(hw("02:00:00:00:00:67")))
    #expect(host.events() == [.addressConflict(TestHost.address, hw("02:00:00:00:00:67"))])
    _ = try host.sentOne()
    #expect(host.engine.neighbors.isEmpty)
  }

  @Test("One's own frames that come back are no conflict")
  func echo() throws {
    let host = try TestHost.onEthernet()
    host.receive(conflicting(TestHost.hardware))
    #expect(host.events().isEmpty)
    try host.sendsNothing()
  }

  @Test("Probing, nothing is sent or received before nobody else was found to have the address")
  func probing() throws {
    let host = try TestHost {
      $0.link = .ethernet(TestHost.hardware)
      $0.probesAddresses = true
    }
    let start = host.now
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    #expect(throws: EngineError.noRoute) {
      try host.send(stream, to: Endpoint(TestHost.peer, 1), [])
    }
    host.receive(arpFrame(1, from: (other, TestHost.peer), to: (.nobody, TestHost.address)))
    try host.sendsNothing()
    let packets = try host.pass(20_000_000)
    let times = packets.map { start.microseconds(to: $0.at) }
    let probes = packets.prefix(3)
    #expect(packets.count == 5)
    #expect(
      probes.allSatisfy {
        $0.packet.arp?.sender == .any && $0.packet.arp?.target == TestHost.address
      })
    #expect((0...1_000_000).contains(times[0]))
    #expect((1_000_000...2_000_000).contains(times[1] - times[0]))
    #expect((1_000_000...2_000_000).contains(times[2] - times[1]))
    #expect(times[3] - times[2] == 2_000_000 && times[4] - times[3] == 2_000_000)
    #expect(packets[3].packet.arp?.sender == TestHost.address)
    try host.send(stream, to: Endpoint(TestHost.peer, 1), [])
    #expect(try host.sentOne().arp?.sender == TestHost.address)
  }

  @Test(
    "An address that another host has, or wants at the same time, is not used (RFC 5227 §2.1.1)",
    arguments: [true, false])
  func probingFails(_ isProbe: Bool) throws {
    let host = try TestHost {
      $0.link = .ethernet(TestHost.hardware)
      $0.probesAddresses = true
      $0.addresses = prefixes("192.0.2.1/24", "192.0.2.5/24")
    }
    try host.pass(1_500_000)
    let sender = isProbe ? IPAddress.any : TestHost.address
    host.receive(arpFrame(1, from: (other, sender), to: (.nobody, TestHost.address)))
    try host.pass(20_000_000)
    #expect(host.events() == [.addressConflict(TestHost.address, other)])
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    try host.send(stream, to: Endpoint(TestHost.peer, 1), [])
    #expect(try host.sentOne().arp?.sender == ip("192.0.2.5"))
    host.receive(arpFrame(1, from: (other, ip("192.0.2.8")), to: (.nobody, TestHost.address)))
    try host.sendsNothing()
    // It is the other host's now, and no conflict any more.
    host.receive(arpFrame(1, from: (other, TestHost.address), to: (.nobody, ip("192.0.2.5"))))
    #expect(host.events().isEmpty)
    _ = try host.sentOne()
    try host.send(stream, to: Endpoint(TestHost.address, 1), [])
    #expect(try host.sentOne().link?.destination == other)
  }
}
