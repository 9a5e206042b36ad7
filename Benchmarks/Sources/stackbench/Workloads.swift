import MacTCPEngine
import MacTCPWire

/// Figures by name, in the order in which they are printed.
typealias Figures = [(name: String, value: Int)]

/// The workloads of the peers' contract. Each makes its two hosts, and times only what the contract says.
enum Workloads {
  /// One transfer from the client to the server, as fast as it goes.
  static func w1(_ settings: Settings) throws -> Figures {
    let total = settings.count("bytes", default: 2 << 30)
    // As many packets at a time as a driver of Linux takes from its device: they are read while they are in the cache.
    let batch = max(1, settings.count("batch", default: 64))
    var pair = try Pair(settings)
    let id = try pair.open().client
    try pair.settle()
    let check = settings.count("check", default: 0)
    pair.forth.corruptionInterval = check
    pair.server.check = check > 0 ? .all : .first
    pair.forth.resetTraffic()
    pair.back.resetTraffic()
    var source = Source(total: total, perCall: settings.count("write", default: 65536))
    let stopwatch = Stopwatch()
    while pair.server.received < total, pair.client.failure == nil, pair.now < Pair.longestRun {
      try source.write(to: &pair.client, id, at: pair.now)
      pair.tick()
      pair.client.transmit(into: &pair.forth, limit: batch, at: pair.now)
      pair.client.engine.advance(to: pair.now)
      try pair.server.receive(from: &pair.forth, at: pair.now)
      pair.server.engine.advance(to: pair.now)
      pair.server.transmit(into: &pair.back, at: pair.now)
      try pair.client.receive(from: &pair.back, at: pair.now)
    }
    let (processor, wall) = (stopwatch.processor, stopwatch.wall)
    try pair.server.requireCorrect(total)
    return [
      ("bytes", pair.server.received), ("data_segs", pair.forth.traffic.dataSegments),
      ("ack_segs", pair.back.traffic.packets), ("wall_ns", wall), ("cpu_ns", processor),
      ("corrupted", pair.forth.corrupted),
    ]
  }

  /// Round trips of one byte.
  static func w2(_ settings: Settings) throws -> Figures {
    let rounds = settings.count("rounds", default: 200_000)
    var pair = try Pair(settings)
    let connection = try pair.open()
    for _ in 0..<1000 { try pair.roundTrip(connection) }
    pair.forth.resetTraffic()
    pair.back.resetTraffic()
    let stopwatch = Stopwatch()
    for _ in 0..<rounds { try pair.roundTrip(connection) }
    let (processor, wall) = (stopwatch.processor, stopwatch.wall)
    return [
      ("rounds", rounds), ("pkts", pair.packets), ("wall_ns", wall), ("cpu_ns", processor),
    ]
  }

  /// Connections one after the other: a byte each way, then both close, until both FINs are acknowledged. The
  /// client's end stays in TIME-WAIT.
  static func w3(_ settings: Settings) throws -> Figures {
    let count = settings.count("conns", default: 10_000)
    let tenth = max(1, count / 10)
    var pair = try Pair(settings)
    var (first, beforeLast) = (0, 0)
    let stopwatch = Stopwatch()
    for i in 0..<count {
      if i == tenth { first = stopwatch.processor }
      if i == count - tenth { beforeLast = stopwatch.processor }
      let connection = try pair.open(from: 1024 + i % 60_000)
      try pair.roundTrip(connection)
      try pair.close(connection)
    }
    let (processor, wall) = (stopwatch.processor, stopwatch.wall)
    return [
      ("conns", count), ("pkts", pair.packets), ("wall_ns", wall), ("cpu_ns", processor),
      ("first_ns", first / tenth), ("last_ns", (processor - beforeLast) / tenth),
    ]
  }

