// The kernel's errors as MacTCP's.
internal import MacTCPCore
internal import MacTCPWire
internal import SystemPackage

extension Errno {
  /// The ICMP error that the kernel turned into this one.
  var report: ICMPReportType? {
    switch self {
    case .networkUnreachable: .netUnreach
    case .noRouteToHost, .hostIsDown, .hostIsIsolated: .hostUnreach
    case .protocolNotAvailable: .protocolUnreach
    case .notSupportedOnSocket: .sourceRouteFailed
    case .protocolError: .parmProblem
    default: nil
    }
  }

  /// Whether it means that the other side cannot be reached.
  fileprivate var isUnreachability: Bool { report != nil || self == .networkDown }

  /// ENONET, which the ICMP error "source host isolated" becomes on Linux. On Darwin the number is that of EHOSTDOWN.
  private static let hostIsIsolated = Errno(rawValue: 64)

  var isExhaustion: Bool {
    switch self {
    case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .noBufferSpace,
      .resourceTemporarilyUnavailable:
      true
    default: false
    }
  }
}

extension Loss {
  /// Why the kernel gave a connection up.
  init(_ error: Errno) {
    switch error {
    case .connectionReset, .brokenPipe, .connectionRefused:
      self.init(.remoteAbort, "was reset by the peer")
    case .timedOut:
      self.init(.ulpTimeoutTerminate, "was given up: the peer stopped answering", cause: .timedOut)
    case _ where error.isUnreachability:
      self.init(
        .networkFailure, "was given up: the network failed (\(error))", cause: .unreachable,
        report: error.report)
    default:
      self.init(.networkFailure, "was given up by the host (\(error))")
    }
  }
}

extension MacTCPError {
  /// Why a connection to `remote` could not be opened.
  static func connecting(to remote: Endpoint, from local: Endpoint, _ error: Errno) -> MacTCPError {
    switch error {
    case .connectionRefused, .connectionReset:
      MacTCPError(.openFailed, "connection refused by \(remote)", cause: .refused)
    case .timedOut:
      MacTCPError(.openFailed, "\(remote) did not answer in time", cause: .timedOut)
    case _ where error.isUnreachability:
      MacTCPError(.openFailed, "\(remote) cannot be reached (\(error))", cause: .unreachable)
    case .addressInUse:
      MacTCPError(.duplicateSocket, "port \(local.port) is in use")
    case .addressNotAvailable where local.port != 0:
      MacTCPError(
        .duplicateSocket,
        "a connection from port \(local.port) to \(remote) exists, or \(local.address) is not this host's address"
      )
    case .addressNotAvailable where local.address != .any:
      MacTCPError(.openFailed, "\(local.address) is not this host's address", cause: .badAddress)
    case .addressNotAvailable:
      MacTCPError(.insufficientResources, "no local port is left to connect to \(remote)")
    default:
      .opening("a connection to \(remote)", error)
    }
  }

  /// Why nobody can listen on `local`.
  static func listening(on local: Endpoint, _ error: Errno) -> MacTCPError {
    let port = local.port == 0 ? "a port" : "port \(local.port)"
    let place = local.address == .any ? port : local.port == 0 ? "\(local.address)" : "\(local)"
    switch error {
    case .addressInUse, .addressNotAvailable: return .opening(place, error)
    default: return .opening("listening on \(place)", error)
    }
  }

  /// Why something could not be opened, where the endpoint adds nothing.
  static func opening(_ what: String, _ error: Errno) -> MacTCPError {
    if error.isExhaustion {
      return MacTCPError(.insufficientResources, "no resources are left for \(what) (\(error))")
    }
    switch error {
    case .permissionDenied, .notPermitted:
      return MacTCPError(
        .openFailed, "\(what) is not permitted (\(error))", cause: .permissionDenied)
    case .addressInUse:
      return MacTCPError(.duplicateSocket, "\(what) is in use")
    case .addressNotAvailable:
      return MacTCPError(.openFailed, "\(what) is not an address of this host", cause: .badAddress)
    default:
      return MacTCPError(.openFailed, "\(what) could not be opened (\(error))")
    }
  }

  /// Why nothing can be told of the driver's interface.
  static func looking(_ error: Errno) -> MacTCPError {
    .opening("a look at the network interface", error)
  }

  /// Why nobody can be told when what he waits for has come.
  static func watching(_ error: Errno) -> MacTCPError {
    MacTCPError(
      .insufficientResources, "the system's event queue takes nothing more to wait for (\(error))")
  }

  /// Why a datagram could not be sent to a host or an endpoint.
  static func writing(to remote: String, _ count: Int, _ error: Errno) -> MacTCPError {
    if error.isExhaustion {
      return MacTCPError(
        .insufficientResources, "no memory is left to send to \(remote) (\(error))")
    }
    switch error {
    case .messageTooLong:
      return MacTCPError(
        .ipDontFragErr, "a datagram of \(count) bytes does not fit into a packet to \(remote)")
    case _ where error.isUnreachability:
      return MacTCPError(.ipRouteErr, "\(remote) cannot be reached (\(error))", cause: .unreachable)
    case .permissionDenied, .notPermitted:
      return MacTCPError(
        .ipRouteErr, "sending to \(remote) is not permitted (\(error))", cause: .permissionDenied)
    default:
      return MacTCPError(.ipRouteErr, "\(remote) could not be sent to (\(error))")
    }
  }
}
