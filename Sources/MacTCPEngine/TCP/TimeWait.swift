// TIME-WAIT (RFC 9293 §3.6.1, §3.10.7.4): what is left of a connection for two maximum segment lifetimes is a small
// record; a SYN may open the connection anew (RFC 6191, RFC 1122 §4.2.2.13). RST is ignored (RFC 1337 §3).

internal import MacTCPWire

/// What is known of a connection in TIME-WAIT.
struct TimeWaitRecord {
  let local: Endpoint
  let remote: Endpoint
  let sndNxt: SequenceNumber
  let rcvNxt: SequenceNumber
  let window: UInt16
  let timeToLive: UInt8
  let typeOfService: UInt8
  let usesTimestamps: Bool
  var recentTimestamp: UInt32
  let timestampOffset: UInt32
  /// The stream that had the connection, and shows its state; the slot may be another's by now.
  let owner: Handle
  var expires: Instant
}

extension TimeWaitRecord {
  /// RFC 6191 §2: whether a SYN can only be that of a new connection.
  fileprivate func isReopened(by syn: ArrivingSegment, _ usesTimestamps: Bool) -> Bool {
    let isLater = rcvNxt.precedes(syn.sequence)
    guard usesTimestamps, let timestamps = syn.header.options.timestamps else { return isLater }
    guard self.usesTimestamps else { return true }
    let age = Int32(bitPattern: timestamps.value &- recentTimestamp)
    return age > 0 || age == 0 && isLater
  }
}

/// All records, in the order in which they expire: all wait equally long.
struct TimeWaits: ~Copyable {
  private var records = Slab<TimeWaitRecord>()
  private var order = IndexQueue()

  var count: Int { order.count }

  @inline(__always) var nextDeadline: Instant {
    guard let first = order.first else { return .never }
    return records[first].expires
  }

  mutating func insert(_ record: TimeWaitRecord) -> Int? {
    guard let handle = records.insert(record) else { return nil }
    order.append(handle.index)
    return handle.index
  }

  subscript(index: Int) -> TimeWaitRecord { records[index] }

  /// Whether the record has that four-tuple.
  @inline(__always)
  func has(_ local: Endpoint, _ remote: Endpoint, at index: Int) -> Bool {
    records[index].remote == remote && records[index].local == local
  }

  /// The record waits from now on again.
  mutating func restart(_ index: Int, until expires: Instant) {
    records[index].expires = expires
    order.remove(index)
    order.append(index)
  }

  mutating func note(timestamp: UInt32, at index: Int) {
    records[index].recentTimestamp = timestamp
  }

  mutating func remove(_ index: Int) {
    order.remove(index)
    records.remove(index)
  }

  /// The first record if its time is over, and its place.
  mutating func removeExpired(at now: Instant) -> (TimeWaitRecord, Int)? {
    guard let first = order.first, records[first].expires <= now else { return nil }
    return removeFirst()
  }

  mutating func removeFirst() -> (TimeWaitRecord, Int)? {
    guard let first = order.first else { return nil }
    let record = records[first]
    remove(first)
    return (record, first)
  }
}

extension TCPLayer {
  /// A connection has entered TIME-WAIT: the record takes its place in the table.
  mutating func beginTimeWait(_ index: Int, _ context: inout Context) {
    guard connections[index].pending.inTable else { return }
    let lifetime = 2 &* context.configuration.maximumSegmentLifetime
    if timeWaits.count >= context.configuration.timeWaitLimit,
      let (oldest, place) = timeWaits.removeFirst()
    {
      forget(oldest, from: place, &context)
    }
    let new = connections[index].timeWaitRecord(
      owner: connections.handle(at: index), until: context.now.advanced(by: lifetime))
    // The last acknowledgement still goes out, from the record.
    if connections[index].pending.acknowledgment {
      connections[index].pending.acknowledgment = false
      acknowledge(new, &context)
    }
    guard lifetime > 0, context.configuration.timeWaitLimit > 0,
      context.memory.reserve(Self.timeWaitFootprint), let record = timeWaits.insert(new)
    else {
      connections[index].state = .closed
      return
    }
    table.remove(
      local: connections[index].local, remote: connections[index].remote, value: index)
    table.insert(
      local: connections[index].local, remote: connections[index].remote,
      value: record | Self.timeWaitBit)
    connections[index].pending.inTable = false
    timers.cancel(index)
    connections[index].armed = .never
  }

