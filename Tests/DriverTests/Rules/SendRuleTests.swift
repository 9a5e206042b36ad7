// Sending (reference 3.2): what is taken, in which order, and when a send completes.
import MacTCPCore
import MacTCPWire
import Testing

@Suite("3.2 Sending")
struct SendRuleTests {
  private static func bytes(_ count: Int, from first: Int = 0) -> [UInt8] {
    (first..<first + count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
  }

  /// A stream whose transport takes `room` bytes and acknowledges nothing by itself.
  private func blocked(room: Int = .max) throws -> ScriptedStream {
    let it = try ScriptedStream.open()
    it.script.lock.withLock {
      it.script.room = room
      it.script.acknowledges = false
    }
    return it
  }

  @Test("3.2 a send that fits completes at once, without being acknowledged")
  func fits() throws {
    let it = try blocked()
    #expect(it.stream.issueSend([1, 2, 3]).code == .noErr)
    #expect(it.script.sent == [1, 2, 3])
    #expect(it.script.unacknowledged == 3)
  }

  @Test(
    "3.2 a send of more than there is room for goes on as room is made", arguments: [1, 7, 1000])
  func resumes(step: Int) throws {
    let it = try blocked(room: 5)
    let data = Self.bytes(3000)
    let send = it.stream.issueSend(data)
    #expect(it.script.sent.count == 5)
    while it.script.sent.count < data.count {
      #expect(send.code == .inProgress)
      it.script.makeRoom(step)
    }
    #expect(send.code == .noErr)
    #expect(it.script.sent == data)
  }

  @Test(
    "3.2 a send that the driver has no resources for fails, the others and the connection do not")
  func refused() async throws {
    let error = MacTCPError(.insufficientResources, "refused by the script")
    let it = try blocked(room: 4)
    it.script.lock.withLock { it.script.sendError = error }
    #expect(it.stream.issueSend([1]).code == .insufficientResources)
    let sends = (2...4).map { it.stream.issueSend([UInt8](repeating: $0, count: 4)) }
    #expect(sends.map(\.code) == [.noErr, .inProgress, .inProgress])
    it.script.change {
      it.script.sendError = error
      it.script.room = 100
    }
    #expect(sends.map(\.code) == [.noErr, .insufficientResources, .noErr])
    #expect(it.script.sent == [2, 2, 2, 2, 4, 4, 4, 4])

    // A thread's, which others queue behind.
    it.script.lock.withLock {
      it.script.hasSleepers = true
      it.script.room = 1
    }
    let thread = onThread { () throws(MacTCPError) in try it.stream.send([5, 6]) }
    await it.script.until { !$0.asleep.isEmpty }
    let behind = it.stream.issueSend([7])
    it.script.change {
      it.script.sendError = error
      it.script.room = 100
    }
    #expect(await thread.completion == .insufficientResources)
    #expect(behind.code == .noErr)
    #expect(it.script.sent.suffix(2) == [5, 7])
  }

  @Test("3.2 sends complete in order, and later ones wait for earlier ones")
  func order() throws {
    let it = try blocked(room: 4)
    let sends = (0..<3).map { it.stream.issueSend([UInt8](repeating: UInt8($0), count: 4)) }
    #expect(sends.map(\.code) == [.noErr, .inProgress, .inProgress])
    it.script.makeRoom(6)
    #expect(sends.map(\.code) == [.noErr, .noErr, .inProgress])
    it.script.makeRoom(2)
    #expect(sends.map(\.code) == [.noErr, .noErr, .noErr])
    #expect(it.script.sent == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
  }

  /// Lists of buffers: more than are offered at once, with empty ones in every place.
  static let lists: [[[UInt8]]] = [
    [bytes(10), [], bytes(20), [], [], bytes(1)],
    [[], bytes(5)], [bytes(5), []],
    (0..<16).map { bytes($0 + 1, from: $0) }, (0..<17).map { bytes($0 + 1, from: $0) },
    (0..<100).map { bytes($0 % 5, from: $0 * 13) },
    [bytes(1)] + [[UInt8]](repeating: [], count: 40) + [bytes(3, from: 9)],
    (0..<40).map { bytes(20, from: $0) },
  ]

  @Test("3.2 gathered sends are byte-exact", arguments: lists.indices, [Int.max, 1, 3, 64])
  func gathered(list: Int, step: Int) throws {
    let buffers = Self.lists[list]
    let it = try blocked(room: step)
    let send = it.stream.issueSend(gathering: buffers)
    for _ in 0..<100_000 where send.code == .inProgress { it.script.makeRoom(step) }
    #expect(send.code == .noErr)
    #expect(it.script.sent == buffers.flatMap { $0 })
    #expect(it.script.offers.allSatisfy { $0.buffers.count <= 16 && !$0.buffers.isEmpty })
  }

  @Test(
    "3.2 gathered sends of a blocked thread are byte-exact", arguments: lists.indices, [Int.max, 3])
  func gatheredBlocking(list: Int, step: Int) async throws {
    let buffers = Self.lists[list]
    let it = try blocked(room: step)
    let send = onThread { () throws(MacTCPError) in try it.stream.send(gathering: buffers) }
    while send.code == .inProgress {
      await it.script.until {
        $0.watched.contains(.writable) || $0.sent.count == buffers.joined().count
      }
      if it.script.read({ $0.sent.count == buffers.joined().count }) { break }
      it.script.makeRoom(step)
    }
    try await send.value
    #expect(it.script.sent == buffers.flatMap { $0 })
  }

  @Test("3.2 a send of nothing is invalidLength")
  func nothing() throws {
    let it = try blocked()
    #expect(it.stream.issueSend([UInt8]()).code == .invalidLength)
    #expect(it.stream.issueSend(gathering: [[UInt8]]()).code == .invalidLength)
    #expect(it.stream.issueSend(gathering: [[], []]).code == .invalidLength)
    #expect(code { () throws(MacTCPError) in try it.stream.send([UInt8]()) } == .invalidLength)
    #expect(it.script.offers == [])
  }

  @Test(
    "3.2 until .acknowledged a send completes when its last byte is acknowledged, several in order")
  func acknowledged() throws {
    let it = try blocked()
    let sends = (1...3).map {
      it.stream.issueSend([UInt8](repeating: 0, count: $0 * 10), until: .acknowledged)
    }
    #expect(it.script.sent.count == 60)
    it.script.acknowledge(9)
    #expect(sends.map(\.code) == [.inProgress, .inProgress, .inProgress])
    it.script.acknowledge(1)
    #expect(sends.map(\.code) == [.noErr, .inProgress, .inProgress])
    it.script.acknowledge(49)
    #expect(sends.map(\.code) == [.noErr, .noErr, .inProgress])
    it.script.acknowledge(1)
    #expect(sends.map(\.code) == [.noErr, .noErr, .noErr])
  }

  @Test("3.2 until .acknowledged waits for what was not taken yet, too")
  func acknowledgedInParts() throws {
    let it = try blocked(room: 5)
    let send = it.stream.issueSend([UInt8](repeating: 0, count: 8), until: .acknowledged)
    it.script.acknowledge()
    #expect(send.code == .inProgress)
    it.script.makeRoom(3)
    #expect(send.code == .inProgress)
    it.script.acknowledge()
    #expect(send.code == .noErr)
  }

  @Test("3.2 a send that is accepted may complete before an earlier one that is to be acknowledged")
  func mixedCompletion() throws {
    let it = try blocked()
    let first = it.stream.issueSend([1], until: .acknowledged)
    let second = it.stream.issueSend([2])
    #expect([first, second].map(\.code) == [.inProgress, .noErr])
    it.script.acknowledge()
    #expect(first.code == .noErr)
  }

  @Test("3.2 a loss completes pending sends with connectionTerminated, taken or not")
  func lost() async throws {
    let it = try blocked(room: 10)
    let sends = [
      it.stream.issueSend([UInt8](repeating: 0, count: 8), until: .acknowledged),
      it.stream.issueSend([UInt8](repeating: 0, count: 8)),
      it.stream.issueSend(gathering: [[1], [2]], until: .acknowledged),
    ]
    it.script.lose()
    #expect(sends.map(\.code) == [ResultCode](repeating: .connectionTerminated, count: 3))
    #expect(await it.events() == [.terminated(.remoteAbort)])
    #expect(it.stream.issueSend([1]).code == .connectionTerminated)
  }

  @Test("3.2 a send that finds the connection lost is connectionTerminated, though nobody listens")
  func foundLost() throws {
    let it = try ScriptedStream.open(hears: false)
    it.script.lose()
    #expect(it.stream.issueSend([1]).code == .connectionTerminated)
    #expect(it.stream.issueSend([1]).code == .connectionTerminated)
  }

  @Test(
    "3.2 a send that finds its connection lost after a part of it was taken is connectionTerminated",
    arguments: [true, false])
  func lostWhileSending(blocks: Bool) async throws {
    let it = try blocked(room: 4)
    let receive = it.stream.issueReceive()
    it.script.lock.withLock { it.script.lossAfterSend = Loss(.remoteAbort, "reset") }
    let data = [UInt8](repeating: 0, count: 8)
    let send =
      blocks
      ? onThread { () throws(MacTCPError) in try it.stream.send(data) }
      : inTask { () async throws(MacTCPError) in try await it.stream.send(data) }
    await #expect(throws: MacTCPError(.connectionTerminated, "")) { try await send.value }
    #expect(receive.code == .connectionTerminated)
  }

  @Test("3.2 a send of a thread, and one of a task, wait for room", arguments: [true, false])
  func blocking(sleeps: Bool) async throws {
    let it = try blocked(room: 5)
    it.script.lock.withLock { it.script.hasSleepers = sleeps }
    let data = Self.bytes(12)
    let thread = onThread { () throws(MacTCPError) in try it.stream.send(data) }
    await it.script.until { $0.watched.contains(.writable) || !$0.asleep.isEmpty }
    #expect(thread.code == .inProgress)
    it.script.makeRoom(7)
    try await thread.value
    let task = inTask { () async throws(MacTCPError) in
      try await it.stream.send(gathering: [data, data])
    }
    await it.script.until { $0.watched.contains(.writable) }
    it.script.makeRoom(24)
    try await task.value
    #expect(it.script.sent == data + data + data)
  }

  @Test(
    "3.2 a thread's send until .acknowledged waits for the acknowledgement",
    arguments: [true, false])
  func blockingAcknowledged(sleeps: Bool) async throws {
    let it = try blocked()
    it.script.lock.withLock { it.script.hasSleepers = sleeps }
    let send = onThread { () throws(MacTCPError) in
      try it.stream.send([1, 2], until: .acknowledged)
    }
    await it.script.until {
      $0.watched.contains(.acknowledged) || !$0.asleep.isEmpty
    }
    it.script.acknowledge(1)
    #expect(send.code == .inProgress)
    it.script.acknowledge(1)
    try await send.value
  }

  @Test("3.2 a release, an abort and a loss end a thread's send", arguments: [true, false], 0..<3)
  func blockingEnds(sleeps: Bool, end: Int) async throws {
    let it = try blocked(room: 5)
    it.script.lock.withLock { it.script.hasSleepers = sleeps }
    let send = onThread { () throws(MacTCPError) in try it.stream.send(Self.bytes(12)) }
    await it.script.until { $0.watched.contains(.writable) || !$0.asleep.isEmpty }
    switch end {
    case 0: it.stream.release()
    case 1: try it.stream.abort()
    default: it.script.lose()
    }
    await #expect(throws: MacTCPError(.connectionTerminated, "")) { try await send.value }
  }
}
