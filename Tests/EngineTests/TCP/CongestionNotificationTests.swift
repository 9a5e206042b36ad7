import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Explicit congestion notification (RFC 3168 §6.1) and options of the IP header")
struct CongestionNotificationTests {
  static var configuration: EngineConfiguration {
    var configuration = OneHost.plain
    configuration.usesECN = true
    return configuration
  }

  /// A connection with ECN, opened from here.
  static func connect(_ host: OneHost) throws -> ConnectionID {
    let id = try host.activeOpen()
    host.arrive(TCPFlags.syn.union(.ece), 0, ack: 1)
    try #require(try host.status(id).usesECN)
    host.sent = []
    host.events = []
    return id
  }

  @Test("An active open asks with ECE and CWR, and not again when the SYN was lost (SHLD-8)")
  func asked() throws {
    let host = try OneHost(Self.configuration)
    let id = try host.activeOpen()
    #expect(host.takeSent() == ["CWR,ECE,SYN 0"])
    _ = host.passUntilSent(atMost: 10_000_000)
    #expect(host.takeSent() == ["SYN 0"])
    host.arrive(.syn, 0, ack: 1)
    #expect(try host.status(id).usesECN == false)
  }

  @Test("A passive open agrees with ECE alone, and only to who has asked")
  func agreed() throws {
    for asks in [false, true] {
      let host = try OneHost(Self.configuration)
      let id = try host.passiveOpen()
      host.arrive(asks ? TCPFlags.syn.union(.ece).union(.cwr) : .syn, 0)
      #expect(host.takeSent() == [asks ? "ECE,SYN,ACK 0 ack 1" : "SYN,ACK 0 ack 1"])
      host.arrive(.ack, 1, ack: 1)
      #expect(try host.status(id).usesECN == asks)
    }
  }

  @Test(
    "New data are marked as capable; SYN, bare acknowledgements and what is sent again are not (RFC 3168 §6.1.4, §6.1.5)"
  )
  func capable() throws {
    let host = try OneHost(Self.configuration)
    let id = try host.activeOpen()
    host.arrive(TCPFlags.syn.union(.ece), 0, ack: 1)
    try host.send(id, 10)
    host.pass(5_000_000)
    let fields = host.sent.map { $0.packet.typeOfService & 3 }
    #expect(fields.prefix(3) == [0, 0, 2])
    #expect(fields.dropFirst(3).allSatisfy { $0 == 0 } && fields.count > 3)
    // The echo in the SYN,ACK was an agreement, and no congestion.
    #expect(
      host.sent.allSatisfy { !$0.header.flags.contains(.cwr) || $0.header.flags.contains(.syn) })
  }

  @Test("A marked packet is echoed until the peer has reduced its window (RFC 3168 §6.1.3)")
  func echoed() throws {
    let host = try OneHost(Self.configuration)
    _ = try Self.connect(host)
    host.typeOfService = 3
    host.arrive(.psh, 1, ack: 1, text: 10)
    host.typeOfService = 2
    host.arrive(.psh, 11, ack: 1, text: 10)
    host.arrive(.psh, 21, ack: 1, text: 10)
    host.pass(100_000)
    #expect(host.sent.count >= 2 && host.sent.allSatisfy { $0.header.flags.contains(.ece) })
    host.sent = []
    host.arrive(TCPFlags.psh.union(.cwr), 31, ack: 1, text: 10)
    host.pass(100_000)
    #expect(host.sent.count == 1 && host.sent.allSatisfy { !$0.header.flags.contains(.ece) })
  }

  @Test(
    "An echo reduces the window once in a round trip, and the peer is told with CWR (RFC 3168 §6.1.2)"
  )
  func reduced() throws {
    let host = try OneHost(Self.configuration)
    let id = try Self.connect(host)
    try host.set(.sendBuffer(100_000), id)
    try host.send(id, 14_600)
    let before = try host.status(id).congestionWindow
    host.sent = []
    host.pass(10_000)
    host.arrive(.ece, 1, ack: 537)
    let after = try host.status(id).congestionWindow
    #expect(after < before)
    host.arrive(.ece, 1, ack: 1_073)
    #expect(try host.status(id).congestionWindow >= after)
    try host.send(id, 20_000)
    var acknowledged = 1_609
    while host.sent.isEmpty, acknowledged < 20_000 {
      host.arrive(.ece, 1, ack: acknowledged)
      acknowledged += 536
    }
    let reductions = host.sent.filter { $0.header.flags.contains(.cwr) }
    #expect(reductions.count == 1 && host.sent.first?.header.flags.contains(.cwr) == true)
  }

  @Test(
    "Options of the IP header are in every packet, and the segments are smaller by them (MUST-51, MUST-16, MAY-10, MAY-11)"
  )
  func headerOptions() throws {
    // Record route with room for one address, cut to a multiple of 4; a time stamp.
    for bytes in [[7, 7, 4, 0, 0, 0, 0, 0], [68, 8, 5, 0, 0, 0, 0, 0], [1]] as [[UInt8]] {
      let host = try OneHost()
      var options = OpenOptions()
      options.ipOptions = bytes
      let id = try host.activeOpen(options)
      var mss = TCPOptions()
      mss.maximumSegmentSize = 1_460
      host.arrive(.syn, 0, ack: 1, options: mss)
      try host.send(id, 3_000)
      let length = (bytes.count + 3) & ~3
      #expect(host.sent.count > 3)
      #expect(host.sent.allSatisfy { $0.packet.headerLength == 20 + length })
      #expect(try host.status(id).maximumSegmentSize == 1_460 - length)
      #expect(host.sent.contains { $0.packet.totalLength == 1_500 })
    }
    let host = try OneHost()
    var options = OpenOptions()
    options.ipOptions = Array(repeating: 1, count: 41)
    #expect(throws: EngineError.invalidLength) { _ = try host.activeOpen(options) }
  }
}
