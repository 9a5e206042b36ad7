// The packets that are on their way, the one that arrives first at the top; of those that arrive at one moment, the one that was
// sent first. So the order is always the same.

internal import MacTCPEngine

/// A packet that will arrive at all hosts of the channel but the one that sent it.
struct Arrival {
  var time: Instant
  var sequence: UInt64 = 0
  var channel: Int32
  var sender: HostID
  var packet: Int32

  @inline(__always)
  func precedes(_ other: Arrival) -> Bool {
    time < other.time || (time == other.time && sequence < other.sequence)
  }
}

/// A binary heap.
struct ArrivalHeap {
  private var arrivals: [Arrival] = []
  private var nextSequence: UInt64 = 0

  /// What arrives next.
  var first: Arrival? { arrivals.first }

  mutating func insert(_ arrival: Arrival) {
    var arrival = arrival
    arrival.sequence = nextSequence
    nextSequence &+= 1
    var index = arrivals.count
    arrivals.append(arrival)
    while index > 0 {
      let parent = (index &- 1) / 2
      guard arrival.precedes(arrivals[parent]) else { break }
      arrivals[index] = arrivals[parent]
      index = parent
    }
    arrivals[index] = arrival
  }

  mutating func removeFirst() -> Arrival? {
    guard let first = arrivals.first, let last = arrivals.popLast() else { return nil }
    guard !arrivals.isEmpty else { return first }
    var index = 0
    while true {
      var child = 2 &* index &+ 1
      guard child < arrivals.count else { break }
      if child &+ 1 < arrivals.count, arrivals[child &+ 1].precedes(arrivals[child]) { child &+= 1 }
      guard arrivals[child].precedes(last) else { break }
      arrivals[index] = arrivals[child]
      index = child
    }
    arrivals[index] = last
    return first
  }
}
