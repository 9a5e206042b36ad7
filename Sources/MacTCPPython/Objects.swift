// How our types are made, and what all their objects have in common: a Swift object behind a Python one.
internal import CPythonShims
internal import MacTCPCore

/// The Swift object behind a Python one.
class ObjectBody: @unchecked Sendable {
  // Sendable: the variables of this class and its subclasses are touched with the interpreter's lock held only.

  /// The Python object goes.
  func dispose() {}
}

/// A stream behind a Python object: it has an asr.
class StreamObject: ObjectBody, @unchecked Sendable {
  /// The Python object, for as long as it lives.
  final var owner: PyRef?
  final private(set) var hasASR = false

  /// The asr was set, or taken away: whether events are to come.
  func asrChanged() {}

  final func setASR(_ isSet: Bool) {
    guard isSet != hasASR else { return }
    hasASR = isSet
    asrChanged()
  }

  /// Calls the asr; false when an exception is set that is the main program's.
  final func runASR(_ notice: MainThread.Notice) -> Bool {
    guard let owner, let asr = mactcpObject(owner).pointee.asr, asr != mactcp_None() else {
      return true
    }
    // The asr may drop the stream, and itself.
    let stream = Owned(retaining: owner)
    let callable = Owned(retaining: asr)
    defer { withExtendedLifetime(stream.object) {} }
    do throws(PythonError) {
      var arguments = try TupleBuilder(notice.detail == nil ? 1 : 2)
      try arguments.add(.integer(notice.event))
      if let detail = notice.detail { try arguments.add(.integer(detail)) }
      _ = try arguments.call(callable.object)
    } catch {
      // Ctrl-C is meant for the program, whatever it happens to run.
      if PyErr_ExceptionMatches(mactcp_KeyboardInterrupt()) != 0 { return false }
      PyErr_WriteUnraisable(callable.object)
    }
    return true
  }
}

func mactcpObject(_ object: PyRef) -> UnsafeMutablePointer<mactcp_object> {
  UnsafeMutableRawPointer(object).assumingMemoryBound(to: mactcp_object.self)
}

/// The Swift object behind `object`. The interpreter sees to it that a method gets an object of its own type.
func body<Body: ObjectBody>(_ object: PyRef?, as type: Body.Type) throws(PythonError) -> Body {
  guard let object, let pointer = mactcpObject(object).pointee.swift else {
    throw PythonError(mactcp_TypeError(), "the object is gone")
  }
  return unsafeDowncast(
    Unmanaged<ObjectBody>.fromOpaque(pointer).takeUnretainedValue(), to: Body.self)
}

/// A new object of `type`.
func makeObject(_ type: PyRef?, _ body: ObjectBody) throws(PythonError) -> Owned {
  guard let type = type.map({ OpaquePointer($0) }) else {
    throw PythonError(mactcp_TypeError(), "the type is gone")
  }
  let object = try Owned(PyType_GenericAlloc(type, 0))
  mactcpObject(object.object).pointee.swift = Unmanaged.passRetained(body).toOpaque()
  return object
}

// MARK: Types

/// A type of objects with a Swift object behind them.
func makeType(
  _ module: PyRef, _ name: StaticString, _ documentation: StaticString,
  methods: [PyMethodDef], attributes: [PyGetSetDef], representation: reprfunc? = nil
) throws(PythonError) -> Owned {
  var slots = [
    PyType_Slot(slot: Py_tp_doc, pfunc: UnsafeMutableRawPointer(mutating: documentation.pointer)),
    PyType_Slot(slot: Py_tp_dealloc, pfunc: pointer(deallocate)),
    PyType_Slot(slot: Py_tp_traverse, pfunc: pointer(traverse)),
    PyType_Slot(slot: Py_tp_clear, pfunc: pointer(clear)),
    PyType_Slot(slot: Py_tp_methods, pfunc: table(methods, end: PyMethodDef())),
    PyType_Slot(slot: Py_tp_getset, pfunc: table(attributes, end: PyGetSetDef())),
    PyType_Slot(
      slot: Py_tp_members,
      pfunc: table(
        [
          PyMemberDef(
            name: ("__weaklistoffset__" as StaticString).pointer, type: mactcp_memberSize,
            offset: mactcp_weakReferencesOffset, flags: mactcp_memberIsReadOnly, doc: nil)
        ], end: PyMemberDef())),
  ]
  if let representation {
    slots.append(
      PyType_Slot(
        slot: Py_tp_repr, pfunc: unsafeBitCast(representation, to: UnsafeMutableRawPointer.self)))
  }
  slots.append(PyType_Slot())
  return try Owned(
    slots.withUnsafeMutableBufferPointer { slots in
      var spec = PyType_Spec(
        name: name.pointer, basicsize: Int32(MemoryLayout<mactcp_object>.size), itemsize: 0,
        flags: mactcp_typeFlags, slots: slots.baseAddress)
      return PyType_FromModuleAndSpec(module, &spec, nil)
    })
}

