// How the tool ends: its exit codes (those of sysexits.h, where they fit) and what becomes one.
import MacTCP
import SystemPackage

/// The tool's exit codes.
enum ToolStatus: Int32 {
  /// All went well.
  case success = 0
  /// Anything that has no code of its own.
  case failure = 1
  /// Wrong usage (EX_USAGE).
  case usage = 64
  /// The input is not there, or cannot be opened (EX_NOINPUT).
  case noInput = 66
  /// No such host (EX_NOHOST).
  case noHost = 68
  /// The peer refused or cannot be reached, or the name servers failed (EX_UNAVAILABLE).
  case unavailable = 69
  /// The output cannot be created or opened (EX_CANTCREAT).
  case cannotCreate = 73
  /// Reading the input or writing the output failed (EX_IOERR).
  case inputOutput = 74
  /// Time ran out (EX_TEMPFAIL).
  case timedOut = 75
  /// The system does not permit it (EX_NOPERM).
  case noPermission = 77
  /// Stopped by SIGHUP, as shells report it.
  case hungUp = 129
  /// Stopped by SIGINT, as shells report it.
  case interrupted = 130
  /// Stopped by SIGTERM, as shells report it.
  case terminated = 143
}

/// Why a command of the tool fails: a sentence for people and an exit code for programs.
struct ToolFailure: Error, Equatable {
  /// One sentence without a full stop; `nil` when everything was said already.
  let message: String?
  /// What the process exits with.
  let status: ToolStatus

  init(_ message: String?, _ status: ToolStatus = .failure) {
    self.message = message
    self.status = status
  }

  /// What the driver failed with.
  init(_ error: MacTCPError) {
    self.init("\(error)", ToolStatus(error))
  }

  /// What a system call on `subject` failed with; swift-system throws without a type.
  init(_ error: any Error, _ subject: String, _ status: ToolStatus) {
    self.init("\(subject): \(error)", status)
  }

  /// A command that was stopped before it was done; `soFar` says what it had done.
  static func interrupted(_ soFar: String) -> ToolFailure {
    ToolFailure("interrupted: \(soFar)", Interrupts.shared.status)
  }
}

extension ToolStatus {
  /// The exit code that tells a program the most about `error`.
  init(_ error: MacTCPError) {
    switch error.cause {
    case .refused, .unreachable: self = .unavailable
    case .timedOut: self = .timedOut
    case .permissionDenied: self = .noPermission
    case .badAddress: self = .noHost
    case .cancelled: self = .interrupted
    case .other: self = ToolStatus(error.code)
    }
  }

  private init(_ code: ResultCode) {
    switch code {
    case .commandTimeout, .icmpEchoTimeoutErr: self = .timedOut
    case .ipRouteErr, .ipDestDeadErr, .noNameServer, .noAnsErr, .dnrErr: self = .unavailable
    case .authNameErr, .nameSyntaxErr: self = .noHost
    default: self = .failure
    }
  }
}

/// Runs calls of the driver where only ``ToolFailure`` may come out.
func translating<R>(_ body: () throws(MacTCPError) -> R) throws(ToolFailure) -> R {
  do throws(MacTCPError) {
    return try body()
  } catch {
    throw ToolFailure(error)
  }
}
