// A driver that cannot say when something has come: nothing may wait for it in vain.
import MacTCPCore
import MacTCPWire
import Testing

@Suite("5 Nothing can be waited for")
struct WatchFailureTests {
  private static let failure = MacTCPError(.insufficientResources, "nothing more can be watched")

  @Test(
    "5 what would wait fails with the driver's code, the connection stands, and the next call waits again"
  )
  func commands() async throws {
    let it = try ScriptedStream.open()
    it.script.lock.withLock {
      it.script.acknowledges = false
      it.script.room = 3
      it.script.watchError = Self.failure
    }
    #expect(it.stream.issueReceive().code == .insufficientResources)
    #expect(it.stream.issueSend([1, 2], until: .acknowledged).code == .insufficientResources)
    #expect(it.stream.issueSend([3, 4]).code == .insufficientResources)
    // What need not wait does not fail.
    it.script.arrive("abc")
    #expect(it.stream.issueReceive().text == "abc")
    it.script.makeRoom(2)
    #expect(it.stream.issueSend([5, 6]).code == .noErr)
    #expect(it.script.sent == [1, 2, 3, 5, 6])
    it.script.lock.withLock { it.script.watchError = nil }
    let receive = it.stream.issueReceive()
    it.script.arrive("def")
    #expect(receive.text == "def")
    #expect(await it.events() == [.dataArrival])
  }

  @Test(
    "5 a close that cannot wait behind sends is taken back; one whose FIN is out only waits no longer"
  )
  func close() async throws {
    let it = try ScriptedStream.open()
    it.script.lock.withLock {
      it.script.acknowledges = false
      it.script.room = 0
    }
    let send = it.stream.issueSend([1])
    it.script.lock.withLock { it.script.watchError = Self.failure }
    #expect(it.stream.issueClose().code == .insufficientResources)
    #expect(send.code == .insufficientResources)
    #expect(!it.script.finSent)
    it.script.makeRoom(10)
    #expect(it.stream.issueSend([2]).code == .noErr)
    #expect(it.stream.issueClose().code == .insufficientResources)
    #expect(it.script.finSent)
    it.script.lock.withLock { it.script.watchError = nil }
    #expect(it.stream.issueClose().code == .connectionClosing)
    it.script.acknowledge()
    it.script.peerCloses()
    _ = it.stream.issueReceive()
    #expect(await it.events() == [.closing, .terminated(.ulpClose)])
  }

  @Test("5 an open that cannot wait fails and is given up, and the stream can be opened again")
  func open() throws {
    let it = try ScriptedStream()
    it.script.lock.withLock { it.script.watchError = Self.failure }
    #expect(
      it.stream.issueActiveOpen(to: ScriptedTransport.peer).code == .insufficientResources)
    #expect(it.script.aborts == 1)
    #expect(try it.stream.status().connectionState == .closed)
    it.script.lock.withLock { it.script.watchError = nil }
    it.open()
  }

  @Test("5 UDP: reads and writes that would wait fail; what is there is read")
  func datagrams() throws {
    let it = ScriptedUDP()
    it.script.lock.withLock {
      it.script.watchError = Self.failure
      it.script.isFull = true
    }
    #expect(it.stream.issueRead().code == .insufficientResources)
    #expect(
      it.stream.issueWrite([1], to: ScriptedTransport.peer).code == .insufficientResources)
    it.script.arrive([7])
    #expect(try it.stream.issueRead().result?.get().data == [7])
    it.script.change {
      it.script.watchError = nil
      it.script.isFull = false
    }
    let read = it.stream.issueRead()
    it.script.arrive([8])
    #expect(try read.result?.get().data == [8])
  }
}
