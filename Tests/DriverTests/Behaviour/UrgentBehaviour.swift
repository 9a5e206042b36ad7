// Urgent data, on real drivers.
import MacTCP
import Testing

@Suite("3.3, 4.1 Urgent data", .timeLimit(.minutes(2)))
struct UrgentBehaviour {
  /// What a receive brought, as text and flags: `XYZ !.` is urgent and has the mark.
  private func shown(_ received: Received) -> String {
    received.text + (received.isUrgent ? " !" : "") + (received.isMark ? " ." : "")
  }

  @Test(
    "3.3 a pending receive completes with the urgent flag and the mark",
    arguments: DriverUnderTest.all)
  func pending(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    for text in ["XYZ", "Q", "a longer piece of urgent data"] {
      let receive = pair.server.issueReceive()
      try await pair.client.send(bytes(text), urgent: true)
      #expect(shown(try await receive.value) == text + " ! .")
    }
  }

  @Test("3.3 every form of receive gives both flags", arguments: DriverUnderTest.all)
  func forms(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let (near, far) = pair.seen(from: .client)
    func next() async throws {
      try await near.send(bytes("XYZ"), urgent: true, until: .acknowledged)
    }
    try await next()
    #expect(shown(try await far.receive()) == "XYZ ! .")
    try await next()
    #expect(shown(try await blocking { try far.receive() }.value) == "XYZ ! .")
    var buffer = [UInt8](repeating: 0, count: 10)
    try await next()
    let count = try await far.receive(into: &buffer)
    #expect(count.count == 3 && count.isUrgent && count.isMark)
    try await next()
    let blocked = blocking {
      var buffer = [UInt8](repeating: 0, count: 10)
      return try far.receive(into: &buffer)
    }
    #expect(try await blocked.value == count)
    try await next()
    let loan = try await far.receiveWithoutCopying()
    #expect(loan.count == 3 && loan.isUrgent && loan.isMark)
    try await next()
    let lent = blocking {
      let loan = try far.receiveWithoutCopying()
      return loan.count == 3 && loan.isUrgent && loan.isMark
    }
    #expect(try await lent.value)
  }

  @Test(
    "3.3 the first receive of urgent data has the urgent flag, the last one the mark, those between neither",
    arguments: DriverUnderTest.all, 1...9)
  func pieces(_ driver: DriverUnderTest, _ limit: Int) async throws {
    let pair = try await driver.pair()
    try await pair.client.send(bytes("ABCDEFGH"), urgent: true)
    try await pair.client.send(bytes("normal"))
    try await pair.server.arrived(14)
    var urgent: [Received] = []
    while urgent.last?.isMark != true {
      urgent.append(try await pair.server.receive(upTo: limit))
      try #require(urgent.count <= 8)
    }
    #expect(urgent.map(\.text).joined() == "ABCDEFGH")
    #expect(urgent.map(\.isUrgent) == urgent.indices.map { $0 == 0 })
    #expect(urgent.map(\.isMark) == urgent.indices.map { $0 == urgent.count - 1 })
    #expect(urgent.count == (8 + limit - 1) / limit)
    var rest = ""
    while rest.count < 6 {
      let received = try await pair.server.receive(upTo: limit)
      #expect(!received.isUrgent && !received.isMark)
      rest += received.text
    }
    #expect(rest == "normal")
  }

  @Test("3.3 urgent and other data never come together", arguments: DriverUnderTest.all)
  func neverMixed(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    // Read in step: the sender waits until each piece is read.
    for text in ["abc", "XYZ", "def", "Q", "ghi"] {
      let isUrgent = text.first?.isUppercase == true
      try await pair.client.send(bytes(text), urgent: isUrgent)
      #expect(shown(try await pair.server.receive()) == text + (isUrgent ? " ! ." : ""))
    }
    // All at once: what comes before the urgent data may count as urgent (RFC 9293 §3.8.5), what comes behind never.
    for text in ["abc", "XYZ", "def"] {
      try await pair.client.send(bytes(text), urgent: text == "XYZ")
    }
    try await pair.server.arrived(9)
    var before = ""
    while true {
      let received = try await pair.server.receive()
      before += received.text
      if received.isMark { break }
    }
    #expect(before == "abcXYZ")
    #expect(shown(try await pair.server.receive()) == "def")
  }

  @Test("3.3 two urgent sends in a row that lie unread together", arguments: DriverUnderTest.all)
  func twiceUnread(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    try await pair.client.send(bytes("AB"), urgent: true)
    try await pair.client.send(bytes("CD"), urgent: true)
    try await pair.client.send(bytes("e"))
    try await pair.server.arrived(5)
    // The protocol has one urgent pointer: the second send moves it. One run of urgent data, or two.
    var urgent: [Received] = []
    while urgent.map(\.text).joined() != "ABCD" {
      urgent.append(try await pair.server.receive())
      try #require(urgent.count <= 4)
    }
    #expect(urgent.first?.isUrgent == true && urgent.last?.isMark == true)
    #expect(urgent.filter(\.isUrgent).count == urgent.filter(\.isMark).count)
    #expect(shown(try await pair.server.receive()) == "e")
  }

  @Test(
    "3.3 urgent data with a hundred thousand bytes is all urgent, and its last byte has the mark",
    arguments: DriverUnderTest.all)
  func large(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let data = pattern(100_000)
    try await pair.client.send(bytes("before"), until: .acknowledged)
    #expect(try await pair.server.receiveAll(6) == bytes("before"))
    let send = pair.client.issueSend(data, urgent: true, until: .acknowledged)
    let behind = pair.client.issueSend(bytes("behind"))
    var received: [UInt8] = []
    var last: Received?
    while received.count < data.count {
      last = try await pair.server.receive()
      received += last?.data ?? []
    }
    #expect(same(received, data))
    #expect(last?.isMark == true)
    #expect(shown(try await pair.server.receive()) == "behind")
    #expect(await send.completion == .noErr)
    #expect(await behind.completion == .noErr)
  }

