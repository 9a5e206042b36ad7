import Glibc
import MacTCPEngine
import MacTCPWire

/// What a connection does without the driver.
protocol Application: AnyObject {
  /// Goes on as far as it can; called when something has happened to the connection.
  func proceed(_ id: ConnectionID, _ host: Host) throws
}

/// Bytes on their way from one place to another: a part of a buffer.
struct Chunk {
  private var bytes: UnsafeMutableBufferPointer<UInt8>
  private var rest = 0..<0

  init(_ size: Int) { bytes = .allocate(capacity: size) }

  func free() { bytes.deallocate() }

  var isEmpty: Bool { rest.isEmpty }
  var waiting: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: bytes[rest]) }

  mutating func drop(_ count: Int) { rest = (rest.lowerBound + count)..<rest.upperBound }

  /// Fills the buffer anew, by what `body` does with it, which returns how much.
  mutating func fill(_ body: (UnsafeMutableBufferPointer<UInt8>) throws -> Int) rethrows {
    rest = 0..<(try body(bytes))
  }

  /// Fills the buffer with what the connection has received.
  mutating func receive(_ id: ConnectionID, _ host: Host) throws -> Received {
    var received = Received()
    try fill { buffer in
      var output = OutputSpan(buffer: buffer, initializedCount: 0)
      received = try host.engine.receive(id, into: &output, at: host.now)
      return output.finalize(for: buffer)
    }
    return received
  }

  /// Sends what waits, as far as there is room; `false` if something is left.
  mutating func send(_ id: ConnectionID, _ host: Host) throws -> Bool {
    if isEmpty { return true }
    drop(try host.engine.send(id, waiting.span, at: host.now))
    return isEmpty
  }
}

/// Sends back what comes.
final class Echo: Application {
  private var chunk = Chunk(65_536)
  private var isEnded = false

  func proceed(_ id: ConnectionID, _ host: Host) throws {
    while try chunk.send(id, host) {
      if isEnded { return try host.finish(id) }
      let received = try chunk.receive(id, host)
      isEnded = received.isEnd
      if received.count == 0 && !isEnded { return }
    }
  }

  deinit { chunk.free() }
}

/// Sends the contents of a file, then closes; writes what comes to another file. `-` is no file.
final class Transfer: Application {
  private let input: Int32?
  private let output: Int32?
  private var outgoing = Chunk(65_536)
  private var incoming = Chunk(65_536)
  private var isClosed = false
  private var isEnded = false
  private var sent = 0
  private var received = 0

  init(input: String, output: String) throws {
    self.input = input == "-" ? nil : try file(input, O_RDONLY)
    self.output = output == "-" ? nil : try file(output, O_WRONLY | O_CREAT | O_TRUNC)
  }

  deinit {
    outgoing.free()
    incoming.free()
    if let input { Glibc.close(input) }
    if let output { Glibc.close(output) }
  }

  func proceed(_ id: ConnectionID, _ host: Host) throws {
    try receive(id, host)
    // Who sends nothing of its own closes when the peer has.
    try send(id, host)
    if isClosed && isEnded {
      host.tell([
        "event": "finished", "id": id.rawValue, "sent": sent, "received": received,
      ])
      try host.finish(id)
    }
  }

  private func receive(_ id: ConnectionID, _ host: Host) throws {
    while !isEnded {
      let result = try incoming.receive(id, host)
      received += result.count
      if let output, result.count > 0 {
        guard write(output, incoming.waiting.baseAddress, result.count) == result.count else {
          throw Failure(description: "the output cannot be written")
        }
      }
      isEnded = result.isEnd
      if result.count == 0 { return }
    }
  }

  private func send(_ id: ConnectionID, _ host: Host) throws {
    guard !isClosed else { return }
    while try outgoing.send(id, host) {
      guard let input else {
        if isEnded { try close(id, host) }
        return
      }
      outgoing.fill { read(input, $0.baseAddress, $0.count) }
      sent += outgoing.waiting.count
      if outgoing.isEmpty { return try close(id, host) }
    }
  }

  private func close(_ id: ConnectionID, _ host: Host) throws {
    try host.engine.close(id, at: host.now)
    isClosed = true
  }
}

/// Answers one request of HTTP/1.1 with a file, whatever it asks for, and closes.
final class HTTPServer: Application {
  private let path: String
  private var request: [UInt8] = []
  private var chunk = Chunk(65_536)
  private var body: Transfer?

  init(_ path: String) { self.path = path }

  deinit { chunk.free() }

  func proceed(_ id: ConnectionID, _ host: Host) throws {
    if let body { return try body.proceed(id, host) }
    let received = try chunk.receive(id, host)
    request += chunk.waiting
    guard request.suffix(4).elementsEqual("\r\n\r\n".utf8) else {
      if received.isEnd { try host.finish(id) }
      return
    }
    var information = stat()
    guard stat(path, &information) == 0 else { throw Failure(description: "no \(path)") }
    let header = """
      HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
      Content-Length: \(information.st_size)\r\nConnection: close\r\n\r\n
      """
    // A send buffer that is empty has room for it.
    _ = try host.engine.send(id, Array(header.utf8).span, push: false, at: host.now)
    body = try Transfer(input: path, output: "-")
    try body?.proceed(id, host)
  }
}

/// Opens a file.
func file(_ path: String, _ flags: Int32) throws -> Int32 {
  let descriptor = open(path, flags | O_CLOEXEC, 0o600)
  guard descriptor >= 0 else { throw Failure(description: "\(path) cannot be opened") }
  return descriptor
}

extension Host {
  /// Closes the connection, if it is not, and lets it come to its end by itself.
  func finish(_ id: ConnectionID) throws {
    applications[id] = nil
    try? engine.close(id, at: now)
    try engine.release(id, at: now)
  }
}
