// Blocking calls of a thread that has something else to see to, such as the signals of an interpreter.
import MacTCP
import MacTCPCore
import MacTCPHost
import Synchronization
import Testing

@Suite("Interruption of blocking calls", .timeLimit(.minutes(2)))
struct InterruptionBehaviour {
  /// Ends the call at the look with number `end`; later ones let it go on.
  private final class Looks: Interruption {
    private let event: WakeEvent
    private let end: Int
    let count = Atomic(0)

    init(endingAt end: Int) throws {
      event = try #require(WakeEvent.make())
      self.end = end
    }

    var descriptor: Int32 { event.number }

    func endsCall(losesNothing: Bool) -> Bool {
      event.reset()
      return count.add(1, ordering: .sequentiallyConsistent).newValue == end
    }

    func interrupt() { event.wake() }

    /// Interrupts until the call has ended.
    func interrupt<Value>(until call: Command<Value>) async throws {
      try await until("the interrupted call") {
        interrupt()
        return call.isDone
      }
    }
  }

  @Test("A receive goes on until the look that ends it, and has taken nothing then")
  func receive() async throws {
    let pair = try await DriverUnderTest.host.pair()
    let looks = try Looks(endingAt: 3)
    let call = blocking { () throws -> Bool in
      var memory = [UInt8](repeating: 0, count: 64)
      let (count, queued) = try memory.withUnsafeMutableBytes { (bytes) throws in
        try pair.client.receive(into: bytes, until: nil, interruption: looks)
      }
      return count == nil && queued == nil
    }
    try await looks.interrupt(until: call)
    #expect(try await call.value)
    #expect(looks.count.load(ordering: .sequentiallyConsistent) == 3)
    try await pair.server.send([1, 2, 3])
    #expect(try await pair.client.receive().data == [1, 2, 3])
  }

  @Test("A receive that is asked, but not ended, completes with what comes")
  func undisturbed() async throws {
    let pair = try await DriverUnderTest.host.pair()
    let looks = try Looks(endingAt: 0)
    let call = blocking { () throws -> Int? in
      var memory = [UInt8](repeating: 0, count: 64)
      return try memory.withUnsafeMutableBytes { (bytes) throws in
        try pair.client.receive(into: bytes, until: nil, interruption: looks).count?.count
      }
    }
    try await until("two looks") {
      looks.interrupt()
      return looks.count.load(ordering: .sequentiallyConsistent) >= 2
    }
    try await pair.server.send([1, 2, 3])
    #expect(try await call.value == 3)
  }

  @Test("A send that is ended, or late, tells how much was taken; the rest can follow")
  func send() async throws {
    let pair = try await DriverUnderTest.host.pair(receiveBuffer: 8192)
    let data = tooMuch
    let looks = try Looks(endingAt: 1)
    let call = blocking { () throws -> Int in
      try data.withUnsafeBytes { bytes in
        try pair.client.send(
          bytes, push: true, urgent: false, until: .accepted, deadline: nil, interruption: looks
        ).taken
      }
    }
    try await looks.interrupt(until: call)
    let taken = try await call.value
    #expect(taken > 0 && taken < data.count)
    let late = try data[taken...].withUnsafeBytes { bytes in
      try pair.client.send(
        bytes, push: true, urgent: false, until: .accepted, deadline: .now, interruption: nil
      ).taken
    }
    let rest = Array(data[(taken + late)...])
    let sending = pair.client.issueSend(rest)
    #expect(try await pair.server.receiveAll(data.count) == data)
    try await sending.value
  }

  @Test("A UDP read that is ended has taken nothing")
  func read() async throws {
    let driver = try DriverUnderTest.host.open()
    let stream = try driver.createUDPStream(receiveBuffer: 4096)
    let looks = try Looks(endingAt: 2)
    let call = blocking { () throws -> Bool in
      let (datagram, queued) = try stream.read(until: nil, interruption: looks)
      return datagram == nil && queued == nil
    }
    try await looks.interrupt(until: call)
    #expect(try await call.value)
    try await stream.write([7], to: Endpoint(.loopback, stream.port))
    #expect(try await stream.read().data == [7])
  }

  @Test("A close that is ended stays pending, and completes when everything is acknowledged")
  func close() async throws {
    let pair = try await DriverUnderTest.host.pair(receiveBuffer: 4096)
    // More than the peer takes without reading: the FIN waits behind it.
    let data = pattern(1 << 20)
    let sent = try data.withUnsafeBytes { bytes in
      try pair.client.send(
        bytes, push: true, urgent: false, until: .accepted,
        deadline: .now, interruption: nil
      ).taken
    }
    let looks = try Looks(endingAt: 2)
    let call = blocking { try pair.client.close(interruption: looks) }
    try await looks.interrupt(until: call)
    let closing = try await call.value
    #expect(!closing.isDone)
    #expect(await result { try pair.client.issueClose().wait() } == .connectionClosing)
    #expect(try await pair.server.receiveAll(sent) == Array(data[..<sent]))
    #expect(await closing.completion == .noErr)
  }
}
