internal import MacTCPCore

/// One deadline per token, the earliest on top: a binary heap that knows where each token stands, so that a deadline
/// can be moved or removed.
struct TimerHeap {
  private var entries: [(deadline: MonotonicTime, token: UInt64)] = []
  private var positions: [UInt64: Int] = [:]

  var earliest: MonotonicTime? { entries.first?.deadline }

  /// Sets, moves or (with `nil`) removes a token's deadline.
  mutating func set(_ token: UInt64, _ deadline: MonotonicTime?) {
    guard let deadline else {
      if let position = positions[token] { remove(at: position) }
      return
    }
    let position: Int
    if let known = positions[token] {
      entries[known].deadline = deadline
      position = known
    } else {
      position = entries.count
      entries.append((deadline, token))
      positions[token] = position
    }
    siftDown(siftUp(position))
  }

  /// Takes out all tokens whose deadline is not after `now`, earliest first.
  mutating func removeExpired(at now: MonotonicTime) -> [UInt64] {
    var tokens: [UInt64] = []
    while let first = entries.first, first.deadline <= now {
      tokens.append(first.token)
      remove(at: 0)
    }
    return tokens
  }

  private mutating func remove(at position: Int) {
    positions[entries[position].token] = nil
    let last = entries.removeLast()
    guard position < entries.count else { return }
    entries[position] = last
    positions[last.token] = position
    siftDown(siftUp(position))
  }

  private mutating func siftUp(_ start: Int) -> Int {
    var position = start
    while position > 0 {
      let parent = (position - 1) / 2
      guard entries[position].deadline < entries[parent].deadline else { break }
      swap(position, parent)
      position = parent
    }
    return position
  }

  private mutating func siftDown(_ start: Int) {
    var position = start
    while true {
      var smallest = position
      for child in [2 * position + 1, 2 * position + 2]
      where child < entries.count && entries[child].deadline < entries[smallest].deadline {
        smallest = child
      }
      if smallest == position { return }
      swap(position, smallest)
      position = smallest
    }
  }

  private mutating func swap(_ a: Int, _ b: Int) {
    entries.swapAt(a, b)
    positions[entries[a].token] = a
    positions[entries[b].token] = b
  }
}
