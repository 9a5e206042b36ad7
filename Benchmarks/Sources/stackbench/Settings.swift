/// The `key=value` arguments after the workload's name. Numbers may be written as `2e9`.
struct Settings {
  private var values: [String: Double] = [:]

  /// What the contract of the peers names, and what only this subject has: `batch`, how many packets a host sends
  /// before the other one gets them; `delay`, how long an acknowledgement may be put off, in microseconds;
  /// `cubic`, `sack` and `timestamps`, 0 or 1.
  private static let keys: Set<String> = [
    "mtu", "slots", "bytes", "buf", "write", "check", "rounds", "conns", "idle", "rr_rounds",
    "rate", "rtt_ms", "loss", "queue", "secs", "seed",
    "batch", "delay", "cubic", "sack", "timestamps",
  ]

  init(_ arguments: some Sequence<String>) throws(BenchmarkError) {
    for argument in arguments {
      let parts = argument.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let value = Double(parts[1]), value.isFinite, value >= 0,
        Self.keys.contains(String(parts[0]))
      else { throw .usage("cannot read \(argument); keys: \(Self.keys.sorted())") }
      values[String(parts[0])] = value
    }
  }

  func number(_ key: String, default value: Double) -> Double { values[key] ?? value }

  func count(_ key: String, default value: Int) -> Int {
    values[key].map { Int(min($0, 1e18)) } ?? value
  }
}

/// Why a measurement gave no figures.
enum BenchmarkError: Error {
  case usage(String)
  case failed(String)
}
