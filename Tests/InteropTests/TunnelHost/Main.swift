// A host that is one engine behind a TUN device: the peer of the Linux kernel in InteropTests. What it does it is told,
// line by line, on standard input (Host+Commands.swift); what happens it tells on standard output, as JSON.
//
//     TunnelHost DEVICE ADDRESS/LENGTH [KEY=VALUE ...]
//
// Ends when standard input does. Not for use outside of the tests: it says what is wrong and stops.
import Glibc
import MacTCPEngine
import MacTCPWire

@main
struct Main {
  static func main() {
    do {
      let host = try Host(Settings(CommandLine.arguments.dropFirst()))
      host.run()
    } catch {
      let message = "TunnelHost: \(error)\n"
      write(2, message, message.utf8.count)
      exit(1)
    }
  }
}

struct Failure: Error, CustomStringConvertible {
  let description: String
}

/// What the command line says.
struct Settings {
  var device = ""
  var engine = EngineConfiguration()
  var inbound = Impairment()
  var outbound = Impairment()
  /// Where captures go: of what the engine gets and sends, and of what was lost of both.
  var capture: String?
  var lost: String?

  init(_ arguments: some Collection<String>) throws {
    let words = Array(arguments)
    guard words.count >= 2, let address = IPv4Prefix(words[1]) else {
      throw Failure(description: "usage: TunnelHost DEVICE ADDRESS/LENGTH [KEY=VALUE ...]")
    }
    device = words[0]
    engine.addresses = [address]
    for word in words.dropFirst(2) {
      let parts = word.split(separator: "=", maxSplits: 1).map { String($0) }
      guard parts.count == 2 else { throw Failure(description: "\(word): not KEY=VALUE") }
      switch parts[0] {
      case "gateway": try route(through: parts[1], word)
      case "capture": capture = parts[1]
      case "lost": lost = parts[1]
      case "loss", "duplication", "lateness":
        guard let share = Double(parts[1]) else { throw Failure(description: "\(word): no share") }
        set(parts[0], share)
      default: try set(parts[0], Int(parts[1]), word)
      }
    }
  }

  private mutating func route(through gateway: String, _ word: String) throws {
    guard let router = IPAddress(gateway), let all = IPv4Prefix("0.0.0.0/0") else {
      throw Failure(description: "\(word): no address")
    }
    engine.routes = [EngineConfiguration.Route(to: all, gateway: router)]
  }

  private mutating func set(_ key: String, _ share: Double) {
    switch key {
    case "loss": (inbound.loss, outbound.loss) = (share, share)
    case "duplication": (inbound.duplication, outbound.duplication) = (share, share)
    default: (inbound.lateness, outbound.lateness) = (share, share)
    }
  }

  private mutating func set(_ key: String, _ value: Int?, _ word: String) throws {
    guard let value else { throw Failure(description: "\(word): no number") }
    switch key {
    case "seed":
      engine.seed = UInt64(truncatingIfNeeded: value)
      inbound.random = SeededGenerator(seed: UInt64(truncatingIfNeeded: value &* 2))
      outbound.random = SeededGenerator(seed: UInt64(truncatingIfNeeded: value &* 2 &+ 1))
    case "mtu": engine.mtu = value
    case "receiveBuffer": engine.receiveBuffer = value
    case "sendBuffer": engine.sendBuffer = value
    case "memory": engine.memoryCeiling = value
    case "segmentLifetime": engine.maximumSegmentLifetime = value
    case "timestamps": engine.usesTimestamps = value != 0
    case "sack": engine.usesSACK = value != 0
    case "windowScale": engine.usesWindowScale = value != 0
    case "ecn": engine.usesECN = value != 0
    case "userTimeout": engine.userTimeout = value
    default: throw Failure(description: "\(word): no such setting")
    }
  }
}
