// The forms of a receive: command, task and thread; into an array, into memory, without copying. One set of rules.
import MacTCPCore
import Testing

/// A way to receive; each gives the same as the command.
enum ReceiveForm: CaseIterable, Sendable {
  case command, task, taskInto, taskLoan, thread, threadInto, threadMemory, threadLoan

  func start(_ stream: TCPStream, _ size: Int, _ timeout: Duration? = nil) -> Command<Received> {
    switch self {
    case .command:
      return stream.issueReceive(upTo: size, timeout: timeout)
    case .task:
      return inTask { () async throws(MacTCPError) in
        try await stream.receive(upTo: size, timeout: timeout)
      }
    case .taskInto:
      return inTask { () async throws(MacTCPError) in
        var buffer = [UInt8](repeating: 0xEE, count: size)
        let count = try await stream.receive(into: &buffer, timeout: timeout)
        return ReceiveForm.received(buffer, size, count)
      }
    case .taskLoan:
      return inTask { () async throws(MacTCPError) in
        ReceiveForm.received(try await stream.receiveWithoutCopying(timeout: timeout))
      }
    case .thread:
      return onThread { () throws(MacTCPError) in try stream.receive(upTo: size, timeout: timeout) }
    case .threadInto:
      return onThread { () throws(MacTCPError) in
        var buffer = [UInt8](repeating: 0xEE, count: size)
        let count = try stream.receive(into: &buffer, timeout: timeout)
        return ReceiveForm.received(buffer, size, count)
      }
    case .threadMemory:
      return onThread { () throws(MacTCPError) in
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
        defer { memory.deallocate() }
        let count = try stream.receive(into: memory, timeout: timeout)
        return ReceiveForm.received(Array(memory), size, count)
      }
    case .threadLoan:
      return onThread { () throws(MacTCPError) in
        ReceiveForm.received(try stream.receiveWithoutCopying(timeout: timeout))
      }
    }
  }

  private static func received(_ buffer: [UInt8], _ size: Int, _ count: ReceivedCount) -> Received {
    #expect(buffer.count == size, "the caller's array keeps its size")
    return Received(
      data: Array(buffer.prefix(count.count)), isUrgent: count.isUrgent, isMark: count.isMark)
  }

  private static func received(_ loan: consuming ReceivedLoan) -> Received {
    let data = loan.withBytes { bytes in bytes.indices.map { bytes[$0] } }
    let received = Received(data: data, isUrgent: loan.isUrgent, isMark: loan.isMark)
    loan.giveBack()
    return received
  }

  /// Whether it takes what the caller's buffer holds; a loan's size is the driver's.
  var hasSize: Bool { self != .taskLoan && self != .threadLoan }
}

@Suite("3.3 Receiving in all its forms")
struct ReceiveFormTests {
  /// Each form, with and without a transport that a thread can sleep on.
  static let forms = ReceiveForm.allCases.flatMap { form in [(form, false), (form, true)] }

  /// A stream on which a receive of `form` is pending.
  private func pending(_ form: ReceiveForm, _ sleeps: Bool, timeout: Duration? = nil) async throws
    -> (ScriptedStream, Command<Received>)
  {
    let it = try ScriptedStream.open()
    it.script.lock.withLock { it.script.hasSleepers = sleeps }
    let calls = it.script.read(\.watchCalls)
    let receive = form.start(it.stream, 8, timeout)
    await it.script.until { $0.watchCalls > calls || !$0.asleep.isEmpty }
    #expect(receive.code == .inProgress)
    return (it, receive)
  }

  @Test("3.3 a pending receive of any form completes when data comes", arguments: forms)
  func waits(form: ReceiveForm, sleeps: Bool) async throws {
    let (it, receive) = try await pending(form, sleeps)
    it.script.arrive("abc")
    #expect(
      try await receive.value == Received(data: Array("abc".utf8), isUrgent: false, isMark: false))
    #expect(await it.events() == [])
  }

  @Test("3.3 a receive of any form takes what waits, no more than its room", arguments: forms)
  func takes(form: ReceiveForm, sleeps: Bool) async throws {
    let it = try ScriptedStream.open()
    it.script.lock.withLock { it.script.hasSleepers = sleeps }
    it.script.arrive("abcdefghij")
    let received = try await form.start(it.stream, 8).value
    #expect(
      String(decoding: received.data, as: UTF8.self) == (form.hasSize ? "abcdefgh" : "abcdefghij"))
  }

  @Test("3.3 the flags come in every form", arguments: forms)
  func urgent(form: ReceiveForm, sleeps: Bool) async throws {
    let (it, receive) = try await pending(form, sleeps)
    it.script.arriveUrgent("XY")
    #expect(
      try await receive.value == Received(data: Array("XY".utf8), isUrgent: true, isMark: true))
  }

  @Test("3.3 (6) a receive of any form times out", arguments: forms)
  func timeout(form: ReceiveForm, sleeps: Bool) async throws {
    let (it, receive) = try await pending(form, sleeps, timeout: .seconds(3))
    it.script.advance(by: .seconds(3) - .nanoseconds(1))
    #expect(receive.code == .inProgress)
    it.script.advance(by: .nanoseconds(1))
    await #expect(throws: MacTCPError(.commandTimeout, "")) { try await receive.value }
    #expect(it.script.read(\.watchCalls) < 20, "a receive that waits does not look again and again")
  }

  @Test("3.3 a receive of any form ends with the peer's close", arguments: forms)
  func end(form: ReceiveForm, sleeps: Bool) async throws {
    let (it, receive) = try await pending(form, sleeps)
    it.script.peerCloses()
    await #expect(throws: MacTCPError(.connectionClosing, "")) { try await receive.value }
    #expect(await it.events() == [.closing])
  }

  @Test("3.3 a receive of any form ends with the connection", arguments: forms)
  func lost(form: ReceiveForm, sleeps: Bool) async throws {
    let (it, receive) = try await pending(form, sleeps)
    it.script.lose()
    await #expect(throws: MacTCPError(.connectionTerminated, "")) { try await receive.value }
    #expect(await it.events() == [.terminated(.remoteAbort)])
  }

  @Test("3.4 a release ends a receive of any form", arguments: forms)
  func released(form: ReceiveForm, sleeps: Bool) async throws {
    let (it, receive) = try await pending(form, sleeps)
    it.stream.release()
    await #expect(throws: MacTCPError(.connectionTerminated, "")) { try await receive.value }
  }

  @Test("3.3 a receive of any form gets what was left of a lost connection", arguments: forms)
  func leftover(form: ReceiveForm, sleeps: Bool) async throws {
    let it = try ScriptedStream.open()
    it.script.lock.withLock { it.script.hasSleepers = sleeps }
    it.script.arrive("abc", push: false)
    it.script.lose()
    #expect(try await form.start(it.stream, 8).value.data == Array("abc".utf8))
    await #expect(throws: MacTCPError(.connectionTerminated, "")) {
      try await form.start(it.stream, 8).value
    }
  }

  @Test("3.3 data of more than one look's size comes whole", arguments: [2048, 2049, 5000, 65_536])
  func large(size: Int) async throws {
    let it = try ScriptedStream.open()
    let data = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    it.script.arrive(data)
    #expect(try it.stream.issueReceive().result?.get().data == data)
    it.script.arrive(data)
    #expect(try it.stream.issueReceive(upTo: 100).result?.get().data.count == 100)
    #expect(try it.stream.issueReceive().result?.get().data == Array(data[100...]))
  }
}
