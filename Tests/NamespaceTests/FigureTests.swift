// The Status block and the statistics beside what was on the wire.
import MacTCP
import Testing

extension NamespaceTests {
  @Suite("4.2, 4.3 Figures, beside the wire")
  struct FigureTests {
    @Test("segments and bytes that were sent again, by connection and in the driver's totals")
    func resent() async throws {
      let tunnel = try Tunnel()
      let driver = try tunnel.driver()
      var (stream, peer) = try await tunnel.connection(driver)
      try await stream.send([UInt8](repeating: 7, count: 700))
      let segment = try peer.receiveData()
      var copies = 0
      while copies < 3 {
        let again = try peer.receiveData()
        #expect(again.sequence == segment.sequence && again.data.count == 700)
        copies += 1
      }
      #expect(try stream.statistics().currentSegmentTries >= 1)
      #expect(try stream.statistics().segmentsResent >= 3)
      #expect(try stream.status().unacknowledged == 700)
      try peer.acknowledge(segment)
      try await until("it is acknowledged") { try stream.status().unacknowledged == 0 }
      // One more may have been on its way.
      copies +=
        tunnel.receiveAll().compactMap { peer.segment($0) }.filter { !$0.data.isEmpty }.count
      let counts = try stream.statistics()
      #expect(counts.segmentsResent == copies && counts.bytesResent == 700 * copies)
      #expect(counts.bytesSent == 700 && counts.currentSegmentTries == 0)
      #expect(counts.rttVariance > .zero && counts.smoothedRTT > .zero)
      #expect(counts.retransmissionTimeout >= counts.smoothedRTT)
      for isOpen in [true, false] {
        if !isOpen { try stream.abort() }
        let info = try driver.globalInfo()
        #expect(info.segmentsResent == copies && info.octetsResent == 700 * copies)
        #expect(info.octetsOut == 700)
      }
    }

    @Test("windows, the largest segment, what is unacknowledged: as the segments say")
    func status() async throws {
      let tunnel = try Tunnel()
      var (stream, peer) = try await tunnel.connection(window: 5000, maximumSegment: 700)
      let fresh = try stream.status()
      #expect(fresh.sendWindow == 5000 && fresh.maximumSegmentSize == 700)
      #expect(fresh.local == peer.remote && fresh.remote == peer.local)
      // RFC 6928: ten segments to begin with.
      #expect(fresh.congestionWindow == 7000)
      try await stream.send([UInt8](repeating: 1, count: 1000))
      let first = try peer.receiveData()
      #expect(first.data.count == 700)
      #expect(Int(first.window) == fresh.receiveWindow)
      let sent = try stream.status()
      #expect(sent.unacknowledged == 1000 && sent.sendNext &- sent.sendUnacknowledged == 1000)
      peer.window = 4000
      try peer.acknowledge(first)
      try await until("it is acknowledged") { try stream.status().unacknowledged == 300 }
      let after = try stream.status()
      #expect(after.sendWindow == 4000)
      #expect(after.sendUnacknowledged &- sent.sendUnacknowledged == 700)
      // Unread data takes from the window that the next segment offers.
      try peer.send([.ack, .psh], [UInt8](repeating: 2, count: 1400))
      let answer = try peer.receive("an acknowledgement") { $0.acknowledgement == peer.next }
      #expect(try stream.status().unread == 1400)
      #expect(try stream.status().receiveWindow == Int(answer.window))
      #expect(try stream.status().receiveNext &- fresh.receiveNext == 1400)
    }

    @Test(
      "1.1, 4.3 the interface: its address, mask and packet size, and the largest segment received")
    func parameters() async throws {
      let tunnel = try Tunnel(mtu: 1400)
      let driver = try tunnel.driver()
      #expect(try driver.address == tunnel.near)
      #expect(try driver.netMask == IPAddress(255, 255, 255, 0))
      #expect(try driver.mtu == 1400)
      #expect(try driver.globalInfo().largestSegmentReceived == 1360)
      #expect(try driver.linkStatistics().interfaceType == "point-to-point")
      // What a peer is told: the same.
      let stream = try driver.createTCPStream(receiveBuffer: 8192)
      let open = stream.issueActiveOpen(to: Endpoint(tunnel.far, 7))
      let options = try Peer.syn(tunnel).options
      #expect(options.starts(with: [2, 4] + UInt16(1360).octets))
      #expect(!open.isDone)
    }
  }
}
