// What `listen` and `connect` do with an open stream: input to the peer, the peer to output, at the same time.
//
// Two threads with calls that block. This side closes at the end of its input and goes on receiving until the peer
// closes too. Whatever goes wrong on one side ends the other one with it.
import Dispatch
import MacTCP
import Synchronization

/// How much has gone each way.
final class Counters: Sendable {
  private let sentBytes = Atomic(0)
  private let receivedBytes = Atomic(0)

  var sent: Int { sentBytes.load(ordering: .relaxed) }
  var received: Int { receivedBytes.load(ordering: .relaxed) }

  func addSent(_ count: Int) { sentBytes.wrappingAdd(count, ordering: .relaxed) }
  func addReceived(_ count: Int) { receivedBytes.wrappingAdd(count, ordering: .relaxed) }

  /// `12.0 MB sent, 17 bytes received`.
  var summary: String { "\(amount(sent)) sent, \(amount(received)) received" }
}

/// The transfer over one connection.
final class Transfer: Sendable {
  private let stream: TCPStream
  private let input: InputSource
  private let output: OutputSink
  private let counters: Counters
  private let monitor: Monitor
  /// Sent as urgent data before the input.
  private let urgent: [UInt8]
  /// How long nothing may go either way.
  private let idleTimeout: Duration?

  private let failure = Mutex<ToolFailure?>(nil)
  private let done = DispatchSemaphore(value: 0)

  private static let bufferSize = 65_536
  /// How long an interrupted transfer may take to wind up, in seconds.
  private static let windingUp = 1.0

  init(
    stream: TCPStream, input: InputSource, output: OutputSink, counters: Counters, monitor: Monitor,
    urgent: [UInt8], idleTimeout: Duration?
  ) {
    self.stream = stream
    self.input = input
    self.output = output
    self.counters = counters
    self.monitor = monitor
    self.urgent = urgent
    self.idleTimeout = idleTimeout
  }

  /// Transfers until both sides have closed, or until something fails.
  func run() throws(ToolFailure) {
    let group = DispatchGroup()
    DispatchQueue(label: "send").async(group: group) {
      self.failingTogether { () throws(ToolFailure) in try self.sendInput() }
    }
    DispatchQueue(label: "receive").async(group: group) {
      self.failingTogether { () throws(ToolFailure) in try self.receiveOutput() }
    }
    group.notify(queue: DispatchQueue(label: "done")) { self.done.signal() }
    done.wait()
    if let failure = failure.withLock({ $0 }) { throw failure }
  }

  /// Ends the transfer from another thread. The connection is reset: the peer shall not take what it has for the whole.
  func stop() {
    giveUp()
    // Output that nobody takes keeps its thread waiting.
    DispatchQueue.global().asyncAfter(deadline: .now() + Transfer.windingUp) { self.done.signal() }
  }

  private func giveUp() {
    try? stream.abort()
    input.end()
  }

  private func failingTogether(_ body: () throws(ToolFailure) -> Void) {
    do throws(ToolFailure) {
      try body()
    } catch {
      failure.withLock { if $0 == nil { $0 = error } }
      giveUp()
    }
  }

  // MARK: The two directions

  private func sendInput() throws(ToolFailure) {
    if !urgent.isEmpty {
      try translating { () throws(MacTCPError) in try stream.send(urgent, urgent: true) }
      counters.addSent(urgent.count)
    }
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Transfer.bufferSize, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try input.read(into: buffer)
      if count == 0 { break }
      try translating { () throws(MacTCPError) in
        try stream.send(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
      counters.addSent(count)
    }
    monitor.look()
    try translating { () throws(MacTCPError) in try stream.close() }
  }

  private func receiveOutput() throws(ToolFailure) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Transfer.bufferSize, alignment: 16)
    defer { buffer.deallocate() }
    while let received = try receive(into: buffer) {
      counters.addReceived(received.count)
      monitor.received(received)
      try output.write(UnsafeRawBufferPointer(rebasing: buffer[..<received.count]))
    }
    monitor.look()
    // A person at the keyboard has nobody to type for any more.
    if input.isTerminal { input.end() }
  }

  /// Receives what has come; `nil` when the peer has closed.
  private func receive(into buffer: UnsafeMutableRawBufferPointer) throws(ToolFailure)
    -> ReceivedCount?
  {
    while true {
      let sentBefore = counters.sent
      do throws(MacTCPError) {
        return try stream.receive(into: buffer, timeout: idleTimeout)
      } catch {
        switch error.code {
        case .connectionClosing: return nil
        case .commandTimeout where counters.sent != sentBefore: continue
        default: throw ToolFailure(error)
        }
      }
    }
  }
}
