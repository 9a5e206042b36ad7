// What becomes of a fragment: RFC 815 §3, with the rules of ReassemblyTable.swift.

internal import MacTCPWire

extension IPLayer {
  private typealias Holes = ReassemblyTable.Holes

  /// Takes a fragment. When it was the last that was missing, the whole packet is returned, and its range in the
  /// block: the caller releases it.
  mutating func receiveFragment(
    _ packet: Span<UInt8>, _ header: IPv4Header, _ context: inout Context
  ) -> (StoredPacket<ReassemblyTable.Holes>, Range<Int>)? {
    context.counters.ip.fragmentsReceived &+= 1
    let data = packet.extracting(header.payloadRange)
    let end = header.fragmentOffset &+ data.count
    // The whole must be a packet of 65,535 bytes at most, and all but its last part consist of 8 bytes
    // (RFC 791 §3.2).
    guard !data.isEmpty, header.headerLength &+ end <= 65_535,
      !header.moreFragments || data.count & 7 == 0
    else {
      context.counters.drop(.badFragment)
      return nil
    }
    let key = ReassemblyTable.Key(
      source: header.source, destination: header.destination, protocol: header.protocol,
      identification: header.identification)
    guard let place = reassembly.find(key) ?? insert(key, end, &context) else { return nil }
    guard reassembly.datagram(at: place)?.packet != nil else {
      context.counters.drop(.overlappingFragment)
      return nil
    }
    guard let block = makeRoom(for: end, header.moreFragments, at: place, &context) else {
      return nil
    }
    if let reason = fill(block, packet, header, data) {
      if reason != .duplicate { refuse(place, reason.dropReason, &context) }
      return nil
    }
    guard block.note.count == 0 else { return nil }
    _ = reassembly.remove(place)
    return complete(block, &context)
  }

  /// A place for a datagram of which the first fragment has come. What is oldest gives way: a fragment that has
  /// not come after the others will not come, and whoever sends many that are never completed shall not
  /// keep out those of others for the time-out.
  private mutating func insert(
    _ key: ReassemblyTable.Key, _ end: Int, _ context: inout Context
  ) -> Int? {
    guard
      let block = allocate(ReassemblyTable.headerRoom &+ end &+ 8, Holes(), keeping: nil, &context)
    else { return nil }
    block.lengthen(to: ReassemblyTable.headerRoom &+ 8)
    block.withMutableBytes { Hole(end: Holes.none, next: Holes.none).write(at: 0, in: &$0) }
    let datagram = ReassemblyTable.Datagram(
      key: key, expires: context.now.advanced(by: reassembly.timeout), packet: block)
    if let place = reassembly.insert(datagram) { return place }
    if let oldest = reassembly.oldest { forget(oldest, .reassemblyMemory, &context) }
    if let place = reassembly.insert(datagram) { return place }
    block.release(to: &context.memory)
    return nil
  }

  /// A block of the pool, within the limit of all fragments; older datagrams than `kept` give way.
  private mutating func allocate(
    _ capacity: Int, _ holes: ReassemblyTable.Holes, keeping kept: Int?, _ context: inout Context
  ) -> StoredPacket<ReassemblyTable.Holes>? {
    guard let block = StoredPacket(capacity: capacity, holes, &context.memory) else {
      context.counters.drop(.memoryCeiling)
      return nil
    }
    while reassembly.memory &+ block.memory > reassembly.limit {
      guard let oldest = reassembly.oldest, oldest != kept else {
        context.counters.drop(.reassemblyMemory)
        block.release(to: &context.memory)
        return nil
      }
      forget(oldest, .reassemblyMemory, &context)
    }
    return block
  }

  /// The datagram's block, large enough for a fragment that ends at `end` and the description of a hole
  /// behind it; otherwise the datagram is gone.
  private mutating func makeRoom(
    for end: Int, _ moreFragments: Bool, at place: Int, _ context: inout Context
  ) -> StoredPacket<ReassemblyTable.Holes>? {
    guard let block = reassembly.datagram(at: place)?.packet else { return nil }
    let needed = ReassemblyTable.headerRoom &+ end &+ (moreFragments ? 8 : 0)
    if needed <= block.capacity {
      block.lengthen(to: needed)
      return block
    }
    guard let larger = allocate(needed, block.note, keeping: place, &context) else {
      if let datagram = reassembly.remove(place) { datagram.packet?.release(to: &context.memory) }
      return nil
    }
    larger.withOutput { output in block.withBytes { output.append($0) } }
    larger.lengthen(to: needed)
    reassembly.replace(larger, at: place)
    block.release(to: &context.memory)
    return larger
  }

  /// Drops a datagram and what comes of it until its time is over.
  private mutating func refuse(_ place: Int, _ reason: DropReason, _ context: inout Context) {
    context.counters.drop(reason)
    let block = reassembly.datagram(at: place)?.packet
    reassembly.replace(nil, at: place)
    block?.release(to: &context.memory)
  }

  private mutating func forget(_ place: Int, _ reason: DropReason, _ context: inout Context) {
    guard let datagram = reassembly.remove(place) else { return }
    guard let block = datagram.packet else { return }
    context.counters.drop(reason)
    block.release(to: &context.memory)
  }

  // MARK: Holes

  private enum Refusal {
    /// All of it has come before.
    case duplicate
    case overlap
    case bad

    var dropReason: DropReason { self == .overlap ? .overlappingFragment : .badFragment }
  }

