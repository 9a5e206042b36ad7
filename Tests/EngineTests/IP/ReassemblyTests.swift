import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Reassembly")
struct ReassemblyTests {
  static let remote = Endpoint(TestHost.peer, 5000)
  static let local = Endpoint(TestHost.address, 7000)

  /// A part of a datagram of `data`: `range` of the IP packet's payload.
  private func fragment(
    _ payload: [UInt8], _ range: Range<Int>, more: Bool? = nil, id: UInt16 = 7, ecn: UInt8 = 0,
    options: [UInt8] = [], from source: IPAddress = TestHost.peer
  ) -> [UInt8] {
    IPBytes(
      source: source, destination: TestHost.address, payload: Array(payload[range]),
      typeOfService: ecn, identification: id,
      moreFragments: more ?? (range.upperBound < payload.count),
      offset: range.lowerBound, options: options
    ).bytes
  }

  private func datagram(_ count: Int) -> (data: [UInt8], payload: [UInt8]) {
    let data = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    return (data, udpBytes(from: Self.remote, to: Self.local, data))
  }

  private func listening(_ change: (inout EngineConfiguration) -> Void = { _ in }) throws -> (
    TestHost, UDPStreamID
  ) {
    let host = try TestHost(change)
    let stream = try host.engine.createUDPStream(on: 7000, receiveBuffer: 1 << 20, at: host.now)
    return (host, stream)
  }

  private func permutations(_ count: Int) -> [[Int]] {
    guard count > 1 else { return [Array(0..<count)] }
    return permutations(count - 1).flatMap { shorter in
      (0..<count).map { place in
        var order = shorter
        order.insert(count - 1, at: place)
        return order
      }
    }
  }

  @Test("Five fragments make up the datagram in each of their 120 orders, one of them twice too")
  func orders() throws {
    let (host, stream) = try listening()
    let memory = host.engine.memoryInUse
    let (data, payload) = datagram(100)
    let parts = [0..<8, 8..<40, 40..<48, 48..<96, 96..<108]
    for (number, order) in permutations(5).enumerated() {
      for (step, index) in order.enumerated() {
        #expect(try host.read(stream) == nil)
        host.receive(fragment(payload, parts[index], id: UInt16(number)))
        // A duplicate of what has come before the last one.
        if step == number % 4 {
          host.receive(fragment(payload, parts[order[number % (step + 1)]], id: UInt16(number)))
        }
      }
      let (datagram, received) = try #require(try host.read(stream))
      #expect(received == data && datagram.source == Self.remote)
    }
    #expect(host.drops.isEmpty)
    #expect(host.engine.counters.ip.reassembled == 120)
    #expect(host.engine.counters.ip.fragmentsReceived == 720)
    #expect(host.engine.memoryInUse == memory)
    #expect(host.engine.nextDeadline == nil)
    try host.sendsNothing()
  }

  @Test("Random parts in random order, of several datagrams at a time")
  func random() throws {
    SeededGenerator.forSeeds(30) { generator in
      let (host, stream) = try listening { $0.reassemblyMemory = 4 << 20 }
      var waiting: [[UInt8]] = []
      var sent: [[UInt8]] = []
      for id in 0..<UInt16(generator.number(1...8)) {
        let data = generator.bytes(generator.number(0...9000))
        let payload = udpBytes(from: Self.remote, to: Self.local, data)
        sent.append(data)
        var start = 0
        while start < payload.count {
          let length = 8 * generator.number(1...(generator.next() % 4 == 0 ? 180 : 20))
          let end = min(payload.count, start + max(length, (payload.count + 799) / 800 * 8))
          waiting.append(fragment(payload, start..<end, id: id))
          // A whole packet that comes twice is two.
          if end - start < payload.count && generator.next() % 5 == 0 {
            waiting.append(fragment(payload, start..<end, id: id))
          }
          start = end
        }
      }
      waiting.shuffle(using: &generator)
      for packet in waiting { host.receive(packet) }
      var received: [[UInt8]] = []
      while let (_, data) = try host.read(stream) { received.append(data) }
      // Of what comes twice behind the whole a second one may be made, or it waits in vain.
      try #require(Set(received) == Set(sent) && received.count >= sent.count)
      try host.pass(60_000_000)
      try #require(host.drops.keys.allSatisfy { $0 == .reassemblyTimeout })
    }
  }

