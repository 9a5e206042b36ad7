import Testing

@testable import MacTCPEngine

@Suite("Turn queue")
struct TurnQueueTests {
  @Test("A number is in the queue once, where it was put first")
  func once() throws {
    var queue = TurnQueue()
    for index in [5, 900, 5, 0, 900] { queue.append(index) }
    try check(queue.first == 5)
    try check(!queue.contains(-1) && !queue.contains(.max) && !queue.contains(.min))
    queue.remove(.min)
    queue.remove(.max)
    queue.remove(7)
    queue.remove(900)
    queue.remove(5)
    try check(queue.first == 0)
    queue.remove(0)
    try check(queue.isEmpty && queue.first == nil)
  }

  @Test("Who was taken out from the middle and comes back has the turn that was left")
  func again() throws {
    var queue = TurnQueue()
    for index in [1, 2, 3] { queue.append(index) }
    queue.remove(2)
    queue.append(4)
    queue.append(2)
    for index in [1, 2, 3, 4] {
      try check(queue.first == index)
      queue.remove(index)
    }
    // A turn that was passed over is none.
    for index in [1, 2, 3] { queue.append(index) }
    queue.remove(2)
    queue.remove(1)
    queue.remove(3)
    try check(queue.isEmpty)
    queue.append(3)
    queue.append(2)
    try check(queue.first == 3)
  }

  @Test("Any order of calls against an array of those who wait and those who have left their turn")
  func model() {
    SeededGenerator.forSeeds { generator in
      var queue = TurnQueue()
      var model: [(index: Int, waits: Bool)] = []
      for turn in 0..<3000 {
        let index = generator.number(0...200)
        switch generator.number(0...5) {
        case 0, 1,
          2 where turn / 500 % 2 == 0, 3 where turn / 500 % 2 == 0:
          queue.append(index)
          if let place = model.firstIndex(where: { $0.index == index }) {
            model[place].waits = true
          } else {
            model.append((index, true))
          }
        default:
          let index = generator.number(0...1) == 0 ? index : model.first?.index ?? index
          queue.remove(index)
          if let place = model.firstIndex(where: { $0.index == index }) {
            model[place].waits = false
          }
          while let first = model.first, !first.waits { model.removeFirst() }
        }
        let waiting = model.filter(\.waits).map(\.index)
        try check(queue.contains(index) == waiting.contains(index), "contains \(index)")
        try check(queue.isEmpty == waiting.isEmpty, "empty")
        try check(queue.first == waiting.first, "first")
      }
    }
  }
}
