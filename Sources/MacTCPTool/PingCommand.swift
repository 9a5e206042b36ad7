import ArgumentParser
import Dispatch
import MacTCP
import Synchronization

/// `mactcp ping`.
struct PingCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ping",
    abstract: "Ask a host for ICMP echoes.",
    discussion: """
      Exit status 0 when there was an answer. Without --count it goes on until it is interrupted.

      Example:
        mactcp ping 127.0.0.1 -c 3
      """)

  @Argument(help: "The host's address or name.")
  var host: String

  @Option(name: .shortAndLong, help: "Stop after so many requests.")
  var count: Int?

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Wait so long between requests.", valueName: "seconds"))
  var interval = Seconds(duration: .seconds(1))

  @Option(name: .shortAndLong, help: "How many bytes of data a request carries.")
  var size = 56

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Wait so long for each answer.", valueName: "seconds"))
  var timeout = Seconds(duration: .seconds(5))

  @Flag(help: "Print JSON: an object per request, and one at the end.")
  var json = false

  func validate() throws {
    if let count, count < 1 { throw ValidationError("The count is at least 1.") }
    // 65 535 less the headers of IP and ICMP.
    if !(0...65_507).contains(size) { throw ValidationError("The size is 0...65507.") }
  }

  func run() throws(ToolFailure) {
    let address = try resolve(host)
    let driver = try translating { () throws(MacTCPError) in try MacTCP.open() }
    if !json { try Console.shared.print("PING \(host) (\(address)): \(size) data bytes") }
    let pinger = Pinger(driver: driver, address: address, usesJSON: json)
    let data = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
    try Interrupts.shared.whileStopping(with: { pinger.stop() }) { () throws(ToolFailure) in
      var sequence = 0
      while sequence < count ?? .max, !Interrupts.shared.isInterrupted {
        if sequence > 0, pinger.sleep(interval.duration) { break }
        sequence += 1
        try pinger.ping(sequence, data, timeout: timeout.duration)
      }
    }
    let tally = pinger.tally
    try Console.shared.print(json ? "\(tally.json)" : tally.text(host: host))
    if tally.received == 0 { throw ToolFailure(nil, tally.failure) }
  }
}

/// What came of the requests.
struct PingTally: Sendable {
  var sent = 0
  /// Of the answers, in milliseconds.
  var roundTrips: [Double] = []
  /// What the last lost request is reported as.
  var failure = ToolStatus.timedOut

  var received: Int { roundTrips.count }
  var loss: Double { sent == 0 ? 0 : Double(sent - received) / Double(sent) * 100 }
  var smallest: Double? { roundTrips.min() }
  var largest: Double? { roundTrips.max() }
  var average: Double? {
    roundTrips.isEmpty ? nil : roundTrips.reduce(0, +) / Double(roundTrips.count)
  }

  /// The summary, as ping programs print it.
  func text(host: String) -> String {
    var lines = [
      "", "--- \(host) ping statistics ---",
      "\(sent) packets transmitted, \(received) received, \(fixed(loss, 1))% packet loss",
    ]
    if let smallest, let average, let largest {
      let figures = [smallest, average, largest].map { fixed($0, 3) }.joined(separator: "/")
      lines.append("round-trip min/avg/max = \(figures) ms")
    }
    return lines.joined(separator: "\n")
  }

  var json: JSON {
    func figure(_ value: Double?) -> JSON { value.map { .decimal($0, digits: 3) } ?? .null }
    return .object([
      ("sent", .number(sent)), ("received", .number(received)), ("loss", .decimal(loss, digits: 1)),
      ("min", figure(smallest)), ("avg", figure(average)), ("max", figure(largest)),
    ])
  }
}

/// Sends requests, one at a time, and prints what becomes of them.
private final class Pinger: Sendable {
  private let driver: any Driver
  private let address: IPAddress
  private let usesJSON: Bool
  private let state = Mutex<(tally: PingTally, pending: Command<EchoReply>?)>((PingTally(), nil))
  private let stopped = DispatchSemaphore(value: 0)

  init(driver: any Driver, address: IPAddress, usesJSON: Bool) {
    self.driver = driver
    self.address = address
    self.usesJSON = usesJSON
  }

  var tally: PingTally { state.withLock { $0.tally } }

  /// Ends the request that is pending, or the pause.
  func stop() {
    stopped.signal()
    state.withLock { $0.pending }?.cancel()
  }

  /// Pauses; whether the pause was ended by ``stop()``.
  func sleep(_ duration: Duration) -> Bool {
    stopped.wait(timeout: .now() + duration.inSeconds) == .success
  }

  func ping(_ sequence: Int, _ data: [UInt8], timeout: Duration) throws(ToolFailure) {
    let command = driver.issueEcho(to: address, data: data, timeout: timeout)
    state.withLock { $0.pending = command }
    if Interrupts.shared.isInterrupted { command.cancel() }
    let reply: EchoReply
    do throws(MacTCPError) {
      reply = try command.wait()
    } catch {
      if error.cause == .cancelled { return }
      let status = ToolStatus(error)
      guard status == .timedOut || status == .unavailable else { throw ToolFailure(error) }
      state.withLock {
        $0.tally.sent += 1
        $0.tally.failure = status
      }
      try report(sequence, error)
      return
    }
    let time = reply.roundTrip.inMilliseconds
    state.withLock {
      $0.tally.sent += 1
      $0.tally.roundTrips.append(time)
    }
    try report(sequence, reply, time)
  }

  private func report(_ sequence: Int, _ reply: EchoReply, _ time: Double) throws(ToolFailure) {
    if usesJSON {
      let object = JSON.object([
        ("sequence", .number(sequence)), ("from", .string("\(reply.from)")),
        ("bytes", .number(reply.data.count)), ("time", .decimal(time, digits: 3)),
      ])
      try Console.shared.print("\(object)")
    } else {
      // As elsewhere, the ICMP header counts.
      let bytes = reply.data.count + 8
      try Console.shared.print(
        "\(bytes) bytes from \(reply.from): icmp_seq=\(sequence) time=\(fixed(time, 3)) ms")
    }
  }

  private func report(_ sequence: Int, _ error: MacTCPError) throws(ToolFailure) {
    if usesJSON {
      let object = JSON.object([
        ("sequence", .number(sequence)), ("error", .number(error.code.rawValue)),
        ("message", .string(error.message)),
      ])
      try Console.shared.print("\(object)")
    } else {
      try Console.shared.print("icmp_seq=\(sequence): \(error.message)")
    }
  }
}
