import Testing

@testable import MacTCPEngine

@Suite("Index queue")
struct IndexQueueTests {
  @Test("A number is in the queue once, where it was put first")
  func once() throws {
    var queue = IndexQueue()
    for index in [5, 900, 5, 0, 900] { queue.append(index) }
    try check(queue.count == 3 && queue.first == 5)
    try check(!queue.contains(-1) && !queue.contains(.max) && !queue.contains(.min))
    queue.remove(.min)
    queue.remove(.max)
    queue.remove(7)
    queue.remove(900)
    try check(queue.popFirst() == 5 && queue.popFirst() == 0 && queue.popFirst() == nil)
    try check(queue.isEmpty && queue.first == nil)
  }

  @Test("Any order of calls against an array")
  func model() {
    SeededGenerator.forSeeds { generator in
      var queue = IndexQueue()
      var model: [Int] = []
      for _ in 0..<3000 {
        let index = generator.number(0...70)
        switch generator.number(0...3) {
        case 0, 1:
          queue.append(index)
          if !model.contains(index) { model.append(index) }
        case 2:
          queue.remove(index)
          model.removeAll { $0 == index }
        default:
          try check(queue.popFirst() == (model.isEmpty ? nil : model.removeFirst()), "first")
        }
        try check(queue.contains(index) == model.contains(index), "contains \(index)")
        try check(queue.count == model.count && queue.isEmpty == model.isEmpty, "count")
        try check(queue.first == model.first, "first")
      }
      while let index = queue.popFirst() { try check(index == model.removeFirst(), "order") }
      try check(model.isEmpty, "\(model) left behind")
    }
  }
}