  /// Puts a fragment in its place.
  private func fill(
    _ block: StoredPacket<ReassemblyTable.Holes>, _ packet: Span<UInt8>, _ header: IPv4Header,
    _ data: Span<UInt8>
  ) -> Refusal? {
    var holes = block.note
    let start = header.fragmentOffset
    let end = start &+ data.count
    let isLast = !header.moreFragments
    // The end of the data is where the last fragment says, for all that come.
    if holes.total >= 0 && (isLast ? end != holes.total : end >= holes.total) { return .overlap }
    if isLast && holes.end > end { return .overlap }
    // The hole that the fragment is in, and the one before.
    var previous: Int?
    var (place, found) = (holes.first, Hole?.none)
    while place < end, let hole = block.withBytes({ Hole(at: place, in: $0) }) {
      if hole.end > start {
        guard place <= start, end <= hole.end else { return .overlap }
        found = hole
        break
      }
      previous = place
      place = hole.next
    }
    guard let found else {
      let isSame = has(data, at: start, in: block)
      return isSame && (!isLast || holes.total == end) ? .duplicate : .overlap
    }
    let hasLeft = place < start
    let hasRight = !isLast && end < found.end
    holes.count &+= (hasLeft ? 1 : 0) &+ (hasRight ? 1 : 0) &- 1
    guard holes.count <= ReassemblyTable.mostHoles else { return .bad }
    holes.end = max(holes.end, end)
    holes.ecn |= 1 &<< (header.typeOfService & 3)
    if isLast { holes.total = end }
    if start == 0 { holes.headerLength = header.headerLength }
    block.withMutableBytes { bytes in
      copy(data, to: ReassemblyTable.headerRoom &+ start, in: &bytes)
      if start == 0 {
        let room = ReassemblyTable.headerRoom &- header.headerLength
        copy(packet.extracting(first: header.headerLength), to: room, in: &bytes)
      }
      var next = found.next
      if hasRight {
        Hole(end: found.end, next: next).write(at: end, in: &bytes)
        next = end
      }
      if hasLeft {
        Hole(end: start, next: next).write(at: place, in: &bytes)
        next = place
      }
      if let previous {
        let length = previousEnd(previous, in: bytes.span)
        Hole(end: length, next: next).write(at: previous, in: &bytes)
      } else {
        holes.first = next
      }
    }
    block.note = holes
    return nil
  }

  /// Whether these data stand at an offset already.
  private func has(
    _ data: Span<UInt8>, at offset: Int, in block: StoredPacket<ReassemblyTable.Holes>
  ) -> Bool {
    let from = ReassemblyTable.headerRoom &+ offset
    return block.withBytes { bytes in
      for index in data.indices where bytes[from &+ index] != data[index] { return false }
      return true
    }
  }

  private func previousEnd(_ place: Int, in bytes: Span<UInt8>) -> Int {
    Hole(at: place, in: bytes)?.end ?? place
  }

  private func copy(
    _ bytes: Span<UInt8>, to offset: Int, in memory: inout MutableSpan<UInt8>
  ) {
    // The sum is of no use; this is the package's copy of spans.
    var sum = InternetChecksum()
    do { try sum.add(bytes, copyingTo: &memory, at: offset) } catch {}
  }

  // MARK: The whole

  /// Makes a packet of the first fragment's header and all data.
  private func complete(
    _ block: StoredPacket<ReassemblyTable.Holes>, _ context: inout Context
  ) -> (StoredPacket<ReassemblyTable.Holes>, Range<Int>)? {
    let holes = block.note
    let start = ReassemblyTable.headerRoom &- holes.headerLength
    let length = holes.headerLength &+ holes.total
    // RFC 3168 §5.3: a mark on any fragment is on the whole, unless one could not have been marked.
    let isMarked = holes.ecn & 0b1000 != 0
    guard length <= 65_535, holes.headerLength >= IPv4Header.leastLength,
      !isMarked || holes.ecn & 0b0001 == 0
    else {
      context.counters.drop(.badFragment)
      block.release(to: &context.memory)
      return nil
    }
    context.counters.ip.reassembled &+= 1
    block.withMutableBytes { bytes in
      if isMarked { bytes[start &+ 1] |= 0b11 }
      bytes[start &+ 2] = UInt8(truncatingIfNeeded: length &>> 8)
      bytes[start &+ 3] = UInt8(truncatingIfNeeded: length)
      (bytes[start &+ 6], bytes[start &+ 7]) = (0, 0)
      (bytes[start &+ 10], bytes[start &+ 11]) = (0, 0)
      let sum = InternetChecksum(
        of: bytes.span.extracting(start..<start &+ holes.headerLength)
      ).value
      bytes[start &+ 10] = UInt8(truncatingIfNeeded: sum &>> 8)
      bytes[start &+ 11] = UInt8(truncatingIfNeeded: sum)
    }
    return (block, start..<start &+ length)
  }

  /// Gives up what has not come whole in its time, and says so to the sender if he can tell what it is about
  /// (RFC 792, "Time Exceeded Message": only with fragment zero).
  mutating func advanceReassembly(_ context: inout Context) {
    while let oldest = reassembly.oldest, let datagram = reassembly.datagram(at: oldest),
      datagram.expires <= context.now
    {
      _ = reassembly.remove(oldest)
      guard let block = datagram.packet else { continue }
      context.counters.drop(.reassemblyTimeout)
      let holes = block.note
      if holes.headerLength > 0 {
        let start = ReassemblyTable.headerRoom &- holes.headerLength
        let end = min(ReassemblyTable.headerRoom &+ holes.first, block.count)
        block.withBytes { bytes in
          sendError(
            .timeExceeded(code: ICMPProblem.TimeExceeded.inReassembly),
            about: bytes.extracting(start..<end), &context)
        }
      }
      block.release(to: &context.memory)
    }
  }
}
