// How a call of Python's waits: without the interpreter's lock; and on the main thread so that signals and the asr
// come through.
internal import CPythonShims
internal import MacTCPCore

/// Waits until `command` has completed, or until `deadline`: `nil` then. What Python's signal handlers raise ends the
/// wait too; the command goes on, and the caller takes it back if it is to end.
func wait<Value>(for command: Command<Value>, until deadline: MonotonicTime? = nil)
  throws(PythonError) -> Result<Value, MacTCPError>?
{
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
  command.whenComplete { _ in main.wake() }
  while true {
    let isOver = main.waiting { main in
      while command.result == nil {
        var milliseconds = main.longestSleep
        if let deadline {
          let left = (deadline - .now).saturatedNanoseconds
          if left <= 0 { return true }
          milliseconds = Int32(clamping: min(Int64(milliseconds), (left - 1) / 1_000_000 + 1))
        }
        main.sleep(milliseconds: milliseconds)
        if command.result == nil && main.endsCall() { return false }
      }
      return true
    }
    if PyErr_Occurred() != nil { throw PythonError() }
    if isOver { return command.result }
    try main.deliver()
  }
}

/// Waits for `command` and takes it back when the wait is interrupted. A value that came all the same goes to `keep`.
func waitOrCancel<Value>(
  for command: Command<Value>, keep: (Value) -> Void = { _ in }
) throws(PythonError) -> Result<Value, MacTCPError> {
  do throws(PythonError) {
    if let result = try wait(for: command) { return result }
    return .failure(MacTCPError(.inProgress, "the command is still pending"))
  } catch {
    command.cancel()
    if case .success(let value) = command.result { keep(value) }
    throw error
  }
}

/// One sleeping call: `turn` goes as far as it can, and returns `nil` when it was interrupted. Between two turns the
/// asr is run.
func repeatedly<Value>(
  keep: (Value) -> Void = { _ in },
  _ turn: ((any Interruption)?) throws(MacTCPError) -> Value?
) throws(PythonError) -> Value {
  while true {
    let value: Value?
    do throws(MacTCPError) {
      if let main = Runtime.main, main.isCurrent {
        value = try main.waiting { main throws(MacTCPError) in try turn(main) }
      } else {
        value = try withoutInterpreter { () throws(MacTCPError) in try turn(nil) }
      }
    } catch {
      throw PythonError(error)
    }
    if PyErr_Occurred() != nil {
      // A signal handler has raised, and what the call brought must not be lost.
      if let value { keep(value) }
      throw PythonError()
    }
    if let value { return value }
    try Runtime.main?.deliver()
  }
}
