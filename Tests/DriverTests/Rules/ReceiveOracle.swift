import MacTCPCore
import MacTCPWire
import Testing

/// What a stream must do with what arrives, said a second time and as plainly as possible: every byte by itself, and
/// every rule of reference 3.3 and 4.1 as a sentence about the bytes that wait. Checks a stream step by step.
struct ReceiveOracle {
  struct Byte {
    var value: UInt8
    var isPushed = false
    var isUrgent = false
    var isLastUrgent = false
    var since: Duration
  }

  struct Pending {
    var command: Command<Received>
    var limit: Int
    var deadline: Duration?
  }

  var now = Duration.zero
  var waiting: [Byte] = []
  var pending: [Pending] = []
  var isInsideUrgent = false
  var peerHasClosed = false
  var isLost = false
  var endSeen = false
  var receiveCompleted = true
  var urgentTold = false
  var events: [TCPEvent] = []
  /// What was delivered, and its flags: first urgent, mark.
  var received: [UInt8] = []

  static let receiveBuffer = 4096

  /// Checks everything that must have happened by now; returns sentences about what did not.
  mutating func settle(_ newEvents: [TCPEvent]) -> [String] {
    var wrong: [String] = []
    var expected: [TCPEvent] = []
    while let first = pending.first {
      if let expiry = pending.dropFirst().firstIndex(where: { isLate($0) }), !completes(first) {
        wrong += expectFailure(pending.remove(at: expiry).command, .commandTimeout)
        receiveCompleted = true
        continue
      }
      if waiting.isEmpty && (peerHasClosed || isLost) {
        wrong += expectFailure(first.command, isLost ? .connectionTerminated : .connectionClosing)
        pending.removeFirst()
        if !isLost { see(&expected) }
      } else if completes(first) {
        pending.removeFirst()
        wrong += expectData(first)
        receiveCompleted = true
        urgentTold = urgentTold && isInsideUrgent
      } else if isLate(first) {
        pending.removeFirst()
        wrong += expectFailure(first.command, .commandTimeout)
        receiveCompleted = true
      } else {
        break
      }
    }
    wrong += pending.filter { $0.command.isDone }.map {
      "a receive completed early: \($0.command.code)"
    }
    if pending.isEmpty && !isLost {
      if waiting.contains(where: \.isUrgent) && !urgentTold && !isInsideUrgent {
        urgentTold = true
        expected.append(.urgent)
      }
      if !waiting.isEmpty && receiveCompleted {
        receiveCompleted = false
        expected.append(.dataArrival)
      }
      if waiting.isEmpty && peerHasClosed { see(&expected) }
    }
    if newEvents != expected { wrong.append("events \(newEvents), not \(expected)") }
    return wrong
  }

  private mutating func see(_ expected: inout [TCPEvent]) {
    if !endSeen { expected.append(.closing) }
    endSeen = true
  }

  private func isLate(_ receive: Pending) -> Bool {
    receive.deadline.map { now >= $0 } ?? false
  }

  /// The six conditions of 3.3, and the end of the data.
  private func completes(_ receive: Pending) -> Bool {
    guard let oldest = waiting.first else { return peerHasClosed || isLost }
    return waiting.contains { $0.isPushed || $0.isUrgent }
      || now >= oldest.since + .milliseconds(100)
      || waiting.count >= receive.limit || waiting.count >= Self.receiveBuffer / 4
      || isLate(receive) || peerHasClosed || isLost
  }

  /// The oldest bytes of one kind, up to the last urgent one, as far as there is room.
  private mutating func expectData(_ receive: Pending) -> [String] {
    let isUrgent = waiting[0].isUrgent
    // What is left of a lost connection is delivered as it comes, without flags.
    var run = waiting.prefix { $0.isUrgent == isUrgent || isLost }.prefix(receive.limit)
    if !isLost, let last = run.firstIndex(where: \.isLastUrgent) { run = run[...last] }
    guard case .success(let got) = receive.command.result else {
      return ["a receive that was to complete with data is \(receive.command.code)"]
    }
    // Behind ordinary data that is followed by urgent data, a receive may return less: it looks once.
    let mayBeShort = !isUrgent && !isLost && waiting.contains(where: \.isUrgent)
    if got.data.count < run.count && mayBeShort { run = run.prefix(got.data.count) }
    waiting.removeFirst(run.count)
    received += got.data
    let isFirst = isUrgent && !isInsideUrgent
    let isMark = run.last?.isLastUrgent ?? false
    isInsideUrgent = isUrgent && !isMark
    var wrong: [String] = []
    if got.data.isEmpty { wrong.append("a receive without data") }
    if got.data != run.map(\.value) {
      wrong.append("\(got.data.count) bytes, not the next \(run.count)")
    }
    if [got.isUrgent, got.isMark] != [isFirst && !isLost, isMark && !isLost] {
      wrong.append("flags \([got.isUrgent, got.isMark]), not \([isFirst, isMark])")
    }
    return wrong
  }

  private func expectFailure(_ command: Command<Received>, _ code: ResultCode) -> [String] {
    command.code == code ? [] : ["a receive is \(command.code), not \(code)"]
  }
}