  @Test(
    "3.2, 4.1 urgent data in a list of buffers, from both sides", arguments: DriverUnderTest.all,
    Side.allCases)
  func gathered(_ driver: DriverUnderTest, _ side: Side) async throws {
    let (near, far) = try await driver.pair().seen(from: side)
    let receive = far.issueReceive()
    try await near.send(gathering: [bytes("X"), [], bytes("YZ")], urgent: true)
    #expect(shown(try await receive.value) == "XYZ ! .")
  }

  @Test(
    "4.1 the event when no receive is pending, once until the urgent data is read",
    arguments: DriverUnderTest.all)
  func event(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let events = pair.server.events
    try await pair.client.send(bytes("XYZ"), urgent: true)
    #expect(try await events.before(.urgent).allSatisfy { $0 == .dataArrival })
    try await pair.server.arrived(3)
    #expect(shown(try await pair.server.receive(upTo: 1)) == "X !")
    #expect(shown(try await pair.server.receive()) == "YZ .")
    try await pair.client.send(bytes("Q"), urgent: true)
    #expect(try await events.before(.urgent).allSatisfy { $0 == .dataArrival })
    pair.server.release()
    #expect(!(await events.collected().contains(.urgent)))
  }

  @Test(
    "4.1 event or flag, but not both: a pending receive takes the urgent data, and there is no event",
    arguments: DriverUnderTest.all)
  func eventOrFlag(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    let events = pair.server.events
    for _ in 0..<20 {
      let receive = pair.server.issueReceive()
      try await pair.client.send(bytes("X"), urgent: true)
      #expect(shown(try await receive.value) == "X ! .")
    }
    pair.server.release()
    #expect(!(await events.collected().contains(.urgent)))
  }

  @Test(
    "4.1 the peer closes behind urgent data: closing comes when that is read",
    arguments: DriverUnderTest.all)
  func closing(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.pair()
    try await pair.client.send(bytes("XYZ"), urgent: true)
    try await pair.client.close()
    try await pair.server.arrived(3)
    let events = pair.server.events
    #expect(shown(try await pair.server.receive(upTo: 2)) == "XY !")
    #expect(shown(try await pair.server.receive()) == "Z .")
    #expect(!(try await events.before(.closing).contains(.terminated(.remoteAbort))))
    #expect(await result { try await pair.server.receive() } == .connectionClosing)
  }
}

@Suite("3.3 Urgent data from and to other programs", .timeLimit(.minutes(2)))
struct ForeignUrgentBehaviour {
  @Test(
    "3.3 MSG_OOB from a plain socket comes in its place, with the flags",
    arguments: DriverUnderTest.foreign)
  func incoming(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair()
    try pair.peer.send(bytes("abc"))
    let first = try await pair.stream.receive()
    #expect(first.text == "abc" && !first.isUrgent && !first.isMark)
    try pair.peer.send(bytes("XYZ"), urgent: true)
    try pair.peer.send(bytes("def"))
    try await pair.stream.arrived(6)
    let urgent = try await pair.stream.receive()
    #expect(urgent.text == "XYZ" && urgent.isUrgent && urgent.isMark)
    let last = try await pair.stream.receive()
    #expect(last.text == "def" && !last.isUrgent && !last.isMark)
  }

  @Test(
    "3.3 MSG_OOB completes a receive that waits, in any form", arguments: DriverUnderTest.foreign)
  func incomingWhileWaiting(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair()
    for receive in [
      pair.stream.issueReceive(), blocking { try pair.stream.receive() },
      suspending { try await pair.stream.receive() },
    ] {
      try pair.peer.send([7], urgent: true)
      let received = try await receive.value
      #expect(received == received && received.data == [7] && received.isUrgent && received.isMark)
    }
  }

  @Test(
    "3.2 a plain socket finds the mark before the last byte of what was sent as urgent",
    arguments: DriverUnderTest.foreign, ["Z", "XYZ", "a longer piece"])
  func outgoing(_ driver: DriverUnderTest, _ urgent: String) async throws {
    let pair = try await driver.foreignPair()
    pair.peer.keepUrgentInline()
    try await pair.stream.send(bytes("abc"))
    try await pair.stream.send(bytes(urgent), urgent: true)
    try await pair.stream.send(bytes("def"))
    let all = bytes("abc" + urgent + "def")
    try await until("all has come") { pair.peer.unread >= all.count }
    var read: [UInt8] = []
    while !pair.peer.isAtMark {
      read += try pair.peer.receive(upTo: 1)
      try #require(read.count < all.count)
    }
    #expect(read == bytes("abc" + urgent.dropLast()))
    read += try pair.peer.receiveAll(4)
    #expect(read == all)
  }

  @Test(
    "3.2 to a plain socket, data that is not urgent has no mark", arguments: DriverUnderTest.foreign
  )
  func outgoingNormal(_ driver: DriverUnderTest) async throws {
    let pair = try await driver.foreignPair()
    pair.peer.keepUrgentInline()
    try await pair.stream.send(bytes("abc"))
    for expected in bytes("abc") {
      #expect(!pair.peer.isAtMark)
      #expect(try pair.peer.receive(upTo: 1) == [expected])
    }
  }
}
