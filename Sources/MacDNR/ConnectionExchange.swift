// A question over TCP, for answers that do not fit a datagram: RFC 1035 §4.2.2, RFC 7766.
internal import MacTCPCore
internal import MacTCPWire

/// A question to a server over TCP, on a connection of its own.
final class ConnectionExchange: Exchange, @unchecked Sendable {
  // Sendable: as its superclass.
  private var received: [UInt8] = []

  /// An answer has two bytes of length before it.
  private static let prefixLength = 2

  override func start() -> ExchangeOutcome? {
    _ = super.start()
    let stream: TCPStream
    let query: [UInt8]
    do throws(MacTCPError) {
      query = try self.query()
      stream = try core.driver.createTCPStream(receiveBuffer: 65_536)
    } catch {
      return .failed(.local(error))
    }
    guard adopt({ stream.release() }) else { return nil }
    let options = OpenOptions(ulpTimeout: timeout)
    return after(stream.issueActiveOpen(to: server, options: options)) { [self] result in
      switch result {
      case .success: send(query, on: stream)
      case .failure(let error): .failed(error.cause == .timedOut ? .silent : .unreachable)
      }
    }
  }

  private func send(_ query: [UInt8], on stream: TCPStream) -> ExchangeOutcome? {
    let length = UInt16(truncatingIfNeeded: query.count)
    let prefix = [UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)]
    // Length and message in one segment (RFC 7766 §8).
    return after(stream.issueSend(prefix + query)) { [self] result in
      guard case .success = result else { return .failed(.unreachable) }
      return receive(on: stream)
    }
  }

  private func receive(on stream: TCPStream) -> ExchangeOutcome? {
    repeating({ [self] in stream.issueReceive(timeout: timeLeft) }) { [self] result in
      switch result {
      case .success(let more):
        received += more.data
        if let message = wholeMessage { return examine(message) ?? .failed(.malformed) }
        // Whoever sends a byte now and then is not waited for any longer than who is silent.
        return isOverdue ? .failed(.silent) : nil
      case .failure(let error):
        return .failed(error.code == .commandTimeout ? .silent : .unreachable)
      }
    }
  }

  /// The answer, once all of it has come.
  private var wholeMessage: [UInt8]? {
    guard let length = received.span.networkUInt16(at: 0) else { return nil }
    let end = Self.prefixLength + Int(length)
    return received.count >= end ? Array(received[Self.prefixLength..<end]) : nil
  }
}
