// Small things that these tests share.
import MacTCP
import Testing

/// The error of a call that must fail.
func failure<R: ~Copyable>(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> R
) async throws -> MacTCPError {
  do {
    _ = try await body()
  } catch {
    return try #require(error as? MacTCPError, sourceLocation: sourceLocation)
  }
  Issue.record("the call succeeded", sourceLocation: sourceLocation)
  throw Network.Failure(description: "the call succeeded")
}

/// Waits until `condition` holds, and records an issue if it does not come to that.
func until(
  _ what: String, within limit: Duration = .seconds(20),
  sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + limit
  while try await !condition() {
    guard ContinuousClock.now < deadline else {
      Issue.record("waited in vain: \(what)", sourceLocation: sourceLocation)
      throw Network.Failure(description: "waited in vain: \(what)")
    }
    await Task.yield()
  }
}

extension StreamEvents {
  /// The next event.
  func first() async throws -> Event {
    var iterator = makeAsyncIterator()
    return try #require(await iterator.next())
  }

  /// Every event until the stream is released.
  func collected() async -> [Event] {
    var events: [Event] = []
    for await event in self { events.append(event) }
    return events
  }
}

extension Tunnel {
  /// The driver, with this link as its interface.
  func driver() throws -> HostDriver {
    try HostDriver(HostDriver.Configuration(interface: name))
  }

  /// An open stream and the peer that it is connected with.
  func connection(
    _ driver: (any Driver)? = nil, receiveBuffer: Int = 16_384, window: UInt16 = 30_000,
    maximumSegment: UInt16 = 1460, options: OpenOptions = OpenOptions()
  ) async throws -> (stream: TCPStream, peer: Peer) {
    let stream = try (driver ?? self.driver()).createTCPStream(receiveBuffer: receiveBuffer)
    let open = stream.issueActiveOpen(to: Endpoint(far, 7), options: options)
    let peer = try Peer.accepting(self, window: window, maximumSegment: maximumSegment)
    _ = try await open.value
    return (stream, peer)
  }
}
