// The engine against libFuzzer: an input is a script of packets, time and user calls. No script may make it trap, loop,
// pass its memory ceiling, break an invariant or emit a packet that may not be.
//
// The packets have right checksums and numbers near those that the engine expects, so that they get far; some are
// garbage. Arguments are libFuzzer's; see `Fuzz/run`.
internal import CFuzzer
internal import MacTCPEngine
internal import MacTCPWire

@main
enum FuzzEngine {
  static func main() {
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = CommandLine.unsafeArgv
    _ = LLVMFuzzerRunDriver(&count, &arguments, check)
  }
}

private func check(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let play = Play(Array(UnsafeBufferPointer(start: data, count: size)))
  play.run()
  return 0
}

/// One run of a script. The peer is what the script makes of it.
final class Play {
  static let address = IPAddress(10, 0, 0, 1)
  static let peer = IPAddress(10, 0, 0, 2)
  static let hardware = HardwareAddress(bits: 0x0200_0000_0001)
  static let peerHardware = HardwareAddress(bits: 0x0200_0000_0002)

  var script: Script
  var engine: Engine
  var judge = PacketJudge()
  let configuration: EngineConfiguration
  var now = Instant(microseconds: 1_000_000)
  /// The streams that the script has made, and what it was given by `accept`.
  var streams: [ConnectionID] = []
  var datagrams: [UDPStreamID] = []
  var usesUDP = false
  /// The last packet that the engine has sent, without its frame.
  var lastSent: [UInt8] = []
  /// The last time stamp that it has sent, by the peer's port.
  var timestamps: [UInt16: UInt32] = [:]
  var steps = 0

  init(_ bytes: [UInt8]) {
    script = Script(bytes)
    configuration = Self.configuration(&script)
    do { engine = try Engine(configuration) } catch { fatalError("\(error)") }
    judge.mtu = configuration.mtu
    judge.allowsFragments = true
    judge.followsWindows = !configuration.usesWindowScale
  }

  private static func configuration(_ script: inout Script) -> EngineConfiguration {
    let bits = script.uint16()
    var configuration = EngineConfiguration()
    configuration.addresses = [IPv4Prefix(address, length: 24)].compactMap(\.self)
    if bits & 1 != 0 { configuration.link = .ethernet(hardware) }
    configuration.usesTimestamps = bits & 2 != 0
    configuration.usesSACK = bits & 4 != 0
    configuration.usesWindowScale = bits & 8 != 0
    configuration.usesECN = bits & 16 != 0
    configuration.usesNagle = bits & 32 == 0
    if bits & 64 != 0 { configuration.acknowledgmentDelay = 0 }
    configuration.memoryCeiling = [64 << 10, 96 << 10, 256 << 10, 4 << 20][Int(bits >> 7 & 3)]
    configuration.mtu = [1_500, 576, 9_000, 68][Int(bits >> 9 & 3)]
    if bits & 0x0800 != 0 { configuration.timeWaitLimit = 2 }
    if bits & 0x1000 != 0 { configuration.congestionControl = .newReno }
    if bits & 0x2000 != 0 { configuration.answersPerSecond = 2 }
    configuration.receiveBuffer = [4_096, 65_536, 256 << 10, 1 << 20][Int(bits >> 14)]
    configuration.sendBuffer = 16_384
    let more = script.byte()
    configuration.probesAddresses = more & 1 != 0
    configuration.usesPathMTUDiscovery = more & 2 == 0
    configuration.usesSYNCookies = more & 4 == 0
    configuration.answersClosedPorts = more & 8 == 0
    if more & 16 != 0 { configuration.reassemblyMemory = 4_096 }
    if more & 32 != 0 { configuration.userTimeout = 3_000_000 }
    if more & 64 != 0 { configuration.initialWindow = 1 }
    if more & 128 != 0, let all = IPv4Prefix(IPAddress(0, 0, 0, 0), length: 0) {
      configuration.routes = [EngineConfiguration.Route(to: all, gateway: peer)]
    }
    return configuration
  }

  /// The number of different steps is their order: seeds depend on it.
  func run() {
    begin()
    while !script.isAtEnd, steps < 2_000 {
      steps += 1
      let kind = script.byte()
      trace("step \(kind % 16) at \(now.microseconds)")
      switch kind % 16 {
      case 0...4: arriveSegment()
      case 5: arrivePacket()
      case 6: arriveSYN()
      case 7: pass()
      case 8, 9: userCall(script.byte())
      case 10: send()
      case 11: read()
      case 12: arriveICMP()
      case 13: arriveOther()
      case 14: arriveGarbage()
      default: open(script.byte())
      }
      // Now and then the engine is not asked for its packets, and they wait.
      settle(transmits: kind & 0x80 == 0)
    }
    end()
  }

  /// A connection that is open, so that a short script gets far.
  private func begin() {
    if configuration.link != .rawIP {
      // The address is the engine's own after a while (RFC 5227).
      for _ in 0..<16 {
        settle()
        guard let next = engine.nextDeadline else { break }
        now = max(now, next)
        engine.advance(to: now)
      }
    }
    open(script.byte())
    settle()
    guard let id = streams.first, let status = try? engine.status(of: id, at: now) else { return }
    var options = TCPOptions()
    options.maximumSegmentSize = 1_460
    options.windowScale = 3
    options.isSACKPermitted = true
    options.timestamps = TCPTimestamps(value: 1_000, echoReply: timestamps[4_000] ?? 0)
    if status.state == .synSent {
      arrive(
        Self.header(status, TCPFlags.syn.union(.ack), 5_000, status.sendNext, 60_000, options), [])
    } else if status.state == .listen {
      arrive(Self.header(status, .syn, 5_000, 0, 60_000, options), [])
      settle()
      guard let half = try? engine.status(of: id, at: now) else { return }
      arrive(Self.header(half, .ack, 5_001, half.sendNext, 60_000, TCPOptions()), [])
    }
    settle()
  }

