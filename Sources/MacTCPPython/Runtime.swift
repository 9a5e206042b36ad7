// What the process has one of: the driver, the resolver, the main thread, the types; and what a fork means for them.
internal import CPythonShims
internal import MacTCP
internal import MacTCPCore
internal import MacTCPHost

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

enum Runtime {
  // Every variable is touched with the interpreter's lock held only; `isForkedChild` is set in a process that has one
  // thread, before any Python runs there. There is one interpreter: others are refused.
  nonisolated(unsafe) private static var openDriver: (any Driver)?
  nonisolated(unsafe) private static var openResolver: Resolver?
  nonisolated(unsafe) private(set) static var main: MainThread?
  nonisolated(unsafe) private(set) static var isForkedChild = false
  /// The interpreter has ended, or is about to.
  nonisolated(unsafe) private(set) static var isFinished = false

  /// The driver; opened by the first call that needs it. Until then the process has no thread of the package's and may
  /// fork as it likes.
  static func driver() throws(MacTCPError) -> any Driver {
    try requireNoFork(.ipLoadErr)
    if let openDriver { return openDriver }
    let driver = try MacTCP.open()
    guard let event = WakeEvent.make() else {
      throw MacTCPError(
        .insufficientResources, "the driver cannot be opened: no descriptor is left")
    }
    guard let identity = mainThreadIdentity() else {
      PyErr_Clear()
      throw MacTCPError(.ipLoadErr, "the driver cannot be opened: the interpreter has ended")
    }
    let main = MainThread(identity: identity, event: event)
    guard main.startHerald() else {
      throw MacTCPError(.insufficientResources, "the driver cannot be opened: no thread is left")
    }
    pthread_atfork(nil, nil, { Runtime.isForkedChild = true })
    // A function that atexit runs after ours, or a destructor, may be the first to use the driver.
    if isFinished { main.close() }
    self.main = main
    openDriver = driver
    return driver
  }

  static func resolver() throws(MacTCPError) -> Resolver {
    let driver = try driver()
    if let openResolver { return openResolver }
    let resolver = Resolver(driver: driver)
    openResolver = resolver
    return resolver
  }

  /// A child has the parent's streams, but none of the threads that serve them, and perhaps locks that such a thread
  /// held: it must not touch them.
  static func requireNoFork(_ code: ResultCode) throws(MacTCPError) {
    if isForkedChild {
      throw MacTCPError(
        code, "a process that was forked after mactcp was first used cannot use it")
    }
  }

  /// The interpreter ends.
  static func finish() {
    isFinished = true
    if !isForkedChild { main?.close() }
  }

  private static func mainThreadIdentity() -> UInt? {
    guard let threading = try? Owned(PyImport_ImportModule("threading")),
      let main = try? Owned(PyObject_CallMethodNoArguments(threading.object, "main_thread")),
      let number = try? Owned(PyObject_GetAttrString(main.object, "ident"))
    else { return nil }
    let identity = PyLong_AsUnsignedLong(number.object)
    return PyErr_Occurred() == nil ? identity : nil
  }
}

/// `PyObject_CallMethod` has a variable number of arguments, which Swift does not see.
func PyObject_CallMethodNoArguments(_ object: PyRef, _ name: StaticString) throws(PythonError)
  -> PyRef?
{
  let method = try Owned(PyObject_GetAttrString(object, name.pointer))
  return PyObject_CallObject(method.object, nil)
}
