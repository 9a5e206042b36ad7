// Datagrams that wait to be sent, whole or in fragments: RFC 791 §3.2 ("Fragmentation"), RFC 1122 §3.3.3.
//
// `enqueue` takes a copy of a datagram, and `transmit` makes one packet of it, or one after the other of its
// fragments, when the link has room. UDP, the echo and ICMP's answers go this way; TCP makes its own packets.

internal import MacTCPWire

/// What the header of a datagram that waits will say. Behind its options, as the user gave them, are its data.
struct OutgoingPacket: BitwiseCopyable {
  var source: IPAddress
  var destination: IPAddress
  var `protocol`: IPProtocol
  var typeOfService: UInt8 = 0
  var timeToLive: UInt8
  var dontFragment = false
  var optionCount = 0
  /// Of the fragments; made with the first one.
  var identification: UInt16 = 0
  /// How many bytes of data have been sent in fragments.
  var sent = 0
}

extension IPLayer {
  /// How much of the pool's memory the user's datagrams may take, and the engine's answers.
  static var mostOutgoing: Int { 512 << 10 }
  static var mostAnswers: Int { 512 << 10 }

  /// What a datagram of the user's is to be sent with, if it can be.
  ///
  /// - Throws: what the user's call throws.
  func prepare(
    to destination: IPAddress, protocol: IPProtocol, payloadLength: Int, options: Span<UInt8>,
    dontFragment: Bool, typeOfService: UInt8, timeToLive: UInt8?
  ) throws(EngineError) -> OutgoingPacket {
    guard SourceRoute.isValid(options), timeToLive != 0 else { throw .invalidLength }
    let length =
      IPv4Header.leastLength &+ SourceRoute.paddedLength(of: options.count) &+ payloadLength
    guard length <= 65_535 else { throw .invalidLength }
    guard !destination.isReserved, !destination.isThisNetwork else { throw .badAddress }
    let firstHop = SourceRoute(options, to: destination).firstHop
    guard !firstHop.isReserved, !firstHop.isThisNetwork else { throw .badAddress }
    guard let source = sourceAddress(for: firstHop) else { throw .noRoute }
    if dontFragment && length > pathMTU(to: firstHop) { throw .dontFragment }
    return OutgoingPacket(
      source: source, destination: destination, protocol: `protocol`,
      typeOfService: typeOfService,
      // RFC 1112 §6.1: multicast does not leave the network unless it is told to.
      timeToLive: timeToLive ?? (firstHop.isMulticast ? 1 : self.timeToLive),
      dontFragment: dontFragment)
  }

  /// Keeps a datagram until it is transmitted.
  ///
  /// - Parameters:
  ///   - write: appends the data, exactly `payloadLength` bytes.
  /// - Returns: `nil` if it is kept, otherwise which limit it would exceed.
  mutating func enqueue(
    _ packet: OutgoingPacket, payloadLength: Int, options: Span<UInt8> = Span(),
    isAnswer: Bool = false, _ context: inout Context, _ write: (inout OutputSpan<UInt8>) -> Void
  ) -> DropReason? {
    var note = packet
    note.optionCount = options.count
    let used = isAnswer ? answers.memory : outgoing.memory
    guard used < (isAnswer ? Self.mostAnswers : Self.mostOutgoing) else { return .answerQueueFull }
    guard
      let stored = StoredPacket(
        capacity: options.count &+ payloadLength, note, &context.memory)
    else { return .memoryCeiling }
    stored.withOutput { output in
      output.append(options)
      write(&output)
    }
    if isAnswer { answers.append(stored) } else { outgoing.append(stored) }
    return nil
  }

  /// Whether packets wait, or frames of the link's own.
  @inline(__always) var hasOutput: Bool {
    !outgoing.isEmpty || !answers.isEmpty || link.hasOutput
  }

  /// Appends the next packet that waits, with its link's header; what is to become of it goes to `finish`.
  /// `nil` if none waits.
  @inline(__always)
  mutating func transmit(into packet: inout OutputSpan<UInt8>, _ context: inout Context)
    -> Disposition?
  {
    guard hasOutput else { return nil }
    return transmitWaiting(into: &packet, &context)
  }

