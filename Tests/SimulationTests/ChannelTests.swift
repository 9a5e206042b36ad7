import MacTCPEngine
import Testing

@testable import MacTCPSimulation

/// One direction of a wire, without hosts: its times exactly, its accidents by their statistics.
@Suite("Wires")
struct ChannelTests {
  private func channel(_ wire: Wire, seed: UInt64 = 1) -> Channel {
    Channel(wire, [], seed: seed)
  }

  // MARK: Rate, delay and queue

  @Test(
    "However many packets follow each other, they take exactly their bits at the wire's rate",
    arguments: [
      9_600, 7_000_000, 100_000_000, 999_999_937, 10_000_000_000, 400_000_000_000,
      1_000_000_000_000,
    ])
  func rate(bitsPerSecond: Int) {
    var wire = Wire(rate: bitsPerSecond, delay: 30_000)
    wire.queue = .packets(10_000)
    var channel = channel(wire)
    var random = SeededGenerator(seed: 3)
    var bits = 0
    let start = Instant(microseconds: 77)
    for _ in 0..<5_000 {
      let length = 1 + Int(random.next(below: 1_500))
      bits += 8 * length
      let (whole, part) = (bits * 1_000_000).quotientAndRemainder(dividingBy: bitsPerSecond)
      let arrival = start.advanced(by: whole + (part > 0 ? 1 : 0) + 30_000)
      #expect(channel.send(length, at: start) == Passage(outcome: .arrives(arrival)))
    }
  }

