// Everything the tool says. One lock keeps lines whole; a progress line stays below what is printed.
import Synchronization
import SystemPackage

/// Standard output and standard error, for text.
final class Console: Sendable {
  static let shared = Console()

  private struct State {
    /// What must be rubbed out before anything else is written to the terminal.
    var linesToRubOut = 0
    /// Whether the terminal shows something that is to be rubbed out.
    var isInsideLine = false
    /// Whether somebody else writes to the terminal now: what is theirs must not be rubbed out.
    var isShared = false
    /// Why standard output does not take what is printed: once something is missing there, the rest is of no use.
    var failure: ToolFailure?
  }

  private let state = Mutex(State())
  /// Whether standard error goes to a person: only then is progress shown.
  let isTerminal = FileDescriptor.standardError.isTerminal

  /// Prints a line on standard output. Once that has failed, it fails for every later line too.
  func print(_ line: String) throws(ToolFailure) {
    let failure = state.withLock { state -> ToolFailure? in
      rubOut(&state)
      guard state.failure == nil else { return state.failure }
      do throws(ToolFailure) {
        try OutputSink(.standardOutput, name: "standard output").write(Array("\(line)\n".utf8))
      } catch {
        state.failure = error
      }
      return state.failure
    }
    if let failure { throw failure }
  }

  /// Prints a line on standard error.
  func note(_ line: String) {
    state.withLock {
      rubOut(&$0)
      Console.write(line + "\n")
    }
  }

  /// Says on standard error what went wrong.
  func complain(_ sentence: String) {
    note("mactcp: \(sentence)")
  }

  /// Shows lines on the terminal that the next ones replace. Without a terminal nothing is shown.
  func showTransiently(_ lines: [String]) {
    guard isTerminal else { return }
    let lines = fitted(lines, to: FileDescriptor.standardError.windowSize)
    state.withLock {
      guard !$0.isShared else { return }
      rubOut(&$0)
      // No line feed after the last one, so that the terminal does not scroll for it.
      Console.write(lines.joined(separator: "\n"))
      $0.linesToRubOut = lines.count - 1
      $0.isInsideLine = true
    }
  }

  /// Rubs out what was shown transiently.
  func clearTransient() {
    state.withLock { rubOut(&$0) }
  }

  /// Whether the terminal is written to by others too, from now on: nothing is shown transiently then.
  func share(_ isShared: Bool) {
    state.withLock {
      rubOut(&$0)
      $0.isShared = isShared
    }
  }

  private func rubOut(_ state: inout State) {
    guard state.isInsideLine else { return }
    let up = state.linesToRubOut > 0 ? "\u{1B}[\(state.linesToRubOut)A" : ""
    Console.write("\r\(up)\u{1B}[J")
    state.linesToRubOut = 0
    state.isInsideLine = false
  }

  /// Writes to standard error. What cannot be written is lost: there is nowhere else to say it.
  private static func write(_ text: String) {
    try? OutputSink(.standardError, name: "standard error").write(Array(text.utf8))
  }
}
