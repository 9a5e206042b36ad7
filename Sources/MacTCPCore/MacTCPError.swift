/// The result codes of the MacTCP driver and of the resolver, under their MacTCP names.
public enum ResultCode: Int, CaseIterable, Sendable {
  /// Success; a ``MacTCPError`` never carries it.
  case noErr = 0
  /// The command is pending.
  case inProgress = 1
  /// The command was taken back before it completed. Mac OS's code for a cancelled request (KillIO).
  case abortErr = -27
  /// The network interface could not be opened.
  case ipBadLapErr = -23000
  /// The configuration is wrong.
  case ipBadCnfgErr = -23001
  /// There is no configuration.
  case ipNoCnfgErr = -23002
  /// The driver could not be started.
  case ipLoadErr = -23003
  /// The interface has no usable address.
  case ipBadAddr = -23004
  /// The connection is closing: nothing more can be sent, or nothing more will come.
  case connectionClosing = -23005
  /// A buffer, a length or a datagram is too small or too large.
  case invalidLength = -23006
  /// The stream has a connection already, or one is being opened.
  case connectionExists = -23007
  /// The stream has no connection.
  case connectionDoesntExist = -23008
  /// Memory, descriptors or ports ran out.
  case insufficientResources = -23009
  /// The stream was released.
  case invalidStreamPtr = -23010
  /// The stream is open already.
  case streamAlreadyOpen = -23011
  /// The connection is gone.
  case connectionTerminated = -23012
  /// The buffer cannot be used.
  case invalidBufPtr = -23013
  /// The list of receive or send buffers cannot be used. MacTCP has one code under two names, `invalidRDS` and `invalidWDS`.
  case invalidRDS = -23014
  /// The connection could not be opened.
  case openFailed = -23015
  /// The command's time ran out.
  case commandTimeout = -23016
  /// The same connection exists already, or the port is in use.
  case duplicateSocket = -23017
  /// The packet is too large to be sent without fragmentation.
  case ipDontFragErr = -23032
  /// The destination does not answer.
  case ipDestDeadErr = -23033
  /// No echo reply came in time.
  case icmpEchoTimeoutErr = -23035
  /// There is no memory to fragment the datagram.
  case ipNoFragMemErr = -23036
  /// No route leads to the destination.
  case ipRouteErr = -23037
  /// The name is not a domain name.
  case nameSyntaxErr = -23041
  /// A query is under way.
  case cacheFault = -23042
  /// No completion routine was given.
  case noResultProc = -23043
  /// No name server is known.
  case noNameServer = -23044
  /// There is no such name.
  case authNameErr = -23045
  /// No name server answers.
  case noAnsErr = -23046
  /// The name server reported a failure.
  case dnrErr = -23047
  /// Memory ran out.
  case outOfMemory = -23048

  /// MacTCP's second name for ``invalidRDS``.
  public static var invalidWDS: ResultCode { .invalidRDS }

  /// The code's name, as MacTCP's header writes it.
  public var name: String { "\(self)" }
}

/// What a command of the MacTCP driver failed with: its result code, and a sentence a person can act on.
///
/// Prints as `connection refused by 127.0.0.1:9 (openFailed, -23015)`.
public struct MacTCPError: Error, Sendable {
  /// What lay behind a result code, where the code alone does not tell: programs choose exit codes, retries and
  /// advice by it.
  public enum Cause: Sendable {
    /// The other side answered with a reset.
    case refused
    /// No route, or a router said that the destination cannot be reached.
    case unreachable
    /// Nothing answered in time.
    case timedOut
    /// The system does not permit it to this user.
    case permissionDenied
    /// The address or name cannot be used.
    case badAddress
    /// The task that waited, or a call of ``Command/cancel()``, took the command back.
    case cancelled
    /// Anything else; the result code says all.
    case other
  }

  /// The MacTCP result code; never ``ResultCode/noErr`` or ``ResultCode/inProgress``.
  public let code: ResultCode
  /// What happened, to which endpoint or in which call. One sentence without a full stop.
  public let message: String
  /// What lay behind it.
  public let cause: Cause

  /// An error with `code` and a sentence that says what happened.
  public init(_ code: ResultCode, _ message: String, cause: Cause = .other) {
    self.code = code
    self.message = message
    self.cause = cause
  }
}

extension MacTCPError: CustomStringConvertible {
  /// The sentence, and the result code with its name and number.
  public var description: String { "\(message) (\(code.name), \(code.rawValue))" }
}

extension MacTCPError: Equatable {
  /// Errors are the same when their codes are: sentences are for people.
  public static func == (a: MacTCPError, b: MacTCPError) -> Bool { a.code == b.code }
}

extension MacTCPError {
  /// A call on a stream that was released.
  static let released = MacTCPError(.invalidStreamPtr, "the stream was released")
  /// What a release means to the commands that were pending.
  static let releasedMeanwhile = MacTCPError(.connectionTerminated, "the stream was released")
}
