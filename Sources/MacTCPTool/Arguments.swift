// Kinds of argument that several commands take.
import ArgumentParser
import MacTCP

/// The port of a peer: 1...65535.
struct RemotePort: ExpressibleByArgument {
  let number: UInt16

  init?(argument: String) {
    guard let number = UInt16(argument), number > 0 else { return nil }
    self.number = number
  }
}

/// A time in seconds, more than 0; decimals are allowed.
struct Seconds: ExpressibleByArgument {
  let duration: Duration

  init(duration: Duration) {
    self.duration = duration
  }

  init?(argument: String) {
    // At most a year, which the driver's clock still counts.
    guard let seconds = Double(argument), seconds > 0, seconds <= 31_536_000 else { return nil }
    duration = .seconds(seconds)
  }

  var defaultValueDescription: String { fixed(duration.inSeconds, 0) }
}

/// An amount of bytes: `1000`, `64K`, `256MB`, `1GiB`. As elsewhere, K, M, G and KiB, MiB, GiB are powers of 1024, and
/// kB, MB, GB powers of 1000.
struct ByteCount: ExpressibleByArgument {
  let bytes: Int

  init(bytes: Int) {
    self.bytes = bytes
  }

  init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int(digits) else { return nil }
    let suffix = argument.dropFirst(digits.count).lowercased()
    let unit: Int
    switch suffix {
    case "", "b": unit = 1
    case "k", "kib": unit = 1 << 10
    case "m", "mib": unit = 1 << 20
    case "g", "gib": unit = 1 << 30
    case "t", "tib": unit = 1 << 40
    case "kb": unit = 1_000
    case "mb": unit = 1_000_000
    case "gb": unit = 1_000_000_000
    case "tb": unit = 1_000_000_000_000
    default: return nil
    }
    let (product, overflow) = number.multipliedReportingOverflow(by: unit)
    guard !overflow else { return nil }
    bytes = product
  }

  var defaultValueDescription: String { amount(bytes) }
}

/// A local address in dotted-decimal notation.
struct LocalAddress: ExpressibleByArgument {
  let address: IPAddress

  init?(argument: String) {
    guard let address = IPAddress(argument) else { return nil }
    self.address = address
  }
}
