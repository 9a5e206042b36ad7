// How the resolver gets from question to question; see ResolverCore.swift for the whole.
internal import DequeModule
internal import MacTCPCore
internal import MacTCPWire

extension ResolverCore {
  /// What is to be done once the lock is given back.
  struct Todo {
    /// When the lock was taken: the clock may have a lock of its own.
    let now: MonotonicTime
    var effects = Effects()
    var ended: [Exchange] = []
    var begun: Deque<Exchange> = []
  }

  func perform(_ body: (inout Todo) -> Void) {
    var begun = hold(body)
    while let exchange = begun.popFirst() {
      guard let outcome = exchange.start() else { continue }
      begun += hold { todo in settle(exchange, outcome, &todo) }
    }
  }

  /// Runs `body` with the lock held and does afterwards what it collected; returns what is to be begun.
  private func hold(_ body: (inout Todo) -> Void) -> Deque<Exchange> {
    var todo = Todo(now: clock())
    lock.withLock { body(&todo) }
    todo.effects.run()
    for exchange in todo.ended { exchange.end() }
    return todo.begun
  }

  // MARK: From question to question

  /// Answers a look-up's questions from the cache, or has the first one asked that is not in it.
  func proceed(_ lookup: Lookup, _ settings: Settings, _ todo: inout Todo) {
    while let finding = cache.finding(for: lookup.question, at: todo.now) {
      if lookup.take(.success(finding), &todo.effects) { return }
    }
    let question = lookup.question
    if let resolution = resolutions[question] {
      join(lookup, resolution)
      return
    }
    let resolution = Resolution(question, settings, servers: servers(settings, at: todo.now))
    guard let (server, timeout) = resolution.nextServer() else {
      lookup.command.fail(
        MacTCPError(.noNameServer, "no name server is known to ask for \(lookup.text)"),
        &todo.effects)
      return
    }
    resolutions[question] = resolution
    join(lookup, resolution)
    ask(resolution, server, timeout, &todo)
  }

  private func join(_ lookup: Lookup, _ resolution: Resolution) {
    lookups[ObjectIdentifier(lookup.command)] = lookup
    lookup.resolution = resolution
    resolution.lookups.append(lookup)
  }

  /// The servers in the order in which a question asks them.
  private func servers(_ settings: Settings, at now: MonotonicTime) -> [Endpoint] {
    var servers = settings.servers
    if settings.rotate && !servers.isEmpty {
      let start = turn % servers.count
      turn &+= 1
      servers = Array(servers[start...] + servers[..<start])
    }
    let isAvoided = { [avoided] (server: Endpoint) in avoided[server].map { now < $0 } ?? false }
    return servers.filter { !isAvoided($0) } + servers.filter(isAvoided)
  }

  private func ask(
    _ resolution: Resolution, _ server: Endpoint, _ timeout: Duration, overTCP: Bool = false,
    isPlain: Bool = false, _ todo: inout Todo
  ) {
    let usesEDNS = !isPlain && !plainServers.contains(server)
    let exchange =
      overTCP
      ? ConnectionExchange(
        self, asking: resolution.question, of: server, usesEDNS: usesEDNS, timeout: timeout)
      : DatagramExchange(
        self, asking: resolution.question, of: server, usesEDNS: usesEDNS, timeout: timeout)
    resolution.exchange = exchange
    waiting.append(exchange)
    beginWaiting(&todo)
  }

  private func beginWaiting(_ todo: inout Todo) {
    while active.count < max(1, configuration.mostStreams), let exchange = waiting.popFirst() {
      // Nobody waits for it any more.
      guard resolutions[exchange.question]?.exchange === exchange else { continue }
      active.insert(ObjectIdentifier(exchange))
      todo.begun.append(exchange)
    }
  }

  /// Takes an exchange out of what goes on.
  func retire(_ exchange: Exchange, _ todo: inout Todo) {
    if active.remove(ObjectIdentifier(exchange)) != nil { todo.ended.append(exchange) }
  }

  /// An exchange is over. Called without the lock, on any thread, and perhaps once more than needed.
  func finished(_ exchange: Exchange, _ outcome: ExchangeOutcome) {
    perform { todo in settle(exchange, outcome, &todo) }
  }

  private func settle(_ exchange: Exchange, _ outcome: ExchangeOutcome, _ todo: inout Todo) {
    guard let resolution = resolutions[exchange.question], resolution.exchange === exchange else {
      return
    }
    retire(exchange, &todo)
    let server = exchange.server
    switch outcome {
    case .overTCP:
      ask(
        resolution, server, resolution.presentTimeout, overTCP: true, isPlain: !exchange.usesEDNS,
        &todo)
    case .withoutEDNS:
      ask(
        resolution, server, resolution.presentTimeout, overTCP: exchange is ConnectionExchange,
        isPlain: true, &todo)
    case .found(let finding, let byteCount):
      avoided[server] = nil
      if !exchange.usesEDNS { plainServers.insert(server) }
      cache.insert(finding, for: exchange.question, byteCount: byteCount, at: todo.now)
      conclude(resolution, .success(finding), &todo)
    case .failed(let failure):
      fail(resolution, server, failure, &todo)
    }
    beginWaiting(&todo)
  }

  private func fail(
    _ resolution: Resolution, _ server: Endpoint, _ failure: ServerFailure, _ todo: inout Todo
  ) {
    switch failure {
    case .silent, .unreachable: avoided[server] = todo.now + Self.avoidance
    case .code, .malformed, .referral: avoided[server] = nil
    case .local: break
    }
    resolution.note(failure, of: server)
    if let (next, timeout) = resolution.nextServer() {
      ask(resolution, next, timeout, &todo)
    } else {
      conclude(resolution, .failure(resolution.error), &todo)
    }
  }

  /// Gives everybody who waits what was found, and has their next questions asked.
  private func conclude(
    _ resolution: Resolution, _ result: Result<Finding, MacTCPError>, _ todo: inout Todo
  ) {
    resolutions[resolution.question] = nil
    for lookup in resolution.lookups {
      lookups[ObjectIdentifier(lookup.command)] = nil
      lookup.resolution = nil
      if lookup.take(result, &todo.effects) { continue }
      proceed(lookup, resolution.settings, &todo)
    }
  }
}

extension ResolverCore: CommandOwner {
  func cancel(_ command: PendingCommand) {
    perform { todo in
      guard let lookup = lookups.removeValue(forKey: ObjectIdentifier(command)) else { return }
      if let resolution = lookup.resolution {
        resolution.lookups.removeAll { $0 === lookup }
        if resolution.lookups.isEmpty {
          resolutions[resolution.question] = nil
          if let exchange = resolution.exchange { retire(exchange, &todo) }
        }
      }
      command.fail(
        MacTCPError(.abortErr, "the look-up of \(lookup.text) was cancelled", cause: .cancelled),
        &todo.effects)
      beginWaiting(&todo)
      // Where nothing moves, what was cancelled shall not pile up.
      if waiting.count > 2 * resolutions.count + 64 {
        waiting.removeAll { resolutions[$0.question]?.exchange !== $0 }
      }
    }
  }
}
