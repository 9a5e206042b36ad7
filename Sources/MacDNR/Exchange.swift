// One question to one server, over one stream: begun by `start()`, over with exactly one outcome.
//
// `start()` and what goes on from it are called without a lock. The variables of an exchange belong to
// whoever goes on with it, one thread at a time; only `stream` and `isEnded` are touched by others too.
internal import MacTCPCore
internal import MacTCPWire

/// What became of a question to one server.
enum ExchangeOutcome {
  /// An answer, and how long its message was in bytes.
  case found(Finding, byteCount: Int)
  /// The answer did not fit the datagram (TC), or answers came that nobody was asked for: the same
  /// question is to be asked over TCP.
  case overTCP
  /// The server does not know EDNS (RFC 6891 §7): the same question is to be asked without.
  case withoutEDNS
  case failed(ServerFailure)
}

/// Why a server has no answer.
enum ServerFailure {
  /// It did not answer in time.
  case silent
  /// It cannot be reached, or closed the connection.
  case unreachable
  /// It answered with this code.
  case code(ResponseCode)
  /// It sent what cannot be read.
  case malformed
  /// It named other servers instead of asking them.
  case referral
  /// Nothing was asked: this host has no stream for it.
  case local(MacTCPError)
}

/// One question to one server.
class Exchange: @unchecked Sendable {
  // Sendable: see above; `release` and `isEnded` are touched with the core's lock held only.
  let core: ResolverCore
  let server: Endpoint
  let question: DNSQuestion
  let usesEDNS: Bool
  let timeout: Duration
  let identifier = UInt16.random(in: .min ... .max)
  private(set) var deadline = MonotonicTime(nanoseconds: 0)
  private var release: (@Sendable () -> Void)?
  private var isEnded = false

  init(
    _ core: ResolverCore, asking question: DNSQuestion, of server: Endpoint, usesEDNS: Bool,
    timeout: Duration
  ) {
    self.core = core
    self.question = question
    self.server = server
    self.usesEDNS = usesEDNS
    self.timeout = timeout
  }

  /// Begins. Returns the outcome if it is there at once; else the core is told of it later.
  func start() -> ExchangeOutcome? {
    deadline = core.clock() + timeout
    return nil
  }

  /// Lets the stream go. The outcome is of no interest any more. Called without the lock.
  final func end() {
    let release = core.lock.withLock {
      isEnded = true
      defer { self.release = nil }
      return self.release
    }
    release?()
  }

  /// Makes `release` what ends the exchange's stream; `false` if the exchange has ended already.
  final func adopt(_ release: @escaping @Sendable () -> Void) -> Bool {
    let isWanted = core.lock.withLock {
      if !isEnded { self.release = release }
      return !isEnded
    }
    if !isWanted { release() }
    return isWanted
  }

  /// The time that is left, at least a moment: whoever waits shall hear of the time-out from the stream.
  final var timeLeft: Duration { max(deadline - core.clock(), .milliseconds(1)) }

  /// Whether no time is left.
  final var isOverdue: Bool { core.clock() >= deadline }

  /// The query as it goes on the wire.
  ///
  /// RFC 5452 §9: the identifier is random for each query, and so is the port, which the driver chooses
  /// for each stream anew.
  final func query() throws(MacTCPError) -> [UInt8] {
    let message = DNSMessage(
      asking: question, identifier: identifier, edns: usesEDNS ? EDNS() : nil)
    do throws(WireError) {
      return try message.encoded()
    } catch {
      throw MacTCPError(.nameSyntaxErr, "a query for \(question.name) cannot be written")
    }
  }

  // MARK: Waiting for commands

  /// Goes on with `next` when `command` has completed: at once, with the outcome as result, or later.
  final func after<Value>(
    _ command: Command<Value>,
    _ next: @escaping @Sendable (Result<Value, MacTCPError>) -> ExchangeOutcome?
  ) -> ExchangeOutcome? {
    let handoff = Handoff<Value>(core.lock)
    command.whenComplete { [self] result in
      guard handoff.arrive(with: result) else { return }
      if let outcome = next(result) { core.finished(self, outcome) }
    }
    guard let result = handoff.leave() else { return nil }
    return next(result)
  }

  /// Issues commands, each when the one before has completed, until `take` makes an outcome of a
  /// result. What the network sends decides how many there are: they never nest.
  final func repeating<Value>(
    _ issue: @escaping @Sendable () -> Command<Value>,
    _ take: @escaping @Sendable (Result<Value, MacTCPError>) -> ExchangeOutcome?
  ) -> ExchangeOutcome? {
    while true {
      let handoff = Handoff<Value>(core.lock)
      issue().whenComplete { [self] result in
        guard handoff.arrive(with: result) else { return }
        if let outcome = take(result) ?? repeating(issue, take) { core.finished(self, outcome) }
      }
      guard let result = handoff.leave() else { return nil }
      if let outcome = take(result) { return outcome }
    }
  }

  // MARK: What comes

  /// What a message of the server's says; `nil` if it does not belong to the query, as RFC 5452 §9.1
  /// has it: identifier and question must match. Address and port are matched by the stream's reader.
  final func examine(_ bytes: [UInt8]) -> ExchangeOutcome? {
    let message = bytes.span
    guard let header = try? DNSHeader(parsing: message), header.isResponse,
      header.identifier == identifier, header.opcode == DNSHeader.Opcode.query
    else { return nil }
    do throws(WireError) {
      if let asked = try DNSQuestion(firstIn: message) {
        guard asked == question else { return nil }
      } else {
        // Servers that cannot read or do not want the query may leave the question out.
        let refusals: [ResponseCode] = [.formatError, .serverFailure, .notImplemented, .refused]
        guard refusals.contains(header.responseCode) else { return nil }
      }
      if header.isTruncated && self is DatagramExchange { return .overTCP }
      return judge(try DNSMessage(parsing: message), bytes.count)
    } catch {
      return .failed(.malformed)
    }
  }

  private func judge(_ message: DNSMessage, _ byteCount: Int) -> ExchangeOutcome {
    guard message.questions.count <= 1 else { return .failed(.malformed) }
    switch message.header.responseCode {
    case .noError, .nameError:
      // Here, where no lock is held: a long answer takes its time.
      return Finding(message, about: question).map { .found($0, byteCount: byteCount) }
        ?? .failed(.referral)
    case .formatError, .notImplemented, .badVersion:
      if usesEDNS { return .withoutEDNS }
      return .failed(.code(message.header.responseCode))
    case let code:
      return .failed(.code(code))
    }
  }
}

/// Where a command's completion meets the thread that issued it: the second one there goes on.
private final class Handoff<Value: Sendable>: @unchecked Sendable {
  // Sendable: every variable is touched with `lock` held only.
  private let lock: Lock
  private var result: Result<Value, MacTCPError>?
  private var hasLeft = false

  init(_ lock: Lock) {
    self.lock = lock
  }

  /// The command has completed; whether the issuer has left it to this thread to go on.
  func arrive(with result: Result<Value, MacTCPError>) -> Bool {
    lock.withLock {
      self.result = result
      return hasLeft
    }
  }

  /// The issuer leaves, unless the result is there.
  func leave() -> Result<Value, MacTCPError>? {
    lock.withLock {
      hasLeft = true
      return result
    }
  }
}
