// What the tool needs of the C library: signals, readiness of a descriptor, exit.
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

/// A file, whatever its names are.
struct FileIdentity: Equatable {
  private let device: UInt64
  private let inode: UInt64

  /// `nil` if it is no regular file.
  fileprivate init?(_ status: stat) {
    guard status.st_mode & S_IFMT == S_IFREG else { return nil }
    device = UInt64(truncatingIfNeeded: status.st_dev)
    inode = UInt64(truncatingIfNeeded: status.st_ino)
  }

  /// `nil` if no regular file is open there.
  fileprivate init?(descriptor: CInt) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }
}

/// The regular file at `path`, `nil` for a pipe or a device; fails if it is a directory or cannot be read.
func regularFile(readableAt path: String) throws(Errno) -> FileIdentity? {
  var status = stat()
  guard stat(path, &status) == 0, access(path, R_OK) == 0 else { throw Errno(rawValue: errno) }
  if status.st_mode & S_IFMT == S_IFDIR { throw .isDirectory }
  return FileIdentity(status)
}

/// The address of `host`, which is an address in dotted-decimal notation or a name.
func resolve(_ host: String) throws(ToolFailure) -> IPAddress {
  if host.isEmpty { throw ToolFailure("the host is empty", .usage) }
  if let address = IPAddress(host) { return address }
  if isIPv6Address(host) {
    throw ToolFailure("\(host) is an IPv6 address; only IPv4 is supported", .noHost)
  }
  return try address(named: host)
}

/// Whether `host` is an IPv6 address, perhaps with a zone or in brackets.
func isIPv6Address(_ host: String) -> Bool {
  let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
  let address = (isBracketed ? host.dropFirst().dropLast() : host[...]).prefix { $0 != "%" }
  var bytes = in6_addr()
  return inet_pton(AF_INET6, String(address), &bytes) == 1
}

extension FileDescriptor {
  /// Whether a person sits at the descriptor.
  var isTerminal: Bool { isatty(rawValue) == 1 }

  /// How many characters and lines the terminal shows; `nil` where that is not known.
  var windowSize: WindowSize? {
    var size = winsize()
    guard ioctl(rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
      return nil
    }
    return WindowSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
  }

  /// The size of a regular file in bytes; `nil` for anything else.
  var regularFileSize: Int? {
    guard let status = try? stat(), status.type == .regular else { return nil }
    return Int(status.size)
  }

  /// Which regular file is open here; `nil` for anything else.
  var regularFile: FileIdentity? {
    FileIdentity(descriptor: rawValue)
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
/// them. They can be read from only: what is written to a closed standard output must fail, not vanish.
func keepStandardDescriptors() {
  for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
    _ = open("/dev/null", O_RDONLY)
  }
}

/// The signals that end the tool in an orderly way, and the one that must not end it.
enum Signals {
  /// Makes every thread from now on leave those signals to ``next()``, and writes to closed pipes fail instead of
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
    return switch number {
    case SIGHUP: .hungUp
    case SIGTERM: .terminated
    default: .interrupted
    }
  }

  /// SIGTERM, and SIGINT and SIGHUP unless whoever started the tool had them ignored, as a shell does with SIGINT for
  /// its background jobs and `nohup` with SIGHUP.
  private static let handled: sigset_t = {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTERM)
    for signal in [SIGINT, SIGHUP] {
      var present = sigaction()
      sigaction(signal, nil, &present)
      if !isIgnored(present) { sigaddset(&set, signal) }
    }
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
