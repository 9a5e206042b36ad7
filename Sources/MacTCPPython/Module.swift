// The module `mactcp._mactcp`, which has everything of `mactcp` and `macdnr`. Those are thin modules that name it.
internal import CPythonShims
internal import MacTCP
internal import MacTCPCore

/// The types, made once: objects of theirs may outlive a module that is imported anew. Touched with the interpreter's
/// lock held only.
enum Types {
  nonisolated(unsafe) private(set) static var tcpStream: PyRef?
  nonisolated(unsafe) private(set) static var udpStream: PyRef?
  nonisolated(unsafe) private(set) static var status: PyRef?
  nonisolated(unsafe) private(set) static var globalInfo: PyRef?
  nonisolated(unsafe) private(set) static var addressResult: PyRef?
  nonisolated(unsafe) private(set) static var hostInfoResult: PyRef?
  nonisolated(unsafe) private(set) static var mailResult: PyRef?
  nonisolated(unsafe) private static var driverFailure: PyRef?
  nonisolated(unsafe) private static var resolverFailure: PyRef?

  static func failure(_ kind: FailureKind) -> PyRef? {
    switch kind {
    case .driver: driverFailure
    case .resolver: resolverFailure
    }
  }

  static func make(_ module: PyRef) throws(PythonError) {
    guard tcpStream == nil else { return }
    driverFailure = try makeFailureType(
      module, "mactcp.error",
      """
      What a call of mactcp failed with: args is (code, message), the result code and a sentence.

      code is one of the result codes of MACTCPconst; name is the code's name.
      """
    ).take()
    resolverFailure = try makeFailureType(
      module, "macdnr.error",
      """
      What a call of macdnr failed with: args is (code, message), the result code and a sentence.

      code is one of the result codes of MACTCPconst; name is the code's name.
      """
    ).take()
    status = try makeStatusType().take()
    globalInfo = try makeGlobalInfoType().take()
    addressResult = try makeAddressResultType(module).take()
    hostInfoResult = try makeHostInfoResultType(module).take()
    mailResult = try makeMailResultType(module).take()
    udpStream = try makeUDPStreamType(module).take()
    tcpStream = try makeTCPStreamType(module).take()
  }

  /// Adds each type to the module under the name by which the thin modules know it.
  static func add(to module: PyRef) throws(PythonError) {
    let all: [(StaticString, PyRef?)] = [
      ("error", driverFailure), ("dnr_error", resolverFailure),
      ("TCPStream", tcpStream), ("UDPStream", udpStream),
      ("TCPStatus", status), ("TCPGlobalInfo", globalInfo),
      ("AddressResult", addressResult), ("HInfoResult", hostInfoResult), ("MXResult", mailResult),
    ]
    for (name, type) in all {
      guard PyModule_AddObjectRef(module, name.pointer, type) == 0 else { throw PythonError() }
    }
  }
}

// MARK: Loading

/// What Python calls to import the module.
@c(PyInit__mactcp)
public func initializeModule() -> UnsafeMutableRawPointer? {
  UnsafeMutableRawPointer(PyModuleDef_Init(definition))
}

/// Refers to memory that stays: the interpreter keeps it.
nonisolated(unsafe) private let definition: UnsafeMutablePointer<PyModuleDef> = {
  let execute: inquiry = { module in
    do throws(PythonError) {
      guard let module else { return -1 }
      try fill(module)
      return 0
    } catch {
      return -1
    }
  }
  let slots = table(
    [
      PyModuleDef_Slot(
        slot: Py_mod_exec, value: unsafeBitCast(execute, to: UnsafeMutableRawPointer.self))
    ], end: PyModuleDef_Slot())
  let definition = UnsafeMutablePointer<PyModuleDef>.allocate(capacity: 1)
  definition.initialize(
    to: mactcp_moduleDefinition(("_mactcp" as StaticString).pointer, slots))
  return definition
}()

private func fill(_ module: PyRef) throws(PythonError) {
  // The driver, its threads and the asr belong to one interpreter.
  guard PyInterpreterState_GetID(PyInterpreterState_Get()) == 0 else {
    throw PythonError(
      mactcp_ImportError(),
      "mactcp can be imported in the main interpreter only, not in a subinterpreter")
  }
  guard !Runtime.isFinished else {
    throw PythonError(
      mactcp_ImportError(), "mactcp cannot be imported again after the interpreter was finalized")
  }
  try Types.make(module)
  try Types.add(to: module)
  try add(driverFunctions, to: module, of: "mactcp")
  try add(resolverFunctions, to: module, of: "macdnr", prefix: "dnr_")
  try registerExit()
}

