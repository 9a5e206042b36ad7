import MacTCPEngine
import MacTCPWire
import Testing

@Suite("A connection from one engine to another")
struct TransferTests {
  static func pattern(_ count: Int, _ start: Int = 0) -> [UInt8] {
    (start..<(start + count)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
  }

  /// Opens a connection to port 80.
  static func open(_ hosts: inout TwoHosts) throws -> (ConnectionID, ConnectionID) {
    let listener = try hosts.b.createConnection()
    try hosts.b.listen(listener, on: Endpoint(.any, 80), at: hosts.now)
    let client = try hosts.a.createConnection()
    try hosts.a.activeOpen(client, to: Endpoint(TwoHosts.addressB, 80), at: hosts.now)
    hosts.exchange()
    let server = try #require(try hosts.b.accept(listener))
    return (client, server)
  }

  /// Sends `bytes` from `a` to `b`, and returns what came.
  static func transfer(
    _ bytes: [UInt8], _ hosts: inout TwoHosts, _ client: ConnectionID, _ server: ConnectionID
  ) throws -> [UInt8] {
    var sent = 0
    var received: [UInt8] = []
    var idle = 0
    while received.count < bytes.count && idle < 10_000 {
      sent += try hosts.a.send(client, bytes.span.extracting(sent...), at: hosts.now)
      hosts.exchange()
      let before = received.count
      while true {
        let chunk = try [UInt8](capacity: 10_000) { output in
          _ = try hosts.b.receive(server, into: &output, at: hosts.now)
        }
        if chunk.isEmpty { break }
        received += chunk
      }
      hosts.exchange()
      idle = received.count == before ? idle + 1 : 0
      if received.count == before { _ = hosts.wait(atMost: 1_000_000) }
    }
    return received
  }

  @Test("Bytes arrive complete and in order, and both sides close")
  func roundTrip() throws {
    var hosts = try TwoHosts()
    let (client, server) = try Self.open(&hosts)
    #expect(hosts.eventsA == [.opened(client)])
    #expect(try hosts.a.status(of: client, at: hosts.now).state == .established)
    #expect(try hosts.b.status(of: server, at: hosts.now).state == .established)
    let bytes = Self.pattern(1_000_000)
    let received = try Self.transfer(bytes, &hosts, client, server)
    #expect(received == bytes)
    try hosts.a.close(client, at: hosts.now)
    hosts.exchange()
    #expect(try hosts.b.status(of: server, at: hosts.now).state == .closeWait)
    #expect(try hosts.a.status(of: client, at: hosts.now).state == .finWait2)
    try hosts.b.close(server, at: hosts.now)
    hosts.exchange()
    #expect(try hosts.a.status(of: client, at: hosts.now).state == .timeWait)
    #expect(try hosts.b.status(of: server, at: hosts.now).state == .closed)
    #expect(hosts.eventsA.last == .terminated(client, .close))
    #expect(hosts.eventsB.last == .terminated(server, .close))
    hosts.pass(61_000_000)
    #expect(try hosts.a.status(of: client, at: hosts.now).state == .closed)
  }
}

extension TransferTests {
  @Test("Whatever single packet is lost, the bytes arrive and both sides close", arguments: 0..<40)
  func oneLoss(_ lost: Int) throws {
    var hosts = try TwoHosts()
    hosts.delay = 10_000
    let count = Counter()
    hosts.passes = { _, _ in
      count.value += 1
      return count.value != lost + 1
    }
    let listener = try hosts.b.createConnection()
    try hosts.b.listen(listener, on: Endpoint(.any, 80), at: hosts.now)
    let client = try hosts.a.createConnection()
    try hosts.a.activeOpen(client, to: Endpoint(TwoHosts.addressB, 80), at: hosts.now)
    hosts.pass(3_000_000)
    let server = try #require(try hosts.b.accept(listener))
    let bytes = Self.pattern(20_000)
    let received = try Self.transfer(bytes, &hosts, client, server)
    #expect(received == bytes)
    try hosts.a.close(client, at: hosts.now)
    hosts.pass(2_000_000)
    #expect(try hosts.b.status(of: server, at: hosts.now).state == .closeWait)
    try hosts.b.close(server, at: hosts.now)
    hosts.pass(4_000_000)
    #expect(try hosts.b.status(of: server, at: hosts.now).state == .closed)
    #expect(try hosts.a.status(of: client, at: hosts.now).state == .timeWait)
  }

  final class Counter { var value = 0 }
}
