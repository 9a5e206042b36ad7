// Whole transfers, byte for byte, on real drivers.
import MacTCP
import Testing

@Suite("3.2, 3.3 Transfers", .timeLimit(.minutes(2)))
struct TransferBehaviour {
  @Test(
    "3.2, 3.3 64 MB of random data both ways at once arrive as they were sent",
    arguments: DriverUnderTest.all)
  func bothWays(_ driver: DriverUnderTest) async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("transfer of 64 MB both ways: seed \(seed)")
    let pair = try await driver.pair(receiveBuffer: 262_144)
    let total = 64 << 20
    let directions = [
      (from: pair.client, to: pair.server, data: EndlessData(seed: seed)),
      (from: pair.server, to: pair.client, data: EndlessData(seed: seed ^ 1)),
    ]
    let work = directions.enumerated().flatMap { index, direction in
      let (seed, from, to, data) = (
        seed &+ UInt64(index), direction.from, direction.to, direction.data
      )
      // One way by tasks, the other by threads.
      if index == 0 {
        return [
          suspending { try await sendSuspending(from, data, total, seed) },
          suspending { try await receiveSuspending(to, data, total, seed) },
        ]
      }
      return [
        blocking { try sendBlocking(from, data, total, seed) },
        blocking { try receiveBlocking(to, data, total, seed) },
      ]
    }
    for part in work {
      let error = await part.error
      #expect(error == nil, "seed \(seed)")
    }
    for stream in [pair.client, pair.server] {
      let statistics = try stream.statistics()
      #expect(statistics.bytesSent >= total && statistics.bytesReceived >= total)
    }
  }

  @Test("3.3 data of every small size arrives as it was sent", arguments: DriverUnderTest.all)
  func smallSizes(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair(receiveBuffer: 4096)
    for size in [
      1, 2, 3, 511, 512, 1459, 1460, 1461, 4095, 4096, 4097, 16_384, 65_535, 65_536, 65_537,
    ] {
      let data = pattern(size, seed: UInt64(size))
      let send = pair.client.issueSend(data, until: .acknowledged)
      #expect(try await pair.server.receiveAll(size) == data, "\(size) bytes")
      try await send.value
    }
  }

  @Test("5 a peer that sends one byte at a time", arguments: DriverUnderTest.foreign)
  func oneByteAtATime(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair()
    let data = pattern(2000)
    let peer = blocking {
      for byte in data { try pair.peer.send([byte]) }
      pair.peer.closeSendSide()
    }
    var received: [UInt8] = []
    var last = ResultCode.noErr
    while last == .noErr {
      last = await result { received += try await pair.stream.receive().data }
    }
    #expect(last == .connectionClosing)
    #expect(received == data)
    try await peer.value
  }

  @Test("5 a peer that reads one byte at a time", arguments: DriverUnderTest.foreign)
  func oneByteRead(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair(peerBuffer: smallBuffer)
    let data = pattern(20_000)
    let peer = blocking {
      var received: [UInt8] = []
      while received.count < data.count { received += try pair.peer.receive(upTo: 1) }
      return received
    }
    try await pair.stream.send(data, until: .acknowledged)
    #expect(try await peer.value == data)
  }

  @Test("3.3 ping-pong: a thousand turns, in tasks and in threads", arguments: DriverUnderTest.all)
  func pingPong(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let echo = blocking {
      for _ in 0..<1000 { try pair.server.send(try pair.server.receive().data) }
    }
    for turn in 0..<1000 {
      let ping = [UInt8(truncatingIfNeeded: turn), 1, 2]
      try await pair.client.send(ping)
      #expect(try await pair.client.receiveAll(3) == ping)
    }
    try await echo.value
  }
}

private struct Damaged: Error {}

private func sendSuspending(_ stream: TCPStream, _ data: EndlessData, _ total: Int, _ seed: UInt64)
  async throws
{
  var random = SeededGenerator(seed: seed)
  var offset = 0
  while offset < total {
    let size = min(total - offset, .random(in: 1...300_000, using: &random))
    let piece = Array(data.piece(at: offset, upTo: size))
    switch Int.random(in: 0..<3, using: &random) {
    case 0: try await stream.send(piece, push: false)
    case 1: try await stream.send(gathering: [Array(piece.prefix(7)), Array(piece.dropFirst(7))])
    default: try await stream.issueSend(piece, until: .acknowledged).value
    }
    offset += piece.count
  }
}

private func sendBlocking(_ stream: TCPStream, _ data: EndlessData, _ total: Int, _ seed: UInt64)
  throws
{
  var random = SeededGenerator(seed: seed)
  var offset = 0
  while offset < total {
    let size = min(total - offset, .random(in: 1...300_000, using: &random))
    let piece = Array(data.piece(at: offset, upTo: size))
    switch Int.random(in: 0..<3, using: &random) {
    case 0: try stream.send(piece, push: false)
    case 1: try stream.send(gathering: [Array(piece.prefix(7)), Array(piece.dropFirst(7))])
    default: try stream.send(piece, until: .acknowledged)
    }
    offset += piece.count
  }
}

private func receiveSuspending(
  _ stream: TCPStream, _ data: EndlessData, _ total: Int, _ seed: UInt64
)
  async throws
{
  var random = SeededGenerator(seed: ~seed)
  var buffer = [UInt8](repeating: 0, count: 200_000)
  var offset = 0
  while offset < total {
    let received: [UInt8]
    if Bool.random(using: &random) {
      let count = try await stream.receive(into: &buffer).count
      received = Array(buffer[..<count])
    } else {
      received = try await stream.receive(upTo: .random(in: 1...200_000, using: &random)).data
    }
    guard received.withUnsafeBytes({ data.matches($0, at: offset) }) else { throw Damaged() }
    offset += received.count
  }
}

private func receiveBlocking(_ stream: TCPStream, _ data: EndlessData, _ total: Int, _ seed: UInt64)
  throws
{
  var offset = 0
  while offset < total {
    let loan = try stream.receiveWithoutCopying()
    let matches = loan.withBytes { span in span.withUnsafeBytes { data.matches($0, at: offset) } }
    guard matches else { throw Damaged() }
    offset += loan.count
  }
}
