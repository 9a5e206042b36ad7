// Notifications, on real drivers.
import MacTCP
import Testing

@Suite("4.1 Notifications", .timeLimit(.minutes(2)))
struct NotificationBehaviour {
  @Test(
    "4.1 data arrival: once, and not again until a receive has completed",
    arguments: DriverUnderTest.all)
  func dataArrivalOnce(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let log = EventLog<TCPEvent>()
    let events = pair.server.events
    pair.server.onEvent = { log.add($0) }
    try await pair.client.send(bytes("a"))
    try await until("the event") { log.all == [.dataArrival] }
    for text in ["b", "c", "d"] {
      try await pair.client.send(bytes(text))
      // Looking at the stream gives what is due: nothing is.
      try await pair.server.arrived(text == "b" ? 2 : text == "c" ? 3 : 4)
    }
    #expect(log.all == [.dataArrival])
    #expect(try await pair.server.receive().text == "abcd")
    try await pair.client.send(bytes("e"))
    try await until("the second event") { log.all == [.dataArrival, .dataArrival] }
    pair.server.release()
    #expect(await events.collected() == [.dataArrival, .dataArrival, .terminated(.ulpAbort)])
  }

  @Test("4.1 data arrival again after a receive that timed out", arguments: DriverUnderTest.all)
  func dataArrivalAfterTimeout(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let events = pair.server.events
    #expect(
      await result { try await pair.server.receive(timeout: .milliseconds(10)) } == .commandTimeout)
    try await pair.client.send(bytes("a"))
    #expect(try await events.before(.dataArrival) == [])
  }

  @Test(
    "4.1 no data arrival while a receive is pending, in any form", arguments: DriverUnderTest.all)
  func noDataArrival(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let events = pair.server.events
    for turn in 0..<30 {
      let receive =
        switch turn % 3 {
        case 0: pair.server.issueReceive()
        case 1: blocking { try pair.server.receive() }
        default: suspending { try await pair.server.receive() }
        }
      if turn % 3 != 0 {
        // A receive that is on its way makes no difference to the data: whichever is first, none is lost.
        try await pair.client.send(bytes("x"))
        #expect(try await receive.value.text == "x")
      } else {
        #expect(!receive.isDone)
        try await pair.client.send(bytes("x"))
        #expect(try await receive.value.text == "x")
      }
    }
    let commands = (0..<10).map { _ in pair.server.issueReceive() }
    for command in commands {
      try await pair.client.send(bytes("y"))
      _ = try await command.value
    }
    pair.server.release()
    let given = await events.collected()
    #expect(given.last == .terminated(.ulpAbort))
    // At most one for each of the receives that were on their way.
    #expect(given.filter { $0 == .dataArrival }.count <= 20)
  }

  @Test("4.1 commands only: not one data arrival", arguments: DriverUnderTest.all)
  func noDataArrivalForCommands(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let events = pair.server.events
    var next = pair.server.issueReceive()
    for _ in 0..<50 {
      let following = pair.server.issueReceive()
      try await pair.client.send(bytes("x"))
      #expect(try await next.value.text == "x")
      next = following
    }
    pair.server.release()
    #expect(await next.completion == .connectionTerminated)
    #expect(await events.collected() == [.terminated(.ulpAbort)])
  }

  @Test("4.1 closing only after all data has been delivered", arguments: DriverUnderTest.all)
  func closing(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let log = EventLog<TCPEvent>()
    pair.server.onEvent = { log.add($0) }
    try await pair.client.send(bytes("0123456789"))
    try await pair.client.close()
    try await until("the FIN is here") { try pair.server.status().connectionState == .closeWait }
    for _ in 0..<9 {
      _ = try await pair.server.receive(upTo: 1)
      #expect(try pair.server.status().connectionState == .closeWait)
      #expect(!log.all.contains(.closing))
    }
    #expect(try await pair.server.receive().text == "9")
    try await until("closing") { log.all.last == .closing }
    #expect(log.all.dropLast().allSatisfy { $0 == .dataArrival })
    #expect(await result { try await pair.server.receive() } == .connectionClosing)
    #expect(log.all.filter { $0 == .closing }.count == 1)
  }

  @Test("4.1 closing without data", arguments: DriverUnderTest.all, Side.allCases)
  func closingAtOnce(_ driver: DriverUnderTest, _ side: Side) async throws {
    let (near, far) = try await driver.pair().seen(from: side)
    let events = far.events
    try await near.close()
    #expect(try await events.before(.closing) == [])
  }

  @Test(
    "4.1 closing for a pending receive: the command completes, and the event comes too",
    arguments: DriverUnderTest.all)
  func closingWhilePending(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let events = pair.server.events
    let receives = (0..<3).map { _ in pair.server.issueReceive() }
    try await pair.client.close()
    for receive in receives { #expect(await receive.completion == .connectionClosing) }
    #expect(try await events.before(.closing) == [])
  }

  @Test("4.1 every sequence and the closure get every event", arguments: DriverUnderTest.all)
  func everybody(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let log = EventLog<TCPEvent>()
    let (first, second) = (pair.server.events, pair.server.events)
    pair.server.onEvent = { log.add($0) }
    try await pair.client.send(bytes("x"))
    let expected: [TCPEvent] = [.dataArrival, .closing, .terminated(.ulpClose)]
    #expect(try await first.before(.dataArrival) == [])
    _ = try await pair.server.receive()
    try await pair.client.close()
    #expect(try await first.before(.closing) == [])
    try await pair.server.close()
    #expect(try await first.before(.terminated(.ulpClose)) == [])
    pair.server.release()
    #expect(await first.collected() == [])
    #expect(await second.collected() == expected)
    try await until("the closure has all of them") { log.all == expected }
  }

  @Test(
    "4.1 what came before anybody listened is notified to the first who does",
    arguments: DriverUnderTest.all)
  func lateListener(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    try await pair.client.send(bytes("x"), until: .acknowledged)
    #expect(try await pair.server.events.before(.dataArrival) == [])
    let other = try await driver.pair()
    try await other.client.close()
    let log = EventLog<TCPEvent>()
    other.server.onEvent = { log.add($0) }
    try await until("closing") { log.all == [.closing] }
  }

  @Test(
    "4.1 a task that waits for events is cancelled: its sequence ends, the stream goes on",
    arguments: DriverUnderTest.all)
  func cancelled(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let events = pair.server.events
    let task = Task { await events.collected() }
    try await pair.client.send(bytes("x"))
    try await pair.server.arrived(1)
    task.cancel()
    #expect(await task.value.allSatisfy { $0 == .dataArrival })
    #expect(try await pair.server.receive().text == "x")
  }

  @Test("4.1 the closure is called one at a time and in order", arguments: DriverUnderTest.all)
  func oneAtATime(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let log = EventLog<String>()
    pair.server.onEvent = { event in
      log.add("begin \(event)")
      if event == .dataArrival { _ = try? pair.server.receive() }
      log.add("end \(event)")
    }
    for _ in 0..<20 { try await pair.client.send(bytes("x"), until: .acknowledged) }
    try await pair.client.close()
    try await until("closing was handled") { log.all.last == "end closing" }
    let lines = log.all
    for index in stride(from: 0, to: lines.count, by: 2) {
      #expect(lines[index].hasPrefix("begin"))
      #expect(lines[index + 1] == lines[index].replacing("begin", with: "end"))
    }
    pair.server.onEvent = nil
  }
}