  @Test("The largest packet is put together; what would be larger is refused (ping of death)")
  func largest() throws {
    let (host, stream) = try listening()
    let (data, payload) = datagram(65_507)
    for start in stride(from: 0, to: payload.count, by: 1480).reversed() {
      host.receive(fragment(payload, start..<min(payload.count, start + 1480)))
    }
    #expect(try #require(try host.read(stream)).1 == data)
    #expect(host.drops.isEmpty)

    let long = [UInt8](repeating: 0, count: 65_600)
    host.receive(fragment(long, 65_520..<65_528, more: false, id: 8))
    host.receive(fragment(long, 65_512..<65_520, more: true, id: 8))
    host.receive(fragment(long, 64_120..<65_600, more: false, id: 9))
    #expect(host.drops == [.badFragment: 3])
    // With a header of 60 bytes, which only the first fragment tells of, 65,515 are too many.
    host.receive(fragment(payload, 1480..<65_515, more: false, id: 10))
    host.receive(
      fragment(payload, 0..<1480, id: 10, options: [UInt8](repeating: 1, count: 40)))
    #expect(host.drops == [.badFragment: 4])
    #expect(try host.read(stream) == nil)
  }

  @Test("Fragments without data, and all but the last of an odd length, are refused")
  func badLengths() throws {
    let (host, _) = try listening()
    let (_, payload) = datagram(100)
    host.receive(fragment(payload, 8..<8, more: true))
    host.receive(fragment(payload, 8..<8, more: false))
    host.receive(fragment(payload, 0..<7, more: true))
    host.receive(fragment(payload, 0..<12, more: true))
    #expect(host.drops == [.badFragment: 4])
    #expect(host.engine.nextDeadline == nil)
  }

  private static let overlapping: [[Range<Int>]] = [
    // Over the end, over the start, around, within with another content (teardrop), and over two.
    [0..<40, 32..<64], [40..<64, 0..<48], [16..<24, 8..<40], [0..<40, 24..<32],
    [0..<16, 24..<40, 8..<32],
  ]

  @Test(
    "An overlap makes the whole datagram worthless, and all that comes of it",
    arguments: overlapping)
  func overlaps(_ ranges: [Range<Int>]) throws {
    let (host, stream) = try listening()
    let memory = host.engine.memoryInUse
    let (_, payload) = datagram(100)
    for range in ranges.dropLast() { host.receive(fragment(payload, range)) }
    // Another content, so that it is no duplicate.
    host.receive(fragment(payload.map { ~$0 }, ranges[ranges.count - 1]))
    #expect(host.drops == [.overlappingFragment: 1])
    #expect(host.engine.memoryInUse == memory)
    // Now it comes right, and it is too late.
    for start in stride(from: 0, to: payload.count, by: 8) {
      host.receive(fragment(payload, start..<min(payload.count, start + 8)))
    }
    #expect(try host.read(stream) == nil)
    #expect(host.drops == [.overlappingFragment: 15])
    // Its time over, the identification may be used again.
    try host.pass(30_000_000)
    host.receive(fragment(payload, 0..<64))
    host.receive(fragment(payload, 64..<108))
    #expect(try host.read(stream) != nil)
  }

  @Test("A part of the same content within what has come is a duplicate, and one beyond it is not")
  func duplicates() throws {
    let (host, stream) = try listening()
    let (data, payload) = datagram(100)
    host.receive(fragment(payload, 0..<64))
    host.receive(fragment(payload, 8..<32, more: true))
    host.receive(fragment(payload, 0..<64))
    #expect(host.drops.isEmpty)
    host.receive(fragment(payload, 64..<108))
    #expect(try #require(try host.read(stream)).1 == data)
    host.receive(fragment(payload, 0..<64, id: 8))
    host.receive(fragment(payload, 32..<96, id: 8))
    #expect(host.drops == [.overlappingFragment: 1])
  }

  private static let ends: [[(Range<Int>, Bool)]] = [
    [(96..<108, false), (96..<112, false)], [(96..<104, false), (96..<104, true)],
    [(96..<104, false), (104..<112, true)], [(104..<112, true), (96..<104, false)],
    [(96..<104, true), (96..<104, false)], [(96..<108, false), (8..<16, false)],
  ]

