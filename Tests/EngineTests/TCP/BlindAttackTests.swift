import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Segments of others: RFC 5961, PAWS (RFC 7323 §5), options")
struct BlindAttackTests {
  static func configuration(answersPerSecond: Int = 100, timestamps: Bool = false)
    -> EngineConfiguration
  {
    var configuration = OneHost.plain
    configuration.answersPerSecond = answersPerSecond
    configuration.usesTimestamps = timestamps
    return configuration
  }

  enum Attack: String, CaseIterable, Sendable {
    case syn, synOutside, inexactReset, futureACK, oldACK, bareOutside

    func make(_ host: OneHost, _ number: Int) {
      switch self {
      case .syn: host.arrive(.syn, 1 + number)
      case .synOutside: host.arrive(.syn, 1 << 20 + number)
      case .inexactReset: host.arrive(.rst, 2 + number)
      case .futureACK: host.arrive(.ack, 1, ack: 1_000 + number)
      case .oldACK: host.arrive(.ack, 1, ack: -100_000 - number)
      case .bareOutside: host.arrive(.ack, 100_000 + number, ack: 1)
      }
    }
  }

  @Test(
    "Challenge ACKs are limited in a second, to a number that nobody can know (RFC 5961 §7)",
    arguments: Attack.allCases)
  func challenges(_ attack: Attack) throws {
    var numbers: Set<Int> = []
    for seed in 0..<8 {
      var configuration = Self.configuration(answersPerSecond: 20)
      configuration.seed = UInt64(seed)
      let host = try OneHost(configuration)
      let id = try host.connect()
      for number in 0..<100 { attack.make(host, number) }
      let first = host.takeSent().count
      #expect((10...30).contains(first))
      numbers.insert(first)
      host.pass(1_000_000)
      for number in 0..<100 { attack.make(host, number) }
      #expect((10...30).contains(host.takeSent().count))
      #expect(try host.state(id) == .established)
      #expect(host.engine.counters[.answersPerSecond] > 100)
    }
    #expect(numbers.count > 1)
  }

  @Test("Resets for segments without a connection are limited as well")
  func resets() throws {
    let host = try OneHost(Self.configuration(answersPerSecond: 20))
    for number in 0..<100 { host.arrive(.ack, 0, ack: number) }
    #expect((10...30).contains(host.takeSent().count))
  }

  @Test("A port that nobody has may be silent")
  func silent() throws {
    var configuration = OneHost.plain
    configuration.answersClosedPorts = false
    let host = try OneHost(configuration)
    host.arrive(.syn, 0)
    host.arrive(.ack, 0, ack: 7)
    #expect(host.takeSent() == [])
    #expect(host.engine.counters[.noConnection] == 2)
  }

  @Test("A SYN from or to an address that no single host has is dropped (MUST-57, MUST-63)")
  func groups() throws {
    let host = try OneHost()
    _ = try host.listen()
    for source in [
      IPAddress(255, 255, 255, 255), IPAddress(10, 0, 0, 255), IPAddress(224, 0, 0, 9),
      IPAddress(0, 0, 0, 0), OneHost.address,
    ] {
      host.peer = source
      if source == OneHost.address { host.peerPort = host.port }
      host.arrive(.syn, 0)
    }
    #expect(host.takeSent() == [])
    host.peer = OneHost.peerAddress
    host.peerPort = 4_000
    for destination in [IPAddress(255, 255, 255, 255), IPAddress(10, 0, 0, 255)] {
      let header = TCPHeader(
        sourcePort: 4_000, destinationPort: 80, sequenceNumber: SequenceNumber(1), flags: .syn)
      let packet = IPv4Header(
        source: host.peer, destination: destination, protocol: .tcp, payloadLength: 20)
      host.receive(
        [UInt8](capacity: 40) { output in
          try? packet.write(to: &output)
          try? header.write(to: &output, from: host.peer, to: destination)
        })
    }
    #expect(host.takeSent() == [])
    host.arrive(.syn, 0)
    #expect(host.takeSent() == ["SYN,ACK 0 ack 1"])
  }

  @Test("Segments from or to port 0 are not answered, but counted (RFC 6335 §6)")
  func portZero() throws {
    let host = try OneHost()
    _ = try host.listen()
    for (source, destination) in [(0, 80), (4_000, 0), (0, 0)] as [(UInt16, UInt16)] {
      (host.peerPort, host.port) = (source, destination)
      host.arrive(.syn, 0)
      host.arrive(.ack, 1, ack: 1, text: 10)
      host.arrive(.fin, 1)
      host.arrive(.rst, 1)
    }
    #expect(host.takeSent() == [] && host.takeEvents() == [])
    #expect(host.engine.counters[.noConnection] == 12)
  }

