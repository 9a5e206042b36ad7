// What Python passes to a function: by position and by name, and as which type.
internal import CPythonShims
internal import MacTCPCore
internal import MacTCPWire

/// The parameters of one function.
struct Signature {
  let function: StaticString
  let names: [StaticString]
  let required: Int

  init(_ function: StaticString, _ names: [StaticString], required: Int? = nil) {
    self.function = function
    self.names = names
    self.required = required ?? names.count
  }
}

/// The arguments of one call, in the order of the signature; `nil` where none was given.
struct Arguments {
  private var values = InlineArray<4, PyRef?>(repeating: nil)

  init(
    _ signature: Signature, _ positional: UnsafePointer<PyRef?>?, _ count: Int, _ names: PyRef?
  ) throws(PythonError) {
    let most = signature.names.count
    guard count <= most, most <= 4 else {
      throw PythonError(
        mactcp_TypeError(),
        "\(signature.function)() takes at most \(most) arguments (\(count) given)")
    }
    for index in 0..<count { values[index] = positional?[index] }
    if let names { try add(signature, positional, count, names) }
    for index in count..<max(count, signature.required) where values[index] == nil {
      throw PythonError(
        mactcp_TypeError(),
        "\(signature.function)() missing required argument '\(signature.names[index])' (pos \(index + 1))"
      )
    }
  }

  private mutating func add(
    _ signature: Signature, _ arguments: UnsafePointer<PyRef?>?, _ count: Int, _ names: PyRef
  ) throws(PythonError) {
    for position in 0..<PyTuple_Size(names) {
      let name = PyTuple_GetItem(names, position)
      guard
        let index = signature.names.firstIndex(where: {
          PyUnicode_CompareWithASCIIString(name, $0.pointer) == 0
        })
      else {
        throw PythonError(
          mactcp_TypeError(),
          "\(signature.function)() got an unexpected keyword argument '\(text(name))'")
      }
      guard values[index] == nil else {
        throw PythonError(
          mactcp_TypeError(),
          "\(signature.function)() got multiple values for argument '\(signature.names[index])'")
      }
      values[index] = arguments?[count + position]
    }
  }

  /// An argument that may be left out.
  subscript(_ index: Int) -> PyRef? { values[index] }

  private func required(_ index: Int) throws(PythonError) -> PyRef {
    guard let value = values[index] else {
      throw PythonError(mactcp_TypeError(), "a required argument is missing")
    }
    return value
  }

  func object(_ index: Int) throws(PythonError) -> PyRef { try required(index) }

  func integer(_ index: Int) throws(PythonError) -> Int {
    try MacTCPPython.integer(try required(index))
  }

  /// 0...65535; anything else is an OverflowError, as in Python's `socket`.
  func port(_ index: Int) throws(PythonError) -> UInt16 {
    let value = try integer(index)
    guard let port = UInt16(exactly: value) else {
      throw PythonError(mactcp_OverflowError(), "a port is 0...65535, not \(value)")
    }
    return port
  }

  /// An address in 32 bits. Python once had signed integers of 32 bits: their negative values are the same bits.
  func address(_ index: Int) throws(PythonError) -> IPAddress {
    let value = try integer(index)
    if let bits = UInt32(exactly: value) { return IPAddress(v4: bits) }
    if let signed = Int32(exactly: value) { return IPAddress(v4: UInt32(bitPattern: signed)) }
    throw PythonError(mactcp_OverflowError(), "an address is an integer of 32 bits, not \(value)")
  }

  /// An integer of which only counts whether it is 0; false when left out.
  func flag(_ index: Int) throws(PythonError) -> Bool {
    guard let value = values[index] else { return false }
    let number = try Owned(PyNumber_Index(value))
    return PyObject_IsTrue(number.object) != 0
  }

  /// When the time-out in seconds that starts now will have passed. `nil`, for ever, is 0 and None, and with
  /// `minusOneIsForEver` -1.
  func deadline(_ index: Int, minusOneIsForEver: Bool = false) throws(PythonError)
    -> MonotonicTime?
  {
    guard let value = values[index], value != mactcp_None() else { return nil }
    let seconds = PyFloat_AsDouble(value)
    if seconds == -1 && PyErr_Occurred() != nil { throw PythonError() }
    if seconds == 0 || (seconds == -1 && minusOneIsForEver) { return nil }
    guard seconds > 0 else {
      throw PythonError(mactcp_ValueError(), "a time-out is not negative, and not \(seconds)")
    }
    // Thirty years are for ever; they fit the clock.
    guard seconds < 1e9 else { return nil }
    return .now + .nanoseconds(Int64((seconds * 1e9).rounded(.up)))
  }

  func string(_ index: Int) throws(PythonError) -> String {
    let value = try required(index)
    guard mactcp_isString(value) != 0 else {
      throw PythonError(mactcp_TypeError(), "a string is required, not '\(typeName(value))'")
    }
    var size = 0
    guard let utf8 = PyUnicode_AsUTF8AndSize(value, &size) else { throw PythonError() }
    return String(
      decoding: UnsafeRawBufferPointer(start: utf8, count: size), as: UTF8.self)
  }
}

extension Arguments {
  /// A file's name: a string, bytes or a path object; `nil` when left out or None.
  func path(_ index: Int) throws(PythonError) -> String? {
    guard let value = self[index], value != mactcp_None() else { return nil }
    let path = try Owned(PyOS_FSPath(value))
    let bytes: Owned
    if mactcp_isString(path.object) != 0 {
      bytes = try Owned(PyUnicode_EncodeFSDefault(path.object))
    } else {
      bytes = Owned(retaining: path.object)
    }
    return try withBytes(of: bytes.object) { (bytes) throws(PythonError) in
      guard !bytes.contains(0) else {
        throw PythonError(mactcp_ValueError(), "embedded null byte")
      }
      return String(decoding: bytes, as: UTF8.self)
    }
  }
}

/// An int, or an object that stands for one.
func integer(_ object: PyRef) throws(PythonError) -> Int {
  // Kept here: `PyLong_AsLongLong` alone would take objects with __int__ in old versions, a float for one.
  let number = try Owned(PyNumber_Index(object))
  let value = PyLong_AsLongLong(number.object)
  if value == -1 && PyErr_Occurred() != nil { throw PythonError() }
  return Int(value)
}

/// The memory of any object with the buffer protocol; it stays in place inside `body`.
func withBytes<R>(
  of object: PyRef, _ body: (UnsafeRawBufferPointer) throws(PythonError) -> R
) throws(PythonError) -> R {
  if mactcp_isExactBytes(object) != 0 {
    return try body(
      UnsafeRawBufferPointer(start: PyBytes_AsString(object), count: PyBytes_Size(object)))
  }
  var view = Py_buffer()
  return try withUnsafeMutablePointer(to: &view) { view throws(PythonError) in
    guard PyObject_GetBuffer(object, view, PyBUF_SIMPLE) == 0 else { throw PythonError() }
    defer { PyBuffer_Release(view) }
    return try body(UnsafeRawBufferPointer(start: view.pointee.buf, count: view.pointee.len))
  }
}

/// A string for a sentence.
func text(_ object: PyRef?) -> String {
  guard let object, let utf8 = PyUnicode_AsUTF8AndSize(object, nil) else {
    PyErr_Clear()
    return "?"
  }
  return String(cString: utf8)
}

/// The name of an object's type, for a sentence.
func typeName(_ object: PyRef) -> String {
  guard
    let name = try? Owned(
      PyObject_GetAttrString(mactcp_type(object), "__name__"))
  else {
    PyErr_Clear()
    return "?"
  }
  return text(name.object)
}
