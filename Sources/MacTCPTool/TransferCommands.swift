import ArgumentParser
import MacTCP

/// The options that `listen` and `connect` share.
struct TransferOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Send this file instead of standard input.", valueName: "file"))
  var input: String?

  @Option(help: ArgumentHelp("Write to this file instead of standard output.", valueName: "file"))
  var output: String?

  @Option(
    help: ArgumentHelp("Send this text as urgent data, before the input.", valueName: "text"))
  var urgent: String?

  @Flag(help: "Show the Status block on standard error, once a second and at the end.")
  var status = false

  @Flag(help: "Show each notification on standard error as it comes, with its time.")
  var events = false

  @Flag(help: "Write what is shown on standard error as JSON, one object per line.")
  var json = false

  func validate() throws {
    if urgent?.isEmpty == true {
      throw ValidationError("Urgent data takes at least one character.")
    }
  }

  /// The same, for a session.
  var session: SessionOptions {
    SessionOptions(
      inputPath: input, outputPath: output, urgent: Array((urgent ?? "").utf8),
      monitor: MonitorOptions(showsStatus: status, showsEvents: events, usesJSON: json))
  }
}

/// `mactcp listen`.
struct ListenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "listen",
    abstract: "Wait for a peer: input to it, its data to output.",
    discussion: """
      At the end of the input this side closes, and goes on receiving until the peer closes too. When it is \
      interrupted the connection is reset, so that the peer does not take what it has for the whole.

      Example, receive a file and see the connection's Status:
        mactcp listen 7000 --output copy.bin --status
      Example, serve the same answer again and again:
        mactcp listen 8080 --keep --input answer.http
      """)

  @Argument(help: "The local port; 0 lets the driver choose, and standard error tells.")
  var port: UInt16

  @Option(
    help: ArgumentHelp("Listen on this local address only.", valueName: "address"))
  var localAddress: LocalAddress?

  @Option(help: ArgumentHelp("Wait so long for a connection.", valueName: "seconds"))
  var timeout: Seconds?

  @Flag(
    help: """
      Listen again after each connection. A file is sent to every peer; what is left of standard input goes to the \
      next one.
      """)
  var keep = false

  @OptionGroup var options: TransferOptions

  func run() throws(ToolFailure) {
    let driver = try translating { () throws(MacTCPError) in try MacTCP.open() }
    let session = try Session(driver, options.session)
    var local = Endpoint(localAddress?.address ?? .any, port)
    var reservation: (any PortReservation)?
    if keep {
      // Between two connections the port goes on listening.
      let reserved = try translating { () throws(MacTCPError) in
        try driver.reservePort(
          local, backlog: 128, receiveBuffer: Session.receiveBuffer, options: OpenOptions())
      }
      local.port = reserved.local.port
      reservation = reserved
    }
    defer { reservation?.cancel() }
    try session.run { () throws(ToolFailure) in
      repeat {
        let failure = try session.connect { stream in open(stream, local) }
        guard let failure else { continue }
        if !keep || Interrupts.shared.isInterrupted { throw failure }
        Console.shared.complain(failure.message ?? "")
      } while keep && !Interrupts.shared.isInterrupted
    }
  }

  private func open(_ stream: TCPStream, _ local: Endpoint) -> Command<Endpoint> {
    let open = stream.issuePassiveOpen(
      on: local.port, at: local.address, timeout: timeout?.duration)
    let tells = port == 0 || (Console.shared.isTerminal && !options.json)
    if tells, let endpoint = stream.localEndpoint {
      // The address that was asked for: a stream tells the driver's own where every one will do.
      let place = Endpoint(local.address, endpoint.port)
      Console.shared.note(listening(on: place, asJSON: options.json))
    }
    return open
  }
}

/// Says where a command listens.
func listening(on endpoint: Endpoint, asJSON usesJSON: Bool) -> String {
  if usesJSON {
    let object = JSON.object([
      ("listening", .string("\(endpoint.address)")), ("port", .number(Int(endpoint.port))),
    ])
    return "\(object)"
  }
  let place = endpoint.address == .any ? "port \(endpoint.port)" : "\(endpoint)"
  return "listening on \(place)"
}

/// `mactcp connect`.
struct ConnectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connect",
    abstract: "Connect to a peer: input to it, its data to output.",
    discussion: """
      At the end of the input this side closes, and goes on receiving until the peer closes too. When it is \
      interrupted the connection is reset, so that the peer does not take what it has for the whole.

      Example, send a file:
        mactcp connect 192.168.1.20 7000 --input original.bin
      Example, fetch a page and see what the stream is notified of:
        printf 'GET / HTTP/1.0\\r\\n\\r\\n' | mactcp connect 192.168.1.20 80 --events
      """)

  @Argument(help: "The peer's address or name.")
  var host: String

  @Argument(help: "The peer's port.")
  var port: RemotePort

  @Option(help: "The local port; without it the driver chooses.")
  var localPort: UInt16?

  @Option(
    help: ArgumentHelp(
      "Wait so long for an answer (ULP time-out, at least 2), and for data while nothing is sent.",
      valueName: "seconds"))
  var timeout: Seconds?

  @OptionGroup var options: TransferOptions

  func run() throws(ToolFailure) {
    let remote = Endpoint(try resolve(host), port.number)
    let driver = try translating { () throws(MacTCPError) in try MacTCP.open() }
    var sessionOptions = options.session
    sessionOptions.idleTimeout = timeout?.duration
    let session = try Session(driver, sessionOptions)
    var open = OpenOptions()
    if let timeout { open.ulpTimeout = timeout.duration }
    try session.run { () throws(ToolFailure) in
      let failure = try session.connect { stream in
        stream.issueActiveOpen(to: remote, port: localPort ?? 0, options: open)
      }
      if let failure { throw failure }
    }
  }
}
