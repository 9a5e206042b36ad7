import MacTCPEngine
import MacTCPWire
import Testing

@Suite("IP packets that go out")
struct OutputTests {
  let peer = Endpoint(TestHost.peer, 5000)

  /// The payload of the packet that these are the fragments of, in any order.
  private func whole(_ fragments: [EmittedPacket]) -> [UInt8] {
    var bytes: [UInt8] = []
    for fragment in fragments.sorted(by: { $0.ip.offset < $1.ip.offset }) {
      #expect(fragment.ip.offset == bytes.count)
      bytes += fragment.ip.payload
    }
    return bytes
  }

  @Test(
    "A datagram larger than the MTU goes out in fragments that fit and make up the whole",
    arguments: [68, 69, 296, 576, 1500, 9000, 65_535])
  func fragments(_ mtu: Int) throws {
    let host = try TestHost { $0.mtu = mtu }
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    for length in [0, 1, mtu - 28, mtu - 27, 1472, 1473, 8000, 65_507]
    where (0...65_507).contains(length) {
      let data = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      try host.send(stream, to: peer, data)
      let packets = try host.sent()
      let largest = packets.map { 20 + $0.ip.payload.count }.max()
      #expect(largest ?? 0 <= mtu)
      let bytes = whole(packets)
      #expect(bytes.count == 8 + length && Array(bytes.dropFirst(8)) == data)
      #expect(
        packets.count
          == (length + 28 <= mtu ? 1 : (length + 8 + (mtu - 20) / 8 * 8 - 1) / ((mtu - 20) / 8 * 8))
      )
      #expect(packets.last?.ip.moreFragments == false)
      #expect(packets.dropLast().allSatisfy { $0.ip.moreFragments })
      #expect(Set(packets.map(\.ip.identification)).count == 1)
    }
    #expect(host.drops.isEmpty)
  }

  @Test("Of a datagram's options only those marked so are in every fragment (RFC 791 §3.1)")
  func copiedOptions() throws {
    let host = try TestHost { $0.mtu = 100 }
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    var options = DatagramOptions()
    options.ipOptions = [7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0]
    try host.send(stream, to: peer, [UInt8](repeating: 1, count: 200), options: options)
    let packets = try host.sent()
    #expect(packets[0].ip.options == [7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0])
    for packet in packets.dropFirst() { #expect(packet.ip.options == [148, 4, 0, 0]) }
    #expect(whole(packets).count == 208)
  }

  @Test("A source route goes out by its first router, with the destination behind the others")
  func sourceRoute() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    var options = DatagramOptions()
    options.ipOptions = [131, 11, 4, 10, 0, 0, 1, 10, 0, 0, 2]
    try host.send(stream, to: peer, [1], options: options)
    let bytes = try #require(host.transmitted().first)
    // The checksum is the final destination's: the helper would take the first router for it.
    #expect(Array(bytes[16..<20]) == [10, 0, 0, 1])
    #expect(Array(bytes[20..<32]) == [131, 11, 4, 10, 0, 0, 2, 192, 0, 2, 2, 0])
    let datagram = Array(bytes[32...])
    #expect(
      referenceChecksum(pseudoHeader(TestHost.address, TestHost.peer, 17, 9) + datagram) == 0)
  }

  @Test("Options that cannot be sent are refused, and so is a time to live of 0")
  func refusedOptions() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    let wrong: [[UInt8]] = [
      [UInt8](repeating: 1, count: 41), [7], [7, 1], [7, 9, 0], [131, 3, 4],
      [131, 7, 8, 1, 1, 1, 1],
      [131, 8, 4, 1, 1, 1, 1, 1], [131, 7, 4, 1, 1, 1, 1, 137, 7, 4, 1, 1, 1, 1],
    ]
    for bytes in wrong {
      var options = DatagramOptions()
      options.ipOptions = bytes
      #expect(throws: EngineError.invalidLength) {
        try host.send(stream, to: peer, [1], options: options)
      }
    }
    var options = DatagramOptions()
    options.timeToLive = 0
    #expect(throws: EngineError.invalidLength) {
      try host.send(stream, to: peer, [1], options: options)
    }
    try host.sendsNothing()
  }

  @Test("Time to live and type of service are the caller's, DF makes too long a datagram an error")
  func headerFields() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    var options = DatagramOptions()
    options.timeToLive = 3
    options.typeOfService = 0xB8
    options.dontFragment = true
    try host.send(stream, to: peer, [UInt8](repeating: 0, count: 1472), options: options)
    let packet = try host.sentOne()
    #expect(packet.ip.timeToLive == 3 && packet.ip.typeOfService == 0xB8 && packet.ip.dontFragment)
    #expect(throws: EngineError.dontFragment) {
      try host.send(stream, to: peer, [UInt8](repeating: 0, count: 1473), options: options)
    }
    try host.sendsNothing()
  }

  @Test(
    "Packets that may be fragmented have identifications that do not come again soon (RFC 6864)")
  func identifications() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    var seen: Set<UInt16> = []
    var steps: Set<UInt16> = []
    var last: UInt16?
    for index in 0..<20_000 {
      if index % 3 == 0 { try host.send(stream, to: Endpoint(ip("192.0.2.77"), 1), []) }
      try host.send(stream, to: peer, [])
      for packet in try host.sent() where packet.ip.destination == TestHost.peer {
        #expect(seen.insert(packet.ip.identification).inserted)
        if let last { steps.insert(packet.ip.identification &- last) }
        last = packet.ip.identification
      }
    }
    // What goes to others does not show.
    #expect(steps == [1])
    // Another engine begins elsewhere.
    let other = try TestHost { $0.seed = 43 }
    let otherStream = try other.engine.createUDPStream(on: 7000, at: other.now)
    try other.send(otherStream, to: peer, [])
    let first = try other.sentOne().ip.identification
    #expect(!seen.contains(first) || first != seen.min())
  }

  // MARK: Routes

  @Test(
    "Of the routes that fit the longest prefix is taken, and its gateway's network gives the source"
  )
  func routes() throws {
    let host = try TestHost {
      $0.addresses = prefixes("192.0.2.1/24", "198.51.100.1/24")
      $0.link = .ethernet(TestHost.hardware)
      $0.routes = [
        .init(to: prefixes("0.0.0.0/0")[0], gateway: ip("192.0.2.254")),
        .init(to: prefixes("10.0.0.0/8")[0], gateway: ip("198.51.100.254")),
        .init(to: prefixes("10.1.0.0/16")[0], gateway: ip("192.0.2.253")),
        .init(to: prefixes("10.1.1.0/24")[0]),
      ]
    }
    try host.pass(5_000_000)
    _ = try host.sent()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    let ways = [
      ("192.0.2.9", "192.0.2.9", "192.0.2.1"), ("198.51.100.9", "198.51.100.9", "198.51.100.1"),
      ("203.0.113.5", "192.0.2.254", "192.0.2.1"), ("10.9.9.9", "198.51.100.254", "198.51.100.1"),
      ("10.1.9.9", "192.0.2.253", "192.0.2.1"), ("10.1.1.9", "10.1.1.9", "192.0.2.1"),
    ]
    for (index, (destination, neighbor, source)) in ways.enumerated() {
      try host.send(stream, to: Endpoint(ip(destination), 9), [])
      let request = try #require(try host.sentOne().arp)
      #expect(request.target == ip(neighbor) && request.sender == ip(source))
      let hardware = HardwareAddress(bits: 0x0200_0000_1000 + UInt64(index))
      host.receive(
        arpFrame(2, from: (hardware, ip(neighbor)), to: (TestHost.hardware, ip(source))))
      let packet = try host.sentOne()
      #expect(packet.link?.destination == hardware)
      #expect(packet.ip.source == ip(source) && packet.ip.destination == ip(destination))
    }
  }

  @Test("Without a route the call says so")
  func noRoute() throws {
    let host = try TestHost { $0.routes = [.init(to: prefixes("10.0.0.0/8")[0])] }
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    #expect(throws: EngineError.noRoute) {
      try host.send(stream, to: Endpoint(ip("203.0.113.1"), 9), [])
    }
    #expect(throws: EngineError.noRoute) { try host.ping(ip("203.0.113.1")) }
    #expect(throws: EngineError.noRoute) {
      try host.engine.maximumDatagramSize(to: ip("203.0.113.1"))
    }
    try host.send(stream, to: Endpoint(ip("10.1.2.3"), 9), [])
    _ = try host.sentOne()
  }

  @Test("On a raw link without routes everything is behind the link")
  func rawDefault() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    try host.send(stream, to: Endpoint(ip("203.0.113.1"), 9), [])
    #expect(try host.sentOne().ip.destination == ip("203.0.113.1"))
  }

  @Test(
    "Destinations that nobody has are refused",
    arguments: ["0.0.0.0", "0.1.2.3", "240.0.0.1", "254.1.1.1"])
  func badDestinations(_ address: String) throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    #expect(throws: EngineError.badAddress) {
      try host.send(stream, to: Endpoint(ip(address), 9), [])
    }
    #expect(throws: EngineError.badAddress) { try host.ping(ip(address)) }
    #expect(throws: EngineError.badAddress) { try host.ping(.broadcast) }
    #expect(throws: EngineError.badAddress) { try host.ping(ip("224.0.0.1")) }
  }

  @Test(
    "An address that no host can have is refused; loopback addresses must not leave the host (RFC 1122 §3.2.1.3)",
    arguments: [
      "127.0.0.1/8", "127.1.2.3/32", "224.0.0.1/24", "0.0.0.0/0", "255.255.255.255/32",
      "192.0.2.255/24",
    ])
  func badAddresses(_ address: String) throws {
    #expect(throws: EngineError.badAddress) {
      try TestHost { $0.addresses = prefixes("192.0.2.1/24", address) }
    }
  }

  @Test("Routes to a gateway that is on no link, and prefixes that are none, are refused")
  func badRoutes() throws {
    #expect(throws: EngineError.badAddress) {
      try TestHost {
        $0.link = .ethernet(TestHost.hardware)
        $0.routes = [.init(to: prefixes("0.0.0.0/0")[0], gateway: ip("10.0.0.1"))]
      }
    }
    #expect(throws: EngineError.badAddress) {
      try TestHost {
        $0.routes = [.init(to: prefixes("0.0.0.0/0")[0], gateway: .broadcast)]
      }
    }
    #expect(throws: EngineError.badAddress) {
      try TestHost { $0.link = .ethernet(.everybody) }
    }
    #expect(throws: EngineError.badAddress) {
      try TestHost { $0.link = .ethernet(.nobody) }
    }
  }

  @Test("Several addresses are all the host's, and answers come from the one that was asked")
  func severalAddresses() throws {
    let host = try TestHost {
      $0.addresses = prefixes("192.0.2.1/24", "198.51.100.1/24", "192.0.2.77/24")
    }
    for address in ["192.0.2.1", "198.51.100.1", "192.0.2.77"] {
      host.receive(icmpPacket(from: TestHost.peer, to: ip(address), 8))
      #expect(try host.sentOne().ip.source == ip(address))
    }
    host.receive(icmpPacket(from: TestHost.peer, to: ip("198.51.100.255"), 8))
    try host.sendsNothing()
    #expect(host.drops.isEmpty)
  }

  @Test("On a network of two hosts both addresses are hosts' (RFC 3021)")
  func pointToPoint() throws {
    let host = try TestHost { $0.addresses = prefixes("192.0.2.0/31") }
    host.receive(icmpPacket(from: ip("192.0.2.1"), to: ip("192.0.2.0"), 8))
    #expect(try host.sentOne().ip.destination == ip("192.0.2.1"))
  }

  @Test("Memory for a packet that is too short, or not empty, is left alone")
  func shortMemory() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    try host.send(stream, to: peer, [1])
    for capacity in [0, 1, 20, 1499] {
      let bytes = [UInt8](capacity: capacity) { output in
        #expect(!host.engine.transmit(into: &output, at: host.now))
      }
      #expect(bytes.isEmpty)
    }
    let bytes = [UInt8](capacity: 3000) { output in
      output.append(1)
      #expect(!host.engine.transmit(into: &output, at: host.now))
    }
    #expect(bytes == [1])
    _ = try host.sentOne()
  }

  @Test("Two datagrams to oneself that provoke each other do not hold a call for ever")
  func loopbackRounds() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, receiveBuffer: 1 << 20, at: host.now)
    for _ in 0..<1000 { try host.send(stream, to: Endpoint(.loopback, 7000), []) }
    try host.sendsNothing()
    #expect(host.engine.counters.udp.received == 256)
    #expect(host.deadline <= host.now)
    try host.pass(0)
    #expect(host.engine.counters.udp.received == 1000)
  }
}
