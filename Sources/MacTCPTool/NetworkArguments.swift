// Kinds of argument that describe a network: rates, times, shares of packets, queues.
import ArgumentParser
import MacTCPSimulation

/// `text` as a number without a sign and the unit behind it.
private func measure(_ text: String) -> (number: Double, unit: String)? {
  let digits = text.prefix { ($0.isASCII && $0.isNumber) || $0 == "." }
  guard digits.first != ".", let number = Double(digits), number.isFinite else { return nil }
  return (number, text.dropFirst(digits.count).lowercased())
}

/// How many bits a second: `56kbit`, `100mbit`, `2.5gbit`.
struct BitRate: ExpressibleByArgument, Equatable {
  let bitsPerSecond: Int

  init(bitsPerSecond: Int) {
    self.bitsPerSecond = bitsPerSecond
  }

  init?(argument: String) {
    let units = ["bit": 1, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9, "tbit": 1e12]
    guard let (number, unit) = measure(argument), let factor = units[unit],
      let rate = Int(exactly: (number * factor).rounded()),
      (1...1_000_000_000_000).contains(rate)
    else { return nil }
    bitsPerSecond = rate
  }

  var defaultValueDescription: String { bitRate(Double(bitsPerSecond)) }
}

/// A span of virtual time: `250us`, `20ms`, `1.5s`; an hour at most.
struct NetworkTime: ExpressibleByArgument, Equatable {
  let microseconds: Int

  init(microseconds: Int) {
    self.microseconds = microseconds
  }

  init?(argument: String) {
    let units = ["us": 1, "µs": 1, "ms": 1e3, "s": 1e6]
    guard let (number, unit) = measure(argument), let factor = units[unit],
      let time = Int(exactly: (number * factor).rounded()), (1...3_600_000_000).contains(time)
    else { return nil }
    microseconds = time
  }

  var defaultValueDescription: String { "\(fixed(Double(microseconds) / 1000, 0))ms" }
}

/// A share of all packets: `1%`, `0.05%`.
struct Share: ExpressibleByArgument, Equatable {
  let probability: Probability

  init(percent: Double) {
    probability = .percent(percent)
  }

  init?(argument: String) {
    guard let (number, unit) = measure(argument), unit == "%", number <= 100 else { return nil }
    self.init(percent: number)
  }

  var isNone: Bool { probability == .never }
  var defaultValueDescription: String { "0%" }
}

/// What waits before a wire: a number of packets, `100`, or an amount of bytes, `64KiB`.
struct QueueLength: ExpressibleByArgument, Equatable {
  let queue: Wire.Queue

  init(_ queue: Wire.Queue) {
    self.queue = queue
  }

  init?(argument: String) {
    guard let count = ByteCount(argument: argument)?.bytes, count <= 1 << 30 else { return nil }
    queue = argument.allSatisfy(\.isNumber) ? .packets(count) : .bytes(count)
  }
}

/// The names of ``EngineConfiguration/CongestionControlAlgorithm`` as one types them.
enum CongestionControlName: String, ExpressibleByArgument, CaseIterable {
  case cubic, newreno
}

/// Bits per second in the largest decimal unit that fits: `94.1 Mbit/s`.
func bitRate(_ bitsPerSecond: Double) -> String {
  var value = bitsPerSecond
  for unit in ["bit/s", "kbit/s", "Mbit/s"] {
    if value < 999.95 { return "\(fixed(value, unit == "bit/s" ? 0 : 1)) \(unit)" }
    value /= 1000
  }
  return "\(fixed(value, 1)) Gbit/s"
}
