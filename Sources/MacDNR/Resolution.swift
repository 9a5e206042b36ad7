// The search for one answer: over the servers, round after round: RFC 1034 §5.3.3, RFC 1035 §7.2.
internal import MacTCPCore
internal import MacTCPWire

/// A question that is being asked, for everybody who wants to know. Touched with the core's lock held
/// only.
final class Resolution {
  let question: DNSQuestion
  /// Who waits for the answer.
  var lookups: [Lookup] = []
  /// The exchange that is going on, or waits for its turn.
  var exchange: Exchange?

  let settings: Settings
  /// Servers that may still know, in the order in which they are asked.
  private var servers: [Endpoint]
  private var round = 0
  private var index = 0
  /// What each server failed with at last, in the order in which they did.
  private var failures: [(server: Endpoint, failure: ServerFailure)] = []

  init(_ question: DNSQuestion, _ settings: Settings, servers: [Endpoint]) {
    self.question = question
    self.settings = settings
    self.servers = servers
  }

  /// The first server to ask, or the next one after a failure; `nil` when all rounds are over.
  func nextServer() -> (server: Endpoint, timeout: Duration)? {
    if index >= servers.count {
      index = 0
      round += 1
    }
    guard round < settings.attempts, index < servers.count else { return nil }
    defer { index += 1 }
    return (servers[index], settings.timeout(inRound: round))
  }

  /// How long to wait for the same server once more, asked in another way.
  var presentTimeout: Duration { settings.timeout(inRound: round) }

  /// Notes a failure. Servers that have said that they do not know are not asked again.
  func note(_ failure: ServerFailure, of server: Endpoint) {
    failures.removeAll { $0.server == server }
    failures.append((server, failure))
    switch failure {
    case .silent, .unreachable, .local: break
    case .code, .malformed, .referral:
      guard let place = servers.firstIndex(of: server) else { return }
      servers.remove(at: place)
      if place < index { index -= 1 }
    }
  }

  /// Why there is no answer, when all rounds are over.
  var error: MacTCPError {
    let name = question.name
    // A server that answered says more than one that is silent.
    for (server, failure) in failures.reversed() {
      switch failure {
      case .code(let code):
        let what = code == .refused ? "refuses to answer" : "failed to answer"
        return MacTCPError(.dnrErr, "the name server \(server) \(what) for \(name): \(code)")
      case .malformed:
        return MacTCPError(
          .dnrErr, "the name server \(server) gave an answer for \(name) that cannot be read")
      case .referral:
        return MacTCPError(
          .dnrErr, "the name server \(server) does not look for \(name): it named other servers")
      case .silent, .unreachable, .local: break
      }
    }
    for case (_, .local(let error)) in failures { return error }
    let isSilent = failures.contains { if case .silent = $0.failure { true } else { false } }
    let list = failures.map { "\($0.server)" }.joined(separator: ", ")
    return isSilent
      ? MacTCPError(
        .noAnsErr, "no name server answered in time for \(name): \(list)", cause: .timedOut)
      : MacTCPError(
        .noAnsErr, "no name server for \(name) can be reached: \(list)", cause: .unreachable)
  }
}
