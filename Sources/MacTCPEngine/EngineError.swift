/// Why a call was refused. The raw value is MacTCP's result code.
public enum EngineError: Int32, Error, Hashable, Sendable {
  /// An address cannot be used so: not one of the engine's, or no single host's (`ipBadAddr`).
  case badAddress = -23004
  /// The connection has been closed for sending, or all that the peer sent before it closed has been read
  /// (`connectionClosing`).
  case connectionClosing = -23005
  /// A length or a number is outside its range (`invalidLength`).
  case invalidLength = -23006
  /// The stream has a connection already (`connectionExists`).
  case connectionExists = -23007
  /// The stream has no connection (`connectionDoesntExist`).
  case connectionDoesntExist = -23008
  /// The memory ceiling is reached, or no port is left (`insufficientResources`).
  case insufficientResources = -23009
  /// No such stream, or one that has been released (`invalidStreamPtr`).
  case invalidStream = -23010
  /// The connection was lost: its reason tells why (`connectionTerminated`).
  case connectionTerminated = -23012
  /// The connection could not be opened (`openFailed`).
  case openFailed = -23015
  /// The same four-tuple, or a port, is in use (`duplicateSocket`).
  case duplicateSocket = -23017
  /// The packet is too large for its way and must not be fragmented (`ipDontFragErr`).
  case dontFragment = -23032
  /// No memory for fragments (`ipNoFragMemErr`).
  case noFragmentMemory = -23036
  /// There is no route to the destination (`ipRouteErr`).
  case noRoute = -23037
}