  @inline(never)
  private mutating func transmitWaiting(
    into packet: inout OutputSpan<UInt8>, _ context: inout Context
  ) -> Disposition? {
    if link.transmit(into: &packet, &context) { return .frame }
    if link.ownership.isProbing { return nil }
    if let stored = answers.first {
      let (disposition, isDone) = write(stored, into: &packet, &context)
      if isDone { answers.removeFirst()?.release(to: &context.memory) }
      return disposition
    }
    if let stored = outgoing.first {
      let (disposition, isDone) = write(stored, into: &packet, &context)
      if isDone { outgoing.removeFirst()?.release(to: &context.memory) }
      return disposition
    }
    return nil
  }

  /// Appends the datagram, or its next fragment, and says whether that was all of it.
  private mutating func write(
    _ stored: StoredPacket<OutgoingPacket>, into packet: inout OutputSpan<UInt8>,
    _ context: inout Context
  ) -> (Disposition, isDone: Bool) {
    let note = stored.note
    var route = stored.withBytes {
      SourceRoute($0.extracting(first: note.optionCount), to: note.destination)
    }
    let data = note.optionCount..<stored.count
    let disposition = way(to: route.firstHop, &context)
    if disposition == .noRoute { return (.noRoute, true) }
    let most = mostLength(of: note, to: route.firstHop)
    let headerLength = IPv4Header.leastLength &+ SourceRoute.paddedLength(of: route.count)
    guard note.sent > 0 || headerLength &+ data.count > most else {
      let identification = identification(of: note, firstHop: route.firstHop)
      let header = header(of: note, route, data.count, identification)
      return (append(header, route, stored, data, into: &packet, disposition), true)
    }
    if note.dontFragment { return (.tooLarge, true) }
    if note.sent == 0 {
      stored.note.identification = identification(of: note, firstHop: route.firstHop)
      context.counters.ip.fragmented &+= 1
    } else {
      route.keepCopied()
    }
    context.counters.ip.fragmentsSent &+= 1
    return writeFragment(stored, route, most: most, into: &packet, disposition)
  }

  private mutating func writeFragment(
    _ stored: StoredPacket<OutgoingPacket>, _ route: SourceRoute, most: Int,
    into packet: inout OutputSpan<UInt8>, _ disposition: Disposition
  ) -> (Disposition, isDone: Bool) {
    let note = stored.note
    let start = note.optionCount &+ note.sent
    let headerLength = IPv4Header.leastLength &+ SourceRoute.paddedLength(of: route.count)
    // Every fragment but the last one has a multiple of 8 bytes. A link's MTU is 68 at least: room for 8 behind
    // the longest header.
    let count = min(stored.count &- start, max(8, (most &- headerLength) & ~7))
    let end = start &+ count
    var header = header(of: note, route, count, note.identification)
    header.moreFragments = end < stored.count
    header.fragmentOffset = note.sent
    stored.note.sent = note.sent &+ count
    return (
      append(header, route, stored, start..<end, into: &packet, disposition),
      !header.moreFragments
    )
  }

  private mutating func append(
    _ header: IPv4Header, _ route: SourceRoute, _ stored: StoredPacket<OutgoingPacket>,
    _ data: Range<Int>, into packet: inout OutputSpan<UInt8>, _ disposition: Disposition
  ) -> Disposition {
    writeLinkHeader(disposition, into: &packet)
    let written = write(
      header, options: route.bytes.span.extracting(first: route.count), into: &packet, disposition)
    guard written == disposition, packet.freeCapacity >= data.count else {
      packet.removeAll()
      return .tooLarge
    }
    stored.withBytes { packet.append($0.extracting(data)) }
    return disposition
  }

  /// The most bytes of one packet. What may be fragmented is fragmented here rather than on the way, but not
  /// into crumbs because of a number that a stranger gave.
  private func mostLength(of note: OutgoingPacket, to firstHop: IPAddress) -> Int {
    note.dontFragment ? mtu : min(mtu, max(576, pathMTU(to: firstHop)))
  }

  private mutating func identification(of note: OutgoingPacket, firstHop: IPAddress) -> UInt16 {
    note.dontFragment
      ? 0 : identifications.next(from: note.source, to: firstHop, protocol: note.protocol)
  }

  private func header(
    of note: OutgoingPacket, _ route: SourceRoute, _ payloadLength: Int, _ identification: UInt16
  ) -> IPv4Header {
    IPv4Header(
      source: note.source, destination: route.firstHop, protocol: note.protocol,
      payloadLength: payloadLength, optionLength: route.count,
      typeOfService: note.typeOfService, identification: identification,
      dontFragment: note.dontFragment, timeToLive: note.timeToLive)
  }
}