  @Test("A segment with a wrong checksum does nothing (MUST-3)")
  func checksum() throws {
    let host = try OneHost()
    let id = try host.connect()
    let header = TCPHeader(
      sourcePort: host.peerPort, destinationPort: host.port,
      sequenceNumber: host.irs.advanced(by: 1),
      acknowledgmentNumber: host.iss.advanced(by: 1), flags: .ack, window: 9)
    let packet = host.packet(header, OneHost.pattern(1, 100))
    for place in 20..<packet.count {
      for bit in 0..<8 {
        var broken = packet
        broken[place] ^= 1 << UInt8(bit)
        host.receive(broken)
      }
    }
    #expect(host.takeSent() == [] && host.takeEvents() == [])
    #expect(try host.status(id).sendWindow == 65_535)
    #expect(host.engine.counters[.badTCPChecksum] + host.engine.counters[.badTCPHeader] == 120 * 8)
    host.receive(packet)
    #expect(try host.read(id).bytes == OneHost.pattern(1, 100))
  }

  // MARK: PAWS

  /// A connection with time stamps; the peer's last was 1,000.
  static func paws(_ host: OneHost) throws -> ConnectionID {
    stamp(host, 1_000)
    let id = try host.connect()
    return id
  }

  static func stamp(_ host: OneHost, _ value: UInt32) {
    host.options.timestamps = TCPTimestamps(value: value, echoReply: 0)
  }

  @Test("PAWS drops a segment with an old time stamp, and answers it (RFC 7323 §5.3 R1)")
  func paws() throws {
    let host = try OneHost(Self.configuration(timestamps: true))
    let id = try Self.paws(host)
    Self.stamp(host, 999)
    host.arrive(.psh, 1, ack: 1, text: 10)
    #expect(host.takeSent() == ["ACK 1 ack 1"])
    #expect(host.engine.counters[.oldTimestamp] == 1)
    for value: UInt32 in [1_000, 1_001, 1_000 &+ 1 << 30, 1_000 &+ 1 << 31] {
      Self.stamp(host, value)
      let next = try host.status(id).receiveNext
      host.arrive(
        .psh, host.irs.distance(to: SequenceNumber(next)), ack: 1, text: 10)
      host.pass(100_000)
    }
    #expect(try host.read(id).bytes.count == 40)
  }

  @Test("A RST is not judged by its time stamp (RFC 7323 §5.2)")
  func pawsReset() throws {
    let host = try OneHost(Self.configuration(timestamps: true))
    let id = try Self.paws(host)
    Self.stamp(host, 5)
    host.arrive(.rst, 1)
    #expect(try host.state(id) == .closed)
  }

  @Test("After 24 days of silence an old time stamp is no reason (RFC 7323 §5.5)")
  func pawsIdle() throws {
    let host = try OneHost(Self.configuration(timestamps: true))
    let id = try Self.paws(host)
    host.pass(25 * 86_400_000_000)
    Self.stamp(host, 5)
    host.arrive(.psh, 1, ack: 1, text: 10)
    #expect(try host.read(id).bytes.count == 10)
  }

  @Test(
    "Once agreed on, a segment without time stamps is dropped silently, a RST not (RFC 7323 §3.2)")
  func missing() throws {
    let host = try OneHost(Self.configuration(timestamps: true))
    let id = try Self.paws(host)
    host.options = TCPOptions()
    host.arrive(.psh, 1, ack: 1, text: 10)
    #expect(host.takeSent() == [])
    #expect(host.engine.counters[.missingTimestamp] == 1)
    host.arrive(.rst, 1)
    #expect(try host.state(id) == .closed)
  }

  @Test("The time stamp that is echoed is that of the segment last acknowledged (RFC 7323 §4.3)")
  func echo() throws {
    let host = try OneHost(Self.configuration(timestamps: true))
    _ = try Self.paws(host)
    Self.stamp(host, 1_010)
    host.arrive(.psh, 1, ack: 1, text: 10)
    Self.stamp(host, 1_020)
    host.arrive(.psh, 11, ack: 1, text: 10)
    // Two segments, one delayed acknowledgement: that of the first.
    #expect(host.sent.last?.header.options.timestamps?.echoReply == 1_010)
    // Out of order: still that one.
    Self.stamp(host, 1_030)
    host.arrive(.psh, 31, ack: 1, text: 10)
    #expect(host.sent.last?.header.options.timestamps?.echoReply == 1_010)
    Self.stamp(host, 1_040)
    host.arrive(.psh, 21, ack: 1, text: 10)
    #expect(host.sent.last?.header.options.timestamps?.echoReply == 1_040)
  }

  // MARK: Options

  /// Raw bytes of options in a SYN for a listener; what the SYN,ACK has.
  static func answer(toSYNWith bytes: [UInt8]) throws -> (TCPOptions?, OneHost) {
    var configuration = OneHost.plain
    configuration.usesTimestamps = true
    configuration.usesSACK = true
    configuration.usesWindowScale = true
    let host = try OneHost(configuration)
    _ = try host.passiveOpen()
    host.receive(host.packet(options: bytes, .syn, 0, ack: nil))
    return (host.sent.last?.header.options, host)
  }

