// The exceptions `mactcp.error` and `macdnr.error`: a result code and a sentence.
internal import CPythonShims
internal import MacTCPCore

/// Which of the two exceptions.
enum FailureKind {
  case driver, resolver
}

extension PythonError {
  /// Raises what a command failed with, unless an exception is set already.
  init(_ error: MacTCPError, _ kind: FailureKind = .driver) {
    guard PyErr_Occurred() == nil else { return }
    do throws(PythonError) {
      var arguments = try TupleBuilder(2)
      try arguments.add(.integer(error.code.rawValue))
      try arguments.add(.string(error.message))
      let failure = try arguments.call(Types.failure(kind))
      let cause = try Owned.string("\(error.cause)")
      guard PyObject_SetAttrString(failure.object, causeVariable.pointer, cause.object) == 0
      else { return }
      PyErr_SetObject(Types.failure(kind), failure.object)
    } catch {
      // Memory ran out, which is the exception that is set.
    }
  }
}

/// Where an exception keeps its cause, which is no part of `args`.
private let causeVariable: StaticString = "_cause"

/// Runs a call of the package's, whose error becomes the exception.
func raising<R: ~Copyable>(
  _ kind: FailureKind = .driver, _ body: () throws(MacTCPError) -> R
) throws(PythonError) -> R {
  do throws(MacTCPError) {
    return try body()
  } catch {
    throw PythonError(error, kind)
  }
}

/// Makes one of the two types.
func makeFailureType(
  _ module: PyRef, _ name: StaticString, _ documentation: StaticString
) throws(PythonError) -> Owned {
  let attributes = [
    attribute("code", "The result code, an int: the first of args.") { object, _ in
      returning { () throws(PythonError) in try argument(object, 0) }
    },
    attribute("message", "What happened, a sentence: the second of args.") { object, _ in
      returning { () throws(PythonError) in try argument(object, 1) }
    },
    attribute("name", "The result code's name, as 'openFailed'; '' if there is no such code.") {
      object, _ in
      returning { () throws(PythonError) in try .string(codeName(object)) }
    },
  ]
  let cause = attribute(
    "cause",
    "What lay behind it: 'refused', 'unreachable', 'timedOut', 'permissionDenied', 'badAddress', 'cancelled', 'other'."
  ) { object, _ in
    returning { () throws(PythonError) in
      if let cause = PyObject_GetAttrString(object, causeVariable.pointer) {
        return try Owned(cause)
      }
      PyErr_Clear()
      return try .string("other")
    }
  }
  let describe: reprfunc = { object in
    returning { () throws(PythonError) in try description(object) }
  }
  var slots = [
    PyType_Slot(slot: Py_tp_doc, pfunc: UnsafeMutableRawPointer(mutating: documentation.pointer)),
    PyType_Slot(slot: Py_tp_getset, pfunc: table(attributes + [cause], end: PyGetSetDef())),
    PyType_Slot(slot: Py_tp_str, pfunc: unsafeBitCast(describe, to: UnsafeMutableRawPointer.self)),
    PyType_Slot(),
  ]
  return try Owned(
    slots.withUnsafeMutableBufferPointer { slots in
      var spec = PyType_Spec(
        name: name.pointer, basicsize: 0, itemsize: 0, flags: mactcp_errorFlags,
        slots: slots.baseAddress)
      return PyType_FromModuleAndSpec(module, &spec, mactcp_Exception())
    })
}

/// An element of `args`; None where there is none.
private func argument(_ object: PyRef?, _ index: Int) throws(PythonError) -> Owned {
  let arguments = try Owned(PyObject_GetAttrString(object, "args"))
  guard index < PyTuple_Size(arguments.object),
    let item = PyTuple_GetItem(arguments.object, index)
  else {
    PyErr_Clear()
    return .none
  }
  return Owned(retaining: item)
}

private func codeName(_ object: PyRef?) throws(PythonError) -> String {
  let code = try argument(object, 0)
  guard mactcp_isInt(code.object) != 0 else { return "" }
  let number = PyLong_AsLongLong(code.object)
  if number == -1 && PyErr_Occurred() != nil { PyErr_Clear() }
  return ResultCode(rawValue: Int(number))?.name ?? ""
}

/// As the package prints its errors: `connection refused by 127.0.0.1:9 (openFailed, -23015)`.
private func description(_ object: PyRef?) throws(PythonError) -> Owned {
  let name = try codeName(object)
  let message = try argument(object, 1)
  let code = try argument(object, 0)
  guard !name.isEmpty, mactcp_isString(message.object) != 0 else {
    let arguments = try Owned(PyObject_GetAttrString(object, "args"))
    return try Owned(
      PyObject_Str(PyTuple_Size(arguments.object) == 1 ? code.object : arguments.object))
  }
  return try .string("\(text(message.object)) (\(name), \(PyLong_AsLongLong(code.object)))")
}
