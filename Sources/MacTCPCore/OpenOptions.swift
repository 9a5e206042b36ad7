/// What is done when the ULP time-out passes.
public enum ULPTimeoutAction: Sendable, Hashable {
  /// The connection is aborted with ``TerminationReason/ulpTimeoutTerminate``. The default.
  case abort
  /// ``TCPEvent/ulpTimeout`` is given and the timer starts anew.
  case report
}

/// MacTCP's type-of-service flags (RFC 791).
public struct TypeOfService: OptionSet, Sendable, Hashable {
  /// MacTCP's `tosFlags`.
  public let rawValue: UInt8
  /// A set from MacTCP's `tosFlags`.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// 1: delay matters most.
  public static let lowDelay = TypeOfService(rawValue: 1)
  /// 2: throughput matters most.
  public static let throughput = TypeOfService(rawValue: 2)
  /// 4: reliability matters most.
  public static let reliability = TypeOfService(rawValue: 4)
}

/// What can be asked for when a connection is opened. MacTCP: the fields of TCPPassiveOpen and TCPActiveOpen that
/// have validity bits, and those behind them.
public struct OpenOptions: Sendable, Hashable {
  /// How long data, a FIN or a connection attempt may stay unacknowledged; 2 minutes by default, at least 2 seconds.
  public var ulpTimeout: Duration
  /// What is done then. A connection attempt always fails.
  public var ulpTimeoutAction: ULPTimeoutAction
  /// The type of service; none by default.
  public var typeOfService: TypeOfService
  /// The precedence, 0...7; 0 by default.
  public var precedence: UInt8
  /// The time to live in hops; 60 by default, at least 2.
  public var timeToLive: UInt8
  /// Whether packets may not be fragmented on the way; `false` leaves it to the driver, which discovers the path MTU.
  public var dontFragment: Bool
  /// IP options (RFC 791 §3.1), at most 40 bytes; none by default.
  public var ipOptions: [UInt8]

  /// The default of MacTCP for ``ulpTimeout``.
  public static let defaultULPTimeout = Duration.seconds(120)

  /// Options with MacTCP's defaults where nothing is given.
  public init(
    ulpTimeout: Duration = OpenOptions.defaultULPTimeout,
    ulpTimeoutAction: ULPTimeoutAction = .abort,
    typeOfService: TypeOfService = [], precedence: UInt8 = 0, timeToLive: UInt8 = 60,
    dontFragment: Bool = false, ipOptions: [UInt8] = []
  ) {
    self.ulpTimeout = ulpTimeout
    self.ulpTimeoutAction = ulpTimeoutAction
    self.typeOfService = typeOfService
    self.precedence = precedence
    self.timeToLive = timeToLive
    self.dontFragment = dontFragment
    self.ipOptions = ipOptions
  }

  /// MacTCP's rule for the smallest values: a time-out of 0 is the default, below 2 seconds is 2 seconds; a time to
  /// live of 0 is 60, of 1 is 2.
  package var normalized: OpenOptions {
    var options = self
    if ulpTimeout <= .zero {
      options.ulpTimeout = OpenOptions.defaultULPTimeout
    } else if ulpTimeout < .seconds(2) {
      options.ulpTimeout = .seconds(2)
    }
    if timeToLive == 0 { options.timeToLive = 60 }
    if timeToLive == 1 { options.timeToLive = 2 }
    return options
  }

  package func validated() throws(MacTCPError) -> OpenOptions {
    guard precedence <= 7 else {
      throw MacTCPError(.openFailed, "a precedence of \(precedence) is not in 0...7")
    }
    guard ipOptions.count <= 40 else {
      throw MacTCPError(
        .invalidLength, "IP options take at most 40 bytes, \(ipOptions.count) were given")
    }
    return normalized
  }
}
