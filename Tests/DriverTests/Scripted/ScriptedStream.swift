import MacTCPCore
import MacTCPWire
import Testing

/// A TCP stream on a scripted transport, and a log of what it is notified of.
struct ScriptedStream: Sendable {
  let script: ScriptedTransport
  let stream: TCPStream
  let log: EventLog<TCPEvent>

  /// A stream without a connection. Without `hears` nobody listens to its events.
  init(receiveBuffer: Int = 4096, hears: Bool = true) throws {
    script = ScriptedTransport()
    stream = try TCPStream(driver: script, transport: script, receiveBuffer: receiveBuffer)
    log = EventLog()
    if hears { stream.onEvent = { [log] event in log.add(event) } }
  }

  /// A stream with an established connection.
  static func open(
    receiveBuffer: Int = 4096, hears: Bool = true, options: OpenOptions = OpenOptions()
  ) throws -> ScriptedStream {
    let scripted = try ScriptedStream(receiveBuffer: receiveBuffer, hears: hears)
    scripted.open(options: options)
    return scripted
  }

  /// Opens the stream actively.
  func open(options: OpenOptions = OpenOptions()) {
    let open = stream.issueActiveOpen(to: ScriptedTransport.peer, options: options)
    script.establish()
    #expect(open.code == .noErr)
  }

  /// The events so far.
  func events() async -> [TCPEvent] {
    await flush(stream.outbox, script.lock)
    return log.all
  }

  /// The events since the last call.
  func newEvents() async -> [TCPEvent] {
    await flush(stream.outbox, script.lock)
    return log.takeAll()
  }
}