  @Test("Overlaps leave the account of the memory for fragments right: its limit holds after them")
  func limitAfterOverlaps() throws {
    let (host, _) = try listening { $0.reassemblyMemory = 8_192 }
    let (_, payload) = datagram(2_000)
    let memory = host.engine.memoryInUse
    for id in UInt16(0)..<20 {
      host.receive(fragment(payload, 0..<800, id: id))
      host.receive(fragment(payload, 400..<1_200, id: id))
    }
    #expect(host.drops == [.overlappingFragment: 20])
    #expect(host.engine.memoryInUse == memory)
    for id in UInt16(100)..<120 {
      host.receive(fragment(payload, 0..<800, id: id))
      #expect(host.engine.memoryInUse - memory <= 8_192)
    }
    #expect(host.engine.memoryInUse > memory)
  }

  @Test("Two ends of one datagram are an overlap", arguments: ends)
  func twoEnds(_ parts: [(Range<Int>, Bool)]) throws {
    let (host, _) = try listening()
    let payload = [UInt8](repeating: 0, count: 120)
    for (range, more) in parts { host.receive(fragment(payload, range, more: more)) }
    #expect(host.drops == [.overlappingFragment: 1])
  }

  @Test("Source, destination, protocol and identification tell datagrams apart (RFC 791 §3.2)")
  func keys() throws {
    let (host, stream) = try listening()
    let (_, payload) = datagram(100)
    host.receive(fragment(payload, 0..<64))
    host.receive(fragment(payload, 64..<108, id: 8))
    host.receive(fragment(payload, 64..<108, from: ip("192.0.2.3")))
    var other = IPBytes(source: TestHost.peer, destination: TestHost.address)
    other.protocolNumber = 99
    other.identification = 7
    other.offset = 64
    other.payload = Array(payload[64...])
    host.receive(other.bytes)
    other.protocolNumber = 17
    other.destination = .broadcast
    host.receive(other.bytes)
    #expect(try host.read(stream) == nil)
    host.receive(fragment(payload, 64..<108))
    #expect(try host.read(stream) != nil)
  }

  // MARK: Time and memory

  @Test("What has not come whole in its time is dropped; its sender is told if the first part came")
  func timeout() throws {
    let (host, stream) = try listening()
    let memory = host.engine.memoryInUse
    let (_, payload) = datagram(2000)
    host.receive(fragment(payload, 1480..<2008, id: 1))
    try host.pass(10_000_000)
    let first = fragment(payload, 0..<1480, id: 2)
    host.receive(first)
    try host.pass(19_999_999)
    #expect(host.drops.isEmpty)
    #expect(try host.pass(1).isEmpty)
    #expect(host.drops == [.reassemblyTimeout: 1])
    let answers = try host.pass(10_000_000)
    let answer = try #require(answers.first?.packet)
    #expect(answers.count == 1 && answer.icmpType == 11 && answer.icmpCode == 1)
    #expect(answer.data == Array(first.prefix(548)))
    #expect(host.drops == [.reassemblyTimeout: 2])
    #expect(host.engine.memoryInUse == memory && host.engine.nextDeadline == nil)
    // Too late, and a new beginning.
    host.receive(fragment(payload, 1480..<2008, id: 2))
    #expect(try host.read(stream) == nil)
  }

  @Test("The memory of fragments has a limit; what is oldest gives way")
  func memoryLimit() throws {
    let (host, stream) = try listening { $0.reassemblyMemory = 64 << 10 }
    let memory = host.engine.memoryInUse
    let (data, payload) = datagram(2000)
    for id in 0..<1000 {
      host.receive(fragment(payload, 0..<1480, id: UInt16(id)))
      #expect(host.engine.memoryInUse <= memory + 64 << 10)
    }
    #expect(host.drops[.reassemblyMemory] ?? 0 > 900)
    host.receive(fragment(payload, 1480..<2008, id: 999))
    #expect(try #require(try host.read(stream)).1 == data)
    // The first one's other half finds nothing.
    host.receive(fragment(payload, 1480..<2008, id: 0))
    #expect(try host.read(stream) == nil)
  }

  @Test("A datagram larger than all the memory for fragments is refused")
  func tooLargeForMemory() throws {
    let (host, stream) = try listening { $0.reassemblyMemory = 8 << 10 }
    let memory = host.engine.memoryInUse
    let (_, payload) = datagram(20_000)
    for start in stride(from: 0, to: payload.count, by: 1480) {
      host.receive(fragment(payload, start..<min(payload.count, start + 1480)))
      #expect(host.engine.memoryInUse <= memory + 8 << 10)
    }
    #expect(try host.read(stream) == nil)
    #expect(host.drops[.reassemblyMemory] ?? 0 > 0)
  }

