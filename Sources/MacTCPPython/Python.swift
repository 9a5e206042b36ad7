// CPython as Swift sees it: references that are given back by themselves, exceptions as Swift errors, and the
// interpreter's lock. The rest of the target calls the API through what is here where reference counts are concerned.
//
// Every function is called with the interpreter's lock held, unless it says otherwise.
internal import CPythonShims

/// A reference to a Python object that somebody else owns.
typealias PyRef = UnsafeMutablePointer<PyObject>

/// A Python exception is set. Thrown where a function of the API would return NULL.
struct PythonError: Error {
  /// The exception that is set already.
  init() {}

  /// Sets an exception with a sentence, unless one is set: that of a signal handler comes first.
  init(_ type: PyRef?, _ message: String) {
    if PyErr_Occurred() == nil { PyErr_SetString(type, message) }
  }
}

/// A reference that is owned, and given back where its variable ends.
///
/// `object` is read of variables only, which live to the end of their scope. An `Owned` without a name would be gone
/// before the call that its `object` is given to.
struct Owned: ~Copyable {
  let object: PyRef

  /// Takes over what a function of the API returned as a new reference.
  init(_ new: PyRef?) throws(PythonError) {
    guard let new else { throw PythonError() }
    object = new
  }

  /// A further reference to an object that somebody else owns.
  init(retaining object: PyRef) {
    mactcp_incref(object)
    self.object = object
  }

  deinit {
    mactcp_decref(object)
  }

  /// Hands the reference over to the caller.
  consuming func take() -> PyRef {
    let object = object
    discard self
    return object
  }

  static var none: Owned { Owned(retaining: mactcp_None()) }

  static func integer(_ value: Int) throws(PythonError) -> Owned {
    try Owned(PyLong_FromLongLong(Int64(value)))
  }

  static func string(_ value: String) throws(PythonError) -> Owned {
    var value = value
    return try Owned(
      value.withUTF8 { utf8 in
        utf8.withMemoryRebound(to: CChar.self) { text in
          PyUnicode_DecodeUTF8(text.baseAddress, text.count, "replace")
        }
      })
  }

  static func bytes(_ value: [UInt8]) throws(PythonError) -> Owned {
    try Owned(value.withUnsafeBytes { newBytes($0) })
  }
}

/// A new bytes object with a copy of `bytes`.
func newBytes(_ bytes: UnsafeRawBufferPointer) -> PyRef? {
  PyBytes_FromStringAndSize(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
}

/// A tuple that is being filled.
struct TupleBuilder: ~Copyable {
  private let tuple: Owned
  private var count = 0

  init(_ size: Int) throws(PythonError) {
    tuple = try Owned(PyTuple_New(size))
  }

  mutating func add(_ item: consuming Owned) throws(PythonError) {
    guard PyTuple_SetItem(tuple.object, count, item.take()) == 0 else { throw PythonError() }
    count += 1
  }

  consuming func build() -> Owned { Owned(retaining: tuple.object) }

  /// Calls `callable` with the elements as its arguments.
  borrowing func call(_ callable: PyRef?) throws(PythonError) -> Owned {
    try Owned(PyObject_CallObject(callable, tuple.object))
  }
}

// MARK: The interpreter's lock

/// Runs `body` without the interpreter's lock: other threads run Python meanwhile.
func withoutInterpreter<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
  let state = PyEval_SaveThread()
  defer { PyEval_RestoreThread(state) }
  return try body()
}

// MARK: Functions that Python calls

typealias FastFunction = @convention(c) (PyRef?, UnsafePointer<PyRef?>?, Int, PyRef?) -> PyRef?
typealias GetFunction = @convention(c) (PyRef?, UnsafeMutableRawPointer?) -> PyRef?
typealias SetFunction = @convention(c) (PyRef?, PyRef?, UnsafeMutableRawPointer?) -> Int32

/// The edge to C: a new reference, or NULL with an exception set.
@inline(__always)
func returning(_ body: () throws(PythonError) -> Owned) -> PyRef? {
  do throws(PythonError) {
    return try body().take()
  } catch {
    return nil
  }
}

extension StaticString {
  var pointer: UnsafePointer<CChar> {
    UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}

/// A row of a table of functions or methods that take arguments by position and by name.
func function(_ name: StaticString, _ documentation: StaticString, _ body: FastFunction)
  -> PyMethodDef
{
  PyMethodDef(
    ml_name: name.pointer, ml_meth: unsafeBitCast(body, to: PyCFunction.self),
    ml_flags: METH_FASTCALL | METH_KEYWORDS, ml_doc: documentation.pointer)
}

/// A row of a table of attributes.
func attribute(
  _ name: StaticString, _ documentation: StaticString, get: GetFunction, set: SetFunction? = nil
) -> PyGetSetDef {
  PyGetSetDef(
    name: name.pointer, get: get, set: set, doc: documentation.pointer, closure: nil)
}

/// A table for the interpreter, which refers to it for ever: a copy that stays, with an empty row at its end.
func table<Row>(_ rows: [Row], end: Row) -> UnsafeMutablePointer<Row> {
  let table = UnsafeMutablePointer<Row>.allocate(capacity: rows.count + 1)
  for (index, row) in (rows + [end]).enumerated() { (table + index).initialize(to: row) }
  return table
}