  /// What a record takes of the memory ceiling.
  static var timeWaitFootprint: Int { MemoryLayout<TimeWaitRecord>.stride &+ 40 }

  /// A record's time is over: it has been taken from its place, which the table still has.
  mutating func forget(_ record: TimeWaitRecord, from place: Int, _ context: inout Context) {
    context.memory.unreserve(Self.timeWaitFootprint)
    table.remove(local: record.local, remote: record.remote, value: place | Self.timeWaitBit)
    guard let index = connections.index(of: record.owner), connections[index].state == .timeWait,
      connections[index].local == record.local, connections[index].remote == record.remote
    else { return }
    connections[index].state = .closed
    settle(index, &context)
  }

  /// A segment for a connection in TIME-WAIT.
  mutating func arriveInTimeWait(
    _ segment: ArrivingSegment, _ payload: Span<UInt8>, record index: Int, _ ip: inout IPLayer,
    _ context: inout Context
  ) {
    let record = timeWaits[index]
    if segment.flags.contains(.rst) {
      context.counters.drop(.noConnection)
      return
    }
    if segment.flags.contains(.syn), !segment.flags.contains(.ack),
      record.isReopened(by: segment, context.configuration.usesTimestamps),
      findListener(segment) != nil
    {
      timeWaits.remove(index)
      forget(record, from: index, &context)
      context.counters.tcp.timeWaitReused &+= 1
      var segment = segment
      segment.previousEnd = record.sndNxt
      arriveWithoutConnection(segment, payload, &ip, &context)
      return
    }
    if record.usesTimestamps, let timestamps = segment.header.options.timestamps,
      Int32(bitPattern: timestamps.value &- record.recentTimestamp) > 0,
      segment.sequence.precedesOrEquals(record.rcvNxt)
    {
      timeWaits.note(timestamp: timestamps.value, at: index)
    }
    // The only thing that can come is the peer's FIN again: acknowledge it, and wait anew.
    let end = segment.sequence.advanced(by: segment.length)
    if segment.flags.contains(.fin) && end == record.rcvNxt {
      let lifetime = 2 &* context.configuration.maximumSegmentLifetime
      timeWaits.restart(index, until: context.now.advanced(by: lifetime))
    } else if segment.length == 0 && segment.sequence == record.rcvNxt {
      return
    }
    guard challenges.allows(&context) else {
      context.counters.drop(.answersPerSecond)
      return
    }
    acknowledge(timeWaits[index], &context)
  }

  /// The acknowledgement that a connection in TIME-WAIT sends.
  private mutating func acknowledge(_ record: TimeWaitRecord, _ context: inout Context) {
    var header = TCPHeader(
      sourcePort: record.local.port, destinationPort: record.remote.port,
      sequenceNumber: record.sndNxt, acknowledgmentNumber: record.rcvNxt, flags: .ack,
      window: record.window)
    if record.usesTimestamps {
      let clock = UInt32(truncatingIfNeeded: context.now.microseconds / 1_000)
      header.options.timestamps = TCPTimestamps(
        value: clock &+ record.timestampOffset, echoReply: record.recentTimestamp)
    }
    let reply = Reply(
      source: record.local.address, destination: record.remote.address, header: header,
      typeOfService: record.typeOfService, timeToLive: record.timeToLive)
    if !replies.append(reply) { context.counters.drop(.answerQueueFull) }
  }
}

extension ControlBlock {
  fileprivate func timeWaitRecord(owner: Handle, until expires: Instant) -> TimeWaitRecord {
    TimeWaitRecord(
      local: local, remote: remote, sndNxt: snd.nxt, rcvNxt: rcv.nxt,
      window: UInt16(clamping: receiveWindow >> Int(receiveShift)),
      timeToLive: settings.timeToLive, typeOfService: settings.typeOfService,
      usesTimestamps: usesTimestamps, recentTimestamp: recentTimestamp,
      timestampOffset: timestampOffset, owner: owner, expires: expires)
  }
}
