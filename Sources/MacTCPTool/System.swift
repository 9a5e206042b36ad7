// What the tool needs of the C library: names to addresses, signals, readiness of a descriptor, exit.
import MacTCP
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Ends the process. Whatever other threads are blocked in ends with it.
func exitProcess(_ status: ToolStatus) -> Never {
  exitProcess(status.rawValue)
}

/// Ends the process.
func exitProcess(_ status: Int32) -> Never {
  exit(status)
}

/// The address of `host`, which is an address in dotted-decimal notation or a name that the system's resolver knows.
func resolve(_ host: String) throws(ToolFailure) -> IPAddress {
  if let address = IPAddress(host) { return address }
  var hints = addrinfo()
  hints.ai_family = AF_INET
  var list: UnsafeMutablePointer<addrinfo>?
  let result = getaddrinfo(host, nil, &hints, &list)
  defer { if let list { freeaddrinfo(list) } }
  guard result == 0 else {
    throw ToolFailure("no address for \(host): \(String(cString: gai_strerror(result)))", .noHost)
  }
  guard let socketAddress = list?.pointee.ai_addr else {
    throw ToolFailure("no address for \(host)", .noHost)
  }
  let bits = UnsafeRawPointer(socketAddress).loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr
  return IPAddress(v4: UInt32(bigEndian: bits))
}

extension FileDescriptor {
  /// Whether a person sits at the descriptor.
  var isTerminal: Bool { isatty(rawValue) == 1 }

  /// The size of a regular file in bytes; `nil` for anything else.
  var regularFileSize: Int? {
    guard let status = try? stat(), status.type == .regular else { return nil }
    return Int(status.size)
  }

  /// Blocks until there is something to read here, or on `other`; `true` for `other`.
  func waitUntilReadable(or other: FileDescriptor) throws(Errno) -> Bool {
    var descriptors = [
      pollfd(fd: rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: other.rawValue, events: Int16(POLLIN), revents: 0),
    ]
    try FileDescriptor.wait(&descriptors)
    return descriptors[1].revents != 0
  }

  /// Blocks until something can be written.
  func waitUntilWritable() throws(Errno) {
    var descriptors = [pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)]
    try FileDescriptor.wait(&descriptors)
  }

  private static func wait(_ descriptors: inout [pollfd]) throws(Errno) {
    while poll(&descriptors, nfds_t(descriptors.count), -1) < 0 {
      let error = Errno(rawValue: errno)
      if error != .interrupted { throw error }
    }
  }
}

/// Opens what is closed of the three standard descriptors, so that nothing else takes their place and is mistaken for
/// them.
func keepStandardDescriptors() {
  for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
    _ = open("/dev/null", O_RDWR)
  }
}

/// The signals that end the tool in an orderly way, and the one that must not end it.
enum Signals {
  /// Makes every thread from now on leave SIGINT and SIGTERM to ``next()``, and writes to closed pipes fail instead of
  /// ending the process. Called on the first thread, before there are others.
  static func takeOver() {
    signal(SIGPIPE, SIG_IGN)
    var set = handled
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// Blocks until one of the signals comes; what the process exits with for it.
  static func next() -> ToolStatus {
    var set = handled
    var number: Int32 = 0
    while sigwait(&set, &number) != 0 {}
    return number == SIGTERM ? .terminated : .interrupted
  }

  /// SIGTERM, and SIGINT unless whoever started the tool had it ignored, as a shell does for its background jobs.
  private static let handled: sigset_t = {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTERM)
    var present = sigaction()
    sigaction(SIGINT, nil, &present)
    if !isIgnored(present) { sigaddset(&set, SIGINT) }
    return set
  }()

  private static func isIgnored(_ action: sigaction) -> Bool {
    #if canImport(Darwin)
      let handler = action.__sigaction_u.__sa_handler
    #else
      let handler = action.__sigaction_handler.sa_handler
    #endif
    return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
