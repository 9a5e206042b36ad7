// streambench WORKLOAD SUBJECT [key=value ...]: one measurement in one process, one JSON object on one line.
// run.py calls it many times, with the subjects taking turns, and makes the table.

import Glibc

private let subjects: [(name: String, make: @Sendable (Options) throws -> any Subject)] = {
  var subjects: [(name: String, make: @Sendable (Options) throws -> any Subject)] = [
    ("c", { _ in CSubject() }),
    ("nio", { NIOSubject($0) }),
    ("nio-async", { try NIOAsyncSubject($0) }),
  ]
  #if canImport(MacTCP)
    subjects.append(("mactcp", { _ in try MacTCPSubject() }))
    subjects.append(("mactcp-async", { _ in try MacTCPAsyncSubject() }))
  #endif
  return subjects
}()

/// Figures by name, in the order in which they are printed.
private typealias Figures = [(name: String, value: Double)]

private func run(_ workload: String, _ subject: any Subject, _ options: Options) async throws
  -> Figures
{
  switch workload {
  case "bulk":
    let sample = try await subject.bulk(options)
    return [
      ("bytes", Double(options.bytes)),
      ("gb_per_s", Double(options.bytes) / sample.wall),
      ("cpu_ns_per_byte", sample.cpu / Double(options.bytes)),
    ]
  case "pingpong":
    let samples = try await subject.pingPong(options)
    return [
      ("rounds", Double(options.rounds)),
      ("ns", median(samples.map(\.wall))),
      ("ns_min", samples.map(\.wall).min() ?? 0),
      ("ns_max", samples.map(\.wall).max() ?? 0),
      ("cpu_ns", median(samples.map(\.cpu))),
    ]
  case "connections":
    let sample = try await subject.connections(options)
    return [
      ("count", Double(options.count)),
      ("per_s", Double(options.count) / sample.wall * 1e9),
      ("cpu_ns", sample.cpu / Double(options.count)),
    ]
  case "idle":
    return try await idle(subject, options)
  default:
    throw BenchmarkError.usage("no workload named \(workload)")
  }
}

/// Memory per stream, and the round trip on one more pair without and with the idle ones. The round trips before the
/// first reading also pay for whatever a subject sets up once: only what grows with the streams is counted.
private func idle(_ subject: any Subject, _ options: Options) async throws -> Figures {
  let without = median(try await subject.pingPong(options).map(\.wall))
  let before = try Memory.now()
  let pairs = try await subject.openIdlePairs(options)
  let after = try Memory.now()
  let with = median(try await subject.pingPong(options).map(\.wall))
  // The process ends without closing them: taking 8,000 streams down is not measured.
  _ = Unmanaged.passRetained(pairs as AnyObject)
  let streams = Double(2 * options.pairs)
  return [
    ("streams", streams),
    ("rss_per_stream", Double(after.resident - before.resident) / streams),
    ("private_dirty_per_stream", Double(after.privateDirty - before.privateDirty) / streams),
    ("ns_without", without),
    ("ns_with", with),
    ("ns_ratio", with / without),
  ]
}

@main
enum StreamBench {
  static func main() async {
    let arguments = CommandLine.arguments
    if arguments.dropFirst().first == "subjects" {
      return print(subjects.map(\.name).joined(separator: "\n"))
    }
    do {
      guard arguments.count >= 3 else {
        throw BenchmarkError.usage(
          "streambench bulk|pingpong|connections|idle SUBJECT [key=value ...]")
      }
      let options = try Options(arguments.dropFirst(3))
      guard let entry = subjects.first(where: { $0.name == arguments[2] }) else {
        throw BenchmarkError.usage("no subject named \(arguments[2])")
      }
      let (workload, subject) = (arguments[1], try entry.make(options))
      // Detached: the async subjects' client is then a task like any other, not one that is bound to the main thread.
      let figures = try await Task.detached { try await run(workload, subject, options) }.value
      let members = figures.map { "\"\($0.name)\":\($0.value)" }.joined(separator: ",")
      print("{\"workload\":\"\(arguments[1])\",\"subject\":\"\(arguments[2])\",\(members)}")
      fflush(nil)
      _exit(0)  // not exit: a subject's threads may still be at work, and nothing needs taking down
    } catch {
      var text = Array("streambench: \(error)\n".utf8)
      write(2, &text, text.count)
      exit(1)
    }
  }
}
