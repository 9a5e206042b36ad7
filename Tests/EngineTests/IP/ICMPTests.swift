import MacTCPEngine
import MacTCPWire
import Testing

@Suite("ICMP")
struct ICMPTests {
  private func closed(_ change: (inout IPBytes) -> Void = { _ in }) -> [UInt8] {
    var packet = IPBytes(
      source: TestHost.peer, destination: TestHost.address,
      payload: udpBytes(from: Endpoint(TestHost.peer, 1), to: Endpoint(TestHost.address, 2), [1]))
    change(&packet)
    return packet.bytes
  }

  @Test("A datagram for a port that nobody has is answered with port unreachable")
  func portUnreachable() throws {
    let host = try TestHost()
    let packet = closed { $0.options = [1, 1, 1, 1] }
    host.receive(packet)
    let answer = try host.sentOne()
    #expect(answer.icmpType == 3 && answer.icmpCode == 3 && answer.icmpParameter == 0)
    #expect(answer.data == packet && answer.ip.destination == TestHost.peer)
    #expect(answer.ip.source == TestHost.address && answer.ip.timeToLive == 64)
    #expect(host.engine.counters.icmp.errorsSent == 1)
  }

  @Test("An error quotes as much as fits into 576 bytes (RFC 1812 §4.3.2.3)")
  func quotation() throws {
    let host = try TestHost()
    let data = [UInt8](repeating: 7, count: 1400)
    let packet = udpPacket(
      from: Endpoint(TestHost.peer, 1), to: Endpoint(TestHost.address, 2), data)
    host.receive(packet)
    #expect(try host.sentOne().data == Array(packet.prefix(548)))
  }

  @Test("Closed ports are silent if the configuration says so")
  func silent() throws {
    let host = try TestHost { $0.answersClosedPorts = false }
    host.receive(closed())
    try host.sendsNothing()
    #expect(host.drops == [.noUDPPort: 1])
  }

  @Test("No error is sent about an ICMP error, nor about what may be one (RFC 1122 §3.2.2)")
  func neverAboutErrors() throws {
    let host = try TestHost()
    // A malformed option would be answered.
    for type: UInt8 in 0...40 {
      let packet = IPBytes(
        source: TestHost.peer, destination: TestHost.address, protocolNumber: 1,
        payload: icmpBytes(type, 0, 0, closed()), options: [7, 99, 4, 0])
      host.receive(packet.bytes)
      let answers = try host.sent()
      #expect(answers.count == (type == 8 || type == 0 ? 1 : 0), "\(type)")
    }
    host.receive(
      IPBytes(
        source: TestHost.peer, destination: TestHost.address, protocolNumber: 1,
        options: [7, 99, 4, 0]
      ).bytes)
    try host.sendsNothing()
  }

  @Test("No error is sent about a fragment other than the first (RFC 1122 §3.2.2)")
  func neverAboutFragments() throws {
    let host = try TestHost()
    host.receive(
      closed {
        $0.options = [7, 99, 4, 0]
        $0.offset = 8
      })
    try host.sendsNothing()
    host.receive(
      closed {
        $0.options = [7, 99, 4, 0]
        $0.moreFragments = true
      })
    #expect(try host.sentOne().icmpType == 12)
  }

  @Test("No error is sent about what came in a frame for many")
  func neverAboutGroups() throws {
    let host = try TestHost.withNeighbor()
    host.receive(ip: closed(), to: .everybody)
    host.receive(
      ip: udpPacket(from: Endpoint(TestHost.peer, 1), to: Endpoint(.broadcast, 2)), to: .everybody)
    host.receive(
      ip: IPBytes(
        source: TestHost.peer, destination: .broadcast, options: [7, 99, 4, 0]
      ).bytes, to: .everybody)
    try host.sendsNothing()
  }

  @Test("Errors are not more than the configuration says in any second, and come again later")
  func rateLimit() throws {
    for limit in [0, 1, 2, 10, 100] {
      let host = try TestHost { $0.answersPerSecond = limit }
      var times: [Int] = []
      let start = host.now
      for _ in 0..<10_000 {
        host.receive(closed())
        times += try host.sent().map { _ in start.microseconds(to: host.now) }
        try host.pass(500)
      }
      for time in times {
        let inSecond = times.count { (time..<time + 1_000_000).contains($0) }
        // One alone has no quarter that may come at once.
        #expect(inSecond <= max(limit, min(limit, 1) * 2))
      }
      #expect(times.count >= limit * 5 / 3 && (limit == 0) == times.isEmpty)
      #expect(host.drops[.answersPerSecond] == UInt64(10_000 - times.count))
    }
  }

  @Test("How many answers are left in a second cannot be counted from outside")
  func randomLimit() throws {
    var counts: Set<Int> = []
    for seed in 0..<10 {
      let host = try TestHost { $0.seed = UInt64(seed) }
      for _ in 0..<200 { host.receive(closed()) }
      counts.insert(try host.sent().count)
    }
    #expect(counts.count > 1)
  }

  @Test("Echo requests are not limited, but their memory is")
  func echoFlood() throws {
    let host = try TestHost()
    for index in 0..<5000 {
      host.receive(icmpPacket(from: TestHost.peer, to: TestHost.address, 8, 0, UInt32(index)))
    }
    #expect(host.engine.memoryInUse < 1 << 20)
    let replies = try host.sent()
    #expect(replies.map(\.icmpParameter) == (0..<UInt32(replies.count)).map { $0 })
    #expect(host.drops == [.answerQueueFull: UInt64(5000 - replies.count)])
    #expect(replies.count >= 1000)
  }

