// Urgent data: flags, and that it never comes together with other data (reference 3.3, 4.1 TCPUrgent).
import MacTCPCore
import Testing

@Suite("3.3 Urgent data")
struct UrgentRuleTests {
  @Test("3.3 one receive that takes all urgent data has the urgent flag and the mark flag")
  func both() throws {
    let it = try ScriptedStream.open()
    let receive = it.stream.issueReceive()
    it.script.arriveUrgent("XYZ")
    #expect(receive.text == "XYZ")
    #expect(receive.flags == [true, true])
  }

  @Test(
    "3.3 the first receive of urgent data has the urgent flag, the last the mark flag, those between neither"
  )
  func firstAndLast() throws {
    let it = try ScriptedStream.open()
    it.script.arriveUrgent("UVWXYZ")
    let receives = (0..<3).map { _ in it.stream.issueReceive(upTo: 2) }
    #expect(receives.map(\.text) == ["UV", "WX", "YZ"])
    #expect(receives.map(\.flags) == [[true, false], [false, false], [false, true]])
  }

  @Test("3.3 urgent and other data never come together")
  func neverMixed() throws {
    let it = try ScriptedStream.open()
    it.script.arrive("ab")
    it.script.arriveUrgent("XY")
    it.script.arrive("cd")
    let receives = (0..<3).map { _ in it.stream.issueReceive() }
    #expect(receives.map(\.text) == ["ab", "XY", "cd"])
    #expect(receives.map(\.flags) == [[false, false], [true, true], [false, false]])
  }

  @Test("3.3 two pieces of urgent data, one behind the other, have their own flags")
  func twice() throws {
    let it = try ScriptedStream.open()
    it.script.arriveUrgent("X")
    it.script.arriveUrgent("YZ")
    let receives = (0..<2).map { _ in it.stream.issueReceive() }
    #expect(receives.map(\.text) == ["X", "YZ"])
    #expect(receives.map(\.flags) == [[true, true], [true, true]])
  }

  @Test(
    "3.3 urgent data whose end has not come has no mark; what brings the end has it, without the urgent flag"
  )
  func endLater() throws {
    let it = try ScriptedStream.open()
    let receives = (0..<3).map { _ in it.stream.issueReceive() }
    it.script.arriveUrgent("VW", mark: false)
    it.script.arriveUrgent("XY", mark: false)
    it.script.arriveUrgent("Z")
    #expect(receives.map(\.text) == ["VW", "XY", "Z"])
    #expect(receives.map(\.flags) == [[true, false], [false, false], [false, true]])
  }

  @Test("3.3 large data is not mixed where a receive looks twice", arguments: [2048, 2049, 6000])
  func large(size: Int) throws {
    let it = try ScriptedStream.open()
    it.script.arrive([UInt8](repeating: 1, count: size))
    it.script.arriveUrgent([UInt8](repeating: 2, count: size))
    it.script.arrive([UInt8](repeating: 3, count: size))
    var data: [UInt8] = []
    var flags: [[Bool]] = []
    while data.count < 3 * size {
      let receive = it.stream.issueReceive()
      let received = try #require(try receive.result?.get())
      #expect(Set(received.data).count == 1, "urgent and other data came together")
      data += received.data
      if received.data.first == 2 { flags.append([received.isUrgent, received.isMark]) }
    }
    #expect(data == [1, 2, 3].flatMap { [UInt8](repeating: $0, count: size) })
    #expect(flags.first?.first == true && flags.last?.last == true)
    #expect(flags.dropFirst().allSatisfy { !$0[0] } && flags.dropLast().allSatisfy { !$0[1] })
  }

  @Test("4.1 urgent data without a pending receive gives TCPUrgent; the receive has the flags too")
  func event() async throws {
    let it = try ScriptedStream.open()
    it.script.arriveUrgent("XYZ", mark: false)
    #expect(await it.newEvents() == [.urgent, .dataArrival])
    it.script.arriveUrgent("more")
    #expect(await it.newEvents() == [])
    #expect(it.stream.issueReceive().flags == [true, true])
    #expect(await it.newEvents() == [])
    it.script.arriveUrgent("again")
    #expect(await it.newEvents() == [.urgent, .dataArrival])
  }

  @Test("4.1 urgent data with a pending receive completes it with the flag, and gives no TCPUrgent")
  func flagInstead() async throws {
    let it = try ScriptedStream.open()
    let receive = it.stream.issueReceive()
    it.script.arriveUrgent("XYZ")
    #expect(receive.flags == [true, true])
    #expect(await it.events() == [])
  }

  @Test(
    "4.1 in the middle of urgent data that a receive has begun to take, TCPUrgent is not given again"
  )
  func notAgain() async throws {
    let it = try ScriptedStream.open()
    it.script.arriveUrgent("UVWXYZ")
    #expect(await it.newEvents() == [.urgent, .dataArrival])
    #expect(it.stream.issueReceive(upTo: 2).flags == [true, false])
    #expect(await it.newEvents() == [.dataArrival])
    #expect(it.stream.issueReceive().flags == [false, true])
    #expect(await it.newEvents() == [])
  }

  @Test("4.1 TCPUrgent is given while ordinary data is still in front, and its receive completes")
  func behindOrdinaryData() async throws {
    let it = try ScriptedStream.open()
    it.script.arrive("ab", push: false)
    #expect(await it.newEvents() == [.dataArrival])
    it.script.arriveUrgent("XY")
    #expect(await it.newEvents() == [.urgent])
    let receives = (0..<2).map { _ in it.stream.issueReceive() }
    #expect(receives.map(\.text) == ["ab", "XY"])
  }

  @Test("3.3 urgent data of one connection says nothing about the next")
  func reopened() async throws {
    let it = try ScriptedStream.open()
    it.script.arriveUrgent("UVWXYZ")
    #expect(it.stream.issueReceive(upTo: 2).flags == [true, false])
    try it.stream.abort()
    _ = await it.newEvents()
    it.open()
    it.script.arriveUrgent("AB")
    #expect(await it.newEvents() == [.urgent, .dataArrival])
    #expect(it.stream.issueReceive().flags == [true, true])
  }

  @Test("3.2 a send's push and urgent flags reach the driver with each of its buffers")
  func sent() throws {
    let it = try ScriptedStream.open()
    #expect(it.stream.issueSend([1, 2], push: false).code == .noErr)
    #expect(it.stream.issueSend(gathering: [[3], [4]], urgent: true).code == .noErr)
    #expect(
      it.script.offers == [
        .init(buffers: [2], push: false, urgent: false, notify: false, taken: 2),
        .init(buffers: [1, 1], push: true, urgent: true, notify: false, taken: 2),
      ])
  }
}
