import SystemPackage
import Synchronization

/// Where a transfer's bytes come from: standard input or a file.
///
/// A read that waits can be ended from another thread, with nothing taken from the descriptor: with `--keep`, what is
/// typed after a connection ended goes to the next one.
final class InputSource: Sendable {
  private let descriptor: FileDescriptor
  private let name: String
  private let ownsDescriptor: Bool
  /// A byte in the pipe ends every read.
  private let stop: (readEnd: FileDescriptor, writeEnd: FileDescriptor)
  private let isStopped = Atomic(false)

  /// The bytes of the file at `path`, or of standard input.
  init(path: String?) throws(ToolFailure) {
    name = path ?? "standard input"
    ownsDescriptor = path != nil
    do {
      // Without `nonBlocking` the opening of a FIFO waits for its writer, where nothing could end it.
      descriptor =
        try path.map { try FileDescriptor.open(FilePath($0), .readOnly, options: .nonBlocking) }
        ?? .standardInput
      stop = try FileDescriptor.pipe()
    } catch {
      throw ToolFailure(error, name, .noInput)
    }
  }

  /// Whether the file at `path`, or standard input, can be an input that goes to `output`; nothing is opened, because
  /// whoever writes to a pipe would see it closed again.
  static func check(path: String?, for output: OutputSink) throws(ToolFailure) {
    let file: FileIdentity?
    do throws(Errno) {
      if let path {
        file = try regularFile(readableAt: path)
      } else {
        file = FileDescriptor.standardInput.regularFile
      }
    } catch {
      throw ToolFailure(error, path ?? "standard input", .noInput)
    }
    if let file, file == output.file {
      throw ToolFailure("\(path ?? "standard input") is both input and output", .usage)
    }
  }

  deinit {
    if ownsDescriptor { try? descriptor.close() }
    try? stop.readEnd.close()
    try? stop.writeEnd.close()
  }

  /// Whether a person types the input.
  var isTerminal: Bool { descriptor.isTerminal }

  /// The size of the input in bytes, where it is a file.
  var size: Int? { descriptor.regularFileSize }

  /// Ends a read that waits, and every later one, as if the input had ended.
  func end() {
    if !isStopped.exchange(true, ordering: .relaxed) {
      _ = try? stop.writeEnd.writeAll([0])
    }
  }

  /// Reads what there is, and waits until there is something; 0 at the end of the input.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(ToolFailure) -> Int {
    do {
      while true {
        if try descriptor.waitUntilReadable(or: stop.readEnd) { return 0 }
        do {
          return try descriptor.read(into: buffer)
        } catch Errno.resourceTemporarilyUnavailable {
          continue  // Somebody else, who shares the descriptor, was faster.
        }
      }
    } catch {
      throw ToolFailure(error, "cannot read \(name)", .inputOutput)
    }
  }
}
