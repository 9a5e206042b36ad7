import MacTCP
import Testing

@testable import MacTCPTool

/// The demonstration's exit status is 0 only if all of it held.
@Suite struct DemoReportTests {
  private func event(_ side: DemoEvent.Side, _ event: TCPEvent) -> DemoEvent {
    DemoEvent(
      side: side, first: TimedEvent(time: .milliseconds(1), event: event),
      lastTime: .milliseconds(1))
  }

  private func report(received: Int = 10, digest: UInt8 = 1) -> DemoReport {
    var report = DemoReport(
      bytes: 10, received: received, seconds: 1, sentDigest: [1], receivedDigest: [digest])
    report.urgent = DemoReport.Urgent(
      sent: [7], received: [7], urgentFlags: 1, markFlags: 1)
    report.events = [
      event(.passive, .closing), event(.passive, .terminated(.ulpClose)),
      event(.active, .terminated(.ulpClose)),
    ]
    return report
  }

  @Test func everythingHeld() {
    #expect(report().holds)
    #expect(report().text.hasSuffix("All held."))
    #expect("\(report().json)".hasSuffix(#""failures":[],"holds":true}"#))
  }

  @Test func bytesAreMissing() {
    #expect(report(received: 9).failures == ["9 of 10 bytes arrived"])
  }

  @Test func somethingElseArrived() {
    #expect(report(digest: 2).failures == ["what arrived is not what was sent"])
  }

  @Test(arguments: [(0, 1), (1, 0), (2, 1), (1, 2)])
  func aFlagIsWrong(urgentFlags: Int, markFlags: Int) {
    var report = report()
    report.urgent.urgentFlags = urgentFlags
    report.urgent.markFlags = markFlags
    #expect(report.failures.count == 1)
  }

  @Test func urgentDataIsWrong() {
    var report = report()
    report.urgent.received = [8]
    #expect(!report.holds)
  }

  @Test func oneSideNeverEnded() {
    var report = report()
    report.events.removeLast()
    #expect(report.failures == ["the active stream's end: none"])
  }

  @Test func oneSideEndedTwice() {
    var report = report()
    report.events[2].count = 2
    #expect(!report.holds)
    report.events[2].count = 1
    report.events += [event(.active, .closing), event(.active, .terminated(.ulpClose))]
    #expect(!report.holds)
  }

  @Test func oneSideEndedForAnotherReason() {
    var report = report()
    report.events[1] = event(.passive, .terminated(.remoteAbort))
    #expect(report.failures == ["the passive stream's end: terminated (aborted by the peer)"])
    #expect(report.text.contains("Not all held"))
  }
}
