// SEGMENT ARRIVES (RFC 9293 §3.10.7): which connection, listener or record a segment is for, and what becomes of
// one that is for none. What the connection does is in SegmentArrives+*.swift, by groups of states.

internal import MacTCPWire

/// A segment that came, with what its packet said.
struct ArrivingSegment {
  var header: TCPHeader
  /// SEG.LEN: data, SYN and FIN (RFC 9293 §3.4).
  var length: Int
  var source: IPAddress
  var destination: IPAddress
  var information: PacketInformation
  /// SND.NXT of the connection in TIME-WAIT that the SYN opens anew.
  var previousEnd: SequenceNumber?
  /// It had SYN, whose window is never shifted (RFC 7323 §2.2).
  var isOpening = false

  var sequence: SequenceNumber { header.sequenceNumber }
  var acknowledgment: SequenceNumber { header.acknowledgmentNumber }
  var flags: TCPFlags { header.flags }
  var local: Endpoint { Endpoint(destination, header.destinationPort) }
  var remote: Endpoint { Endpoint(source, header.sourcePort) }

  /// Takes SYN and its number off: what is left are the text and the controls behind it.
  mutating func removeSYN() {
    guard flags.contains(.syn) else { return }
    header.flags.subtract(.syn)
    header.sequenceNumber.advance(by: 1)
    length &-= 1
    isOpening = true
  }
}

/// What a control block wants to have done with a segment besides.
enum Reaction {
  case none
  /// Answer with a RST, as if there were no connection (RFC 9293 §3.10.7.1).
  case reset
  /// A challenge ACK, if the limit allows one (RFC 5961 §3.2, §4.2, §5.2).
  case challenge
}

extension TCPLayer {
  /// Takes the data of a packet.
  mutating func receive(
    _ bytes: Span<UInt8>, from source: IPAddress, to destination: IPAddress,
    _ information: PacketInformation, _ ip: inout IPLayer, _ context: inout Context
  ) {
    context.counters.tcp.segmentsReceived &+= 1
    guard let ports = bytes.networkUInt32(at: 0) else {
      context.counters.drop(.badTCPHeader)
      return
    }
    let found = find(
      local: Endpoint(destination, ports.lowerHalf), remote: Endpoint(source, ports.upperHalf))
    if let found, found < Self.timeWaitBit {
      switch connections[found].arriveAsPredicted(
        bytes, from: source, to: destination, typeOfService: information.typeOfService, &context)
      {
      case .taken:
        settle(found, &context)
        return
      case .badChecksum:
        context.counters.drop(.badTCPChecksum)
        return
      case .different: break
      }
    }
    receive(bytes, from: source, to: destination, information, found, &ip, &context)
  }

  /// Takes a segment that is not as predicted. Its four-tuple has been found, or not.
  @inline(never)
  private mutating func receive(
    _ bytes: Span<UInt8>, from source: IPAddress, to destination: IPAddress,
    _ information: PacketInformation, _ found: Int?, _ ip: inout IPLayer,
    _ context: inout Context
  ) {
    let parsed: TCPSegment
    do {
      parsed = try TCPSegment(parsing: bytes, from: source, to: destination)
    } catch {
      context.counters.drop(error == .badChecksum ? .badTCPChecksum : .badTCPHeader)
      return
    }
    let segment = ArrivingSegment(
      header: parsed.header, length: parsed.length, source: source, destination: destination,
      information: information)
    let payload = bytes.extracting(parsed.payloadRange)
    if let found, found < Self.timeWaitBit {
      arrive(segment, payload, at: found, &context)
    } else if let found {
      arriveInTimeWait(segment, payload, record: found & ~Self.timeWaitBit, &ip, &context)
    } else {
      arriveWithoutConnection(segment, payload, &ip, &context)
    }
  }

  /// For a connection that exists.
  @inline(__always)
  private mutating func arrive(
    _ segment: ArrivingSegment, _ payload: Span<UInt8>, at index: Int, _ context: inout Context
  ) {
    let reaction = connections[index].segmentArrives(segment, payload, &context)
    switch reaction {
    case .none: break
    case .reset: reset(segment, &context)
    case .challenge:
      if challenges.allows(&context) {
        context.counters.tcp.challengeAcknowledgments &+= 1
        connections[index].pending.acknowledgment = true
        connections[index].pending.output = true
      } else {
        context.counters.drop(.answersPerSecond)
      }
    }
    settle(index, &context)
  }

