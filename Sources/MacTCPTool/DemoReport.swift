// What the demonstration showed, and whether it held.
import MacTCP

/// An event of one of the two streams, with those like it that followed.
struct DemoEvent: Sendable {
  enum Side: String, Sendable { case passive, active }

  let side: Side
  let first: TimedEvent
  /// When the last one like it came.
  var lastTime: Duration
  /// How many like it came with no other in between.
  var count = 1
}

/// The outcome of a demonstration.
struct DemoReport: Sendable {
  /// What became of the urgent data.
  struct Urgent: Sendable {
    let sent: [UInt8]
    var received: [UInt8] = []
    /// How many receives had the flag; one is right, of each.
    var urgentFlags = 0
    var markFlags = 0

    var holds: Bool { received == sent && urgentFlags == 1 && markFlags == 1 }

    var summary: String {
      let flags =
        (urgentFlags == 1 ? "urgent flag" : "no urgent flag") + ", "
        + (markFlags == 1 ? "mark flag" : "no mark flag")
      return "\"\(String(decoding: received, as: UTF8.self))\" came with \(flags)"
    }
  }

  let bytes: Int
  let received: Int
  /// How long the transfer took.
  let seconds: Double
  let sentDigest: [UInt8]
  let receivedDigest: [UInt8]
  var urgent = Urgent(sent: [])
  /// While both streams were open, after the transfer.
  var statuses: (passive: Status, active: Status)?
  var events: [DemoEvent] = []

  /// Whether everything was as it should be.
  var holds: Bool { failures.isEmpty }

  /// What was not as it should be.
  var failures: [String] {
    var failures: [String] = []
    if received != bytes { failures.append("\(received) of \(bytes) bytes arrived") }
    if sentDigest != receivedDigest { failures.append("what arrived is not what was sent") }
    if !urgent.holds { failures.append("urgent data: \(urgent.summary)") }
    for side in [DemoEvent.Side.passive, .active] {
      let ends = events.filter { $0.side == side && $0.first.event.isTerminated }
      if ends.count != 1 || ends.first?.count != 1
        || ends.first?.first.event != .terminated(.ulpClose)
      {
        let seen = ends.map { "\($0.first.event)" }.joined(separator: ", ")
        failures.append("the \(side.rawValue) stream's end: \(seen.isEmpty ? "none" : seen)")
      }
    }
    return failures
  }

  // MARK: As text

  var text: String {
    var lines = ["", "Events", eventLine("ms", "passive stream", "active stream")]
    lines += events.map { event in
      let last = fixed(event.lastTime.inMilliseconds, 3)
      let times = event.count == 1 ? "" : " (\(event.count) times, until \(last))"
      let what = "\(event.first.event)\(times)"
      return eventLine(
        fixed(event.first.time.inMilliseconds, 3), event.side == .passive ? what : "",
        event.side == .active ? what : "")
    }
    if let statuses {
      lines += ["", "Status, after the transfer"]
      lines += statusLines([
        ("passive stream", statuses.passive), ("active stream", statuses.active),
      ])
    }
    let speed = rate(bytes, in: seconds)
    lines += [
      "",
      "Throughput        \(speed): \(amount(bytes)) in \(fixed(seconds, 3)) s, hashing not counted",
      "SHA-256 sent      \(hexadecimal(sentDigest))",
      "SHA-256 received  \(hexadecimal(receivedDigest))",
      "Urgent data       \(urgent.summary)",
      holds ? "All held." : "Not all held: \(failures.joined(separator: "; ")).",
    ]
    return lines.joined(separator: "\n")
  }

  private func eventLine(_ time: String, _ passive: String, _ active: String) -> String {
    let line = "\(rightAligned(time, to: 12))  \(padded(passive, to: 44))  \(active)"
    return String(line.reversed().drop { $0 == " " }.reversed())
  }

  // MARK: As JSON

  var json: JSON {
    .object([
      ("bytes", .number(bytes)), ("received", .number(received)),
      ("seconds", .decimal(seconds, digits: 6)),
      ("bytesPerSecond", .decimal(seconds > 0 ? Double(bytes) / seconds : 0, digits: 0)),
      ("sha256Sent", .string(hexadecimal(sentDigest))),
      ("sha256Received", .string(hexadecimal(receivedDigest))),
      (
        "urgent",
        .object([
          ("received", .string(String(decoding: urgent.received, as: UTF8.self))),
          ("urgentFlag", .bool(urgent.urgentFlags == 1)),
          ("markFlag", .bool(urgent.markFlags == 1)),
        ])
      ),
      ("events", .array(events.map(json))),
      (
        "status",
        statuses.map {
          .object([("passive", $0.passive.json), ("active", $0.active.json)])
        } ?? .null
      ),
      ("failures", .array(failures.map(JSON.string))), ("holds", .bool(holds)),
    ])
  }

  private func json(_ event: DemoEvent) -> JSON {
    guard case .object(let members) = event.first.json else { return .null }
    return .object(
      [("stream", .string(event.side.rawValue))] + members + [
        ("count", .number(event.count)),
        ("lastTime", .decimal(event.lastTime.inSeconds, digits: 6)),
      ])
  }
}
