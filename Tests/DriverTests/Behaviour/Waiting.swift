// How the behaviour suite waits: for commands, events and conditions, each with a time that only a failure uses up.
import MacTCP
import Testing

/// Waits until `condition` holds, and records an issue if it does not come to that. Between two looks it leaves the
/// processors to the other tests.
func until(
  _ what: String, within limit: Duration = .seconds(90),
  sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
  let clock = ContinuousClock()
  let deadline = clock.now + limit
  while try await !condition() {
    guard clock.now < deadline else {
      Issue.record("waited in vain: \(what)", sourceLocation: sourceLocation)
      throw CancellationError()
    }
    try await Task.sleep(for: .microseconds(200))
  }
}

/// The result code of a call; `noErr` when it did not throw.
func result<R: ~Copyable>(_ body: () async throws -> R) async -> ResultCode {
  do {
    _ = try await body()
    return .noErr
  } catch {
    return MacTCPError(of: error).code
  }
}

/// Runs a call that may block on a thread of its own; the command completes with what it returns.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) -> Command<Value> {
  onThread { () throws(MacTCPError) in
    do {
      return try body()
    } catch {
      throw MacTCPError(of: error)
    }
  }
}

/// Runs a call that may suspend in a task of its own; the command completes with what it returns.
func suspending<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value)
  -> Command<Value>
{
  inTask { () throws(MacTCPError) in
    do {
      return try await body()
    } catch {
      throw MacTCPError(of: error)
    }
  }
}

extension MacTCPError {
  /// An error of the driver as it is; any other under a code that the driver never gives.
  fileprivate init(of error: any Error) {
    self = error as? MacTCPError ?? MacTCPError(.outOfMemory, "\(error)")
  }
}

extension Command {
  /// The result code, once the command has completed.
  var completion: ResultCode {
    get async {
      do throws(MacTCPError) {
        _ = try await value
        return .noErr
      } catch {
        return error.code
      }
    }
  }

  /// The error, once the command has completed; `nil` for success.
  var error: MacTCPError? {
    get async {
      do throws(MacTCPError) {
        _ = try await value
        return nil
      } catch {
        return error
      }
    }
  }
}

extension StreamEvents {
  /// Every event until the stream is released.
  func collected() async -> [Event] {
    var events: [Event] = []
    for await event in self { events.append(event) }
    return events
  }
}

extension StreamEvents where Event: Equatable {
  /// Waits for an event, and returns those that came before it.
  func before(_ event: Event) async throws -> [Event] {
    var earlier: [Event] = []
    for await next in self {
      if next == event { return earlier }
      earlier.append(next)
    }
    Issue.record("\(event) did not come, but \(earlier)")
    throw CancellationError()
  }
}

extension TCPStream {
  /// Receives exactly `count` bytes, in as many receives as it takes.
  func receiveAll(_ count: Int) async throws -> [UInt8] {
    var data: [UInt8] = []
    while data.count < count { data += try await receive(upTo: count - data.count).data }
    return data
  }

  /// Waits until `count` bytes have come and lie unread.
  func arrived(_ count: Int, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    try await until("\(count) bytes unread", sourceLocation: sourceLocation) {
      try status().unread >= count
    }
  }
}
