import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("The queue of segments that belong to no connection")
struct ReplyQueueTests {
  static func reply(_ number: Int) -> Reply {
    Reply(
      source: IPAddress(10, 0, 0, 1), destination: IPAddress(10, 0, 0, 2),
      header: TCPHeader(
        sourcePort: 80, destinationPort: 4_000, sequenceNumber: SequenceNumber(UInt32(number))))
  }

  @Test("It holds so many and no more, in their order, although it never becomes empty")
  func order() throws {
    var queue = Replies()
    var next = 0
    var expected: UInt32 = 0
    for waiting in [1, 100, Replies.most] {
      for _ in 0..<(3 * Replies.most) {
        while next - Int(expected) < waiting {
          let isKept = queue.append(Self.reply(next))
          #expect(isKept)
          next += 1
        }
        if waiting == Replies.most {
          let isKept = queue.append(Self.reply(next))
          #expect(!isKept)
        }
        let first = queue.removeFirst()
        #expect(first?.header.sequenceNumber.rawValue == expected)
        expected += 1
      }
    }
    while let first = queue.removeFirst() {
      #expect(first.header.sequenceNumber.rawValue == expected)
      expected += 1
    }
    #expect(queue.isEmpty && Int(expected) == next)
  }

  @Test(
    "An engine whose packets are fetched one by one, more slowly than they are made, is bounded")
  func slow() throws {
    var configuration = OneHost.plain
    configuration.answersPerSecond = 10_000
    let host = try OneHost(configuration)
    let packet = host.packet(
      TCPHeader(
        sourcePort: 4_000, destinationPort: 80, sequenceNumber: SequenceNumber(1), flags: .syn))
    for _ in 0..<1_000 {
      host.engine.receive(packet.span, at: host.now)
      host.engine.receive(packet.span, at: host.now)
      host.now = host.now.advanced(by: 20_000)
      _ = [UInt8](capacity: 1_500) { _ = host.engine.transmit(into: &$0, at: host.now) }
    }
    #expect(host.engine.counters[.answerQueueFull] > 0)
    host.settle()
    #expect(host.sent.count == Replies.most - 1)
  }
}
