// The steps of a script.

internal import MacTCPEngine
internal import MacTCPWire

extension Play {
  /// One of the streams, if there are any.
  func stream() -> ConnectionID? {
    streams.isEmpty ? nil : streams[Int(script.byte()) % streams.count]
  }

  // MARK: Segments

  /// A segment near what the stream expects.
  func arriveSegment() {
    guard let id = stream(), let status = try? engine.status(of: id, at: now) else { return }
    let flags = TCPFlags(rawValue: script.byte())
    let form = script.byte()
    let sequence =
      status.receiveNext &+ UInt32(truncatingIfNeeded: form & 1 == 0 ? 0 : script.offset())
    let base = form & 2 == 0 ? status.sendNext : status.sendUnacknowledged
    let acknowledgment = base &+ UInt32(truncatingIfNeeded: form & 4 == 0 ? 0 : script.offset())
    let window = form & 8 == 0 ? 60_000 : script.uint16()
    let count = form & 16 == 0 ? 0 : script.length()
    var options = TCPOptions()
    if form & 32 == 0 {
      let echo = timestamps[status.remote.port] ?? 0
      options.timestamps = TCPTimestamps(
        value: UInt32(truncatingIfNeeded: now.microseconds / 1_000), echoReply: echo)
    }
    if form & 64 != 0 { addOptions(to: &options, status) }
    var header = Self.header(status, flags, sequence, acknowledgment, window, options)
    if flags.contains(.urg) { header.urgentPointer = script.uint16() }
    arrive(
      header, Array(repeating: form, count: count),
      typeOfService: form & 128 == 0 ? 0 : script.byte())
  }

  private func addOptions(to options: inout TCPOptions, _ status: ConnectionStatus) {
    let kinds = script.byte()
    if kinds & 1 != 0 { options.maximumSegmentSize = script.uint16() }
    if kinds & 2 != 0 { options.windowScale = script.byte() }
    if kinds & 4 != 0 { options.isSACKPermitted = true }
    if kinds & 8 != 0 {
      options.timestamps = TCPTimestamps(
        value: UInt32(truncatingIfNeeded: script.offset()),
        echoReply: UInt32(truncatingIfNeeded: script.offset()))
    }
    for _ in 0..<(kinds >> 4 & 3) {
      let left = status.sendUnacknowledged &+ UInt32(truncatingIfNeeded: script.offset())
      let right = left &+ UInt32(truncatingIfNeeded: script.offset())
      options.sackBlocks.append(
        SACKBlock(left: SequenceNumber(left), right: SequenceNumber(right)))
    }
  }

  /// A SYN, or the acknowledgement of what the engine has sent last, from any port to any of the first.
  func arriveSYN() {
    let form = script.byte()
    var options = TCPOptions()
    if form & 1 != 0 { options.maximumSegmentSize = script.uint16() }
    if form & 2 != 0 { options.windowScale = 7 }
    if form & 4 != 0 { options.isSACKPermitted = true }
    if form & 8 != 0 {
      options.timestamps = TCPTimestamps(value: UInt32(script.byte()), echoReply: 0)
    }
    var header = TCPHeader(
      sourcePort: 4_000 + UInt16(script.byte()), destinationPort: 80 + UInt16(form >> 6),
      sequenceNumber: SequenceNumber(UInt32(script.byte()) << 24), flags: .syn, window: 9_000,
      options: options)
    arrive(header, Array(repeating: 7, count: form & 16 == 0 ? 0 : script.length()))
    guard form & 32 != 0 else { return }
    settle()
    // The third segment of the handshake.
    guard let packet = try? IPv4Header(parsing: lastSent.span), packet.protocol == .tcp,
      let answer = try? TCPSegment(
        parsing: lastSent.span.extracting(packet.payloadRange), from: packet.source,
        to: packet.destination)
    else { return }
    header.flags = .ack
    header.sequenceNumber.advance(by: 1)
    header.acknowledgmentNumber = answer.endSequenceNumber
    header.options = TCPOptions()
    if let timestamps = answer.header.options.timestamps {
      header.options.timestamps = TCPTimestamps(value: 9, echoReply: timestamps.value)
    }
    arrive(header, [])
  }

  // MARK: Other packets

  /// An ICMP error about what was sent last, or a little beside it.
  func arriveICMP() {
    guard !lastSent.isEmpty else { return }
    var quotation = Array(lastSent.prefix(Int(script.byte()) + 8))
    let place = Int(script.byte())
    let value = script.byte()
    if place < quotation.count { quotation[place] = value }
    let form = script.byte()
    let problems: [ICMPProblem] = [
      .destinationUnreachable(code: form >> 3, nextHopMTU: script.uint16()), .sourceQuench,
      .redirect(code: form >> 3, gateway: Self.peer), .timeExceeded(code: form >> 3),
      .parameterProblem(code: form >> 3, pointer: 3),
    ]
    let message = Self.written { (output) throws(WireError) in
      try problems[Int(form & 7) % problems.count].write(to: &output, quoting: quotation.span)
    }
    receive(.icmp, message)
  }

