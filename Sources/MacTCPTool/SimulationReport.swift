// What came of a simulated transfer, and whether it held.
import MacTCPEngine
import MacTCPSimulation

/// The outcome of a simulated transfer.
struct SimulationReport {
  let bytes: Int
  let received: Int
  let seed: UInt64
  let congestionControl: String
  /// From the first SYN until the last byte was received, in microseconds of the virtual clock.
  let virtualTime: Int
  /// How long the simulation took.
  let seconds: Double
  let sentDigest: [UInt8]
  let receivedDigest: [UInt8]
  let sender: SimulatedSender.Figures
  /// What the sender's stack counted.
  let counters: MacTCPEngine.Counters.TCP
  /// What the wire did with what the sender sent.
  let wire: WireStatistics
  /// What it did with what the receiver sent.
  let back: WireStatistics
  /// Why the connection ended on each side.
  let ends: (sender: TerminationReason?, receiver: TerminationReason?)

  /// Whether everything was as it should be.
  var holds: Bool { failures.isEmpty }

  /// What was not as it should be.
  var failures: [String] {
    var failures: [String] = []
    if received != bytes { failures.append("\(received) of \(bytes) bytes arrived") }
    if received == bytes && !digestsAgree { failures.append("what arrived is not what was sent") }
    for (name, end) in [("sender", ends.sender), ("receiver", ends.receiver)] where end != .close {
      failures.append("the \(name)'s connection: \(end.map(Self.text) ?? "never ended")")
    }
    return failures
  }

  private var digestsAgree: Bool { sentDigest == receivedDigest }

  private static func text(_ reason: TerminationReason) -> String {
    switch reason {
    case .remoteAbort: "aborted by the peer"
    case .networkFailure: "network failure"
    case .securityMismatch: "security mismatch"
    case .userTimeout: "no answer in time"
    case .abort: "aborted"
    case .close: "closed"
    case .serviceError: "an unexpected SYN"
    }
  }

  // MARK: Figures

  private var virtualSeconds: Double { Double(virtualTime) / 1e6 }
  private var goodput: Double { virtualTime > 0 ? Double(received) * 8 / virtualSeconds : 0 }
  private var roundTrip: Double { Double(sender.smoothedRoundTrip) / 1000 }
  private var roundTripVariance: Double { Double(sender.roundTripVariance) / 1000 }

  // MARK: As text

  var text: String {
    [
      "Goodput           \(bitRate(goodput)): \(amount(received)) in \(fixed(virtualSeconds, 3)) s"
        + " of virtual time (\(fixed(seconds, 2)) s on the clock)",
      "Retransmissions   \(counters.segmentsResent) of \(counters.segmentsSent) segments;"
        + " \(counters.fastRecoveries) recoveries, \(counters.retransmissionTimeouts) time-outs,"
        + " \(counters.tailLossProbes) tail loss probes, \(counters.spuriousRecoveries) undone",
      "Round trip        \(fixed(roundTrip, 1)) ms smoothed, \(fixed(roundTripVariance, 1)) ms variation",
      "Wire there        \(text(wire))",
      "Wire back         \(text(back))",
      "SHA-256 sent      \(hexadecimal(sentDigest))",
      "SHA-256 received  \(hexadecimal(receivedDigest))",
      holds ? "All held." : "Not all held: \(failures.joined(separator: "; ")).",
    ].joined(separator: "\n")
  }

  private func text(_ wire: WireStatistics) -> String {
    let accidents = [
      ("lost", wire.lost), ("dropped by the queue", wire.dropped), ("corrupted", wire.corrupted),
      ("reordered", wire.reordered), ("duplicated", wire.duplicated),
    ].filter { $0.1 > 0 }.map { "\($0.1) \($0.0)" }
    return (["\(wire.sent) packets, \(amount(wire.bytesSent))"] + accidents).joined(separator: ", ")
  }

  // MARK: As JSON

  /// The same seed and options give the same object: no time of the real clock is in it.
  var json: JSON {
    .object([
      ("goodput_bps", .decimal(goodput, digits: 0)),
      ("retransmitted_segments", .number(Int(clamping: counters.segmentsResent))),
      ("srtt_ms", .decimal(roundTrip, digits: 3)),
      ("virtual_seconds", .decimal(virtualSeconds, digits: 6)),
      ("sha256_ok", .bool(received == bytes && digestsAgree)),
      ("bytes", .number(bytes)), ("received", .number(received)),
      ("seed", .string("\(seed)")), ("congestion", .string(congestionControl)),
      ("sha256", .string(hexadecimal(sentDigest))),
      ("segments_sent", .number(Int(clamping: counters.segmentsSent))),
      ("fast_recoveries", .number(Int(clamping: counters.fastRecoveries))),
      ("retransmission_timeouts", .number(Int(clamping: counters.retransmissionTimeouts))),
      ("tail_loss_probes", .number(Int(clamping: counters.tailLossProbes))),
      ("spurious_recoveries", .number(Int(clamping: counters.spuriousRecoveries))),
      ("wire", json(wire)), ("wire_back", json(back)),
      ("failures", .array(failures.map(JSON.string))), ("holds", .bool(holds)),
    ])
  }

  private func json(_ wire: WireStatistics) -> JSON {
    .object([
      ("sent", .number(wire.sent)), ("bytes_sent", .number(wire.bytesSent)),
      ("delivered", .number(wire.delivered)), ("lost", .number(wire.lost)),
      ("dropped", .number(wire.dropped)), ("corrupted", .number(wire.corrupted)),
      ("reordered", .number(wire.reordered)), ("duplicated", .number(wire.duplicated)),
      ("longest_queue", .number(wire.longestQueue)),
    ])
  }
}
