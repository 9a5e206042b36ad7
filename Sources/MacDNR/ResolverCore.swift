// The resolver's inside. One lock guards all of it: look-ups, the questions they wait for, the cache
// and the hosts file.
//
// A look-up (`Lookup`) asks questions (`Resolution`), those that are the same share one; a question is
// asked in exchanges with servers (`Exchange`), so many at a time. What becomes of an exchange comes to
// `finished`, on whichever thread the driver reports it. `perform` collects under the lock what is to
// be done without it: completions, streams to be let go, exchanges to be begun. Exchanges whose outcome
// is there at once are worked off in a loop, so that no sequence of failures nests.
internal import DequeModule
internal import MacTCPCore
internal import MacTCPWire
internal import SystemPackage

final class ResolverCore: @unchecked Sendable {
  // Sendable: every variable is touched with `lock` held only.
  let driver: any Driver
  let configuration: ResolverConfiguration
  /// Where times to live and time-outs are read.
  let clock: @Sendable () -> MonotonicTime
  let lock = Lock()
  let outbox: Outbox

  /// What an open resolver has.
  private struct Opened {
    let settings: Settings
    let hosts: HostsFile
  }

  private var opened: Opened?
  var cache: Cache
  var lookups: [ObjectIdentifier: Lookup] = [:]
  var resolutions: [DNSQuestion: Resolution] = [:]
  /// Exchanges that go on, and those that wait until there are fewer.
  var active: Set<ObjectIdentifier> = []
  var waiting: Deque<Exchange> = []
  /// Servers that do not know EDNS.
  var plainServers: Set<Endpoint> = []
  /// Servers that did not answer lately are asked last, until then.
  var avoided: [Endpoint: MonotonicTime] = [:]
  static let avoidance = Duration.seconds(30)
  /// How many questions were begun, where each begins with another server.
  var turn = 0

  init(
    _ driver: any Driver, _ configuration: ResolverConfiguration,
    clock: @escaping @Sendable () -> MonotonicTime
  ) {
    self.driver = driver
    self.configuration = configuration
    self.clock = clock
    cache = Cache(configuration)
    outbox = Outbox(lock: lock)
  }

  // MARK: Open and close

  /// Reads the files, which takes no lock, and opens; `hostsFile` must be there if it is given.
  func open(hostsFile: String?) throws(MacTCPError) {
    if isOpen { throw Self.openError }
    let opening = try read(hostsFile: hostsFile)
    let isFirst = lock.withLock {
      defer { opened = opened ?? opening }
      return opened == nil
    }
    if !isFirst { throw Self.openError }
  }

  private static var openError: MacTCPError {
    MacTCPError(.streamAlreadyOpen, "the resolver is open already")
  }

  private func read(hostsFile: String?) throws(MacTCPError) -> Opened {
    let hosts: HostsFile
    if let hostsFile {
      do {
        hosts = HostsFile(parsing: try readFile(hostsFile))
      } catch {
        throw MacTCPError(.ipNoCnfgErr, "the hosts file \(hostsFile) cannot be read: \(error)")
      }
    } else {
      hosts = HostsFile(parsing: try Self.contents(ifThere: configuration.hostsFile))
    }
    let file = ResolvConf(parsing: try Self.contents(ifThere: configuration.resolvConfPath))
    return Opened(settings: try Settings(configuration, file), hosts: hosts)
  }

  /// A file that cannot be read counts as empty; but not one that could be a moment later, because what is read stays.
  private static func contents(ifThere path: String?) throws(MacTCPError) -> [UInt8] {
    guard let path else { return [] }
    do {
      return try readFile(path)
    } catch {
      let shortages: [Errno] = [.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory]
      guard let error = error as? Errno, shortages.contains(error) else { return [] }
      throw MacTCPError(.insufficientResources, "\(path) cannot be read: \(error)")
    }
  }

  /// What an open resolver has; opens it if it is not.
  private func openedNow() throws(MacTCPError) -> Opened {
    if let opened = lock.withLock({ opened }) { return opened }
    let opening = try read(hostsFile: nil)
    return lock.withLock {
      defer { opened = opened ?? opening }
      return opened ?? opening
    }
  }

  var isOpen: Bool { lock.withLock { opened != nil } }

  func close() {
    perform { todo in
      opened = nil
      cache.removeAll()
      plainServers = []
      avoided = [:]
      turn = 0
      let pending = lookups.values
      lookups = [:]
      for resolution in resolutions.values {
        if let exchange = resolution.exchange { retire(exchange, &todo) }
      }
      resolutions = [:]
      waiting = []
      for lookup in pending { lookup.command.fail(Self.closedError, &todo.effects) }
    }
  }

  private static var closedError: MacTCPError {
    MacTCPError(.abortErr, "the resolver was closed", cause: .cancelled)
  }

  // MARK: Questions from outside

  /// Every record that is known: those of the hosts file, and then those of the cache.
  func records() -> [ResourceRecord] {
    let now = clock()
    return lock.withLock { (opened?.hosts.records ?? []) + cache.records(at: now) }
  }

  /// Begins to look `text` up, unless the hosts file or the cache knows it.
  ///
  /// - Parameters:
  ///   - isComplete: Whether the name is looked up as it stands, whatever the search list says.
  ///   - local: What the hosts file says.
  ///   - value: What the command completes with, made of the records.
  func issue<Value: Sendable>(
    _ text: String, _ type: ResourceRecordType, isComplete: Bool = false,
    local: (DomainName, HostsFile) -> Value? = { _, _ in nil },
    value: @escaping @Sendable (ResolverAnswer) -> Result<Value, MacTCPError>
  ) -> Command<Value> {
    do throws(MacTCPError) {
      guard let name = DomainName(text) else { throw .notAName(text) }
      let opened = try openedNow()
      if let known = local(name, opened.hosts) { return Command(.success(known), lock: lock) }
      let names = Self.candidates(name, text, opened.settings, isComplete: isComplete)
      let command = Command<Value>(lock: lock, owner: self)
      let lookup = Lookup(
        text, type, first: names.first ?? name, further: names.dropFirst(), command: command
      ) { result, effects in command.complete(result.flatMap(value), &effects) }
      perform { todo in
        // It may have been closed since: what is found out now would outlive that.
        guard self.opened != nil else { return command.fail(Self.closedError, &todo.effects) }
        proceed(lookup, opened.settings, &todo)
      }
      return command
    } catch {
      return Command(.failure(error), lock: lock)
    }
  }

  /// The names to try, in order, as resolv.conf(5) has it.
  private static func candidates(
    _ name: DomainName, _ text: String, _ settings: Settings, isComplete: Bool
  ) -> [DomainName] {
    if isComplete || name.isRoot || text.hasSuffix(".") { return [name] }
    // The root as a search domain makes the name as it stands, which is tried anyway.
    let searched = settings.searchDomains.compactMap { $0.isRoot ? nil : name.appending($0) }
    return name.labels.count - 1 >= settings.ndots ? [name] + searched : searched + [name]
  }
}

extension MacTCPError {
  /// A name that cannot be looked up.
  static func notAName(_ text: String) -> MacTCPError {
    MacTCPError(
      .nameSyntaxErr,
      "\"\(text)\" is not a domain name: it takes labels of 1 to 63 ASCII characters, and 253 in all",
      cause: .badAddress)
  }
}
