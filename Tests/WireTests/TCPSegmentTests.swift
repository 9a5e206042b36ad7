import MacTCPWire
import Testing

/// TCP segments: RFC 9293 §3.1.
@Suite("TCP segments") struct TCPSegmentTests {
  private func parse(
    _ bytes: [UInt8], count: Int? = nil, from source: IPAddress = TCPGolden.source,
    verifying: Bool = true
  ) throws(WireError) -> TCPSegment {
    try TCPSegment(
      parsing: bytes.span.extracting(first: count ?? bytes.count), from: source,
      to: TCPGolden.destination, verifyingChecksum: verifying)
  }

  @Test(
    "The golden bytes are parsed into the headers and the data", arguments: TCPGolden.all.indices)
  func parses(index: Int) throws {
    let golden = TCPGolden.all[index]
    let segment = try parse(golden.bytes)
    #expect(segment.header == golden.header, "\(golden.name)")
    #expect(Array(golden.bytes[segment.payloadRange]) == golden.data)
  }

  @Test("The headers are written as the golden bytes, however the data are cut in two")
  func writes() throws {
    for golden in TCPGolden.all where golden.isExact {
      for cut in 0...golden.data.count {
        let write = { (output: inout OutputSpan<UInt8>) throws(WireError) in
          try golden.header.write(
            to: &output, from: TCPGolden.source, to: TCPGolden.destination,
            payload: golden.data.span.extracting(first: cut),
            golden.data.span.extracting(droppingFirst: cut))
        }
        #expect(try written(write) == golden.bytes, "\(golden.name)")
        try expectRoom(for: golden.bytes.count, write)
      }
      #expect(golden.header.headerLength == golden.bytes.count - golden.data.count)
    }
  }

