// The names of the codes and states of mactcp.h.

public import CMacTCP
internal import MacTCPEngine
internal import MacTCPWire

/// MacTCP's name of a code.
@c @implementation
public func mactcp_result_name(_ result: mactcp_result) -> UnsafePointer<CChar>? {
  constantString(name(of: result))
}

private func name(of result: mactcp_result) -> StaticString {
  if result >= 0 { return "noErr" }
  guard let error = Int32(exactly: result).flatMap(EngineError.init(rawValue:)) else {
    return switch Int(result) {
    case MACTCP_BAD_CONFIGURATION: "ipBadCnfgErr"
    case MACTCP_ALREADY_STARTED: "streamAlreadyOpen"
    case MACTCP_INVALID_BUFFER: "invalidBufPtr"
    default: "unknown"
    }
  }
  return switch error {
  case .badAddress: "ipBadAddr"
  case .connectionClosing: "connectionClosing"
  case .invalidLength: "invalidLength"
  case .connectionExists: "connectionExists"
  case .connectionDoesntExist: "connectionDoesntExist"
  case .insufficientResources: "insufficientResources"
  case .invalidStream: "invalidStreamPtr"
  case .connectionTerminated: "connectionTerminated"
  case .openFailed: "openFailed"
  case .duplicateSocket: "duplicateSocket"
  case .dontFragment: "ipDontFragErr"
  case .noFragmentMemory: "ipNoFragMemErr"
  case .noRoute: "ipRouteErr"
  }
}

/// The name of a state.
@c @implementation
public func mactcp_state_name(_ state: UInt32) -> UnsafePointer<CChar>? {
  let known = UInt8(exactly: state).flatMap(ConnectionState.init(rawValue:))
  return constantString(known?.name ?? "unknown")
}