private func pointer(_ function: @escaping destructor) -> UnsafeMutableRawPointer {
  unsafeBitCast(function, to: UnsafeMutableRawPointer.self)
}

private func pointer(_ function: @escaping traverseproc) -> UnsafeMutableRawPointer {
  unsafeBitCast(function, to: UnsafeMutableRawPointer.self)
}

private func pointer(_ function: @escaping inquiry) -> UnsafeMutableRawPointer {
  unsafeBitCast(function, to: UnsafeMutableRawPointer.self)
}

private let traverse: traverseproc = { object, visit, argument in
  guard let object, let visit else { return 0 }
  // An object of a heap type refers to its type.
  let result = visit(mactcp_type(object), argument)
  if result != 0 { return result }
  guard let asr = mactcpObject(object).pointee.asr else { return 0 }
  return visit(asr, argument)
}

private let clear: inquiry = { object in
  guard let object else { return 0 }
  let asr = mactcpObject(object).pointee.asr
  mactcpObject(object).pointee.asr = nil
  if let asr { mactcp_decref(asr) }
  return 0
}

private let deallocate: destructor = { object in
  guard let object else { return }
  PyObject_GC_UnTrack(object)
  // First: what comes below may run Python, and with it an event that waits. None may reach an object without references.
  if let swift = mactcpObject(object).pointee.swift {
    mactcpObject(object).pointee.swift = nil
    let body = Unmanaged<ObjectBody>.fromOpaque(swift)
    if Runtime.isForkedChild {
      // The stream is the parent's: it is left as it is, and its memory with it.
      (body.takeUnretainedValue() as? StreamObject)?.owner = nil
    } else {
      body.takeRetainedValue().dispose()
    }
  }
  if mactcpObject(object).pointee.weakReferences != nil { PyObject_ClearWeakRefs(object) }
  _ = clear(object)
  let type: PyRef? = mactcp_type(object)
  if let free = PyType_GetSlot(OpaquePointer(type), Py_tp_free) {
    unsafeBitCast(free, to: freefunc.self)(object)
  }
  if let type { mactcp_decref(type) }
}

// MARK: The asr attribute

/// The attribute `asr` of both kinds of stream.
func asrAttribute(_ documentation: StaticString) -> PyGetSetDef {
  attribute(
    "asr", documentation,
    get: { object, _ in
      returning { () throws(PythonError) in
        guard let object, let asr = mactcpObject(object).pointee.asr else { return .none }
        return Owned(retaining: asr)
      }
    },
    set: { object, value, _ in
      do throws(PythonError) {
        try setASR(object, value)
        return 0
      } catch {
        return -1
      }
    })
}

private func setASR(_ object: PyRef?, _ value: PyRef?) throws(PythonError) {
  let stream = try body(object, as: StreamObject.self)
  guard let object, let value else {
    throw PythonError(mactcp_AttributeError(), "asr cannot be deleted; set it to None")
  }
  guard value == mactcp_None() || PyCallable_Check(value) != 0 else {
    throw PythonError(mactcp_TypeError(), "asr is None or a callable, not '\(typeName(value))'")
  }
  let new = Owned(retaining: value).take()
  let old = mactcpObject(object).pointee.asr
  mactcpObject(object).pointee.asr = new
  if !Runtime.isForkedChild { stream.setASR(value != mactcp_None()) }
  // Last: what goes with it may be anything.
  if let old { mactcp_decref(old) }
}
