// What is asked for at open, as it is on the wire.
import MacTCP
import Testing

extension NamespaceTests {
  @Suite("3.1 Options of an open, on the wire")
  struct OpenOptionTests {
    /// Every option has a value of its own. The IP option records the route, with as much room for addresses as there can
    /// be (RFC 791 §3.1).
    static let unusual = OpenOptions(
      typeOfService: [.lowDelay, .reliability], precedence: 5, timeToLive: 33, dontFragment: true,
      ipOptions: [7, 39, 4] + [UInt8](repeating: 0, count: 37))

    /// What a packet shows of them.
    struct Shown: Equatable, CustomStringConvertible {
      var typeOfService: UInt8
      var timeToLive: UInt8
      var dontFragment: Bool
      var option: UInt8?

      init(_ typeOfService: UInt8, _ timeToLive: UInt8, _ dontFragment: Bool, option: UInt8?) {
        self.typeOfService = typeOfService
        self.timeToLive = timeToLive
        self.dontFragment = dontFragment
        self.option = option
      }

      init(_ segment: Segment) {
        let packet = segment.packet
        typeOfService = packet.typeOfService
        timeToLive = packet.timeToLive
        dontFragment = packet.dontFragment
        option = packet.options.first
      }

      var description: String { "\(typeOfService) \(timeToLive) \(dontFragment) \(option ?? 0)" }

      /// Precedence 5, low delay, reliability (RFC 791 §3.1).
      static let unusual = Shown(0b1011_0100, 33, true, option: 7)
      /// MacTCP's defaults. The kernel discovers the path MTU of TCP, and sets don't-fragment for it.
      static let usual = Shown(0, 60, true, option: nil)
    }

    @Test(
      "an active open: type of service, precedence, time to live, don't-fragment and IP options stand in every packet",
      arguments: [true, false])
    func active(_ isUnusual: Bool) async throws {
      let tunnel = try Tunnel()
      let stream = try tunnel.driver().createTCPStream(receiveBuffer: 8192)
      let open = stream.issueActiveOpen(
        to: Endpoint(tunnel.far, 7), options: isUnusual ? Self.unusual : OpenOptions())
      let expected = isUnusual ? Shown.unusual : Shown.usual
      let syn = try Peer.syn(tunnel)
      #expect(Shown(syn) == expected)
      var peer = try Peer.answering(syn, tunnel)
      _ = try await open.value
      try await stream.send([1, 2, 3])
      let data = try peer.receiveData()
      #expect(Shown(data) == expected)
      if isUnusual {
        // This host is the first one on the route.
        let rest = [UInt8](repeating: 0, count: 33)
        #expect(data.packet.options == [7, 39, 8] + tunnel.near.v4.octets + rest)
      }
      try peer.acknowledge(data)
      let close = stream.issueClose()
      #expect(try Shown(peer.receive("a FIN") { $0.flags.contains(.fin) }) == expected)
      #expect(!close.isDone)
    }

    @Test("each type of service and each precedence has its own bits")
    func service() async throws {
      let tunnel = try Tunnel()
      let driver = try tunnel.driver()
      func octet(_ options: OpenOptions) throws -> UInt8 {
        let stream = try driver.createTCPStream(receiveBuffer: 8192)
        let open = stream.issueActiveOpen(to: Endpoint(tunnel.far, 7), options: options)
        defer { open.cancel() }
        return try Peer.syn(tunnel).packet.typeOfService
      }
      // RFC 791 §3.1.
      for (service, bits) in [(.lowDelay, 0x10), (.throughput, 0x08), (.reliability, 0x04)]
        as [(TypeOfService, UInt8)]
      {
        #expect(try octet(OpenOptions(typeOfService: service)) == bits)
      }
      for precedence in UInt8(0)...7 {
        #expect(try octet(OpenOptions(precedence: precedence)) == precedence << 5)
      }
    }

