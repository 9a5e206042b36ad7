import MacTCPEngine
import MacTCPWire
import Testing

@Suite("Urgent data (RFC 9293 §3.8.5, RFC 6093)")
struct UrgentTests {
  @Test(
    "The pointer is the number of the byte behind the urgent data (MUST-62), of any length (MUST-31)"
  )
  func sending() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 100)
    host.arrive(.ack, 1, ack: 101)
    host.takeSent()
    try host.send(id, 3_000, urgent: true)
    #expect(
      host.takeSent() == [
        "URG,ACK 101:1561 ack 1 urg 3000", "URG,ACK 1561:3021 ack 1 urg 1540",
        "URG,PSH,ACK 3021:3101 ack 1 urg 80",
      ])
    host.arrive(.ack, 1, ack: 3_101)
    try host.send(id, 10)
    #expect(host.takeSent() == ["PSH,ACK 3101:3111 ack 1"])
  }

  @Test(
    "More urgent data than the pointer reaches: it says as much as it can, and more later (MUST-31)"
  )
  func long() throws {
    var configuration = OneHost.plain
    configuration.sendBuffer = 200_000
    let host = try OneHost(configuration)
    let id = try host.connect()
    try host.send(id, 100_000, urgent: true)
    #expect(host.sent.first?.header.urgentPointer == 65_535)
    var acknowledged = 1
    while acknowledged < 100_001 {
      let sent = host.sent
      host.sent = []
      for segment in sent {
        let sequence = host.iss.distance(to: segment.header.sequenceNumber)
        #expect(segment.header.flags.contains(.urg))
        #expect(Int(segment.header.urgentPointer) == min(100_001 - sequence, 65_535))
        acknowledged = max(acknowledged, sequence + segment.payload.count)
      }
      try #require(!sent.isEmpty)
      host.arrive(.ack, 1, ack: acknowledged)
    }
    #expect(host.takeEvents().allSatisfy { $0 == .acknowledged(id) })
  }

  @Test(
    "The user is told at once, also when the data are still to come (MUST-32), and how much remains (MUST-33)"
  )
  func announced() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.urg, 1, ack: 1, urgent: 500)
    #expect(host.takeEvents() == [.urgent(id)])
    #expect(try host.status(id).urgentRemaining == 500)
    host.arrive(.urg, 1, ack: 1, text: 200, urgent: 500)
    #expect(try host.status(id).urgentRemaining == 500)
    let (bytes, result) = try host.read(id)
    #expect(bytes.count == 200 && result.isUrgent && !result.isMark)
    #expect(try host.status(id).urgentRemaining == 300)
    host.arrive(.ack, 201, ack: 1, text: 400)
    let urgent = try host.read(id)
    #expect(urgent.bytes.count == 300 && urgent.result.isUrgent && urgent.result.isMark)
    #expect(try host.status(id).urgentRemaining == 0)
    let rest = try host.read(id)
    #expect(rest.bytes.count == 100 && !rest.result.isUrgent && !rest.result.isMark)
  }

  @Test("No read crosses the beginning or the end of urgent data")
  func boundaries() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.psh, 1, ack: 1, text: 50)
    host.arrive(.urg, 51, ack: 1, text: 50, urgent: 20)
    let reads = try (0..<4).map { _ in try host.read(id) }
    #expect(reads.map(\.bytes.count) == [50, 20, 30, 0])
    #expect(reads.map(\.result.isUrgent) == [false, true, false, false])
    #expect(reads.map(\.result.isMark) == [false, true, false, false])
    #expect(reads.flatMap(\.bytes) == OneHost.pattern(1, 100))
  }

  @Test("A later pointer moves the end on, an earlier one changes nothing")
  func moved() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.urg, 1, ack: 1, text: 10, urgent: 100)
    host.arrive(.urg, 11, ack: 1, text: 10, urgent: 200)
    #expect(try host.status(id).urgentRemaining == 210)
    host.arrive(.urg, 21, ack: 1, text: 10, urgent: 50)
    #expect(try host.status(id).urgentRemaining == 210)
  }

  @Test("A pointer to what has been read is not urgent any more")
  func old() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.psh, 1, ack: 1, text: 100)
    _ = try host.read(id)
    host.events = []
    host.arrive(.urg, 101, ack: 1, urgent: 0)
    #expect(host.takeEvents() == [])
    #expect(try host.status(id).urgentRemaining == 0)
  }

  @Test("The user is told at a window of 0 as well (MUST-66)")
  func closedWindow() throws {
    let (host, id) = try Setting.zeroWindow.reach()
    host.arrive(.urg, 4_097, ack: 1, urgent: 9)
    #expect(host.takeEvents() == [.urgent(id)])
    #expect(try host.status(id).urgentRemaining == 4_105)
    // What was there before is not urgent.
    #expect(try host.read(id).result.isUrgent == false)
  }

  @Test("Nagle does not hold urgent data back")
  func noNagle() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 10)
    try host.send(id, 10, urgent: true)
    #expect(host.takeSent() == ["PSH,ACK 1:11 ack 1", "URG,PSH,ACK 11:21 ack 1 urg 10"])
  }

  @Test("Urgent data sent again have the pointer again")
  func sentAgain() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 10, urgent: true)
    host.takeSent()
    host.pass(10_000_000)
    #expect(Set(host.takeSent()) == ["URG,PSH,ACK 1:11 ack 1 urg 10"])
  }

  @Test(
    "Urgent data from one engine are urgent in another, whatever the sizes of the reads",
    arguments: [1, 7, 1_000])
  func transfer(_ size: Int) throws {
    var hosts = try TwoHosts()
    let (client, server) = try TransferTests.open(&hosts)
    let parts: [(count: Int, isUrgent: Bool)] = [
      (500, false), (300, true), (700, false), (1, true),
    ]
    for part in parts {
      let bytes = TransferTests.pattern(part.count)
      _ = try hosts.a.send(client, bytes.span, urgent: part.isUrgent, at: hosts.now)
      hosts.pass(1_000_000)
    }
    var flags: [(count: Int, isUrgent: Bool)] = []
    while true {
      var result = Received()
      let bytes = try [UInt8](capacity: size) { output in
        result = try hosts.b.receive(server, into: &output, at: hosts.now)
      }
      if bytes.isEmpty { break }
      if let last = flags.last, last.isUrgent == result.isUrgent {
        flags[flags.count - 1].count += bytes.count
      } else {
        flags.append((bytes.count, result.isUrgent))
      }
    }
    // One pointer: the second urgent data extend the first, and all between is urgent too (RFC 6093 §3.2).
    #expect(flags.map(\.count) == [500, 1_001])
    #expect(flags.map(\.isUrgent) == [false, true])
  }
}
