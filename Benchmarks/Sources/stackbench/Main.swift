// stackbench w1|w2|w3|w4|w5 [key=value ...]: one measurement of MacTCP's engine in one process, one JSON object on one
// line: a subject for the runner of the peers, see README.md.

import Glibc

private func run(_ workload: String, _ settings: Settings) throws -> Figures {
  switch workload {
  case "w1": try Workloads.w1(settings)
  case "w2": try Workloads.w2(settings)
  case "w3": try Workloads.w3(settings)
  case "w4": try Workloads.w4(settings)
  case "w5": try Workloads.w5(settings)
  default: throw BenchmarkError.usage("no workload named \(workload)")
  }
}

@main
enum StackBench {
  static func main() {
    let arguments = CommandLine.arguments
    do {
      guard arguments.count > 1 else {
        throw BenchmarkError.usage("stackbench w1|w2|w3|w4|w5 [key=value ...]")
      }
      let figures = try run(arguments[1], Settings(arguments.dropFirst(2)))
      let members = figures.map { "\"\($0.name)\":\($0.value)" }.joined(separator: ",")
      print("{\"subject\":\"mactcp\",\"workload\":\"\(arguments[1])\",\(members),\"ok\":true}")
    } catch {
      var text = Array("stackbench: \(error)\n".utf8)
      write(2, &text, text.count)
      exit(1)
    }
  }
}
