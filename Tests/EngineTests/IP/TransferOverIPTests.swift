import MacTCPEngine
import MacTCPWire
import Testing

@Suite("TCP over the layers below")
struct TransferOverIPTests {
  /// Two hosts on one wire; frames go from one to the other while there are any.
  private func exchange(_ a: TestHost, _ b: TestHost) {
    while true {
      let fromA = a.transmitted()
      for packet in fromA { b.receive(packet) }
      let fromB = b.transmitted()
      for packet in fromB { a.receive(packet) }
      if fromA.isEmpty && fromB.isEmpty { return }
    }
  }

  private func host(_ number: UInt8) throws -> TestHost {
    let host = try TestHost {
      $0.addresses = [IPv4Prefix(IPAddress(10, 0, 0, number), length: 24)].compactMap { $0 }
      $0.link = .ethernet(HardwareAddress(bits: 0x0200_0000_0000 + UInt64(number)))
      $0.seed = UInt64(number)
    }
    try host.pass(5_000_000)
    return host
  }

  private func send(_ host: TestHost, _ id: ConnectionID, _ bytes: ArraySlice<UInt8>) throws -> Int
  {
    try host.engine.send(id, Array(bytes).span, at: host.now)
  }

  private func receive(_ host: TestHost, _ id: ConnectionID) throws -> [UInt8] {
    try [UInt8](capacity: 100_000) { output throws in
      _ = try host.engine.receive(id, into: &output, at: host.now)
    }
  }

  private func transfer(_ a: TestHost, _ b: TestHost, to address: IPAddress) throws {
    let listener = try b.engine.createConnection()
    try b.engine.listen(listener, on: Endpoint(.any, 80), at: b.now)
    let client = try a.engine.createConnection()
    try a.engine.activeOpen(client, to: Endpoint(address, 80), at: a.now)
    exchange(a, b)
    let server = try #require(try b.engine.accept(listener))
    let data = (0..<500_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
    var sent = 0
    var received: [UInt8] = []
    for _ in 0..<1000 where received.count < data.count {
      sent += try send(a, client, data[sent...])
      exchange(a, b)
      received += try receive(b, server)
      exchange(a, b)
      try a.pass(50_000)
      if a !== b { try b.pass(50_000) }
    }
    #expect(received == data)
  }

  @Test("Over Ethernet: the SYN waits for ARP, and the bytes arrive")
  func ethernet() throws {
    let (a, b) = (try host(1), try host(2))
    try transfer(a, b, to: ip("10.0.0.2"))
    #expect(a.engine.neighbors.map(\.hardware) == [HardwareAddress(bits: 0x0200_0000_0002)])
    #expect(a.drops.isEmpty && b.drops.isEmpty)
  }

  @Test("From a host to itself, by each of its addresses", arguments: ["127.0.0.1", "192.0.2.1"])
  func loopback(_ address: String) throws {
    let host = try TestHost()
    try transfer(host, host, to: ip(address))
    #expect(host.engine.counters.ip.sent == 0)
  }
}