  @Test("With no memory for fragments none is kept")
  func noMemory() throws {
    let (host, _) = try listening { $0.reassemblyMemory = 0 }
    let (_, payload) = datagram(20)
    host.receive(fragment(payload, 0..<8))
    #expect(host.drops == [.reassemblyMemory: 1])
    #expect(host.engine.nextDeadline == nil)
  }

  @Test("At the engine's ceiling fragments are dropped")
  func ceiling() throws {
    let (host, _) = try listening { $0.memoryCeiling = 64 << 10 }
    let (_, payload) = datagram(60_000)
    for id in 0..<50 {
      host.receive(fragment(payload, 0..<8000, id: UInt16(id)))
      #expect(host.engine.memoryInUse <= 64 << 10)
    }
    #expect(host.drops[.memoryCeiling] ?? 0 > 0)
  }

  @Test("So many holes that to find one takes long are refused")
  func holes() throws {
    let (host, _) = try listening()
    let payload = [UInt8](repeating: 0, count: 60_000)
    for index in 0..<1000 { host.receive(fragment(payload, index * 16 + 8..<index * 16 + 16)) }
    #expect(host.drops[.badFragment] == 1)
  }

  @Test("Datagrams of which parts wait are bounded in number")
  func number() throws {
    let (host, _) = try listening { $0.reassemblyMemory = 1 << 30 }
    let (_, payload) = datagram(100)
    for id in 0..<1000 { host.receive(fragment(payload, 0..<8, id: UInt16(id))) }
    #expect(host.drops == [.reassemblyMemory: 1000 - 64])
  }

  @Test(
    "One marked fragment marks the whole; with one that could not be marked, it is dropped (RFC 3168)"
  )
  func congestion() throws {
    for (first, second, isReceived) in [
      (0, 0, true), (2, 2, true), (3, 2, true), (2, 3, true), (1, 3, true), (3, 3, true),
      (0, 3, false), (3, 0, false), (0, 2, true),
    ] as [(UInt8, UInt8, Bool)] {
      let host = try TestHost()
      // An echo shows nothing of it, but the whole is received or not.
      let message = icmpBytes(8, 0, 1, [UInt8](repeating: 7, count: 24))
      for (start, ecn) in [(0, first), (16, second)] {
        host.receive(
          IPBytes(
            source: TestHost.peer, destination: TestHost.address, protocolNumber: 1,
            payload: Array(message[start..<start + 16]), typeOfService: ecn,
            moreFragments: start == 0, offset: start
          ).bytes)
      }
      #expect(try host.sent().count == (isReceived ? 1 : 0), "\(first) \(second)")
      #expect(host.drops[.badFragment] ?? 0 == (isReceived ? 0 : 1))
    }
  }

  @Test("A large echo comes in fragments and goes back in fragments")
  func echo() throws {
    let host = try TestHost()
    let data = (0..<5000).map { UInt8(truncatingIfNeeded: $0) }
    let message = icmpBytes(8, 0, 1, data)
    for start in stride(from: 0, to: message.count, by: 1480) {
      let end = min(message.count, start + 1480)
      host.receive(
        IPBytes(
          source: TestHost.peer, destination: TestHost.address, protocolNumber: 1,
          payload: Array(message[start..<end]), moreFragments: end < message.count, offset: start
        ).bytes)
    }
    let reply = try host.sent().flatMap(\.ip.payload)
    #expect(reply == icmpBytes(0, 0, 1, data))
  }

  @Test("About a whole that was put together an error quotes the whole")
  func errorAboutWhole() throws {
    let host = try TestHost()
    let (_, payload) = datagram(100)
    host.receive(fragment(payload, 64..<108))
    host.receive(fragment(payload, 0..<64))
    let answer = try host.sentOne()
    #expect(answer.icmpType == 3 && answer.icmpCode == 3)
    #expect(Array(answer.data.dropFirst(20)) == payload)
    #expect(referenceChecksum(Array(answer.data.prefix(20))) == 0)
    #expect(Array(answer.data[2..<4]) == [0, 128] && Array(answer.data[6..<8]) == [0, 0])
  }
}
