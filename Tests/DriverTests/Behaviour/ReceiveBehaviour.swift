// Receiving, on real drivers.
import MacTCP
import Testing

@Suite("3.3 Receive", .timeLimit(.minutes(2)))
struct ReceiveBehaviour {
  /// A way to receive that returns data and flags.
  struct Form: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let receive: @Sendable (TCPStream, Int, Duration?) -> Command<[UInt8]>
    static let all: [Form] = [
      Form(testDescription: "async") { stream, limit, timeout in
        suspending { try await stream.receive(upTo: limit, timeout: timeout).data }
      },
      Form(testDescription: "blocking") { stream, limit, timeout in
        blocking { try stream.receive(upTo: limit, timeout: timeout).data }
      },
      Form(testDescription: "command") { stream, limit, timeout in
        let command = stream.issueReceive(upTo: limit, timeout: timeout)
        return suspending { try await command.value.data }
      },
      Form(testDescription: "into an array") { stream, limit, timeout in
        suspending {
          var buffer = [UInt8](repeating: 0xEE, count: limit)
          let count = try await stream.receive(into: &buffer, timeout: timeout).count
          return checked(buffer, count, limit)
        }
      },
      Form(testDescription: "into an array, blocking") { stream, limit, timeout in
        blocking {
          var buffer = [UInt8](repeating: 0xEE, count: limit)
          let count = try stream.receive(into: &buffer, timeout: timeout).count
          return checked(buffer, count, limit)
        }
      },
      Form(testDescription: "into memory, blocking") { stream, limit, timeout in
        blocking {
          let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: limit, alignment: 1)
          defer { memory.deallocate() }
          return Array(memory.prefix(try stream.receive(into: memory, timeout: timeout).count))
        }
      },
    ]

    /// A loan has no limit of the caller's.
    static let loans: [Form] = [
      Form(testDescription: "lent") { stream, _, timeout in
        suspending { copied(try await stream.receiveWithoutCopying(timeout: timeout)) }
      },
      Form(testDescription: "lent, blocking") { stream, _, timeout in
        blocking { copied(try stream.receiveWithoutCopying(timeout: timeout)) }
      },
    ]

    private static func checked(_ buffer: [UInt8], _ count: Int, _ size: Int) -> [UInt8] {
      #expect(buffer.count == size, "the array keeps its size")
      #expect(buffer[count...].allSatisfy { $0 == 0xEE }, "what lies behind the data is untouched")
      return Array(buffer[..<count])
    }

    private static func copied(_ loan: consuming ReceivedLoan) -> [UInt8] {
      let data = loan.withBytes { span in (0..<span.count).map { span[$0] } }
      #expect(data.count == loan.count)
      loan.giveBack()
      return data
    }
  }

  @Test(
    "3.3 what has come is returned at once; what has not is waited for",
    arguments: DriverUnderTest.all, Form.all + Form.loans)
  func forms(_ driver: DriverUnderTest, _ form: Form) async throws {
    let pair = try await driver.pair()
    try await pair.client.send(bytes("there"))
    try await pair.server.arrived(5)
    #expect(try await form.receive(pair.server, 100, nil).value == bytes("there"))
    let waiting = form.receive(pair.server, 100, .seconds(60))
    try await pair.client.send(bytes("later"))
    #expect(try await waiting.value == bytes("later"))
  }

  @Test(
    "3.3, 4 a buffer that is full completes the receive; the rest stays",
    arguments: DriverUnderTest.all, Form.all)
  func limit(_ driver: DriverUnderTest, _ form: Form) async throws {
    let pair = try await driver.pair()
    try await pair.client.send(bytes("abcdef"))
    try await pair.server.arrived(6)
    #expect(try await form.receive(pair.server, 1, nil).value == bytes("a"))
    #expect(try await form.receive(pair.server, 4, nil).value == bytes("bcde"))
    #expect(try pair.server.status().unread == 1)
    #expect(try await form.receive(pair.server, 4, nil).value == bytes("f"))
  }

  @Test(
    "3.3, 6 the time-out without data: commandTimeout, and nothing is lost",
    arguments: DriverUnderTest.all, Form.all + Form.loans)
  func timeout(_ driver: DriverUnderTest, _ form: Form) async throws {
    let pair = try await driver.pair()
    let start = ContinuousClock.now
    #expect(await form.receive(pair.server, 10, .milliseconds(40)).completion == .commandTimeout)
    #expect(ContinuousClock.now - start >= .milliseconds(40))
    #expect(await form.receive(pair.server, 10, .zero).completion == .commandTimeout)
    try await pair.client.send(bytes("data"))
    try await pair.server.arrived(4)
    #expect(try await form.receive(pair.server, 10, .zero).value == bytes("data"))
  }

  @Test(
    "3.3 the peer has closed and everything is read: connectionClosing, again and again",
    arguments: DriverUnderTest.all, Form.all + Form.loans)
  func end(_ driver: DriverUnderTest, _ form: Form) async throws {
    let pair = try await driver.pair()
    try await pair.client.send(bytes("last"))
    try await pair.client.close()
    #expect(try await form.receive(pair.server, 10, nil).value == bytes("last"))
    for _ in 0..<2 {
      #expect(await form.receive(pair.server, 10, nil).completion == .connectionClosing)
    }
    #expect(try pair.server.status().connectionState == .closeWait)
  }

  @Test(
    "3.3 a pending receive ends with the peer's data: connectionClosing",
    arguments: DriverUnderTest.all, Form.all + Form.loans)
  func endWhilePending(_ driver: DriverUnderTest, _ form: Form) async throws {
    let pair = try await driver.pair()
    let pending = form.receive(pair.server, 10, nil)
    try await pair.client.close()
    #expect(await pending.completion == .connectionClosing)
  }

  @Test(
    "3 receives complete in the order in which they were issued", arguments: DriverUnderTest.all)
  func order(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let receives = (0..<50).map { _ in pair.server.issueReceive(upTo: 2) }
    try await pair.client.send(pattern(100))
    var data: [UInt8] = []
    for receive in receives { data += try await receive.value.data }
    #expect(data == Array(pattern(100).prefix(data.count)))
    #expect(data.count >= 50)
  }

  @Test(
    "3.3 receives with time-outs of their own, one behind the other", arguments: DriverUnderTest.all
  )
  func timeoutsInQueue(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let patient = pair.server.issueReceive()
    let hasty = pair.server.issueReceive(timeout: .milliseconds(20))
    let patientToo = pair.server.issueReceive(timeout: .seconds(60))
    #expect(await hasty.completion == .commandTimeout)
    #expect(!patient.isDone && !patientToo.isDone)
    try await pair.client.send(bytes("1"))
    #expect(try await patient.value.text == "1")
    try await pair.client.send(bytes("2"))
    #expect(try await patientToo.value.text == "2")
  }

  @Test(
    "3 a receive taken back gives up its place, and no data is lost", arguments: DriverUnderTest.all
  )
  func cancelled(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let first = pair.server.issueReceive()
    let second = pair.server.issueReceive()
    first.cancel()
    #expect(await first.completion == .abortErr)
    let task = Task { await result { try await pair.server.receive() } }
    task.cancel()
    #expect(await task.value == .abortErr)
    try await pair.client.send(bytes("x"))
    #expect(try await second.value.text == "x")
    second.cancel()
    #expect(await second.completion == .noErr)
  }

  @Test("3 wait(timeout:) leaves the command pending", arguments: DriverUnderTest.all)
  func waitWithTimeout(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let receive = pair.server.issueReceive()
    let waited = blocking { try receive.wait(timeout: .milliseconds(20)) == nil }
    #expect(try await waited.value)
    #expect(!receive.isDone)
    try await pair.client.send(bytes("x"))
    #expect(try await blocking { try receive.wait() }.value.text == "x")
    #expect(try await blocking { try receive.wait(timeout: .zero) }.value?.text == "x")
  }

  @Test(
    "3.3 loans are independent: many at once, given back in any order",
    arguments: DriverUnderTest.all)
  func loans(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    func lend(_ text: String) async throws -> ReceivedLoan {
      try await pair.client.send(bytes(text))
      return try await pair.server.receiveWithoutCopying()
    }
    func first(_ loan: borrowing ReceivedLoan) -> UInt8 { loan.withBytes { $0[0] } }
    let a = try await lend("a")
    let b = try await lend("b")
    let c = try await lend("c")
    b.giveBack()
    let d = try await lend("d")
    #expect([first(a), first(c), first(d)] == bytes("acd"))
    pair.server.release()
    // A loan outlives its stream.
    #expect(first(a) == UInt8(ascii: "a"))
  }
}
