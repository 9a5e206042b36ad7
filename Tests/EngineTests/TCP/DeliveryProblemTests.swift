import MacTCPEngine
import MacTCPWire
import Testing

@Suite("What is told at R1 (RFC 9293 §3.8.3 (e))")
struct DeliveryProblemTests {
  /// After how many microseconds, and after how many packets more, the user is told.
  func untilTold(_ host: OneHost, _ id: ConnectionID) -> (microseconds: Int, packets: Int)? {
    let start = host.now
    var packets = 0
    while host.passUntilSent(atMost: 100_000_000) != nil {
      packets += host.sent.count
      if host.takeEvents().contains(.deliveryProblem(id)) {
        return (start.microseconds(to: host.now), packets)
      }
    }
    return nil
  }

  @Test("At R1 the user is told, once until something is acknowledged (SHLD-9)")
  func data() throws {
    for r1 in [3, 5] {
      var configuration = RetransmissionTests.slow
      configuration.retransmissionsBeforeAdvice = r1
      // Longer than so many of the longest time-outs: Karn's algorithm keeps them doubled.
      configuration.userTimeout = 600_000_000
      let host = try OneHost(configuration)
      let id = try host.connect()
      for acknowledged in [101, 201] {
        // The connection was idle.
        host.pass(3_000_000)
        try host.send(id, 100)
        host.takeSent()
        let told = try #require(untilTold(host, id))
        #expect(told.packets == r1)
        // The rest of the user time-out: no second report.
        host.pass(599_000_000 - told.microseconds)
        #expect(host.takeEvents() == [])
        #expect(try host.state(id) == .established)
        host.arrive(.ack, 1, ack: acknowledged)
        #expect(host.takeEvents() == [.acknowledged(id)])
      }
    }
  }

  @Test("An open is told of at R1 too, but not what a peer has begun (SHLD-9)")
  func opening() throws {
    let host = try OneHost(RetransmissionTests.slow)
    let id = try host.activeOpen()
    host.takeSent()
    let told = try #require(untilTold(host, id))
    #expect(told == (7_000_000, 3))
    host.arrive(.syn, 0, ack: 1)
    #expect(host.takeEvents() == [.opened(id)])

    for isListener in [false, true] {
      let host = try OneHost(RetransmissionTests.slow)
      _ = isListener ? try host.listen() : try host.passiveOpen()
      host.arrive(.syn, 0)
      host.pass(100_000_000)
      #expect(host.takeSent().count > 4)
      host.arrive(.ack, 1, ack: 1)
      #expect(host.takeEvents().count == 1)
    }
  }

  @Test("A problem that is over when the user asks is none, and a closed window is none (SHLD-9)")
  func over() throws {
    let host = try OneHost(RetransmissionTests.slow)
    let id = try host.connect()
    try host.send(id, 100)
    // The user does not ask for events.
    let end = host.now.advanced(by: 60_000_000)
    while let deadline = host.engine.nextDeadline, deadline < end {
      host.now = deadline
      host.engine.advance(to: deadline)
      _ = [UInt8](capacity: 2_000) { _ = host.engine.transmit(into: &$0, at: deadline) }
    }
    #expect(try host.status(id).retransmissions > 3)
    host.arrive(.ack, 1, ack: 101)
    #expect(host.takeEvents() == [.acknowledged(id)])

    // The window is shrunk under what is outstanding, and each retransmission is answered so.
    try host.send(id, 100)
    host.takeSent()
    for _ in 0..<8 {
      host.arrive(.ack, 1, ack: 101, window: 0)
      _ = try #require(host.passUntilSent(atMost: 300_000_000))
    }
    #expect(host.takeEvents() == [])
  }
}