  /// UDP, an echo, an ARP packet, or a fragment.
  func arriveOther() {
    let form = script.byte()
    let payload = script.bytes(script.length() & 0xFF)
    switch form % 5 {
    case 0:
      let header = UDPHeader(
        sourcePort: 53, destinationPort: 1_000 + UInt16(form >> 4), payloadLength: payload.count)
      receive(
        .udp,
        Self.written { (output) throws(WireError) in
          try header.write(to: &output, from: Self.peer, to: Self.address, payload: payload.span)
        })
    case 1:
      let header = ICMPHeader(type: .echoRequest, parameter: 7)
      receive(
        .icmp,
        Self.written { (output) throws(WireError) in
          try header.write(to: &output, payload: payload.span)
        })
    case 2: receive(script.bytes(28), .arp)
    default:
      var header = IPv4Header(
        source: Self.peer, destination: Self.address, protocol: form & 64 == 0 ? .tcp : .udp,
        payloadLength: payload.count, identification: UInt16(form >> 6))
      header.fragmentOffset = Int(script.byte()) * 8
      header.moreFragments = form & 32 != 0
      let packet = Self.written { (output) throws(WireError) in try header.write(to: &output) }
      receive(packet + payload)
    }
  }

  /// Bytes as they are, or what the engine has sent last with some of them in it.
  func arriveGarbage() {
    let count = Int(script.byte())
    if count & 1 == 0 {
      engine.receive(script.bytes(count / 2).span, at: now)
    } else {
      var packet = lastSent
      for _ in 0..<(count >> 4) where !packet.isEmpty {
        packet[Int(script.byte()) % packet.count] = script.byte()
      }
      receive(packet)
    }
  }

  // MARK: Time and the user

  func pass() {
    let form = script.byte()
    if form < 128, let deadline = engine.nextDeadline {
      now = max(now, deadline)
    } else {
      now = now.advanced(by: Int(script.byte()) << Int(form & 31))
    }
    engine.advance(to: now)
  }

  func open(_ form: UInt8) {
    guard streams.count < 32, let id = try? engine.createConnection() else { return }
    streams.append(id)
    openAgain(id, form)
  }

  private func openAgain(_ id: ConnectionID, _ form: UInt8) {
    var options = OpenOptions()
    if form & 64 != 0 { options.ipOptions = [1, 1, 1, 0] }
    if form & 128 != 0 { options.userTimeout = Int(form) * 100_000 }
    let local = Endpoint(.any, 80 + UInt16(form >> 2 & 3))
    switch form % 4 {
    case 0, 1:
      try? engine.activeOpen(
        id, to: Endpoint(Self.peer, 4_000 + UInt16(form >> 4 & 3)), from: local, options: options,
        at: now)
    case 2: try? engine.passiveOpen(id, on: local, options: options, at: now)
    default:
      try? engine.listen(id, on: local, backlog: 1 + Int(form >> 4), options: options, at: now)
    }
  }

  func send() {
    guard let id = stream() else { return }
    let form = script.byte()
    let bytes = Array(repeating: form, count: script.length())
    trace("  send \(bytes.count) \(id)")
    _ = try? engine.send(id, bytes.span, push: form & 1 == 0, urgent: form & 6 == 6, at: now)
  }

  func read() {
    guard let id = stream() else { return }
    let most = script.length()
    _ = try? [UInt8](capacity: max(1, most)) { output in
      _ = try engine.receive(id, into: &output, at: now)
    }
  }

  func userCall(_ form: UInt8) {
    guard let id = stream() else { return }
    trace("  call \(form % 12) \(id)")
    switch form % 12 {
    case 0: try? engine.close(id, at: now)
    case 1: try? engine.abort(id, at: now)
    case 2:
      try? engine.release(id, at: now)
      streams.removeAll { $0 == id }
    case 3: openAgain(id, script.byte())
    case 4: _ = try? engine.accept(id)
    case 5: set(id)
    case 6: createDatagrams()
    case 7: sendDatagram()
    case 8:
      _ = try? engine.sendEcho(to: Self.peer, script.bytes(script.length() & 0xFF).span, at: now)
    case 9:
      guard let first = datagrams.first else { return }
      try? engine.release(first, at: now)
      datagrams.removeFirst()
    default: try? engine.close(id, at: now)
    }
  }

  private func set(_ id: ConnectionID) {
    let form = script.byte()
    let number = script.offset()
    let options: [ConnectionOption] = [
      .nagle(form & 16 == 0), .keepalive(form & 16 == 0),
      .keepaliveTimes(idle: number, interval: number, probes: Int(form)),
      .userTimeout(number, aborts: form & 16 == 0), .typeOfService(form), .timeToLive(form),
      .delayedAcknowledgment(form & 16 == 0), .receiveBuffer(number), .sendBuffer(number),
    ]
    try? engine.set(options[Int(form & 15) % options.count], of: id, at: now)
  }

  private func createDatagrams() {
    guard datagrams.count < 8,
      let id = try? engine.createUDPStream(
        on: 1_000 + UInt16(script.byte() & 15), receiveBuffer: 4_096, at: now)
    else { return }
    datagrams.append(id)
    usesUDP = true
  }

  private func sendDatagram() {
    guard let id = datagrams.first else { return }
    let bytes = Array(repeating: 9 as UInt8, count: script.length())
    var options = DatagramOptions()
    options.dontFragment = bytes.count & 1 != 0
    try? engine.send(id, to: Endpoint(Self.peer, 53), bytes.span, options: options, at: now)
    _ = try? [UInt8](capacity: 100) { output in _ = try engine.receive(id, into: &output, at: now) }
  }
}
