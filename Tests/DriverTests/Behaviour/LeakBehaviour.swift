// The other suites once more, one test after the other in a process of their own: each must leave as many descriptors
// as it found.
import Testing

@Suite("5 Descriptors, before and after", .timeLimit(.minutes(2)))
struct LeakBehaviour {
  @Test("5 nothing leaks: opening, refusals, filters, time-outs")
  func opening() async {
    await #expect(processExitsWith: .success) {
      try await LeakBehaviour.run { driver in
        let passive = PassiveOpenBehaviour()
        let ports = PortBehaviour()
        let active = ActiveOpenBehaviour()
        return [
          ("any port", { try await passive.anyPort(driver) }),
          ("any address", { try await passive.anyAddress(driver) }),
          ("forms", { try await passive.forms(driver) }),
          ("oldest first", { try await passive.oldestFirst(driver) }),
          ("closed with the last", { try await passive.closedWithTheLast(driver) }),
          ("times out", { try await passive.timesOut(driver) }),
          ("given up: abort", { try await passive.givenUp(driver, .abort) }),
          ("given up: cancel", { try await passive.givenUp(driver, .cancel) }),
          ("given up: release", { try await passive.givenUp(driver, .release) }),
          ("mismatch", { try await ports.mismatch(driver, .port) }),
          ("same filter", { try await ports.sameFilter(driver) }),
          ("foreign port", { try await ports.foreignPort(driver) }),
          ("foreign address", { try await ports.foreignAddress(driver) }),
          ("early data", { try await ports.earlyData(driver) }),
          ("hundred", { try await ports.hundred(driver) }),
          ("refused", { try await active.refused(driver) }),
          ("four-tuple", { try await active.fourTuple(driver) }),
          ("local address", { try await active.localAddress(driver) }),
          ("second open", { try await active.secondOpen(driver) }),
          ("attempt times out", { try await active.timesOut(driver) }),
          ("attempt aborted", { try await active.givenUp(driver, .abort) }),
          ("attempt released", { try await active.givenUp(driver, .release) }),
          ("attempt cancelled", { try await active.cancelledTask(driver) }),
          ("opened again", { try await active.again(driver) }),
        ]
      }
    }
  }

  @Test("5 nothing leaks: transfers, urgent data, close, reset, abort, release")
  func connections() async {
    await #expect(processExitsWith: .success) {
      try await LeakBehaviour.run { driver in
        let reset = ResetBehaviour()
        let close = CloseBehaviour()
        let abort = AbortBehaviour()
        return [
          ("transfer", { try await TransferBehaviour().smallSizes(driver) }),
          ("urgent", { try await UrgentBehaviour().neverMixed(driver) }),
          ("graceful", { try await close.graceful(driver, .client) }),
          ("simultaneous", { try await close.simultaneous(driver) }),
          ("peer first", { try await close.peerFirst(driver) }),
          ("unread after both", { try await close.unreadAfterBoth(driver) }),
          ("unheard close", { try await close.unheard(driver) }),
          ("reset in the handshake", { try await reset.handshake(driver) }),
          ("reset while idle", { try await reset.idle(driver) }),
          ("reset unheard", { try await reset.unheard(driver, 2) }),
          ("reset, data unread", { try await reset.dataUnread(driver, true) }),
          ("reset, receives pending", { try await reset.pendingReceive(driver) }),
          ("reset, sends pending", { try await reset.pendingSend(driver) }),
          ("reset during close", { try await reset.duringClose(driver) }),
          ("reset after close", { try await reset.afterClose(driver) }),
          ("reset after the peer's close", { try await reset.afterPeersClose(driver) }),
          ("abort", { try await abort.abort(driver, .server) }),
          ("abort, commands pending", { try await abort.pending(driver, false) }),
          ("release, commands pending", { try await abort.pending(driver, true) }),
          ("dropped", { try await abort.dropped(driver) }),
          ("dropped while opening", { try await abort.droppedWhileOpening(driver) }),
          (
            "a peer that never reads",
            {
              for form in SendBehaviour.Form.all {
                try await SendBehaviour().peerNeverReads(driver, form)
              }
            }
          ),
          ("concurrent", { try await ConcurrencyBehaviour().sendersAndReceivers(driver) }),
          (
            "released while calling",
            { try await ConcurrencyBehaviour().releaseWhileCalling(driver) }
          ),
        ]
      }
    }
  }

  @Test("5 nothing leaks: listeners, UDP, echo, the driver's figures, and whatever comes")
  func others() async {
    await #expect(processExitsWith: .success) {
      try await LeakBehaviour.run { driver in
        let listener = ListenerBehaviour()
        let udp = UDPBehaviour()
        return [
          ("listener: closed", { try await listener.close(driver) }),
          ("listener: reset", { try await listener.closeResets(driver) }),
          ("listener: cancelled", { try await listener.cancelled(driver) }),
          ("listener: port in use", { try await listener.portInUse(driver) }),
          ("UDP: sizes", { try await udp.sizes(driver) }),
          ("UDP: port in use", { try await udp.portInUse(driver) }),
          ("UDP: multi-port", { try await udp.multiPort(driver) }),
          ("UDP: ICMP", { try await udp.icmpReport(driver) }),
          (
            "UDP: release while reading",
            { try await UDPEndingBehaviour().releaseWhileReading(driver) }
          ),
          ("echo", { try await DriverFactsBehaviour().echo(driver, 56) }),
          ("largest datagram", { try await DriverFactsBehaviour().maxDatagramSize(driver) }),
          ("configuration", { try await DriverFactsBehaviour().configuration() }),
          ("status", { try await StatusBehaviour().states(driver) }),
          ("global information", { try await StatusBehaviour().global(driver) }),
          ("anything", { try await ConcurrencyBehaviour().anything(driver) }),
        ]
      }
    }
  }

  /// One scenario's name and the test that it is.
  typealias Scenario = (name: String, test: () async throws -> Void)

  /// Runs each scenario and counts descriptors.
  private static func run(_ scenarios: (DriverUnderTest) -> [Scenario]) async throws {
    for driver in DriverUnderTest.foreign where driver.usesDescriptors {
      // What a process makes once: the runtime's own, and the first driver's.
      try await PassiveOpenBehaviour().anyAddress(driver)
      for (name, test) in scenarios(driver) { try await Descriptors.balanced(name, test) }
    }
  }
}
