import ArgumentParser
import Dispatch
import MacTCP
import Synchronization
import SystemPackage

/// `mactcp udp`.
struct UDPCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "udp",
    abstract: "Send or receive datagrams.",
    discussion: """
      Example:
        mactcp udp listen 7000 --count 1
        echo hello | mactcp udp send 127.0.0.1 7000
      """,
    subcommands: [UDPSendCommand.self, UDPListenCommand.self])
}

/// `mactcp udp send`.
struct UDPSendCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "send",
    abstract: "Send a datagram per line of standard input, or per file.",
    discussion: """
      Lines are sent without their line feeds. When the host reports that a datagram did not arrive, the exit \
      status is 69.

      Example, two datagrams:
        printf 'one\\ntwo\\n' | mactcp udp send 127.0.0.1 7000
      Example, a file as one datagram:
        mactcp udp send 127.0.0.1 7000 --file query.bin
      """)

  @Argument(help: "The receiver's address or name.")
  var host: String

  @Argument(help: "The receiver's port.")
  var port: RemotePort

  @Option(help: "The local port; without it the driver chooses.")
  var localPort: UInt16?

  @Option(
    help: ArgumentHelp(
      "Send this file as one datagram; can be given more than once.", valueName: "file"))
  var file: [String] = []

  @Flag(help: "Print what was sent as a JSON object.")
  var json = false

  func run() throws(ToolFailure) {
    let remote = Endpoint(try resolve(host), port.number)
    let stream = try translating { () throws(MacTCPError) in
      try MacTCP.open().createUDPStream(port: localPort ?? 0)
    }
    let sender = DatagramSender(stream, remote)
    try Interrupts.shared.whileStopping(with: { sender.stop() }) { () throws(ToolFailure) in
      do throws(ToolFailure) {
        try sendAll(sender)
      } catch {
        throw Interrupts.shared.isInterrupted ? .interrupted(sender.summary) : error
      }
    }
    if Interrupts.shared.isInterrupted { throw .interrupted(sender.summary) }
    let report = sender.waitForReport()
    if json { try Console.shared.print("\(sender.json)") }
    if let report { throw ToolFailure("a datagram did not arrive: \(report)", .unavailable) }
  }

  private func sendAll(_ sender: DatagramSender) throws(ToolFailure) {
    for path in file {
      try sender.send(try wholeFile(try sender.input(path: path)))
    }
    guard file.isEmpty else { return }
    var lines = LineSplitter()
    let input = try sender.input(path: nil)
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      var span = buffer.mutableSpan
      let count = try span.withUnsafeMutableBytes { bytes throws(ToolFailure) in
        try input.read(into: bytes)
      }
      if count == 0 { break }
      try lines.add(buffer[..<count]) { line throws(ToolFailure) in try sender.send(line) }
    }
    if let last = lines.rest { try sender.send(last) }
  }

  private func wholeFile(_ input: InputSource) throws(ToolFailure) -> [UInt8] {
    var data: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    // One byte more than a datagram holds is enough for the driver to refuse it.
    while data.count <= UDPStream.largestDatagram {
      var span = buffer.mutableSpan
      let count = try span.withUnsafeMutableBytes { bytes throws(ToolFailure) in
        try input.read(into: bytes)
      }
      if count == 0 { break }
      data += buffer[..<count]
    }
    return data
  }
}

/// Cuts a stream of bytes into lines, which end with a line feed each; the last one may lack it. A line is no longer
/// than a datagram.
struct LineSplitter {
  private var pending: [UInt8] = []

  /// Takes the next bytes, and gives `take` the lines that they complete, without their line feeds.
  mutating func add(
    _ bytes: ArraySlice<UInt8>, _ take: ([UInt8]) throws(ToolFailure) -> Void
  ) throws(ToolFailure) {
    var rest = bytes
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      try append(rest[..<end])
      try take(pending)
      pending = []
      rest = rest[(end + 1)...]
    }
    try append(rest)
  }

  private mutating func append(_ bytes: ArraySlice<UInt8>) throws(ToolFailure) {
    let most = UDPStream.largestDatagram
    guard pending.count + bytes.count <= most else {
      throw ToolFailure("a line is too long: a datagram carries at most \(most) bytes")
    }
    pending += bytes
  }

  /// What came after the last line feed; `nil` if nothing did.
  var rest: [UInt8]? { pending.isEmpty ? nil : pending }
}

/// Sends datagrams to one receiver, and hears what becomes of them.
private final class DatagramSender: Sendable {
  private let stream: UDPStream
  private let remote: Endpoint
  private let state = Mutex(State())
  private let reported = DispatchSemaphore(value: 0)

