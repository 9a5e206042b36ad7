// How a call of Python's waits: without the interpreter's lock; and on the main thread so that signals and the asr
// come through.
internal import CPythonShims
internal import MacTCPCore

/// Waits until `command` has completed, or until `deadline`: `nil` then. What Python's signal handlers raise ends the
/// wait too; the command goes on, and the caller takes it back if it is to end.
func wait<Value>(for command: Command<Value>, until deadline: MonotonicTime? = nil)
  throws(PythonError) -> Result<Value, MacTCPError>?
{
  if PyErr_Occurred() != nil { throw PythonError() }
  if let result = command.result { return result }
  guard let main = Runtime.main, main.isCurrent else {
    return withoutInterpreter {
      guard let deadline else {
        _ = try? command.wait()
        return command.result
      }
      _ = try? command.wait(timeout: deadline - .now)
      return command.result
    }
  }
  command.whenComplete(once: main) { _ in main.wake() }
  while true {
    // Also before the first sleep: a call that was interrupted may have left its command here.
    try main.attend()
    let isOver = main.waiting { main in
      while command.result == nil {
        if let deadline, MonotonicTime.now >= deadline { return true }
        main.sleep(until: deadline)
        if command.result == nil && main.endsCall(losesNothing: true) { return false }
      }
      return true
    }
    if PyErr_Occurred() != nil { throw PythonError() }
    if isOver { return command.result }
  }
}

/// Waits for `command`, and takes it back when the wait is interrupted or `deadline` passes; `late` says what was not
/// done in time then. A value that came although the wait was interrupted goes to `keep`.
func waitOrCancel<Value>(
  for command: Command<Value>, until deadline: MonotonicTime? = nil,
  late: () -> String = { "time ran out" }, keep: (Value) -> Void = { _ in }
) throws(PythonError) -> Result<Value, MacTCPError> {
  do throws(PythonError) {
    if let result = try wait(for: command, until: deadline) { return result }
    command.cancel()
    if case .success(let value) = command.result { return .success(value) }
    return .failure(MacTCPError(.commandTimeout, late(), cause: .timedOut))
  } catch {
    command.cancel()
    if case .success(let value) = command.result { keep(value) }
    throw error
  }
}

/// One sleeping call that goes as far as it can; interrupted it returns before its time.
func turn<Value>(_ body: ((any Interruption)?) throws(MacTCPError) -> Value) throws(PythonError)
  -> Value
{
  do throws(MacTCPError) {
    guard let main = Runtime.main, main.isCurrent else {
      return try withoutInterpreter { () throws(MacTCPError) in try body(nil) }
    }
    return try main.waiting { main throws(MacTCPError) in try body(main) }
  } catch {
    throw PythonError(error)
  }
}

/// A sleeping call in turns: `body` goes as far as it can, and returns `nil` when it was interrupted. Between two turns
/// the asr is run.
func repeatedly<Value>(
  keep: (Value) -> Void = { _ in },
  _ body: ((any Interruption)?) throws(MacTCPError) -> Value?
) throws(PythonError) -> Value {
  while true {
    let value = try turn(body)
    if PyErr_Occurred() != nil {
      // A signal handler has raised, and what the call brought must not be lost.
      if let value { keep(value) }
      throw PythonError()
    }
    if let value { return value }
    try Runtime.main?.attend()
  }
}
