// Random arrivals and random receives against the oracle: data, flags, events and the moment of each completion
// (reference 3.3, 4.1).
import MacTCPCore
import MacTCPWire
import Testing

@Suite("3.3, 4.1 Receiving against an oracle")
struct ReceiveModelTests {
  @Test("3.3, 4.1 random scripts give the data, flags and events of the rules", arguments: 0..<8)
  func random(part: Int) async throws {
    for _ in 0..<15 {
      let seed = UInt64.random(in: 0 ... .max)
      let wrong = try await Self.run(seed: seed)
      #expect(wrong == [], "part \(part), seed \(seed)")
      if !wrong.isEmpty { return }
    }
  }

  /// Runs one script; returns what was wrong, at its first wrong step.
  private static func run(seed: UInt64) async throws -> [String] {
    var random = SeededGenerator(seed: seed)
    let it = try ScriptedStream.open(receiveBuffer: ReceiveOracle.receiveBuffer)
    var oracle = ReceiveOracle()
    var next: UInt8 = 0
    for step in 0..<60 {
      let what = act(it, &oracle, &next, &random)
      var events = await it.newEvents()
      if oracle.isLost {
        if events.last != .terminated(.remoteAbort) {
          return ["\(step): no terminate in \(events)"]
        }
        events.removeLast()
      }
      let wrong = oracle.settle(events)
      if !wrong.isEmpty { return wrong.map { "step \(step), \(what): \($0)" } }
      if oracle.isLost { break }
    }
    return await finish(it, &oracle)
  }

  /// Takes everything that is left.
  private static func finish(_ it: ScriptedStream, _ oracle: inout ReceiveOracle) async -> [String]
  {
    for _ in 0..<10_000 {
      let receive = it.stream.issueReceive(timeout: .zero)
      if oracle.isLost && oracle.waiting.isEmpty {
        return receive.code == .connectionTerminated ? [] : ["at the end \(receive.code)"]
      }
      if oracle.endSeen {
        return receive.code == .connectionClosing ? [] : ["at the end \(receive.code)"]
      }
      oracle.pending.append(
        .init(command: receive, limit: defaultReceiveLimit, deadline: oracle.now))
      let wrong = oracle.settle(await it.newEvents())
      if !wrong.isEmpty { return wrong.map { "at the end: \($0)" } }
      if receive.code == .commandTimeout { return [] }
    }
    return ["there is no end"]
  }

  private static func act(
    _ it: ScriptedStream, _ oracle: inout ReceiveOracle, _ next: inout UInt8,
    _ random: inout SeededGenerator
  ) -> String {
    let action = Int.random(in: 0..<100, using: &random)
    switch action {
    case 0..<45 where !oracle.peerHasClosed:
      return arrive(it, &oracle, &next, &random)
    case 45..<75 where !oracle.endSeen:
      let limit = sizes.randomElement(using: &random) ?? 1
      let timeout = timeouts.randomElement(using: &random) ?? nil
      let command = it.stream.issueReceive(upTo: limit, timeout: timeout)
      oracle.pending.append(
        .init(command: command, limit: limit, deadline: timeout.map { oracle.now + $0 }))
      return "receive \(limit) within \(timeout.map { "\($0)" } ?? "for ever")"
    case 94..<97:
      it.script.peerCloses()
      oracle.peerHasClosed = true
      return "peer closes"
    case 97..<99:
      it.script.lose()
      oracle.isLost = true
      return "connection lost"
    default:
      // Never past the next thing that happens, so that the oracle sees each by itself.
      let most = times.randomElement(using: &random) ?? .zero
      let duration = oracle.pending.compactMap(\.deadline).map { $0 - oracle.now }.reduce(most, min)
      it.script.advance(by: duration)
      oracle.now += duration
      return "\(duration) passes"
    }
  }

  private static func arrive(
    _ it: ScriptedStream, _ oracle: inout ReceiveOracle, _ next: inout UInt8,
    _ random: inout SeededGenerator
  ) -> String {
    let count = sizes.randomElement(using: &random) ?? 1
    var bytes = (0..<count).map { index in
      ReceiveOracle.Byte(value: next &+ UInt8(truncatingIfNeeded: index), since: oracle.now)
    }
    next &+= UInt8(truncatingIfNeeded: count)
    let data = bytes.map(\.value)
    let kind = Int.random(in: 0..<10, using: &random)
    switch kind {
    case 0..<5:
      it.script.arrive(data, push: false)
    case 5..<8:
      bytes.indices.forEach { bytes[$0].isPushed = true }
      it.script.arrive(data)
    default:
      // Urgent data that has no end is followed by urgent data only.
      bytes.indices.forEach { bytes[$0].isUrgent = true }
      bytes[count - 1].isLastUrgent = true
      it.script.arriveUrgent(data)
    }
    oracle.waiting += bytes
    return "\(count) bytes of kind \(kind) arrive"
  }

  static let sizes = [1, 2, 3, 10, 100, 500, 1023, 1024, 1025, 2047, 2048, 2049, 5000]
  static let timeouts: [Duration?] = [
    nil, nil, .zero, .milliseconds(50), .milliseconds(100), .milliseconds(150), .seconds(3),
  ]
  static let times: [Duration] = [
    .milliseconds(1), .milliseconds(50), .milliseconds(99), .milliseconds(100), .seconds(1),
  ]
}
