// What a send, a close and the ULP time-out are on the wire.
import MacTCP
import Testing

extension NamespaceTests {
  @Suite("3.2, 3.4 Sending and closing, on the wire")
  struct SendingTests {
    @Test(
      "without push a part segment is held back while data is unacknowledged; push sends it at once"
    )
    func push() async throws {
      let tunnel = try Tunnel()
      var (stream, peer) = try await tunnel.connection()
      try await stream.send([1], push: false)
      let first = try peer.receiveData()
      #expect(first.data == [1])
      try await stream.send([2], push: false)
      try await stream.send([3], push: false)
      try await stream.send([4], push: true)
      // The two that come together were held back.
      let second = try peer.receiveData(at: first.end)
      #expect(second.data.starts(with: [2, 3]))
      let last = second.data.count == 3 ? second : try peer.receiveData(at: second.end)
      #expect(last.data.last == 4)
      try await stream.send([5], push: false)
      try await stream.send([6], push: false)
      try peer.acknowledge(last)
      #expect(try peer.receiveData(at: last.end).data == [5, 6])
    }

    @Test("urgent data: the urgent pointer stands behind its last byte")
    func urgent() async throws {
      let tunnel = try Tunnel()
      let (stream, peer) = try await tunnel.connection()
      try await stream.send([1, 2])
      #expect(try !peer.receiveData().flags.contains(.urg))
      try await stream.send([7, 8, 9], urgent: true)
      let segment = try peer.receive("urgent data") { $0.flags.contains(.urg) }
      #expect(segment.data.suffix(3) == [7, 8, 9])
      // The pointer is relative to the segment's first byte (RFC 9293 §3.8.5; RFC 6093 §2.2 for "behind").
      #expect(Int(segment.urgentPointer) == segment.data.count)
    }

    @Test("a close completes when the FIN is acknowledged, and not before")
    func close() async throws {
      let tunnel = try Tunnel()
      var (stream, peer) = try await tunnel.connection()
      try await stream.send([1, 2, 3])
      let close = stream.issueClose()
      let data = try peer.receiveData()
      let fin = try peer.receive("a FIN") { $0.flags.contains(.fin) }
      try peer.acknowledge(data)
      // What comes behind the acknowledgement of the data shows that it has been seen.
      try peer.send([.ack, .psh], [4])
      #expect(try await stream.receive().data == [4])
      #expect(!close.isDone)
      #expect(try stream.status().connectionState == .finWait1)
      peer.expected = fin.end
      try peer.send(.ack)
      try await close.value
      #expect(try stream.status().connectionState == .finWait2)
    }

    @Test("the ULP time-out with a silent peer: the connection is reset, ULPTimeoutTerminate")
    func ulpAbort() async throws {
      let tunnel = try Tunnel()
      let (stream, peer) = try await tunnel.connection(
        options: OpenOptions(ulpTimeout: .seconds(2)))
      let events = stream.events
      let receive = stream.issueReceive()
      let start = ContinuousClock.now
      let send = stream.issueSend([1, 2, 3], until: .acknowledged)
      for failed in [await receive.error, await send.error] {
        let error = try #require(failed)
        #expect(error.code == .connectionTerminated && error.cause == .timedOut)
      }
      let taken = ContinuousClock.now - start
      #expect(taken >= .seconds(2) && taken < .seconds(20))
      #expect(try await events.first() == .terminated(.ulpTimeoutTerminate))
      _ = try peer.receive("a reset") { $0.flags.contains(.rst) }
    }

    @Test(
      "the ULP time-out with action report: the event, and the connection goes on when the peer answers"
    )
    func ulpReport() async throws {
      let tunnel = try Tunnel()
      var (stream, peer) = try await tunnel.connection(
        options: OpenOptions(ulpTimeout: .seconds(2), ulpTimeoutAction: .report))
      let events = stream.events
      let start = ContinuousClock.now
      let send = stream.issueSend([1, 2, 3], until: .acknowledged)
      #expect(try await events.first() == .ulpTimeout)
      #expect(ContinuousClock.now - start >= .seconds(2))
      #expect(!send.isDone)
      try peer.acknowledge(peer.receiveData())
      try await send.value
      #expect(try stream.status().connectionState == .established)
    }

    @Test(
      "3.1 an attempt that nobody answers: openFailed when the ULP time-out has passed, and no event"
    )
    func silentOpen() async throws {
      let tunnel = try Tunnel()
      let stream = try tunnel.driver().createTCPStream(receiveBuffer: 8192)
      let events = stream.events
      let start = ContinuousClock.now
      let open = stream.issueActiveOpen(
        to: Endpoint(tunnel.far, 7), options: OpenOptions(ulpTimeout: .seconds(2)))
      _ = try Peer.syn(tunnel)
      #expect(try stream.status().connectionState == .synSent)
      let error = try await failure { try await open.value }
      #expect(error.code == .openFailed && error.cause == .timedOut)
      #expect(ContinuousClock.now - start >= .seconds(2))
      stream.release()
      #expect(await events.collected() == [])
    }
  }
}

extension Command {
  /// The error, once the command has completed; `nil` for success.
  var error: MacTCPError? {
    get async {
      do throws(MacTCPError) {
        _ = try await value
        return nil
      } catch {
        return error
      }
    }
  }
}