  /// The header of a segment to the stream.
  static func header(
    _ status: ConnectionStatus, _ flags: TCPFlags, _ sequence: UInt32, _ acknowledgment: UInt32,
    _ window: UInt16, _ options: TCPOptions
  ) -> TCPHeader {
    TCPHeader(
      sourcePort: status.remote.port == 0 ? 4_000 : status.remote.port,
      destinationPort: status.local.port, sequenceNumber: SequenceNumber(sequence),
      acknowledgmentNumber: SequenceNumber(acknowledgment), flags: flags, window: window,
      options: options)
  }

  /// All is released, and comes to its end by itself.
  private func end() {
    settle()
    for id in streams {
      try? engine.set(.userTimeout(1_000_000, aborts: true), of: id, at: now)
      try? engine.release(id, at: now)
    }
    for id in datagrams { try? engine.release(id, at: now) }
    settle()
    var left = 2_000
    while let deadline = engine.nextDeadline, left > 0 {
      left -= 1
      now = max(now, deadline)
      engine.advance(to: now)
      settle()
    }
    demand(left > 0, "time stands still")
    // The page of the table of UDP's ports stays.
    demand(
      engine.memoryInUse == (usesUDP ? 1_024 : 0), "memory is left: \(engine.memoryInUse)")
  }

  // MARK: What the engine does

  func settle(transmits: Bool = true) {
    var left = transmits ? 5_000 : 0
    while left > 0 {
      left -= 1
      var isSent = false
      let bytes = [UInt8](capacity: configuration.mtu + 14) { output in
        isSent = engine.transmit(into: &output, at: now)
      }
      guard isSent else { break }
      note(bytes)
    }
    demand(!transmits || left > 0, "it sends for ever")
    var events = 0
    while let event = engine.nextEvent() {
      events += 1
      demand(events < 10_000, "it tells for ever")
      note(event)
    }
    for id in streams where isTraced {
      if let status = try? engine.status(of: id, at: now) {
        trace(
          "  \(id) \(status.state) snd.una \(status.sendUnacknowledged) snd.nxt \(status.sendNext) rcv.nxt \(status.receiveNext)"
        )
      }
    }
    demand(engine.memoryInUse <= configuration.memoryCeiling)
    engine.checkInvariants()
  }

  private func note(_ bytes: [UInt8]) {
    var packet = bytes
    if configuration.link != .rawIP {
      guard let frame = try? EthernetHeader(parsing: bytes.span) else {
        fatalError("a bad frame was sent")
      }
      packet.removeFirst(EthernetHeader.byteCount)
      if frame.etherType == .arp {
        answerARP(packet)
        return
      }
    }
    lastSent = packet
    trace("  sent \(describe(packet))")
    let (segment, _, faults) = judge.judge(packet.span)
    demand(faults.isEmpty, "\(faults) \(String(describing: segment?.header))")
    if let segment, let timestamps = segment.header.options.timestamps {
      self.timestamps[segment.header.destinationPort] = timestamps.value
    }
  }

  /// The peer is on the link, and answers.
  private func answerARP(_ bytes: [UInt8]) {
    guard let request = try? ARPPacket(parsing: bytes.span), request.target == Self.peer
    else { return }
    let reply = ARPPacket(
      operation: .reply, senderHardware: Self.peerHardware, sender: Self.peer,
      targetHardware: Self.hardware, target: Self.address)
    let packet = Self.written { (output) throws(WireError) in try reply.write(to: &output) }
    receive(packet, .arp)
  }

  private func note(_ event: EngineEvent) {
    trace("  event \(event)")
    guard case .incoming(let listener) = event else { return }
    while let child = try? engine.accept(listener) { streams.append(child) }
  }

  // MARK: What comes

  /// What `body` writes; it must find room.
  static func written(_ body: (inout OutputSpan<UInt8>) throws(WireError) -> Void) -> [UInt8] {
    [UInt8](capacity: 70_000) { output in
      do { try body(&output) } catch { output.removeAll() }
    }
  }

  func receive(_ packet: [UInt8], _ type: EtherType = .ipv4) {
    var bytes = packet
    if configuration.link != .rawIP {
      let header = EthernetHeader(
        destination: Self.hardware, source: Self.peerHardware, etherType: type)
      bytes = Self.written { (output) throws(WireError) in try header.write(to: &output) } + packet
    }
    trace("  comes \(describe(packet))")
    engine.receive(bytes.span, at: now)
  }

  /// An IP packet with this payload.
  func receive(
    _ `protocol`: IPProtocol, from source: IPAddress = Play.peer,
    to destination: IPAddress = Play.address,
    typeOfService: UInt8 = 0, _ payload: [UInt8]
  ) {
    let header = IPv4Header(
      source: source, destination: destination, protocol: `protocol`, payloadLength: payload.count,
      typeOfService: typeOfService)
    let packet = Self.written { (output) throws(WireError) in try header.write(to: &output) }
    guard !packet.isEmpty else { return }
    receive(packet + payload)
  }

  /// A segment from the peer.
  func arrive(_ header: TCPHeader, _ payload: [UInt8], typeOfService: UInt8 = 0) {
    let segment = Self.written { (output) throws(WireError) in
      try header.write(to: &output, from: Self.peer, to: Self.address, payload: payload.span)
    }
    receive(.tcp, typeOfService: typeOfService, segment)
  }
}
