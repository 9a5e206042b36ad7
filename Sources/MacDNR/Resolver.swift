public import MacTCPCore
public import MacTCPWire

/// The resolver: names to addresses, addresses to names, and what else the domain name system knows.
/// MacTCP: the domain name resolver, MacDNR.
///
/// It asks name servers by the streams of a ``Driver``, over UDP and, where an answer does not fit, TCP.
/// Each look-up has the three forms of a stream's operations:
///
/// ```swift
/// let resolver = Resolver(driver: driver)
/// let host = try await resolver.addresses(of: "www.example.com")  // in a task: suspends
/// let host = try resolver.addresses(of: "www.example.com")        // elsewhere: blocks the thread
/// let command = resolver.issueAddresses(of: "www.example.com")    // at once: a Command
/// ```
///
/// Look-ups may be made from any thread, as many at once as are wanted: equal questions share one query,
/// and only so many are on their way at the same time. What was found out is kept for as long as its
/// owner permits. When the last reference to a resolver goes, it is closed.
public final class Resolver: Sendable {
  let core: ResolverCore

  /// A resolver over `driver`. Nothing is read or asked until it is opened or used.
  ///
  /// - Parameters:
  ///   - driver: Whose streams carry the questions.
  ///   - configuration: Where it asks, and how; by default what /etc/resolv.conf and /etc/hosts say.
  public convenience init(
    driver: any Driver, configuration: ResolverConfiguration = ResolverConfiguration()
  ) {
    self.init(driver: driver, configuration: configuration, clock: { .now })
  }

  /// A resolver with a clock of its own, for drivers that bring one and for tests.
  package init(
    driver: any Driver, configuration: ResolverConfiguration,
    clock: @escaping @Sendable () -> MonotonicTime
  ) {
    core = ResolverCore(driver, configuration, clock: clock)
  }

  deinit {
    core.close()
  }

  // MARK: Open and close

  /// Opens the resolver: reads the configuration and the hosts file. Optional; the first look-up opens
  /// a resolver that is not open. MacTCP: OpenResolver; `Open` in the Python module.
  ///
  /// Later changes of the files are seen when it is closed and opened again.
  ///
  /// - Parameter hostsFile: A file in the format of hosts(5) that is read instead of the configured one.
  /// - Throws: ``ResultCode/streamAlreadyOpen`` if it is open, ``ResultCode/ipNoCnfgErr`` if `hostsFile`
  ///   cannot be read (a configured file that cannot counts as empty), ``ResultCode/ipBadCnfgErr``
  ///   for a given search domain that is no domain name, ``ResultCode/insufficientResources`` when no
  ///   descriptor is left to read with.
  public func open(hostsFile: String? = nil) throws(MacTCPError) {
    try core.open(hostsFile: hostsFile)
  }

  /// Closes the resolver: forgets what it knows, and completes pending look-ups with
  /// ``ResultCode/abortErr``. It can be opened again. Closing a closed one does nothing. MacTCP:
  /// CloseResolver; `Close` in the Python module.
  public func close() {
    core.close()
  }

  /// Whether the resolver is open.
  public var isOpen: Bool { core.isOpen }

  /// Every record that is known at the moment: those of the hosts file, whose times to live do not pass,
  /// and those of the cache with what is left of theirs. MacTCP: EnumCache.
  public func enumerateCache() -> [ResourceRecord] {
    core.records()
  }
}
