/// A send that waits in the stream's queue, or to be acknowledged.
final class PendingSend {
  let buffers: [[UInt8]]
  let total: Int
  let push: Bool
  let urgent: Bool
  let until: SendCompletion
  let command: Command<Void>
  /// How much of it the transport has taken.
  var offset: Int
  /// Which byte of the connection is its last, once it was taken whole.
  var end = 0

  init(
    _ buffers: [[UInt8]], taken: Int, push: Bool, urgent: Bool, until: SendCompletion,
    command: Command<Void>
  ) {
    self.buffers = buffers
    self.push = push
    self.urgent = urgent
    self.until = until
    self.command = command
    offset = taken
    total = buffers.reduce(0) { $0 + $1.count }
  }

  /// Calls `body` with what is left to be sent, or the first part of it.
  func withRest<R>(_ body: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> R) -> R {
    var index = 0
    var skipped = offset
    while index < buffers.count, skipped >= buffers[index].count {
      skipped -= buffers[index].count
      index += 1
    }
    var list: [UnsafeRawBufferPointer] = []
    return PendingSend.gather(
      buffers[index...].prefix(PendingSend.mostBuffers), skipped, &list, body)
  }

  /// So many buffers are offered to the transport at once; each is pinned by a level of recursion.
  private static let mostBuffers = 16

  private static func gather<R>(
    _ buffers: ArraySlice<[UInt8]>, _ skipped: Int, _ list: inout [UnsafeRawBufferPointer],
    _ body: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> R
  ) -> R {
    guard let first = buffers.first else { return list.withUnsafeBufferPointer(body) }
    return first.withUnsafeBytes { bytes in
      list.append(UnsafeRawBufferPointer(rebasing: bytes[skipped...]))
      return gather(buffers.dropFirst(), 0, &list, body)
    }
  }
}
