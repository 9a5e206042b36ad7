import MacTCPWire
import Testing

@testable import MacTCPEngine

/// What MacTCP's status and statistics show of a connection, and of all together.
@Suite("The figures of a connection")
struct StatisticsTests {
  private func sizes(_ host: OneHost, _ id: ConnectionID) throws -> [UInt64] {
    let counts = try host.status(id).statistics.sentSizes.counts
    return counts.indices.map { counts[$0] }
  }

  @Test("Sent segments are counted by their sizes, those sent again too")
  func histogram() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.set(.nagle(false), id)
    // SYN and ACK.
    #expect(try sizes(host, id) == [2, 0, 0, 0, 0, 0, 0])
    var sent = 0
    for size in [1, 63, 64, 127, 128, 255, 256, 511, 512, 1_023, 1_024, 1_460] {
      try host.send(id, size)
      sent += size
      host.arrive(.ack, 1, ack: sent + 1)
    }
    #expect(host.takeSent().count == 12)
    #expect(try sizes(host, id) == [2, 2, 2, 2, 2, 2, 2])
    try host.send(id, 100)
    #expect(host.passUntilSent(atMost: 10_000_000) != nil)
    #expect(try sizes(host, id) == [2, 2, 4, 2, 2, 2, 2])
    let statistics = try host.status(id).statistics
    #expect(statistics.dataSegmentsSent == 13 && statistics.segmentsResent == 1)
    #expect(statistics.bytesSent == UInt64(sent + 100) && statistics.bytesResent == 100)
  }

  @Test("Every size has the bucket whose smallest size is the last below it")
  func buckets() {
    for size in 0...2_000 {
      var sizes = SentSegmentSizes()
      sizes.count(size)
      let bucket = SentSegmentSizes.smallest.lastIndex { $0 <= size } ?? 0
      #expect(sizes.counts[bucket] == 1, "\(size)")
    }
  }

  @Test("What came, came twice and came past the window is counted")
  func received() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.ack, 1, ack: 1, text: 100)
    host.arrive(.ack, 1, ack: 1, text: 100)
    host.arrive(.ack, 51, ack: 1, text: 100)
    // The buffer has 4096 bytes, of which 150 are taken.
    host.arrive(.ack, 151, ack: 1, text: 1_400)
    host.arrive(.ack, 1_551, ack: 1, text: 1_400)
    host.arrive(.ack, 2_951, ack: 1, text: 1_400)
    let statistics = try host.status(id).statistics
    #expect(statistics.bytesReceived == 4_096)
    #expect(statistics.bytesReceivedTwice == 150)
    #expect(statistics.bytesPastWindow == 254)
    #expect(statistics.dataSegmentsReceived == 5)
  }

  @Test("The last round trip is the last one, whatever SRTT has become")
  func lastRoundTrip() throws {
    let host = try OneHost()
    let id = try host.activeOpen()
    #expect(try host.status(id).statistics.lastRoundTrip == 0)
    host.pass(50_000)
    host.arrive(.syn, 0, ack: 1)
    #expect(try host.status(id).statistics.lastRoundTrip == 50_000)
    try host.send(id, 10)
    #expect(try host.status(id).statistics.lastRoundTrip == 50_000)
    host.pass(90_000)
    host.arrive(.ack, 1, ack: 11)
    let status = try host.status(id)
    #expect(status.statistics.lastRoundTrip == 90_000)
    #expect(status.smoothedRoundTrip > 50_000 && status.smoothedRoundTrip < 90_000)
  }

  @Test("Source quenches are counted and have no effect (RFC 6633)")
  func sourceQuench() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 2_000)
    let before = try host.status(id)
    let quoted = IPBytes(
      source: OneHost.address, destination: OneHost.peerAddress, protocolNumber: 6,
      payload: octets(host.port) + octets(host.peerPort)
        + octets(host.iss.advanced(by: 1).rawValue), totalLength: 1_500
    ).bytes
    host.receive(icmpPacket(from: ip("10.0.0.254"), to: OneHost.address, 4, 0, 0, quoted))
    let after = try host.status(id)
    #expect(after.statistics.sourceQuenches == 1)
    #expect(after.congestionWindow == before.congestionWindow)
    #expect(host.engine.counters.icmp.sourceQuenchesReceived == 1)
    #expect(host.takeEvents() == [])
  }

  @Test(
    "A connection that carried no data has no memory for figures; they stay until it is released")
  func memory() throws {
    let host = try OneHost()
    let id = try host.connect()
    let idle = host.engine.memoryInUse
    try host.send(id, 100)
    host.arrive(.ack, 1, ack: 101)
    let used = host.engine.memoryInUse
    #expect(used - idle == ControlBlock.figuresFootprint)
    try host.abort(id)
    #expect(try host.status(id).statistics.bytesSent == 100)
    try host.release(id)
    #expect(host.engine.memoryInUse < idle)
  }

  @Test("At the memory ceiling a connection works and does not count")
  func noMemory() throws {
    var configuration = OneHost.plain
    configuration.memoryCeiling = 64 << 10
    let host = try OneHost(configuration)
    let id = try host.connect()
    // The ring takes 256 of the bytes that are left, and what remains is too little for figures.
    let isFull = host.engine.context.memory
      .reserve(configuration.memoryCeiling - host.engine.memoryInUse - 300)
    try #require(isFull)
    host.arrive(.ack, 1, ack: 1, text: 100)
    let result = try host.read(id)
    #expect(result.bytes == OneHost.pattern(1, 100))
    #expect(try host.status(id).statistics.bytesReceived == 0)
    #expect(host.engine.memoryInUse <= configuration.memoryCeiling)
  }

  @Test("A new connection of a stream begins with new figures")
  func reopened() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 100)
    try host.abort(id)
    host.sent = []
    try host.engine.activeOpen(
      id, to: Endpoint(host.peer, host.peerPort), from: Endpoint(.any, 81), at: host.now)
    host.settle()
    let statistics = try host.status(id).statistics
    #expect(statistics.bytesSent == 0)
    #expect(try sizes(host, id) == [1, 0, 0, 0, 0, 0, 0])
  }

  @Test("Opened and accepted connections are told apart (MacTCP's TCPGlobalInfo)")
  func global() throws {
    let host = try OneHost()
    let opened = try host.connect()
    try host.abort(opened)
    host.port = 81
    let accepted = try host.passiveOpen()
    host.arrive(.syn, 0)
    host.arrive(.ack, 1, ack: 1)
    try #require(try host.state(accepted) == .established)
    let counters = host.engine.counters.tcp
    #expect(counters.activeOpens == 1 && counters.established == 2 && counters.accepted == 1)
  }
}
