/// A pending send: a command, or a call that blocks its thread.
final class PendingSend {
  enum Source {
    case arrays([[UInt8]])
    /// Memory of a caller that is inside its call until `outcome` is there.
    case memory(UnsafeRawBufferPointer)
  }

  let source: Source
  let total: Int
  let push: Bool
  let urgent: Bool
  let until: SendCompletion
  let command: Command<Void>?
  let sleeper: (any Sleeper)?
  let polls: Bool
  /// How much of it the transport has taken.
  var offset = 0
  /// Which byte of the connection is its last, once it was taken whole.
  var end = 0
  var outcome: Result<Void, MacTCPError>?
  var isServicedByCaller = false

  init(
    _ source: Source, push: Bool, urgent: Bool, until: SendCompletion, command: Command<Void>?,
    sleeper: (any Sleeper)? = nil, polls: Bool = false
  ) {
    self.source = source
    self.push = push
    self.urgent = urgent
    self.until = until
    self.command = command
    self.sleeper = sleeper
    self.polls = polls
    total =
      switch source {
      case .arrays(let arrays): arrays.reduce(0) { $0 + $1.count }
      case .memory(let bytes): bytes.count
      }
  }

  func complete(_ result: Result<Void, MacTCPError>, _ effects: inout Effects) {
    if let command {
      command.complete(result, &effects)
      return
    }
    outcome = result
    if let sleeper, !isServicedByCaller { effects.add(.wake(sleeper)) }
  }

  /// Calls `body` with what is left to be sent.
  func withRest<R>(_ body: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> R) -> R {
    switch source {
    case .memory(let bytes):
      return withUnsafePointer(to: UnsafeRawBufferPointer(rebasing: bytes[offset...])) {
        body(UnsafeBufferPointer(start: $0, count: 1))
      }
    case .arrays(let arrays):
      var index = 0
      var skipped = offset
      while index < arrays.count, skipped >= arrays[index].count {
        skipped -= arrays[index].count
        index += 1
      }
      var list: [UnsafeRawBufferPointer] = []
      return PendingSend.gather(
        arrays[index...].prefix(PendingSend.mostBuffers), skipped, &list, body)
    }
  }

  /// So many buffers are offered to the transport at once; each is pinned by a level of recursion.
  private static let mostBuffers = 16

  private static func gather<R>(
    _ arrays: ArraySlice<[UInt8]>, _ skipped: Int, _ list: inout [UnsafeRawBufferPointer],
    _ body: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> R
  ) -> R {
    guard let first = arrays.first else { return list.withUnsafeBufferPointer(body) }
    return first.withUnsafeBytes { bytes in
      list.append(UnsafeRawBufferPointer(rebasing: bytes[skipped...]))
      return gather(arrays.dropFirst(), 0, &list, body)
    }
  }
}
