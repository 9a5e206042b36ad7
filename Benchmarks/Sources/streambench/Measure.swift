// Clocks and memory, read from the kernel.

import Glibc

/// What a piece of work took, in nanoseconds: wall time, and processor time of all threads of the process, the
/// kernel's share included.
struct Sample: Sendable {
  var wall: Double
  var cpu: Double
}

/// Runs from the moment it is made.
struct Stopwatch {
  private let wall = wallClock()
  private let cpu = processorTime()

  var elapsed: Sample { Sample(wall: wallClock() - wall, cpu: processorTime() - cpu) }
}

/// Times `options.rounds` rounds in `options.batches` parts, after a short part that warms up caches and threads:
///
///     var batches = Batches(options)
///     while let rounds = batches.next() { play(rounds) }
///     return batches.samples
///
/// Not a function that takes a closure: NIO's iterators may not be captured by one.
struct Batches {
  /// Of each part, for one round.
  private(set) var samples: [Sample] = []
  private let rounds: Int
  private let count: Int
  private var running: Stopwatch?
  private var isWarm = false

  init(_ options: Options) {
    (rounds, count) = (max(1, options.rounds / options.batches), options.batches)
  }

  /// Ends the part that runs, if one does, and starts the next. Nil when all are done.
  mutating func next() -> Int? {
    guard isWarm else {
      isWarm = true
      return max(1, rounds / 5)
    }
    if let sample = running?.elapsed {
      samples.append(Sample(wall: sample.wall / Double(rounds), cpu: sample.cpu / Double(rounds)))
    }
    guard samples.count < count else { return nil }
    running = Stopwatch()
    return rounds
  }
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

private func wallClock() -> Double { read(CLOCK_MONOTONIC) }

/// As getrusage counts it, user and system, in nanoseconds instead of microseconds.
private func processorTime() -> Double { read(CLOCK_PROCESS_CPUTIME_ID) }

private func read(_ clock: clockid_t) -> Double {
  var time = timespec()
  clock_gettime(clock, &time)
  return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

/// The process's memory in bytes. What the kernel holds for a socket is not in it.
struct Memory {
  /// Pages in memory, shared libraries' included.
  var resident: Int
  /// Pages that only this process has, and has written: what it would give back by ending.
  var privateDirty: Int

  static func now() throws -> Memory {
    let pages = try contents(of: "/proc/self/statm").split(separator: " ")
    let rollup = try contents(of: "/proc/self/smaps_rollup").split(separator: "\n")
    let dirty = rollup.first { $0.hasPrefix("Private_Dirty:") }?.split(separator: " ")
    guard pages.count > 1, let resident = Int(pages[1]), let dirty, let kilobytes = Int(dirty[1])
    else {
      throw BenchmarkError.usage("cannot read this process's memory from /proc")
    }
    return Memory(
      resident: resident * Int(sysconf(Int32(_SC_PAGESIZE))), privateDirty: kilobytes * 1024)
  }
}

private func contents(of path: String) throws -> String {
  let descriptor = open(path, O_RDONLY)
  guard descriptor >= 0 else { throw BenchmarkError.system(call: "open \(path)", errno: errno) }
  defer { close(descriptor) }
  // Both files fit: one read, so that the kernel makes them once.
  var buffer = [UInt8](repeating: 0, count: 8192)
  let count = read(descriptor, &buffer, buffer.count)
  return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
}