    @Test("a passive open: the same, from its first segment; IP options from when it has completed")
    func passive() async throws {
      let tunnel = try Tunnel()
      let stream = try tunnel.driver().createTCPStream(receiveBuffer: 8192)
      let open = stream.issuePassiveOpen(at: tunnel.near, options: Self.unusual)
      let (peer, answer) = try Peer.connecting(tunnel, to: try #require(stream.localEndpoint))
      var answered = Shown.unusual
      answered.option = nil
      #expect(Shown(answer) == answered)
      _ = try await open.value
      try await stream.send([1, 2, 3])
      let shown = try Shown(peer.receiveData())
      #expect(shown == .unusual)
    }

    @Test("passive opens on one port: each connection has what its own open asked for")
    func shared() async throws {
      let tunnel = try Tunnel()
      let driver = try tunnel.driver()
      let asked = [OpenOptions(), Self.unusual, OpenOptions(), Self.unusual]
      for first in [0, 1] {
        var opens: [(stream: TCPStream, command: Command<Endpoint>)] = []
        for options in asked[first..<(first + 3)] {
          let stream = try driver.createTCPStream(receiveBuffer: 8192)
          let port = opens.first?.stream.localEndpoint?.port ?? 0
          opens.append(
            (stream, stream.issuePassiveOpen(on: port, at: tunnel.near, options: options)))
        }
        let local = try #require(opens[0].stream.localEndpoint)
        for (index, open) in opens.enumerated() {
          let (peer, _) = try Peer.connecting(tunnel, to: local, from: 2000 + UInt16(index))
          #expect(try await open.command.value == peer.local)
          try await open.stream.send([1])
          let shown = try Shown(peer.receiveData())
          #expect(shown == ((first + index) % 2 == 1 ? .unusual : .usual))
        }
      }
    }

    @Test("don't-fragment: where the host does not discover path MTUs, only who asked has it")
    func dontFragment() async throws {
      let tunnel = try Tunnel()
      try await Network.with("ipv4/ip_no_pmtu_disc", "1") {
        for asked in [false, true] {
          let (stream, peer) = try await tunnel.connection(
            options: OpenOptions(dontFragment: asked))
          try await stream.send([1])
          #expect(try peer.receiveData().packet.dontFragment == asked)
        }
      }
    }

    @Test(
      "the smallest time to live is 2, and 0 stands for 60",
      arguments: [(0, 60), (1, 2), (2, 2), (255, 255)])
    func timeToLive(_ asked: UInt8, _ shown: UInt8) async throws {
      let tunnel = try Tunnel()
      let stream = try tunnel.driver().createTCPStream(receiveBuffer: 8192)
      let open = stream.issueActiveOpen(
        to: Endpoint(tunnel.far, 7), options: OpenOptions(timeToLive: asked))
      #expect(try Peer.syn(tunnel).packet.timeToLive == shown)
      #expect(!open.isDone)
    }

    @Test("IP options that no host understands: openFailed, and nothing is sent")
    func wrongOptions() async throws {
      let tunnel = try Tunnel()
      let stream = try tunnel.driver().createTCPStream(receiveBuffer: 8192)
      let error = try await failure {
        try await stream.activeOpen(
          to: Endpoint(tunnel.far, 7), options: OpenOptions(ipOptions: [7, 200, 4, 0]))
      }
      #expect(error.code == .openFailed)
      #expect(tunnel.receiveAll().allSatisfy { $0.protocolNumber != ProtocolNumber.tcp })
    }

    @Test(
      "2 the offered window follows from the receive buffer",
      arguments: [4096, 8192, 16_384, 32_768])
    func window(_ size: Int) async throws {
      let tunnel = try Tunnel()
      let stream = try tunnel.driver().createTCPStream(receiveBuffer: size)
      let open = stream.issueActiveOpen(to: Endpoint(tunnel.far, 7))
      let offered = try Int(Peer.syn(tunnel).window)
      #expect((size / 2...size).contains(offered))
      #expect(!open.isDone)
    }
  }
}