  @Test("A wire that has been idle begins anew")
  func idle() {
    var channel = channel(Wire(rate: 8_000_000, delay: 10))
    for moment in [0, 100, 5_000] as [UInt64] {
      let arrival = Instant(microseconds: moment + 100 + 10)
      #expect(
        channel.send(100, at: Instant(microseconds: moment)) == Passage(outcome: .arrives(arrival)))
    }
    #expect(channel.statistics.longestQueue == 0)
  }

  @Test("A wire without limit of rate delays and nothing else")
  func delayOnly() {
    var wire = Wire(delay: 250)
    wire.queue = .packets(0)
    var channel = channel(wire)
    for _ in 0..<100 {
      #expect(
        channel.send(65_535, at: .zero)
          == Passage(outcome: .arrives(Instant(microseconds: 250))))
    }
  }

  @Test("A queue of packets drops what is too many, and has room again when the wire is")
  func packetQueue() {
    var wire = Wire(rate: 8_000_000, delay: 1)  // a byte in a microsecond
    wire.queue = .packets(3)
    var channel = channel(wire)
    let outcomes = (0..<6).map { _ in channel.send(100, at: .zero).outcome }
    #expect(outcomes.filter { $0 == .queueFull }.count == 2)
    #expect(outcomes[3] == .arrives(Instant(microseconds: 401)))
    // The second packet's transmission begins at 100: one place is free.
    #expect(channel.send(100, at: Instant(microseconds: 99)).outcome == .queueFull)
    #expect(
      channel.send(100, at: Instant(microseconds: 100)).outcome
        == .arrives(Instant(microseconds: 501)))
    #expect(channel.send(100, at: Instant(microseconds: 100)).outcome == .queueFull)
    #expect(channel.statistics.dropped == 4)
    #expect(channel.statistics.longestQueue == 3)
  }

  @Test("A queue of bytes counts bytes")
  func byteQueue() {
    var wire = Wire(rate: 8_000_000, delay: 1)
    wire.queue = .bytes(1_000)
    var channel = channel(wire)
    let lengths = [1_500, 600, 500, 400, 1]
    let dropped = lengths.map { channel.send($0, at: .zero).outcome == .queueFull }
    #expect(dropped == [false, false, true, false, true])
    // Without a place in the queue there is still the wire itself.
    wire.queue = .bytes(0)
    channel = self.channel(wire)
    #expect(channel.send(1, at: .zero).outcome != .queueFull)
    #expect(channel.send(1, at: .zero).outcome == .queueFull)
  }

  @Test("What is waiting is forgotten when its turn has come, however long the wire is busy")
  func longBusy() {
    var wire = Wire(rate: 8_000_000, delay: 1)
    wire.queue = .packets(10)
    var channel = channel(wire)
    for moment in stride(from: 0, to: 10_000_000, by: 100) as StrideTo<Int> {
      let outcome = channel.send(100, at: Instant(microseconds: UInt64(moment))).outcome
      #expect(outcome != .queueFull)
    }
    #expect(channel.statistics.longestQueue <= 1)
  }

  @Test("A packet that is too large for the path vanishes")
  func largestPacket() {
    var wire = Wire()
    wire.largestPacket = 1_400
    var channel = channel(wire)
    #expect(channel.send(1_401, at: .zero).outcome == .tooLarge)
    #expect(channel.send(1_400, at: .zero).outcome != .tooLarge)
    #expect(channel.statistics.tooLarge == 1)
  }

  // MARK: Accidents

  /// How often something happens in 200,000 packets may be six standard deviations off.
  private func isPlausible(_ count: Int, _ probability: Double, of total: Int = 200_000) -> Bool {
    let mean = Double(total) * probability
    let deviation = (mean * (1 - probability)).squareRoot()
    return (Double(count) - mean).magnitude <= 6 * deviation
  }

  @Test(
    "Accidents are as frequent as the wire says", arguments: [0.01, 0.5, 1, 7.5, 50] as [Double])
  func frequencies(percent: Double) {
    let probability = Probability.percent(percent)
    var wire = Wire()
    wire.loss = .random(probability)
    wire.corruption = probability
    wire.duplication = probability
    wire.reordering = probability
    var channel = channel(wire, seed: 11)
    for _ in 0..<200_000 { _ = channel.send(40, at: .zero) }
    let statistics = channel.statistics
    #expect(isPlausible(statistics.lost, percent / 100))
    let left = 200_000 - statistics.lost
    for count in [statistics.corrupted, statistics.duplicated, statistics.reordered] {
      #expect(isPlausible(count, percent / 100, of: left), "\(statistics)")
    }
  }

  @Test(
    "Bursts have the mean loss and the mean length that were asked for",
    arguments: [(1.0, 5), (0.5, 1), (10, 20), (50, 3)] as [(Double, Int)])
  func bursts(percent: Double, length: Int) {
    let mean = Probability.percent(percent)
    var channel = channel(Wire(loss: .bursts(mean: mean, length: length)), seed: 12)
    var lost = 0
    var bursts = 0
    var wasLost = false
    let total = 1_000_000
    for _ in 0..<total {
      let isLost = channel.send(40, at: .zero).outcome == .lost
      if isLost { lost += 1 }
      if isLost && !wasLost { bursts += 1 }
      wasLost = isLost
    }
    // Bursts of equal loss differ the more the longer they are.
    #expect((Double(lost) / Double(total) * 100 / percent - 1).magnitude < 0.1, "\(lost)")
    #expect((Double(lost) / Double(bursts) / Double(length) - 1).magnitude < 0.1, "\(bursts)")
    #expect(channel.statistics.lost == lost)
  }

  @Test(
    "A burst ends with time too: a retransmission much later finds a wire that has moved on",
    arguments: [nil, 1_000_000, 1_000_000_000] as [Int?])
  func burstsEnd(rate: Int?) {
    let loss = Wire.Loss.bursts(mean: .percent(10), length: 20)
    var channel = channel(Wire(rate: rate, loss: loss), seed: 15)
    var (lost, inSuccession, both) = (0, 0, 0)
    var wasLost = false
    for second in 1...200_000 {
      let now = Instant(microseconds: UInt64(second) * 4_000_000)
      let isLost = channel.send(1_500, at: now).outcome == .lost
      if isLost { lost += 1 }
      inSuccession = isLost ? inSuccession + 1 : 0
      if isLost && wasLost { both += 1 }
      #expect(inSuccession < 12)
      wasLost = isLost
    }
    // The share of what is lost stays; to be lost after another one is no likelier than ever.
    #expect(isPlausible(lost, 0.1))
    #expect(isPlausible(both, 0.1, of: lost))
  }

  @Test(
    "Packets one after another meet bursts of so many packets, however fast the wire is",
    arguments: [1_000_000, 999_999_937, 400_000_000_000])
  func burstsOnBusyWire(rate: Int) {
    var wire = Wire(rate: rate, loss: .bursts(mean: .percent(10), length: 20))
    // More than the fastest wire sends in a microsecond.
    wire.queue = .packets(100)
    var channel = channel(wire, seed: 16)
    var instantly = self.channel(Wire(loss: wire.loss), seed: 16)
    var now = Instant.zero
    for _ in 0..<50_000 {
      let outcome = channel.send(1_500, at: now).outcome
      #expect((outcome == .lost) == (instantly.send(1_500, at: .zero).outcome == .lost))
      // Before the wire has sent all.
      now = Instant(
        microseconds: UInt64(channel.statistics.sent - 1) * 12_000_000_000 / UInt64(rate))
    }
  }

  @Test("Quiet time moves a wire that can only be good, or is bad for ever, nowhere")
  func constantStates() {
    for (begin, end, isLost) in [(0, 1, false), (0, 0, false), (1, 0, true)] {
      let states = Wire.Loss.bursts(
        begin: Probability(perBillion: begin * 1_000_000_000),
        end: Probability(perBillion: end * 1_000_000_000), good: .never, bad: .always)
      var channel = channel(Wire(loss: states))
      for hour in 1...100 {
        let now = Instant(microseconds: UInt64(hour) * 3_600_000_000)
        #expect((channel.send(40, at: now).outcome == .lost) == isLost)
      }
    }
  }

  @Test("Impossible bursts are brought into what can be")
  func extremeBursts() {
    #expect(Wire.Loss.bursts(mean: .always, length: 5) == .random(.always))
    var channel = channel(Wire(loss: .bursts(mean: .never, length: 0)))
    #expect((0..<1_000).allSatisfy { _ in channel.send(40, at: .zero).outcome != .lost })
    _ = Wire.Loss.bursts(mean: Probability(perBillion: 999_999_999), length: 1)
  }

  @Test("Gilbert and Elliott's wire loses in both of its states what it should")
  func gilbertElliott() {
    var channel = channel(
      Wire(
        loss: .bursts(
          begin: .percent(2), end: .percent(8), good: .percent(1), bad: .percent(60))), seed: 13)
    for _ in 0..<1_000_000 { _ = channel.send(40, at: .zero) }
    // A fifth of the time it is bad: 0.8 * 1 % + 0.2 * 60 %.
    #expect((Double(channel.statistics.lost) / 1_000_000 / 0.128 - 1).magnitude < 0.05)
  }

  @Test("A packet that is reordered arrives later by what was said at most, all else in time")
  func reordering() {
    var wire = Wire(delay: 500)
    wire.reordering = .percent(10)
    wire.reorderingDelay = 3_000
    var channel = channel(wire, seed: 14)
    var late: [Int] = []
    for _ in 0..<10_000 {
      let passage = channel.send(40, at: .zero)
      #expect(passage.outcome == .arrives(Instant(microseconds: UInt64(500 + passage.lateBy))))
      if passage.lateBy > 0 { late.append(passage.lateBy) }
    }
    #expect(late.count == channel.statistics.reordered)
    #expect(late.allSatisfy { (1...3_000).contains($0) })
    #expect((late.min() ?? .max) < 50 && (late.max() ?? 0) > 2_950)
    #expect((1_400...1_600).contains(late.reduce(0, +) / late.count))
  }

  @Test("What happened to a packet is said in words")
  func comments() {
    let moment = Instant(microseconds: 1)
    #expect(Passage(outcome: .arrives(moment)).comment == "")
    #expect(Passage(outcome: .lost).comment == "lost")
    #expect(Passage(outcome: .queueFull).comment == "dropped: queue full")
    #expect(Passage(outcome: .tooLarge).comment == "dropped: too large")
    #expect(Passage(outcome: .arrives(moment), lateBy: 3_999).comment == "reordered by 3 ms")
    #expect(
      Passage(outcome: .arrives(moment), lateBy: 17, isCorrupted: true, isDuplicated: true).comment
        == "corrupted, reordered by 17 µs, duplicated")
  }

  @Test("The heap gives what arrives first, and of one moment what was sent first")
  func heap() {
    var heap = ArrivalHeap()
    var random = SeededGenerator(seed: 15)
    var expected: [(UInt64, Int32)] = []
    for packet in 0..<5_000 as Range<Int32> {
      let time = random.next(below: 200)
      expected.append((time, packet))
      heap.insert(
        Arrival(
          time: Instant(microseconds: time), channel: 0, sender: HostID(index: 0), packet: packet))
    }
    expected.sort { $0 < $1 }
    for (time, packet) in expected {
      let arrival = heap.removeFirst()
      #expect(arrival?.packet == packet && arrival?.time.microseconds == time)
    }
    #expect(heap.removeFirst() == nil)
  }
}