  @Test(
    "Unknown options are skipped, illegal lengths survived, and nothing need be aligned (MUST-4 to MUST-7, MUST-64, MUST-68)"
  )
  func options() throws {
    let timestamps: [UInt8] = [8, 10, 0, 0, 0, 7, 0, 0, 0, 0]
    // The bytes, and whether MSS, time stamps, SACK and window scale are understood.
    let cases: [([UInt8], Bool, Bool, Bool, Bool)] = [
      ([2, 4, 5, 180], true, false, false, false),
      ([254, 6, 1, 2, 3, 4, 2, 4, 5, 180], true, false, false, false),
      ([1] + timestamps + [2, 4, 5, 180], true, true, false, false),
      ([3, 3, 2, 4, 2, 1], false, false, true, true),
      // The end of options hides what follows.
      ([0, 2, 4, 5, 180], false, false, false, false),
      // Length 0, length 1, beyond the end, of a wrong length for a known kind.
      ([2, 0, 5, 180], false, false, false, false), ([2, 1, 5, 180], false, false, false, false),
      ([2, 4, 5, 180, 99, 40], true, false, false, false),
      ([2, 3, 5, 4, 2, 0], false, false, true, false), ([254], false, false, false, false),
    ]
    for (bytes, mss, hasTimestamps, sack, scale) in cases {
      let (options, host) = try Self.answer(toSYNWith: bytes)
      let answer = try #require(options, "\(bytes)")
      #expect((answer.timestamps != nil) == hasTimestamps, "\(bytes)")
      #expect(answer.isSACKPermitted == sack, "\(bytes)")
      #expect((answer.windowScale != nil) == scale, "\(bytes)")
      host.options = hasTimestamps ? OpeningTests.options(timestamp: 8) : TCPOptions()
      host.arrive(.ack, 1, ack: 1)
      let id = try #require(
        host.events.compactMap { if case .opened(let id) = $0 { id } else { nil } }.first)
      #expect(
        try host.status(id).maximumSegmentSize == (mss ? 1_460 : 536) - (hasTimestamps ? 12 : 0))
    }
  }

  @Test("Options may come in any segment (MUST-5)")
  func optionsAnywhere() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.receive(
      host.packet(options: [254, 4, 1, 2, 1, 1, 2, 4, 5, 180, 3, 3, 9], .psh, 1, ack: 1, text: 10))
    host.receive(host.packet(options: Array(repeating: 1, count: 40), .psh, 11, ack: 1, text: 10))
    host.receive(host.packet(options: [9, 99], .psh, 21, ack: 1, text: 10))
    #expect(try host.read(id).bytes == OneHost.pattern(1, 30))
    #expect(try host.status(id).windowScaleReceived == nil)
  }

  @Test("Random options: none stops the engine (MUST-7)")
  func randomOptions() {
    SeededGenerator.forSeeds { generator in
      let host = try OneHost(Self.configuration(timestamps: true))
      _ = try host.passiveOpen()
      for _ in 0..<50 {
        let bytes = generator.bytes(generator.number(0...40))
        host.receive(host.packet(options: bytes, .syn, 0, ack: nil))
      }
      host.takeSent()
    }
  }
}

extension OneHost {
  /// A packet of the peer with these bytes as options, as they are, padded with zeros (MUST-69).
  func packet(
    options: [UInt8], _ flags: TCPFlags, _ sequence: Int, ack: Int?, text: Int = 0
  ) -> [UInt8] {
    var header = TCPHeader(
      sourcePort: peerPort, destinationPort: port, sequenceNumber: irs.advanced(by: sequence),
      flags: flags, window: 65_535)
    if let ack {
      header.acknowledgmentNumber = iss.advanced(by: ack)
      header.flags.formUnion(.ack)
    }
    let padded = options + Array(repeating: 0, count: -options.count & 3)
    // As data behind the shortest header; then the data offset is made longer.
    let packet = packet(header, padded + Self.pattern(sequence, text))
    var bytes = packet
    let offset = UInt8((20 + padded.count) / 4) << 4
    let before = bytes[32]
    bytes[32] = offset
    // The checksum changes by as much as the byte, which is the upper one of its word (RFC 1624).
    var sum = UInt32(~(UInt16(bytes[36]) << 8 | UInt16(bytes[37])))
    sum += UInt32(~(UInt16(before) << 8)) + UInt32(UInt16(offset) << 8)
    while sum >> 16 != 0 { sum = sum & 0xFFFF + sum >> 16 }
    let checksum = ~UInt16(truncatingIfNeeded: sum)
    bytes[36] = UInt8(checksum >> 8)
    bytes[37] = UInt8(checksum & 0xFF)
    return bytes
  }
}