  private struct State {
    var datagrams = 0
    var bytes = 0
    var report: ICMPReport?
    /// What is read now.
    var input: InputSource?
    var isStopped = false
  }

  init(_ stream: UDPStream, _ remote: Endpoint) {
    self.stream = stream
    self.remote = remote
    stream.onEvent = { [weak self] event in
      guard let self, case .icmpReceived(let report) = event else { return }
      state.withLock { $0.report = report }
      reported.signal()
    }
  }

  /// Opens the file at `path`, or standard input; ``stop()`` ends its reads.
  func input(path: String?) throws(ToolFailure) -> InputSource {
    let input = try InputSource(path: path)
    let isLate = state.withLock {
      $0.input = input
      return $0.isStopped
    }
    if isLate { input.end() }
    return input
  }

  /// Makes the sending end from another thread. The stream goes first: an input that was cut off must not be sent.
  func stop() {
    stream.release()
    let input = state.withLock {
      $0.isStopped = true
      return $0.input
    }
    input?.end()
  }

  func send(_ data: [UInt8]) throws(ToolFailure) {
    try translating { () throws(MacTCPError) in try stream.write(data, to: remote) }
    state.withLock {
      $0.datagrams += 1
      $0.bytes += data.count
    }
  }

  /// Waits for a moment whether somebody reports that a datagram did not arrive.
  func waitForReport() -> ICMPReport? {
    if state.withLock({ $0.datagrams }) > 0 { _ = reported.wait(timeout: .now() + 0.1) }
    return state.withLock { $0.report }
  }

  var summary: String {
    state.withLock { "\($0.datagrams) datagrams sent, \(amount($0.bytes))" }
  }

  var json: JSON {
    state.withLock {
      .object([
        ("remoteHost", .string("\(remote.address)")), ("remotePort", .number(Int(remote.port))),
        ("localPort", .number(Int(stream.port))), ("datagrams", .number($0.datagrams)),
        ("bytes", .number($0.bytes)),
      ])
    }
  }
}

/// `mactcp udp listen`.
struct UDPListenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "listen",
    abstract: "Print each datagram that comes as a line.",
    discussion: """
      Example, the next datagram and who sent it:
        mactcp udp listen 7000 --count 1 --json
      Example, a datagram into a file, byte for byte:
        mactcp udp listen 7000 --count 1 --raw > answer.bin
      """)

  @Argument(help: "The local port; 0 lets the driver choose, and standard error tells.")
  var port: UInt16

  @Option(name: .shortAndLong, help: "Stop after so many datagrams.")
  var count: Int?

  @Option(help: ArgumentHelp("Wait so long for each datagram.", valueName: "seconds"))
  var timeout: Seconds?

  @Flag(help: "Print the bytes alone, with no line feed after them.")
  var raw = false

  @Flag(help: "Print a JSON object for each datagram; its data in hexadecimal digits.")
  var json = false

  /// Holds what comes in bursts, while what came before is printed.
  private static let receiveBuffer = 1 << 20

  func validate() throws {
    if let count, count < 1 { throw ValidationError("The count is at least 1.") }
    if raw && json { throw ValidationError("--raw and --json exclude each other.") }
  }

  func run() throws(ToolFailure) {
    let stream = try translating { () throws(MacTCPError) in
      try MacTCP.open().createUDPStream(
        receiveBuffer: UDPListenCommand.receiveBuffer, port: port)
    }
    if port == 0 || (Console.shared.isTerminal && !json) {
      Console.shared.note(listening(on: Endpoint(.any, stream.port), asJSON: json))
    }
    let output = try OutputSink(path: nil)
    try Interrupts.shared.whileStopping(with: { stream.release() }) { () throws(ToolFailure) in
      var received = 0
      while received < count ?? .max {
        let datagram: ReceivedDatagram
        do throws(MacTCPError) {
          datagram = try stream.read(timeout: timeout?.duration)
        } catch {
          throw Interrupts.shared.isInterrupted
            ? .interrupted("\(received) datagrams received") : ToolFailure(error)
        }
        received += 1
        try output.write(printed(datagram))
      }
    }
  }

  private func printed(_ datagram: ReceivedDatagram) -> [UInt8] {
    if raw { return datagram.data }
    if !json { return datagram.data + [UInt8(ascii: "\n")] }
    let object = JSON.object([
      ("remoteHost", .string("\(datagram.from.address)")),
      ("remotePort", .number(Int(datagram.from.port))),
      ("localPort", .number(Int(datagram.localPort))), ("length", .number(datagram.data.count)),
      ("data", .string(hexadecimal(datagram.data))),
    ])
    return Array("\(object)\n".utf8)
  }
}