  /// Idle connections: their memory, round trips beside them, and round trips on all of them in turn.
  static func w4(_ settings: Settings) throws -> Figures {
    let count = settings.count("idle", default: 1000)
    let rounds = settings.count("rounds", default: 20_000)
    let roundRobinRounds = count > 0 ? settings.count("rr_rounds", default: 20_000) : 0
    var pair = try Pair(settings)
    var idle: [Connection] = []
    idle.reserveCapacity(count)
    let connection = try pair.open()
    try pair.roundTrip(connection)
    let memoryBefore = try residentMemory()
    let setup = Stopwatch()
    for i in 0..<count { idle.append(try pair.open(from: 1024 + i % 64_000)) }
    try pair.settle()
    let setupTime = setup.processor
    let memoryAfter = try residentMemory()
    for _ in 0..<100 { try pair.roundTrip(connection) }
    let one = Stopwatch()
    for _ in 0..<rounds { try pair.roundTrip(connection) }
    let (processor, wall) = (one.processor, one.wall)
    let all = Stopwatch()
    for i in 0..<roundRobinRounds { try pair.roundTrip(idle[i * 7919 % count]) }
    return [
      ("idle", count), ("rss_base", memoryBefore), ("rss_idle", memoryAfter),
      ("rss_per_pair", count > 0 ? (memoryAfter - memoryBefore) / count : 0),
      ("setup_cpu_ns", setupTime), ("rounds", rounds), ("wall_ns", wall), ("cpu_ns", processor),
      ("rr_rounds", roundRobinRounds), ("rr_cpu_ns", all.processor),
    ]
  }

  /// A transfer over a link with losses, in virtual time.
  static func w5(_ settings: Settings) throws -> Figures {
    let seconds = settings.number("secs", default: 60)
    var client = try Host(IPAddress(10, 0, 0, 1), settings)
    var server = try Host(IPAddress(10, 0, 0, 2), settings)
    var forth = LossyLink(settings, loss: settings.number("loss", default: 0.01))
    var back = LossyLink(settings, loss: 0)
    server.check = .first
    try server.listen(at: .zero)
    let id = try client.engine.createConnection()
    try client.engine.activeOpen(
      id, to: Endpoint(server.address, serverPort), from: Endpoint(client.address, 1024), at: .zero)
    var source = Source(total: .max, perCall: patternLength)
    let stopwatch = Stopwatch()
    for step in 0..<Int(seconds * 1e4) where client.failure == nil {
      let now = Instant(microseconds: UInt64(step * 100))
      forth.now = Double(step * 100_000)
      back.now = forth.now
      try server.receive(from: &forth, at: now)
      try client.receive(from: &back, at: now)
      client.engine.advance(to: now)
      server.engine.advance(to: now)
      try client.answerEvents(at: now)
      try server.answerEvents(at: now)
      if client.opened > 0 { try source.write(to: &client, id, at: now) }
      client.transmit(into: &forth, at: now)
      server.transmit(into: &back, at: now)
    }
    let processor = stopwatch.processor
    try server.requireCorrect(server.received)
    let now = Instant(microseconds: UInt64(seconds * 1e6))
    let statistics = try client.engine.status(of: id, at: now).statistics
    return [
      ("bytes", server.received),
      ("goodput_bps", Int(Double(server.received) * 8 / seconds)),
      ("data_segs", forth.traffic.dataSegments), ("resent", Int(statistics.segmentsResent)),
      ("lost", forth.lost), ("qdrop", forth.dropped), ("cpu_ns", processor),
    ]
  }
}

/// What the client's application has to send.
struct Source {
  let total: Int
  let perCall: Int
  private var sent = 0
  private var pending = 0

  init(total: Int, perCall: Int) {
    self.total = total
    self.perCall = max(1, perCall)
  }

  /// Writes until the engine takes no more.
  mutating func write(to host: inout Host, _ id: ConnectionID, at now: Instant) throws(EngineError)
  {
    while sent < total {
      if pending == 0 { pending = min(perCall, total - sent) }
      let taken = try host.write(id, sent: sent, count: pending, at: now)
      guard taken > 0 else { return }
      sent += taken
      pending -= taken
    }
  }
}

extension Pair {
  /// How many packets both rings have carried.
  var packets: Int { forth.traffic.packets + back.traffic.packets }

  /// The client closes, then the server.
  mutating func close(_ connection: Connection) throws {
    let (closed, finsThere, finsHere) = (
      server.peersClosed, server.finsAcknowledged, client.finsAcknowledged
    )
    try client.engine.close(connection.client, at: now)
    while server.peersClosed == closed { try turn() }
    try server.engine.close(connection.server, at: now)
    while server.finsAcknowledged == finsThere || client.finsAcknowledged == finsHere {
      try turn()
      if let reason = client.failure ?? server.failure {
        throw BenchmarkError.failed("close: \(reason)")
      }
    }
    try client.engine.release(connection.client, at: now)
    try server.engine.release(connection.server, at: now)
  }
}

extension Host {
  func requireCorrect(_ total: Int) throws(BenchmarkError) {
    guard wrong == 0, received == total else {
      throw .failed("\(received) of \(total) bytes received, \(wrong) wrong")
    }
  }
}
