import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Packets that strangers make")
struct RandomPacketTests {
  /// Something that comes near to a packet for the host: of any protocol, in parts, with options, mutated.
  private func packet(_ generator: inout SeededGenerator) -> [UInt8] {
    let source = [TestHost.peer, ip("192.0.2.3"), ip("203.0.113.9"), .broadcast, .loopback][
      generator.number(0...4)]
    let destination = generator.next() % 8 == 0 ? IPAddress.broadcast : TestHost.address
    var bytes = IPBytes(source: source, destination: destination)
    let from = Endpoint(source, UInt16(generator.number(1...3)))
    let to = Endpoint(destination, UInt16(generator.number(6998...7002)))
    let data = generator.bytes(generator.number(0...(generator.next() % 8 == 0 ? 3000 : 60)))
    switch generator.number(0...5) {
    case 0, 1: bytes.payload = udpBytes(from: from, to: to, data)
    case 2:
      bytes.protocolNumber = 1
      bytes.payload = icmpBytes(
        UInt8(generator.number(0...20)), UInt8(generator.number(0...5)),
        UInt32(truncatingIfNeeded: generator.next()), data)
    case 3:
      bytes.protocolNumber = 1
      let quoted = udpPacket(from: to, to: from, data)
      bytes.payload = icmpBytes(
        [3, 4, 5, 11, 12][generator.number(0...4)], UInt8(generator.number(0...5)),
        UInt32(generator.number(0...2000)), Array(quoted.prefix(generator.number(0...60))))
    case 4:
      bytes.protocolNumber = 6
      bytes.payload = generator.bytes(generator.number(0...60))
    default:
      bytes.protocolNumber = UInt8(truncatingIfNeeded: generator.next())
      bytes.payload = data
    }
    if generator.next() % 4 == 0 { bytes.options = generator.bytes(4 * generator.number(0...10)) }
    bytes.identification = UInt16(generator.number(0...3))
    bytes.typeOfService = UInt8(truncatingIfNeeded: generator.next())
    if generator.next() % 3 == 0 {
      let start = min(bytes.payload.count, 8 * generator.number(0...20))
      let end = min(bytes.payload.count, start + 8 * generator.number(0...20))
      bytes.payload = Array(bytes.payload[start..<end])
      bytes.offset = generator.next() % 16 == 0 ? 8 * generator.number(8000...8191) : start
      bytes.moreFragments = generator.next() % 2 == 0
    }
    var packet = bytes.bytes
    if generator.next() % 4 == 0, !packet.isEmpty {
      packet[generator.number(0...packet.count - 1)] ^= UInt8(1 << generator.number(0...7))
      // So that what was changed gets through now and then.
      if generator.next() % 2 == 0, packet.count >= 20 {
        packet.replaceSubrange(10..<12, with: [0, 0])
        let length = max(20, min(packet.count, Int(packet[0] & 15) * 4))
        packet.replaceSubrange(
          10..<12, with: octets(referenceChecksum(Array(packet.prefix(length)))))
      }
    }
    if generator.next() % 16 == 0 {
      packet = Array(packet.prefix(generator.number(0...packet.count)))
    }
    return packet
  }

  private func arp(_ generator: inout SeededGenerator) -> [UInt8] {
    let hosts = [TestHost.peer, TestHost.address, .any, ip("192.0.2.3"), .broadcast]
    let cards = [
      TestHost.hardware, TestHost.peerHardware, .everybody, .nobody, hw("02:00:00:00:00:03"),
    ]
    func host(_ generator: inout SeededGenerator) -> (HardwareAddress, IPAddress) {
      (cards[generator.number(0...4)], hosts[generator.number(0...4)])
    }
    return arpFrame(
      UInt16(generator.number(0...3)), from: host(&generator), to: host(&generator),
      frameTo: cards[generator.number(0...4)])
  }

  @Test(
    "Whatever comes, nothing traps, all that goes out is right, and memory stays below the ceiling")
  func anything() throws {
    SeededGenerator.forSeeds(12) { generator in
      let isEthernet = generator.next() % 2 == 0
      let host = try TestHost {
        $0.memoryCeiling = generator.next() % 2 == 0 ? 128 << 10 : 4 << 20
        $0.reassemblyMemory = 32 << 10
        $0.mtu = generator.number(576...1500)
        $0.seed = generator.next()
        if isEthernet { $0.link = .ethernet(TestHost.hardware) }
        $0.probesAddresses = generator.next() % 4 == 0
      }
      let ceiling = host.engine.configuration.memoryCeiling
      let streams = [
        try host.engine.createUDPStream(on: 7000, at: host.now),
        try host.engine.createUDPStream(on: 7001, through: 7002, receiveBuffer: 4096, at: host.now),
      ]
      for _ in 0..<1500 {
        switch generator.number(0...11) {
        case 0: host.receive(generator.bytes(generator.number(0...100)))
        case 1 where isEthernet: host.receive(arp(&generator))
        case 2:
          let destination = generator.next() % 4 == 0 ? TestHost.address : TestHost.peer
          try? host.send(
            streams[generator.number(0...1)], to: Endpoint(destination, 7001),
            generator.bytes(generator.number(0...4000)))
        case 3: _ = try? host.ping(TestHost.peer, generator.bytes(generator.number(0...2000)))
        case 4: _ = try host.read(streams[generator.number(0...1)])
        case 5: try host.pass(generator.number(0...3_000_000))
        case 6: _ = host.events()
        default:
          host.receive(
            ip: packet(&generator), to: generator.next() % 8 == 0 ? .everybody : TestHost.hardware)
        }
        if generator.next() % 3 == 0 { _ = try host.sent() }
        try #require(host.engine.memoryInUse <= ceiling)
      }
      _ = try host.sent()
      for stream in streams { try host.engine.release(stream, at: host.now) }
      _ = host.events()
      try host.pass(700_000_000)
      // Nothing is left but the pages of the ports.
      try #require(host.engine.memoryInUse <= 4096, "\(host.engine.memoryInUse) bytes are left")
    }
  }

  @Test("The same seed and calls give the same packets")
  func determinism() throws {
    let seed = UInt64.random(in: .min ... .max)
    func run() throws -> [[UInt8]] {
      var generator = SeededGenerator(seed: seed)
      let host = try TestHost { $0.seed = 99 }
      let stream = try host.engine.createUDPStream(on: 0, at: host.now)
      var packets: [[UInt8]] = []
      for _ in 0..<300 {
        host.receive(packet(&generator))
        try? host.send(stream, to: Endpoint(TestHost.peer, 1), generator.bytes(5))
        _ = try? host.ping(TestHost.peer)
        packets += host.transmitted()
      }
      return packets
    }
    #expect(try run() == run(), "seed \(seed)")
  }
}
