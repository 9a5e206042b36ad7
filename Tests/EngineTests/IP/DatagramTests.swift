import MacTCPEngine
import MacTCPWire
import Testing

@Suite("UDP")
struct DatagramTests {
  let peer = Endpoint(TestHost.peer, 5000)
  let local = Endpoint(TestHost.address, 7000)

  @Test(
    "A datagram goes out with the right header, and one that comes is received with who sent it")
  func bothWays() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    try host.send(stream, to: peer, [1, 2, 3])
    let packet = try host.sentOne()
    #expect(packet.ip.source == TestHost.address && packet.ip.destination == TestHost.peer)
    #expect(packet.ports.map { [$0.source, $0.destination] } == [7000, 5000])
    #expect(packet.data == [1, 2, 3])
    #expect(packet.ip.timeToLive == 64 && !packet.ip.dontFragment)

    host.receive(udpPacket(from: peer, to: local, [4, 5]))
    #expect(host.events() == [.datagramArrived(stream)])
    let (datagram, data) = try #require(try host.read(stream))
    #expect(data == [4, 5])
    #expect(datagram.source == peer && datagram.length == 2 && datagram.destination == local)
    #expect(datagram.timeToLive == 64 && datagram.typeOfService == 0 && datagram.ipOptions == [])
    #expect(try host.read(stream) == nil)
    #expect(host.engine.counters.udp.received == 1 && host.engine.counters.udp.sent == 1)
  }

  @Test(
    "Ports for those who choose none follow from a key alone, and from no other port that is seen")
  func portsThatCannotBeGuessed() throws {
    func ports(_ seed: UInt64, pings: Int = 0) throws -> [Int] {
      let host = try TestHost { $0.seed = seed }
      return try (0..<64).map { _ in
        // Each takes numbers of the engine's generator, whose state could be found out from what it gives.
        for _ in 0..<pings { _ = try host.ping(TestHost.peer) }
        let stream = try host.engine.createUDPStream(on: 0, at: host.now)
        try host.send(stream, to: peer, [])
        return Int(try #require(host.sent().last?.ports?.source))
      }
    }
    let first = try ports(1)
    #expect(Set(first).count == 64 && first.allSatisfy { (49_152...65_535).contains($0) })
    #expect(try ports(1) == first)
    #expect(try ports(1, pings: 1) == first)
    #expect(try ports(2) != first)
    // No port tells the next one: no two distances are equal but by chance.
    let distances = zip(first, first.dropFirst()).map { ($1 - $0) & 16_383 }
    #expect(Set(distances).count > 55)
  }

  @Test("Datagrams of every length from 0 to 65,507 are sent and received")
  func lengths() throws {
    let host = try TestHost { $0.mtu = 65_535 }
    let stream = try host.engine.createUDPStream(on: 7000, receiveBuffer: 1 << 20, at: host.now)
    for length in Array(0...70) + [1471, 1472, 1473, 65_506, 65_507] {
      let data = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 13) }
      try host.send(stream, to: peer, data)
      #expect(try host.sentOne().data == data)
      host.receive(udpPacket(from: peer, to: local, data))
      let (datagram, received) = try #require(try host.read(stream))
      #expect(received == data && datagram.length == length)
    }
    #expect(throws: EngineError.invalidLength) {
      try host.send(stream, to: peer, [UInt8](repeating: 0, count: 65_508))
    }
    #expect(throws: EngineError.invalidLength) {
      var options = DatagramOptions()
      options.ipOptions = [1]
      try host.send(stream, to: peer, [UInt8](repeating: 0, count: 65_504), options: options)
    }
  }

  @Test("A checksum is optional both ways; a wrong one is not accepted (RFC 1122 §4.1.3.4)")
  func checksums() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    host.receive(udpPacket(from: peer, to: local, [1], checksum: .none))
    #expect(try host.read(stream) != nil)
    host.receive(udpPacket(from: peer, to: local, [1], checksum: .wrong))
    #expect(try host.read(stream) == nil)
    #expect(host.drops == [.badUDPChecksum: 1])
    var options = DatagramOptions()
    options.withChecksum = false
    try host.send(stream, to: peer, [1], options: options)
    #expect(Array(try host.sentOne().ip.payload[6..<8]) == [0, 0])
    // A sum of 0 goes out as all ones: some two bytes make it so.
    for value in UInt16.min ... .max where value % 251 == 0 || value > 65_000 || value < 500 {
      try host.send(stream, to: peer, octets(value))
      #expect(Array(try host.sentOne().ip.payload[6..<8]) != [0, 0])
    }
    try host.sendsNothing()
  }

  @Test("A header that cannot be is dropped; a length below the packet's leaves the rest away")
  func badHeaders() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    func send(_ payload: [UInt8]) {
      host.receive(
        IPBytes(source: TestHost.peer, destination: TestHost.address, payload: payload).bytes)
    }
    for length in 0..<8 { send(Array(udpBytes(from: peer, to: local, []).prefix(length))) }
    for length in [0, 7, 12, 65_535] {
      send(udpBytes(from: peer, to: local, [1, 2, 3], checksum: .none, length: length))
    }
    #expect(host.drops == [.badUDPHeader: 12])
    send(udpBytes(from: peer, to: local, [1, 2, 3], checksum: .none, length: 9))
    #expect(try #require(try host.read(stream)).1 == [1])
  }

  @Test("Memory that is too short gets the start of a datagram, and the length says so")
  func truncation() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    for capacity in 0...3 {
      host.receive(udpPacket(from: peer, to: local, [1, 2, 3]))
      let (datagram, data) = try #require(try host.read(stream, capacity: capacity))
      #expect(data == Array([1, 2, 3].prefix(capacity)) && datagram.length == 3)
    }
    #expect(try host.read(stream) == nil)
  }

  @Test("What does not fit into a stream's buffer is dropped, and what is there stays")
  func overflow() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, receiveBuffer: 2048, at: host.now)
    let memory = host.engine.memoryInUse
    host.receive(udpPacket(from: peer, to: local, [UInt8](repeating: 0, count: 2049)))
    #expect(host.drops == [.datagramBufferFull: 1])
    for index in 0..<100 { host.receive(udpPacket(from: peer, to: local, [UInt8(index)])) }
    #expect(host.engine.memoryInUse <= memory + 2048 + 256)
    #expect(host.events() == [.datagramArrived(stream)])
    var received: [UInt8] = []
    while let (_, data) = try host.read(stream) { received += data }
    #expect(received == Array(0..<UInt8(received.count)) && received.count >= 8)
    #expect(host.drops == [.datagramBufferFull: UInt64(101 - received.count)])
    #expect(host.engine.memoryInUse == memory)
  }

  @Test("Datagrams without data fill a buffer too")
  func emptyFlood() throws {
    let host = try TestHost()
    _ = try host.engine.createUDPStream(on: 7000, at: host.now)
    let memory = host.engine.memoryInUse
    for _ in 0..<10_000 { host.receive(udpPacket(from: peer, to: local, [])) }
    #expect(host.engine.memoryInUse <= memory + 65_536 + 256)
  }

  @Test("What waits to be transmitted is bounded, and the call says so")
  func outputLimit() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    let memory = host.engine.memoryInUse
    var sent = 0
    while sent < 10_000 {
      do { try host.send(stream, to: peer, [UInt8](repeating: 0, count: 1000)) } catch {
        #expect(error == .insufficientResources)
        break
      }
      sent += 1
    }
    #expect(sent < 1000 && host.engine.memoryInUse <= memory + (512 + 128) << 10)
    #expect(try host.sent().count == sent)
    #expect(host.engine.memoryInUse == memory)
    try host.send(stream, to: peer, [1])
  }

  @Test("At the memory ceiling sending fails and receiving drops; afterwards both work")
  func ceiling() throws {
    let host = try TestHost { $0.memoryCeiling = 64 << 10 }
    let stream = try host.engine.createUDPStream(on: 7000, receiveBuffer: 1 << 20, at: host.now)
    for _ in 0..<100 {
      host.receive(udpPacket(from: peer, to: local, [UInt8](repeating: 0, count: 1400)))
      #expect(host.engine.memoryInUse <= 64 << 10)
    }
    #expect(host.drops[.memoryCeiling] ?? 0 > 50)
    #expect(throws: EngineError.insufficientResources) {
      try host.send(stream, to: peer, [UInt8](repeating: 0, count: 60_000))
    }
    while try host.read(stream) != nil {}
    try host.send(stream, to: peer, [1])
    #expect(try host.sentOne().data == [1])
  }

  // MARK: Ports

  @Test("A stream has all the ports of its range, and sends from any of them")
  func range() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, through: 7300, at: host.now)
    #expect(try host.engine.port(of: stream) == 7000)
    for port: UInt16 in [7000, 7001, 7167, 7168, 7255, 7256, 7300] {
      host.receive(udpPacket(from: peer, to: Endpoint(TestHost.address, port), [1]))
      #expect(try #require(try host.read(stream)).0.destination.port == port)
      var options = DatagramOptions()
      options.sourcePort = port
      try host.send(stream, to: peer, [], options: options)
      #expect(try host.sentOne().ports?.source == port)
    }
    for port: UInt16 in [6999, 7301] {
      host.receive(udpPacket(from: peer, to: Endpoint(TestHost.address, port), [1]))
      #expect(try host.sentOne().icmpType == 3)
      var options = DatagramOptions()
      options.sourcePort = port
      #expect(throws: EngineError.badAddress) {
        try host.send(stream, to: peer, [], options: options)
      }
    }
    #expect(throws: EngineError.badAddress) {
      try host.send(stream, to: Endpoint(TestHost.peer, 0), [])
    }
  }

  @Test("Ports that another stream has cannot be had, and can when it is released")
  func duplicates() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, through: 7010, at: host.now)
    for (first, last) in [
      (7000, 7000), (7010, 7010), (6990, 7000), (7010, 7020), (6000, 8000), (7005, 7006),
    ] {
      #expect(throws: EngineError.duplicateSocket) {
        try host.engine.createUDPStream(on: UInt16(first), through: UInt16(last), at: host.now)
      }
    }
    _ = try host.engine.createUDPStream(on: 7011, at: host.now)
    _ = try host.engine.createUDPStream(on: 6999, at: host.now)
    try host.engine.release(stream, at: host.now)
    _ = try host.engine.createUDPStream(on: 7000, through: 7010, at: host.now)
  }

  @Test("Ranges and buffers that are none are refused")
  func badRanges() throws {
    let host = try TestHost()
    for (first, last, buffer) in [
      (7001, 7000, 4096), (0, 7000, 4096), (0, 0, 4096), (7000, 7000, 2047),
      (7000, 7000, 1 << 30 + 1), (7000, 7000, -1), (7000, 7000, Int.min),
    ] as [(UInt16, UInt16, Int)] {
      #expect(throws: EngineError.invalidLength) {
        try host.engine.createUDPStream(
          on: first, through: last, receiveBuffer: buffer, at: host.now)
      }
    }
    // All there are; the last one included.
    let all = try host.engine.createUDPStream(on: 1, through: 65_535, at: host.now)
    host.receive(udpPacket(from: peer, to: Endpoint(TestHost.address, 65_535), [1]))
    #expect(try host.read(all) != nil)
    #expect(throws: EngineError.insufficientResources) {
      try host.engine.createUDPStream(on: 0, at: host.now)
    }
  }

  @Test(
    "Ports that the engine chooses are in the configured range, all different, and not in order")
  func ephemeralPorts() throws {
    let host = try TestHost { $0.ephemeralPorts = 50_000...50_099 }
    let ports = try (0..<100).map { _ in
      try host.engine.port(of: host.engine.createUDPStream(on: 0, at: host.now))
    }
    #expect(Set(ports) == Set(50_000...50_099))
    #expect(ports != ports.sorted())
    #expect(throws: EngineError.insufficientResources) {
      try host.engine.createUDPStream(on: 0, at: host.now)
    }
  }

  @Test("A handle ends with its stream: every call with an old or invented one fails")
  func staleHandles() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    host.receive(udpPacket(from: peer, to: local, [1]))
    try host.engine.release(stream, at: host.now)
    #expect(host.events().isEmpty)
    let next = try host.engine.createUDPStream(on: 7000, at: host.now)
    #expect(next != stream)
    for raw in [stream.rawValue, -1, .min, .max, next.rawValue + 1, next.rawValue + 1 << 40] {
      let id = UDPStreamID(rawValue: raw)
      #expect(throws: EngineError.invalidStream) { try host.engine.port(of: id) }
      #expect(throws: EngineError.invalidStream) { try host.send(id, to: peer, []) }
      #expect(throws: EngineError.invalidStream) { try host.read(id) }
      #expect(throws: EngineError.invalidStream) { try host.engine.release(id, at: host.now) }
    }
    #expect(try host.read(next) == nil)
  }

  @Test("Streams that come and go leave no memory behind")
  func churn() throws {
    let host = try TestHost()
    SeededGenerator.forSeeds(1) { generator in
      var streams: [UDPStreamID] = []
      for _ in 0..<3000 {
        if generator.next() % 2 == 0, streams.count < 200 {
          streams.append(try host.engine.createUDPStream(on: 0, at: host.now))
        } else if let index = streams.indices.randomElement(using: &generator) {
          let port = try host.engine.port(of: streams[index])
          host.receive(udpPacket(from: peer, to: Endpoint(TestHost.address, port), [1]))
          try host.engine.release(streams.remove(at: index), at: host.now)
        }
      }
      for stream in streams { try host.engine.release(stream, at: host.now) }
      // The pages of the port table stay: 64 of 1 KiB for 16,384 ports.
      #expect(host.engine.memoryInUse <= 64 << 10)
      #expect(host.events().isEmpty)
    }
  }

  @Test("Broadcasts go out")
  func broadcast() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    try host.send(stream, to: Endpoint(.broadcast, 9), [1])
    try host.send(stream, to: Endpoint(ip("192.0.2.255"), 9), [1])
    #expect(try host.sent().map(\.ip.source) == [TestHost.address, TestHost.address])
  }

  @Test("What is sent to the host itself comes in again, and never gets on the link")
  func loopback() throws {
    let host = try TestHost()
    let stream = try host.engine.createUDPStream(on: 7000, at: host.now)
    for address in [TestHost.address, .loopback, ip("127.1.2.3")] {
      let data = [UInt8](repeating: 3, count: 4000)
      try host.send(stream, to: Endpoint(address, 7000), data)
      try host.sendsNothing()
      let (datagram, received) = try #require(try host.read(stream))
      #expect(received == data && datagram.source == Endpoint(address, 7000))
      // The report of a closed port goes the same way.
      try host.send(stream, to: Endpoint(address, 7001), [])
      try host.sendsNothing()
      let reports = host.events().filter { if case .datagramReport = $0 { true } else { false } }
      #expect(reports.count == 1)
    }
    let id = try host.ping(.loopback, [1, 2, 3])
    try host.sendsNothing()
    #expect(host.events() == [.echoReply(id, roundTrip: 0)])
    #expect(host.drops == [.noUDPPort: 3])
  }
}