  @Test("A cut segment is truncated below its header, then its checksum is wrong")
  func truncation() throws {
    for golden in TCPGolden.all {
      let header = golden.bytes.count - golden.data.count
      for count in 0..<golden.bytes.count {
        #expect(throws: count < header ? WireError.truncated : .badChecksum, "\(golden.name)") {
          try parse(golden.bytes, count: count)
        }
        guard count >= header else { continue }
        let cut = try parse(golden.bytes, count: count, verifying: false)
        #expect(cut.header == golden.header && cut.payloadRange == header..<count)
      }
    }
  }

  @Test("A data offset below 5 is refused, one beyond the segment is truncated")
  func dataOffset() {
    for offset: UInt8 in 0..<16 {
      var bytes = TCPGolden.reset.bytes
      bytes[12] = offset << 4
      let error: WireError = offset < 5 ? .badLength : offset > 5 ? .truncated : .badChecksum
      // With offset 5 the byte is as it was: what is changed then is another one.
      if offset == 5 { bytes[0] ^= 1 }
      #expect(throws: error, "offset \(offset)") { try parse(bytes) }
    }
  }

  @Test("Any changed bit of a segment makes the checksum wrong, or the header impossible")
  func oneBit() {
    let golden = TCPGolden.data.bytes
    for bit in 0..<golden.count * 8 {
      var bytes = golden
      bytes[bit / 8] ^= 1 << (bit % 8)
      #expect(throws: WireError.self, "bit \(bit)") { try parse(bytes) }
    }
  }

  @Test("A segment from another address is refused, unless nobody verifies")
  func pseudoHeader() throws {
    let bytes = TCPGolden.data.bytes
    #expect(throws: WireError.badChecksum) { try parse(bytes, from: .loopback) }
    #expect(try parse(bytes, from: .loopback, verifying: false).header == TCPGolden.data.header)
  }

  @Test("Who verifies while copying comes to the same answer")
  func verifiedByCopy() throws {
    let bytes = TCPGolden.data.bytes
    let segment = try parse(bytes, verifying: false)
    var memory = [UInt8](repeating: 0, count: 100)
    var span = memory.mutableSpan
    var sum = InternetChecksum(
      pseudoHeaderFrom: TCPGolden.source, to: TCPGolden.destination, protocol: .tcp,
      length: bytes.count)
    sum.add(bytes.span.extracting(first: segment.payloadRange.lowerBound))
    try sum.add(bytes.span.extracting(segment.payloadRange), copyingTo: &span, at: 3)
    #expect(sum.isValid)
    #expect(Array(memory[3..<20]) == TCPGolden.data.data)
  }

  @Test("Each flag is the bit of RFC 9293, and is shown by its name")
  func flags() throws {
    let flags: [(TCPFlags, UInt8, String)] = [
      (.fin, 0x01, "FIN"), (.syn, 0x02, "SYN"), (.rst, 0x04, "RST"), (.psh, 0x08, "PSH"),
      (.ack, 0x10, "ACK"), (.urg, 0x20, "URG"), (.ece, 0x40, "ECE"), (.cwr, 0x80, "CWR"),
    ]
    for (flag, bit, name) in flags {
      let header = TCPHeader(
        sourcePort: 1, destinationPort: 2, sequenceNumber: SequenceNumber(3), flags: flag)
      let bytes = try written { (output) throws(WireError) in
        try header.write(to: &output, from: TCPGolden.source, to: TCPGolden.destination)
      }
      #expect(bytes[13] == bit && flag.description == name)
      #expect(try parse(bytes).header.flags == flag)
    }
    #expect(TCPFlags([.ack, .syn]).description == "SYN,ACK" && TCPFlags([]).description.isEmpty)
  }

  @Test("The length of a segment counts its data, SYN and FIN, and its end wraps (RFC 9293 §3.4)")
  func length() throws {
    #expect(try parse(TCPGolden.data.bytes).length == 17)
    #expect(try parse(TCPGolden.fourBlocks.bytes).length == 1)
    let syn = try parse(TCPGolden.syn.bytes)
    #expect(syn.length == 1 && syn.endSequenceNumber == SequenceNumber(0xFFFF_FFFF))
    var segment = syn
    segment.header.flags = [.syn, .fin]
    #expect(segment.endSequenceNumber == SequenceNumber(0))
  }

  @Test("Random segments are read back as they were written, every length of options among them")
  func roundTrip() throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    var lengths: Set<Int> = []
    for _ in 0..<3000 {
      var header = TCPHeader(
        sourcePort: .random(in: .min ... .max, using: &generator),
        destinationPort: .random(in: .min ... .max, using: &generator),
        sequenceNumber: SequenceNumber(.random(in: .min ... .max, using: &generator)),
        acknowledgmentNumber: SequenceNumber(.random(in: .min ... .max, using: &generator)),
        flags: TCPFlags(rawValue: .random(in: .min ... .max, using: &generator)),
        window: .random(in: .min ... .max, using: &generator),
        urgentPointer: .random(in: .min ... .max, using: &generator),
        options: .random(using: &generator))
      header.reservedBits = .random(in: 0...15, using: &generator)
      let data = generator.bytes(.random(in: 0...100, using: &generator))
      let cut = Int.random(in: 0...data.count, using: &generator)
      let bytes = try written { (output) throws(WireError) in
        try header.write(
          to: &output, from: TCPGolden.source, to: TCPGolden.destination,
          payload: data.span.extracting(first: cut), data.span.extracting(droppingFirst: cut))
      }
      let segment = try parse(bytes)
      header.checksum = segment.header.checksum
      #expect(segment.header == header, "seed \(seed)")
      #expect(Array(bytes[segment.payloadRange]) == data, "seed \(seed)")
      lengths.insert(header.headerLength)
    }
    #expect(lengths == Set(stride(from: 20, through: 60, by: 4)), "seed \(seed)")
  }
}

extension TCPOptions {
  /// Options that all fit into a header.
  static func random(using generator: inout SeededGenerator) -> TCPOptions {
    var options = TCPOptions()
    if Bool.random(using: &generator) {
      options.maximumSegmentSize = .random(in: .min ... .max, using: &generator)
    }
    if Bool.random(using: &generator) {
      options.windowScale = .random(in: 0...14, using: &generator)
    }
    options.isSACKPermitted = .random(using: &generator)
    if Bool.random(using: &generator) {
      options.timestamps = TCPTimestamps(
        value: .random(in: .min ... .max, using: &generator),
        echoReply: .random(in: .min ... .max, using: &generator))
    }
    let room = (TCPOptions.mostBytes - options.byteCount - 4) / 8
    for _ in 0..<Int.random(in: 0...min(room, SACKBlocks.most), using: &generator) {
      options.sackBlocks.append(
        SACKBlock(
          left: SequenceNumber(.random(in: .min ... .max, using: &generator)),
          right: SequenceNumber(.random(in: .min ... .max, using: &generator))))
    }
    return options
  }
}