/// Adds functions that say they are of the module `name`, as they are for those who use them.
private func add(
  _ functions: [PyMethodDef], to module: PyRef, of name: String,
  prefix: String = ""
) throws(PythonError) {
  let name = try Owned.string(name)
  var row = table(functions, end: PyMethodDef())
  while let functionName = row.pointee.ml_name {
    let function = try Owned(PyCMethod_New(row, nil, name.object, nil))
    guard
      PyModule_AddObjectRef(module, prefix + String(cString: functionName), function.object) == 0
    else { throw PythonError() }
    row += 1
  }
}

/// Runs before the interpreter ends, after what the program has registered.
private func registerExit() throws(PythonError) {
  let atexit = try Owned(PyImport_ImportModule("atexit"))
  let register = try Owned(PyObject_GetAttrString(atexit.object, "register"))
  let finish = function("finish", "No asr is run from now on.") { _, _, _, _ in
    Runtime.finish()
    return Owned.none.take()
  }
  var arguments = try TupleBuilder(1)
  try arguments.add(Owned(PyCMethod_New(table([finish], end: PyMethodDef()), nil, nil, nil)))
  _ = try arguments.call(register.object)
}

// MARK: The functions of mactcp

private enum Parameters {
  static func none(_ name: StaticString) -> Signature { Signature(name, []) }
  static let createTCP = Signature("TCPCreate", ["size"])
  static let createUDP = Signature("UDPCreate", ["size", "port"])
}

private var driverFunctions: [PyMethodDef] {
  [
    function(
      "MTU", "MTU()\n--\n\nThe packet size of the network interface in bytes, an int."
    ) { _, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.none("MTU"), values, count, names)
        return try .integer(raising { () throws(MacTCPError) in try Runtime.driver().mtu })
      }
    },
    function(
      "IPAddr",
      """
      IPAddr()
      --

      The IPv4 address of the network interface, an int of 32 bits: 127.0.0.1 is 0x7F000001.
      """
    ) { _, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.none("IPAddr"), values, count, names)
        return try .integer(
          raising { () throws(MacTCPError) in try Int(Runtime.driver().address.v4) })
      }
    },
    function(
      "NetMask", "NetMask()\n--\n\nThe address mask of the network interface, an int of 32 bits."
    ) { _, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.none("NetMask"), values, count, names)
        return try .integer(
          raising { () throws(MacTCPError) in try Int(Runtime.driver().netMask.v4) })
      }
    },
    function(
      "TCPCreate",
      """
      TCPCreate(size)
      --

      A TCP stream with a receive buffer of size bytes.

      4096 is the usual and the smallest size, 8192 and more suits character-oriented use, 16384 and more
      block transfer.
      """
    ) { _, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.createTCP, values, count, names)
        let size = try arguments.integer(0)
        return try makeStream(
          Types.tcpStream, raising { () throws(MacTCPError) in try TCPStreamObject(size: size) })
      }
    },
    function(
      "UDPCreate",
      """
      UDPCreate(size, port)
      --

      A UDP stream on a port (0: the driver picks) with a receive buffer of size bytes.

      The size, 2048 or more, bounds the largest datagram that can be received; for datagrams of N bytes it
      should be 2N + 256.
      """
    ) { _, values, count, names in
      returning { () throws(PythonError) in
        let arguments = try Arguments(Parameters.createUDP, values, count, names)
        let size = try arguments.integer(0)
        let port = try arguments.port(1)
        return try makeStream(
          Types.udpStream,
          raising { () throws(MacTCPError) in try UDPStreamObject(size: size, port: port) })
      }
    },
    function(
      "GlobalInfo",
      """
      GlobalInfo()
      --

      The driver's parameters and its TCP statistics since it was opened, a TCPGlobalInfo; see there.
      """
    ) { _, values, count, names in
      returning { () throws(PythonError) in
        _ = try Arguments(Parameters.none("GlobalInfo"), values, count, names)
        return try globalInfo()
      }
    },
  ]
}

/// A stream's object; the two know each other.
private func makeStream(_ type: PyRef?, _ stream: StreamObject) throws(PythonError) -> Owned {
  let object = try makeObject(type, stream)
  mactcpObject(object.object).pointee.asr = Owned.none.take()
  stream.owner = object.object
  return object
}
