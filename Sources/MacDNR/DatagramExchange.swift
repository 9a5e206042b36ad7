// A question over UDP: RFC 1035 §4.2.1, RFC 5452.
internal import MacTCPCore
internal import MacTCPWire

/// A question to a server over UDP.
final class DatagramExchange: Exchange, @unchecked Sendable {
  // Sendable: as its superclass.
  /// Datagrams that came and were not the answer.
  private var strays = 0

  /// Holds a few of the largest answers, so that strays do not crowd out the right one.
  private static let receiveBuffer = 16_384
  /// After so many strays somebody is taken to be guessing the identifier (RFC 5452 §9.2): TCP is safe
  /// from that.
  private static let mostStrays = 8

  override func start() -> ExchangeOutcome? {
    _ = super.start()
    let stream: UDPStream
    let query: [UInt8]
    do throws(MacTCPError) {
      query = try self.query()
      stream = try core.driver.createUDPStream(
        receiveBuffer: Self.receiveBuffer, ports: 0...0, address: .any)
    } catch {
      return .failed(.local(error))
    }
    guard adopt({ stream.release() }) else { return nil }
    // A closed port is heard of at once, where the network says so.
    stream.onEvent = { [weak self] event in
      guard let self, case .icmpReceived(let report) = event, report.remote == server else {
        return
      }
      core.finished(self, .failed(.unreachable))
    }
    return after(stream.issueWrite(query, to: server)) { [self] result in
      guard case .success = result else { return .failed(.unreachable) }
      return readAnswer(from: stream)
    }
  }

  private func readAnswer(from stream: UDPStream) -> ExchangeOutcome? {
    repeating({ [self] in stream.issueRead(timeout: timeLeft) }) { [self] result in
      switch result {
      case .failure(let error):
        return .failed(error.code == .commandTimeout ? .silent : .unreachable)
      case .success(let datagram):
        // RFC 5452 §9.1: from the address and port that were asked, and no others.
        if datagram.from == server, let outcome = examine(datagram.data) { return outcome }
        strays += 1
        return strays < Self.mostStrays ? nil : .overTCP
      }
    }
  }
}
