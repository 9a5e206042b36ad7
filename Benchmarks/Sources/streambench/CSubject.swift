import CSockets
import Glibc

/// Plain C: blocking sockets, two threads. The calling thread is the client; it blocks, and nothing else runs here.
struct CSubject: Subject {
  func bulk(_ options: Options) throws -> Sample {
    let pair = try Pair()
    let stopwatch = Stopwatch()
    try check(
      "transfer", cs_transfer(pair.sockets, UInt64(options.bytes), Pattern.bytes, Pattern.size))
    return stopwatch.elapsed
  }

  func pingPong(_ options: Options) throws -> [Sample] {
    let pair = try Pair()
    // The echoing thread is made anew for each batch: 30 µs against the 100 ms and more that a batch takes.
    var batches = Batches(options)
    while let rounds = batches.next() { try check("ping-pong", cs_ping_pong(pair.sockets, rounds)) }
    return batches.samples
  }

  func connections(_ options: Options) throws -> Sample {
    let stopwatch = Stopwatch()
    try check("connections", cs_connections(options.count))
    return stopwatch.elapsed
  }

  func openIdlePairs(_ options: Options) throws -> Any {
    try (0..<options.pairs).map { _ in try Pair() }
  }

  private final class Pair: Sendable {
    let sockets: [Int32]

    init() throws {
      var sockets: [Int32] = [-1, -1]
      try check("pair", cs_pair(&sockets))
      self.sockets = sockets
    }

    deinit { cs_close_pair(sockets) }
  }
}

private func check(_ call: String, _ result: Int32) throws {
  guard result == 0 else { throw BenchmarkError.system(call: call, errno: errno) }
}
