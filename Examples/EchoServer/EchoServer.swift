// An echo server: every peer gets back what it sends, until it closes.
//
//   EchoServer [PORT]        then, elsewhere: nc 127.0.0.1 PORT
import MacTCP

@main
struct EchoServer {
  static func main() async throws {
    guard let port = UInt16(CommandLine.arguments.dropFirst().first ?? "7000") else {
      fatalError("usage: EchoServer [PORT]")
    }
    let driver = try MacTCP.open()
    let listener = try TCPListener(driver, on: port)
    print("listening on port \(listener.localEndpoint.port)")
    for try await stream in listener {
      Task { await serve(stream) }
    }
  }

  /// Carries one connection to its end. The stream is released with its last reference, when this returns.
  static func serve(_ stream: TCPStream) async {
    let peer = stream.remoteEndpoint.map { "\($0)" } ?? "a peer that has gone"
    print("\(peer): connected")
    var count = 0
    do {
      while let data = try await nextData(on: stream) {
        try await stream.send(data)
        count += data.count
      }
      // The peer has closed: closing this side too ends the connection in peace.
      try await stream.close()
      print("\(peer): closed after \(count) bytes")
    } catch {
      print("\(peer): \(error)")
    }
  }

  /// What the peer sends next; `nil` once it has closed and everything it sent was received.
  static func nextData(on stream: TCPStream) async throws(MacTCPError) -> [UInt8]? {
    do {
      return try await stream.receive().data
    } catch {
      guard error.code == .connectionClosing else { throw error }
      return nil
    }
  }
}
