import SystemPackage

/// Where received bytes go: standard output or a file.
struct OutputSink: Sendable {
  private let descriptor: FileDescriptor
  private let name: String

  /// Writes to the file at `path`, which is made if it is not there, or to standard output. What the file holds stays
  /// until ``empty()``.
  init(path: String?) throws(ToolFailure) {
    guard let path else {
      self.init(.standardOutput, name: "standard output")
      return
    }
    do {
      let descriptor = try FileDescriptor.open(
        FilePath(path), .writeOnly, options: .create,
        permissions: FilePermissions(rawValue: 0o666))
      self.init(descriptor, name: path)
    } catch {
      throw ToolFailure(error, path, .cannotCreate)
    }
  }

  /// Writes to an open descriptor, called `name` where something goes wrong.
  init(_ descriptor: FileDescriptor, name: String) {
    self.descriptor = descriptor
    self.name = name
  }

  /// Drops what a file held before.
  func empty() throws(ToolFailure) {
    guard descriptor.regularFileSize != nil else { return }
    do {
      try descriptor.resize(to: 0)
    } catch {
      throw ToolFailure(error, "cannot write \(name)", .inputOutput)
    }
  }

  /// Which file the output goes to; `nil` if to something else.
  var file: FileIdentity? { descriptor.regularFile }

  /// Whether a person reads the output.
  var isTerminal: Bool { descriptor.isTerminal }

  /// Writes all of `bytes`.
  func write(_ bytes: UnsafeRawBufferPointer) throws(ToolFailure) {
    var rest = bytes
    do {
      while !rest.isEmpty {
        do {
          rest = UnsafeRawBufferPointer(rebasing: rest[try descriptor.write(rest)...])
        } catch Errno.resourceTemporarilyUnavailable {
          try descriptor.waitUntilWritable()
        }
      }
    } catch {
      throw ToolFailure(error, "cannot write \(name)", .inputOutput)
    }
  }

  /// Writes all of `bytes`.
  func write(_ bytes: [UInt8]) throws(ToolFailure) {
    let span = bytes.span
    try span.withUnsafeBytes { bytes throws(ToolFailure) in try write(bytes) }
  }
}
