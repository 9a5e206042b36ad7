import MacTCPEngine
import MacTCPWire
import Testing

@Suite("A SYN from the port of a connection in TIME-WAIT (RFC 6191 §2, RFC 1122 §4.2.2.13)")
struct TimeWaitTests {
  /// What a SYN brings: how much later its time stamp is, and its number, from that behind the peer's FIN.
  struct Case: CustomTestStringConvertible, Sendable {
    var later: UInt32?
    var sequence: Int
    var opens: Bool
    var why: String

    var testDescription: String { why }
  }

  static let withTimestamps = [
    Case(later: 1, sequence: 1_000, opens: true, why: "a later time stamp"),
    Case(later: 1, sequence: -1_000, opens: true, why: "a later time stamp, whatever the number"),
    Case(later: 0, sequence: 1, opens: true, why: "the same time stamp and a later number"),
    Case(later: 0, sequence: 0, opens: false, why: "the same time stamp and the last number"),
    Case(later: 0, sequence: -1_000, opens: false, why: "the same time stamp and an old number"),
    Case(later: 0 &- 1, sequence: 1_000, opens: false, why: "an older time stamp"),
    Case(later: nil, sequence: 1, opens: true, why: "no time stamp and a later number"),
    Case(later: nil, sequence: -1, opens: false, why: "no time stamp and an old number"),
  ]
  static let withoutTimestamps = [
    Case(later: nil, sequence: 1, opens: true, why: "a later number"),
    Case(later: nil, sequence: 0, opens: false, why: "the last number"),
    Case(later: nil, sequence: -1_000, opens: false, why: "an old number"),
  ]

  @Test("After a connection with time stamps", arguments: withTimestamps)
  func timestamps(_ row: Case) throws {
    try check(row, usesTimestamps: true)
  }

  @Test("After a connection without time stamps", arguments: withoutTimestamps)
  func noTimestamps(_ row: Case) throws {
    try check(row, usesTimestamps: false)
  }

  private static func options(_ timestamp: UInt32?) -> TCPOptions {
    var options = TCPOptions()
    options.timestamps = timestamp.map { TCPTimestamps(value: $0, echoReply: 0) }
    return options
  }

  /// A listener's connection that the engine closes first, and a SYN from the same port after it.
  private func check(_ row: Case, usesTimestamps: Bool) throws {
    var configuration = OneHost.plain
    configuration.usesTimestamps = usesTimestamps
    let host = try OneHost(configuration)
    let listener = try host.engine.createConnection()
    try host.engine.listen(listener, on: Endpoint(.any, 80), at: host.now)
    let last: UInt32? = usesTimestamps ? 5_000 : nil
    host.options = Self.options(last)
    host.arrive(.syn, 0)
    host.arrive(.ack, 1, ack: 1)
    let id = try #require(try host.engine.accept(listener))
    try host.engine.close(id, at: host.now)
    host.settle()
    host.arrive(.fin, 1, ack: 2)
    try #require(try host.state(id) == .timeWait)
    host.takeSent()

    let stamp = row.later.map { (last ?? 0) &+ $0 }
    host.arrive(.syn, 2 + row.sequence, options: Self.options(stamp))
    let flags = host.sent.map(\.header.flags)
    #expect(flags == [row.opens ? TCPFlags.syn.union(.ack) : .ack])
    #expect(host.engine.counters.tcp.timeWaitReused == (row.opens ? 1 : 0))
  }
}
