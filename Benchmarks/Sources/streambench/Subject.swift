// What every subject must be able to do, and what one run is asked for.

/// One way of moving bytes through the kernel's TCP: the same four workloads, each over 127.0.0.1, both sides in this
/// process. A subject connects first and then times only the hot part, with `Stopwatch` or `Batches`.
protocol Subject: Sendable {
  /// Sends `options.bytes` bytes in 64 KB sends; the receiving side checks them against `Pattern`.
  func bulk(_ options: Options) async throws -> Sample

  /// One byte there, one byte back, in batches.
  func pingPong(_ options: Options) async throws -> [Sample]

  /// One after the other: connect, one byte each way, close both ends.
  func connections(_ options: Options) async throws -> Sample

  /// Opens `options.pairs` connected pairs and leaves them alone. They stay open as long as the result is alive.
  func openIdlePairs(_ options: Options) async throws -> Any
}

enum BenchmarkError: Error {
  case usage(String)
  case system(call: String, errno: Int32)
  case wrongContent(offset: Int)
  case closedEarly
}

/// The settings of one run, from `key=value` arguments. One set for all workloads; each uses what it needs.
struct Options: Sendable {
  var bytes = 4 << 30
  var rounds = 100_000
  var batches = 10
  var count = 5_000
  var pairs = 4_000
  /// SwiftNIO: event loops. 2: each side on its own thread, as in every other subject. 1: both sides share a thread.
  var loops = 2
  /// SwiftNIO with async/await: `loop` makes NIO's threads the process's task executor. It is an opt-in that NIO marks
  /// unsafe, and the best that NIO can do; `global` is what a program gets without it.
  var executor = "global"

  init(_ arguments: some Sequence<String>) throws {
    for argument in arguments {
      let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else {
        throw BenchmarkError.usage("expected key=value, not \(argument)")
      }
      if parts[0] == "executor" {
        guard ["global", "loop"].contains(parts[1]) else {
          throw BenchmarkError.usage("executor=global or loop")
        }
        executor = parts[1]
        continue
      }
      guard let value = Int(parts[1]), value > 0 else {
        throw BenchmarkError.usage("bad number in \(argument)")
      }
      switch parts[0] {
      case "bytes": bytes = value
      case "rounds": rounds = value
      case "batches": batches = value
      case "count": count = value
      case "pairs": pairs = value
      case "loops": loops = value
      default: throw BenchmarkError.usage("no setting named \(parts[0])")
      }
    }
  }
}

/// What bulk transfers carry: 64 KB, over and over. Its bytes differ between pages, so that a lost, doubled or moved
/// chunk is seen.
enum Pattern {
  static let size = 65_536
  static let bytes: [UInt8] = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ ($0 &>> 8)) }

  /// The spot check that every subject makes on each receive: its first and its last byte.
  @inline(__always)
  static func check(first: UInt8, last: UInt8, count: Int, at offset: Int) throws(BenchmarkError) {
    guard first == bytes[offset % size], last == bytes[(offset + count - 1) % size] else {
      throw .wrongContent(offset: offset)
    }
  }
}