  /// No connection has the four-tuple: a listener, a cookie, or nobody (RFC 9293 §3.10.7.1 and .2).
  mutating func arriveWithoutConnection(
    _ segment: ArrivingSegment, _ payload: Span<UInt8>, _ ip: inout IPLayer,
    _ context: inout Context
  ) {
    // RFC 9293 §3.10.7.2: first RST, second ACK, third SYN. To and from groups nothing is answered
    // (MUST-57, MUST-63; RFC 1122 §4.2.3.10), and nobody has port 0 (RFC 6335 §6).
    guard segment.header.sourcePort != 0, segment.header.destinationPort != 0 else {
      context.counters.drop(.noConnection)
      return
    }
    guard !segment.information.isGroup, !ip.addresses.isGroup(segment.source),
      segment.source.isUnicast,
      segment.remote != segment.local
    else {
      context.counters.drop(segment.flags.contains(.syn) ? .badSYNAddress : .noConnection)
      return
    }
    if segment.flags.contains(.rst) {
      context.counters.drop(.noConnection)
      return
    }
    if let listener = findListener(segment) {
      if segment.flags.contains(.ack) {
        if acceptCookie(segment, payload, listener, &ip, &context) { return }
      } else if segment.flags.contains(.syn) {
        open(segment, payload, from: listener, &ip, &context)
        return
      } else {
        context.counters.drop(.noConnection)
        return
      }
    }
    context.counters.drop(.noConnection)
    if context.configuration.answersClosedPorts { reset(segment, &context) }
  }

  /// Answers a segment with a RST that its sender accepts (RFC 9293 §3.10.7.1); never a RST itself.
  mutating func reset(_ segment: ArrivingSegment, _ context: inout Context) {
    guard !segment.flags.contains(.rst) else { return }
    guard resets.allows(&context) else {
      context.counters.drop(.answersPerSecond)
      return
    }
    var header = TCPHeader(
      sourcePort: segment.header.destinationPort, destinationPort: segment.header.sourcePort,
      sequenceNumber: SequenceNumber(0))
    if segment.flags.contains(.ack) {
      header.sequenceNumber = segment.acknowledgment
      header.flags = .rst
    } else {
      header.acknowledgmentNumber = segment.sequence.advanced(by: segment.length)
      header.flags = TCPFlags.rst.union(.ack)
    }
    reply(header, to: segment, &context)
  }

  /// Queues a segment that belongs to no connection.
  mutating func reply(
    _ header: TCPHeader, to segment: ArrivingSegment, _ context: inout Context
  ) {
    let reply = Reply(source: segment.destination, destination: segment.source, header: header)
    if !replies.append(reply) { context.counters.drop(.answerQueueFull) }
  }

  /// The listener that a segment is for: of several the one that asks for most (RFC 9293 §3.10.7.2).
  func findListener(_ segment: ArrivingSegment) -> Int? {
    guard let candidates = ports[segment.header.destinationPort] else { return nil }
    var best: Int?
    var bestScore = -1
    for candidate in candidates {
      let index = Int(candidate)
      let local = connections[index].local.address
      let remote = connections[index].remote
      guard local == .any || local == segment.destination,
        remote.address == .any || remote.address == segment.source,
        remote.port == 0 || remote.port == segment.header.sourcePort
      else { continue }
      let score =
        (local == .any ? 0 : 1) &+ (remote.address == .any ? 0 : 4) &+ (remote.port == 0 ? 0 : 2)
      if score > bestScore { (best, bestScore) = (index, score) }
    }
    return best
  }
}

/// A segment that belongs to no connection.
struct Reply {
  var source: IPAddress
  var destination: IPAddress
  var header: TCPHeader
  var typeOfService: UInt8 = 0
  /// `nil` is the configuration's.
  var timeToLive: UInt8?
}

/// The segments without a connection that wait to be sent: so many and no more, however slowly they are taken.
struct Replies {
  /// A ring, which grows to its size as it is needed.
  private var ring: [Reply] = []
  private var head = 0
  private var count = 0
  static let most = 256

  var isEmpty: Bool { count == 0 }

  mutating func append(_ reply: Reply) -> Bool {
    guard count < Self.most else { return false }
    let place = (head &+ count) % Self.most
    if place == ring.count { ring.append(reply) } else { ring[place] = reply }
    count &+= 1
    return true
  }

  mutating func removeFirst() -> Reply? {
    guard count > 0 else { return nil }
    let first = ring[head]
    count &-= 1
    head = count == 0 ? 0 : (head &+ 1) % Self.most
    return first
  }
}
