import Dispatch
import MacTCP
import Synchronization
import Testing

@testable import MacTCPTool

@Suite struct SessionTests {
  /// A signal may come when there is neither an open nor a connection yet that could be given up.
  @Test func stopsBeforeTheOpen() throws {
    let session = try Session(MacTCP.open(), SessionOptions())
    session.stop()
    let ended = DispatchSemaphore(value: 0)
    let hasFailed = Atomic(false)
    let worker = Worker("session") {
      do throws(ToolFailure) {
        _ = try session.connect { stream in stream.issuePassiveOpen(at: .loopback) }
      } catch {
        hasFailed.store(true, ordering: .relaxed)
      }
      ended.signal()
    }
    #expect(ended.wait(timeout: .now() + 30) == .success)
    // Whatever the outcome, the open is given up.
    session.stop()
    worker.join()
    let failed = hasFailed.load(ordering: .relaxed)
    #expect(failed)
  }
}
