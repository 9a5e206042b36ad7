// Clocks and memory, read from the kernel.

import Glibc
import MacTCPEngine

/// Wall and processor time in nanoseconds from the moment it is made; the processor time is that of all threads.
struct Stopwatch {
  private let wallStart = nanoseconds(of: CLOCK_MONOTONIC)
  private let processorStart = nanoseconds(of: CLOCK_PROCESS_CPUTIME_ID)

  var wall: Int { nanoseconds(of: CLOCK_MONOTONIC) - wallStart }
  var processor: Int { nanoseconds(of: CLOCK_PROCESS_CPUTIME_ID) - processorStart }
  /// The wall time as the engines are told it.
  var now: Instant { Instant(microseconds: UInt64(wall / 1000)) }
}

private func nanoseconds(of clock: clockid_t) -> Int {
  var time = timespec()
  clock_gettime(clock, &time)
  return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// The process's memory that is in pages now, in bytes.
func residentMemory() throws(BenchmarkError) -> Int {
  let descriptor = open("/proc/self/statm", O_RDONLY)
  guard descriptor >= 0 else { throw .failed("cannot open /proc/self/statm") }
  defer { close(descriptor) }
  var text = [UInt8](repeating: 0, count: 256)
  let count = read(descriptor, &text, text.count)
  let fields = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
  guard fields.count > 1, let pages = Int(fields[1]) else {
    throw .failed("cannot read /proc/self/statm")
  }
  return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
}
