// Memory that a receive fills without the interpreter's lock, and that becomes the bytes object it returns.
internal import CPythonShims

/// A bytes object that nobody else knows, as large as one receive may bring. When it is filled it is itself the result.
/// Otherwise the result is a copy of the right size, and the object serves the next receive: the stable ABI cannot
/// shrink one.
struct ReceiveBuffer: ~Copyable {
  /// The most that one receive returns.
  static let size = 65_536
  // Touched with the interpreter's lock held only.
  nonisolated(unsafe) private static var spare: PyRef?

  private let object: PyRef

  init() throws(PythonError) {
    if let spare = ReceiveBuffer.spare {
      object = spare
      ReceiveBuffer.spare = nil
    } else {
      object = try Owned(PyBytes_FromStringAndSize(nil, ReceiveBuffer.size)).take()
    }
  }

  deinit {
    if ReceiveBuffer.spare == nil { ReceiveBuffer.spare = object } else { mactcp_decref(object) }
  }

  var memory: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: PyBytes_AsString(object), count: ReceiveBuffer.size)
  }

  /// The first `count` bytes.
  consuming func bytes(_ count: Int) throws(PythonError) -> Owned {
    guard count == ReceiveBuffer.size else {
      let copy = newBytes(UnsafeRawBufferPointer(rebasing: memory.prefix(count)))
      _ = consume self
      return try Owned(copy)
    }
    let object = object
    discard self
    return try Owned(object)
  }
}
