import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("What a peer makes a connection keep is under the memory ceiling")
struct MemoryTests {
  /// Leaves so many bytes of the memory, or fewer if there are fewer. What was taken.
  static func leave(_ bytes: Int, _ host: OneHost) -> Int {
    let taken = max(0, host.engine.configuration.memoryCeiling - host.engine.memoryInUse - bytes)
    let isTaken = host.engine.context.memory.reserve(taken)
    #expect(isTaken)
    return taken
  }

  @Test("Ranges that came out of order are counted, and given back")
  func ranges() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.ack, 1, ack: 1, text: 1)
    let before = host.engine.memoryInUse
    // One byte of every second, within the memory that the first has.
    for number in 1...64 {
      host.arrive(.ack, 1 + 2 * number, ack: 1, text: 1)
      let memory = host.engine.memoryInUse - before
      #expect(memory >= 8 * number && memory <= 1_024, "\(number): \(memory)")
    }
    #expect(host.engine.counters[.outOfOrderLimit] == 0)
    host.arrive(.ack, 1 + 2 * 65, ack: 1, text: 1)
    #expect(host.engine.counters[.outOfOrderLimit] == 1)
    host.arrive(.ack, 2, ack: 1, text: 128)
    #expect(host.engine.memoryInUse == before)
    #expect(try host.read(id).bytes == OneHost.pattern(1, 129))
    // The end of the connection gives them back too.
    host.arrive(.ack, 200, ack: 1, text: 1)
    try host.abort(id)
    try host.release(id)
    #expect(host.engine.memoryInUse == 0)
  }

  @Test("Without memory for a range the segment is dropped, and comes again")
  func noRange() throws {
    let host = try OneHost()
    let id = try host.connect()
    host.arrive(.ack, 1, ack: 1, text: 100)
    host.takeSent()
    let taken = Self.leave(255, host)
    host.arrive(.ack, 201, ack: 1, text: 100)
    #expect(host.takeSent() == ["ACK 1 ack 101"])
    #expect(host.engine.counters[.memoryCeiling] == 1)
    host.arrive(.ack, 101, ack: 1, text: 100)
    host.pass(100_000)
    #expect(host.takeSent() == ["ACK 1 ack 201"])
    host.engine.context.memory.unreserve(taken)
    host.arrive(.ack, 301, ack: 1, text: 100)
    host.arrive(.ack, 201, ack: 1, text: 100)
    #expect(host.takeSent().last == "ACK 1 ack 401")
    #expect(try host.read(id).bytes == OneHost.pattern(1, 400))
    #expect(host.engine.counters[.memoryCeiling] == 1)
  }

  @Test("A segment that is dropped for want of a range leaves no memory taken")
  func refusalKeepsNothing() throws {
    var configuration = OneHost.plain
    configuration.receiveBuffer = 65_535
    let first = try OneHost(configuration)
    _ = try first.connect()
    // Room for the buffer, and not for a range.
    configuration.memoryCeiling = first.engine.memoryInUse + 65_536 + 255
    let host = try OneHost(configuration)
    let id = try host.connect()
    let before = host.engine.memoryInUse
    host.arrive(.ack, 60_001, ack: 1, text: 1)
    #expect(host.engine.counters[.memoryCeiling] == 1)
    #expect(host.engine.memoryInUse == before)
    host.arrive(.ack, 1, ack: 1, text: 100)
    #expect(try host.read(id).bytes.count == 100)
  }

  @Test("An ICMP report is counted; without memory for it the user is told of none")
  func report() throws {
    let host = try OneHost()
    let id = try host.connect()
    try host.send(id, 100)
    let before = host.engine.memoryInUse
    let taken = Self.leave(0, host)
    try ReportTests.report(host, .destinationUnreachable(code: 1))
    #expect(host.takeEvents() == [])
    #expect(host.engine.counters[.memoryCeiling] == 1)
    host.engine.context.memory.unreserve(taken)
    for _ in 0..<3 {
      try ReportTests.report(host, .destinationUnreachable(code: 1))
      #expect(ReportTests.reports(host.takeEvents()).count == 1)
    }
    let memory = host.engine.memoryInUse - before
    #expect(memory > 0 && memory <= 512)
    try host.abort(id)
    try host.release(id)
    #expect(host.engine.memoryInUse == 0)
  }

  @Test(
    "An opening is ended by an ICMP error that there is no memory to tell of (RFC 1122 §4.2.3.9)")
  func openingAtCeiling() throws {
    let host = try OneHost()
    let id = try host.activeOpen()
    _ = Self.leave(0, host)
    try ReportTests.report(host, .destinationUnreachable(code: 3))
    #expect(host.takeEvents() == [.terminated(id, .networkFailure)])
  }

  @Test("What a user's options take is counted, and refused at the ceiling")
  func options() throws {
    var options = OpenOptions()
    options.ipOptions = [131, 7, 4, 10, 0, 0, 9]
    let host = try OneHost()
    let id = try host.engine.createConnection()
    let other = try host.engine.createConnection()
    let empty = host.engine.memoryInUse
    let taken = Self.leave(0, host)
    func open(_ id: ConnectionID, _ port: UInt16) throws(EngineError) {
      try host.engine.passiveOpen(
        id, on: Endpoint(.any, port), options: options, at: host.now)
    }
    #expect(throws: EngineError.insufficientResources) { try open(id, 80) }
    #expect(throws: EngineError.insufficientResources) {
      try host.engine.activeOpen(
        id, to: Endpoint(host.peer, 80), options: options, at: host.now)
    }
    #expect(throws: EngineError.insufficientResources) {
      try host.set(.keepaliveTimes(idle: 1_000_000, interval: 1_000_000, probes: 1), id)
    }
    #expect(try host.state(id) == .closed)
    host.engine.context.memory.unreserve(taken)
    try open(id, 80)
    try open(other, 81)
    #expect(host.engine.memoryInUse > empty)
    try host.release(id)
    try host.release(other)
    #expect(host.engine.memoryInUse == 0)
  }

  @Test("The children of a listener with options are counted, and refused at the ceiling")
  func children() throws {
    let host = try OneHost()
    let listener = try host.listen()
    try host.set(.keepaliveTimes(idle: 1_000_000, interval: 1_000_000, probes: 1), listener)
    let empty = host.engine.memoryInUse
    // A connection's block alone would find room.
    let taken = Self.leave(TCPLayer.footprint, host)
    host.arrive(.syn, 0)
    // A cookie answers, which keeps nothing.
    #expect(host.takeSent() == ["SYN,ACK 0 ack 1"])
    #expect(host.engine.memoryInUse == empty + taken)
    host.engine.context.memory.unreserve(taken)
    host.peerPort = 4_001
    host.arrive(.syn, 0)
    #expect(host.engine.memoryInUse > empty)
    try host.release(listener)
    host.settle()
    #expect(host.engine.memoryInUse == 0)
  }
}
