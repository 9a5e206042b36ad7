import Testing

@testable import MacTCPEngine

@Suite("Footprint")
struct FootprintTests {
  @Test("An idle connection has seven lines of the cache, and no memory of the pool")
  func controlBlock() {
    #expect(Slab<ControlBlock>.placeSize == 448)
    let block = ControlBlock(LossRecovery.Configuration(EngineConfiguration()))
    #expect(block.sendRing.capacity == 0 && block.receiveRing.capacity == 0)
    #expect(block.recovery.segments.memory == 0 && block.extras == nil && block.figures < 0)
  }

  @Test("A place in the wheel, the table and the queues is 16, 8 and 1 bytes")
  func tables() {
    #expect(MemoryLayout<TimerWheel.Node>.stride == 16)
    #expect(MemoryLayout<ConnectionTable.Slot>.stride == 8)
    #expect(MemoryLayout<TurnQueue.Mark>.stride == 1)
  }
}
