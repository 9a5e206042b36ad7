// A client that is driven by events and interrupted by urgent data. It brings its own server and runs alone.
import MacTCP

@main
struct UrgentClient {
  static func main() async throws {
    let driver = try MacTCP.open()
    let server = try driver.createTCPStream()
    let opening = server.issuePassiveOpen(at: .loopback)
    guard let local = server.localEndpoint else {
      _ = try await opening.value  // throws what was wrong
      return
    }
    async let served: Void = serve(server, opening)

    let client = try driver.createTCPStream()
    let events = client.events
    try await client.activeOpen(to: local)
    for await event in events {
      print("event: \(event)")
      switch event {
      case .dataArrival, .urgent:
        // Both may tell of the same bytes: by the second one they have been received.
        while try client.status().unread > 0 { try await receive(on: client) }
      case .closing:
        try await client.close()
      case .terminated:
        client.release()  // which also ends the sequence of events
      case .ulpTimeout, .icmpReceived:
        break
      }
    }
    try await served
  }

  static func receive(on stream: TCPStream) async throws {
    let received = try await stream.receive()
    let flags = (received.isUrgent ? " urgent" : "") + (received.isMark ? " mark" : "")
    print("received: \(String(decoding: received.data, as: UTF8.self))\(flags)")
    try await stream.send(Array("seen".utf8))
  }

  /// The server: sends a line, interrupts with urgent data, says good-bye; each when the last was seen.
  static func serve(_ stream: TCPStream, _ opening: Command<Endpoint>) async throws {
    _ = try await opening.value
    for (text, urgent) in [("one two three", false), ("STOP", true), ("bye", false)] {
      try await stream.send(Array(text.utf8), urgent: urgent)
      _ = try await stream.receive()
    }
    try await stream.close()
    // A stream that is let go before the peer has closed too aborts the connection.
    while (try? await stream.receive()) != nil {}
  }
}