  @Test("Echo requests are silent if the configuration says so")
  func silentEcho() throws {
    let host = try TestHost { $0.answersEchoRequests = false }
    host.receive(icmpPacket(from: TestHost.peer, to: TestHost.address, 8))
    try host.sendsNothing()
  }

  @Test("An echo reply has the request's type of service, without the congestion bits")
  func echoTypeOfService() throws {
    let host = try TestHost()
    host.receive(
      IPBytes(
        source: TestHost.peer, destination: TestHost.address, protocolNumber: 1,
        payload: icmpBytes(8), typeOfService: 0xBB
      ).bytes)
    #expect(try host.sentOne().ip.typeOfService == 0xB8)
  }

  @Test(
    "Messages that are too short or have a wrong checksum are dropped; other queries are ignored")
  func malformed() throws {
    let host = try TestHost()
    let good = icmpBytes(8, 0, 1, [1, 2, 3])
    func send(_ payload: [UInt8]) {
      host.receive(
        IPBytes(
          source: TestHost.peer, destination: TestHost.address, protocolNumber: 1, payload: payload
        ).bytes)
    }
    for length in 0..<good.count { send(Array(good.prefix(length))) }
    for index in good.indices {
      var bad = good
      bad[index] ^= 1
      send(bad)
    }
    #expect(host.drops == [.badICMP: UInt64(2 * good.count)])
    for type: UInt8 in [13, 15, 17, 9, 10, 30, 42, 255] {
      send(icmpBytes(type, 0, 0, [0, 0, 0, 0]))
    }
    // Errors that quote nothing, and redirects and source quenches.
    for type: UInt8 in [3, 4, 5, 11, 12] { send(icmpBytes(type)) }
    #expect(host.drops == [.badICMP: UInt64(2 * good.count) + 5])
    try host.sendsNothing()
  }

  // MARK: Echo out

  @Test("An echo goes out, and its reply is an event with the time it took")
  func ping() throws {
    let host = try TestHost()
    let id = try host.ping(TestHost.peer, [1, 2, 3])
    let request = try host.sentOne()
    #expect(request.icmpType == 8 && request.data == [1, 2, 3])
    try host.pass(12_345)
    let reply = icmpPacket(
      from: TestHost.peer, to: TestHost.address, 0, 0, request.icmpParameter, [1, 2, 3])
    host.receive(reply)
    #expect(host.events() == [.echoReply(id, roundTrip: 12_345)])
    // Once only.
    host.receive(reply)
    #expect(host.events().isEmpty && host.drops == [.unrelatedICMP: 1])
    try host.pass(10_000_000)
    #expect(host.events().isEmpty)
  }

  @Test("A reply from another host, or with another number, is none")
  func forgedReply() throws {
    let host = try TestHost()
    _ = try host.ping(TestHost.peer)
    let number = try host.sentOne().icmpParameter
    host.receive(icmpPacket(from: ip("192.0.2.9"), to: TestHost.address, 0, 0, number))
    for bit in 0..<32 {
      host.receive(
        icmpPacket(from: TestHost.peer, to: TestHost.address, 0, 0, number ^ 1 << UInt32(bit)))
    }
    #expect(host.events().isEmpty && host.drops == [.unrelatedICMP: 33])
  }

  @Test("Echoes without a reply end at their own times, in the order of these")
  func timeouts() throws {
    let host = try TestHost()
    var ids: [EchoID] = []
    for seconds in [3, 1, 2] {
      var options = EchoOptions()
      options.timeout = seconds * 1_000_000
      ids.append(try host.ping(TestHost.peer, options: options))
    }
    _ = try host.sent()
    try host.pass(999_999)
    #expect(host.events().isEmpty)
    try host.pass(1)
    #expect(host.events() == [.echoTimeout(ids[1])])
    try host.pass(1_000_000)
    #expect(host.events() == [.echoTimeout(ids[2])])
    try host.pass(1_000_000)
    #expect(host.events() == [.echoTimeout(ids[0])])
    #expect(host.engine.nextDeadline == nil)
    #expect(Set(ids).count == 3)
  }

  @Test("So many echoes wait at a time; their handles are never the same")
  func manyEchoes() throws {
    let host = try TestHost()
    var ids: Set<EchoID> = []
    for _ in 0..<3 {
      for _ in 0..<256 { #expect(ids.insert(try host.ping(TestHost.peer)).inserted) }
      #expect(throws: EngineError.insufficientResources) { try host.ping(TestHost.peer) }
      _ = try host.sent()
      try host.pass(2_000_000)
      #expect(host.events().count == 256)
    }
  }

  @Test(
    "Echoes of every size up to the largest go out; larger ones, and such as DF forbids, do not")
  func echoSizes() throws {
    let host = try TestHost()
    for size in [0, 1472, 1473, 65_507] {
      _ = try host.ping(TestHost.peer, [UInt8](repeating: 1, count: size))
      #expect(try host.sent().reduce(0) { $0 + $1.ip.payload.count } == 8 + size)
    }
    #expect(throws: EngineError.invalidLength) {
      try host.ping(TestHost.peer, [UInt8](repeating: 1, count: 65_508))
    }
    var options = EchoOptions()
    options.dontFragment = true
    #expect(throws: EngineError.dontFragment) {
      try host.ping(TestHost.peer, [UInt8](repeating: 1, count: 1473), options: options)
    }
  }
}
