// Peers that do not answer.
import MacTCP

/// A port whose connection queue is full: the kernel drops every further SYN, so that an active open gets no answer.
final class SilentPort: Sendable {
  private let listener: ForeignSocket
  private let queued: [ForeignSocket]
  var endpoint: Endpoint { listener.local }

  init() throws {
    let listener = try ForeignSocket.listening(backlog: 0)
    self.listener = listener
    queued = try (0..<4).map { _ in
      let socket = try ForeignSocket.bound()
      socket.stopBlocking()
      try socket.connect(to: listener.local)
      return socket
    }
  }
}
