import MacTCPWire
import Testing

/// The segments that nearly all are: ACK, with or without PSH, and no option but time stamps.
@Suite("Plain TCP segments") struct PlainTCPSegmentTests {
  @Test(
    "The fields are those that every segment's parser finds, and the sum is that of the header's bytes",
    arguments: [true, false])
  func fieldsAndSum(hasTimestamps: Bool) throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      let timestamps = TCPTimestamps(
        value: .random(in: .min ... .max, using: &generator),
        echoReply: .random(in: .min ... .max, using: &generator))
      let header = TCPHeader(
        sourcePort: .random(in: .min ... .max, using: &generator),
        destinationPort: .random(in: .min ... .max, using: &generator),
        sequenceNumber: SequenceNumber(.random(in: .min ... .max, using: &generator)),
        acknowledgmentNumber: SequenceNumber(.random(in: .min ... .max, using: &generator)),
        flags: Bool.random(using: &generator) ? .ack : TCPFlags.ack.union(.psh),
        window: .random(in: .min ... .max, using: &generator))
      let data = generator.bytes(Int.random(in: 0...9, using: &generator))
      let bytes = try written { (output) throws(WireError) in
        try header.write(
          withoutOptionsBut: hasTimestamps ? timestamps : nil, to: &output, from: TCPGolden.source,
          to: TCPGolden.destination, payload: data.span, Span())
      }
      let found = PlainTCPSegment(bytes.span, hasTimestamps: hasTimestamps)
      let plain = try #require(found, "seed \(seed)")
      let parsed = try TCPSegment(
        parsing: bytes.span, from: TCPGolden.source, to: TCPGolden.destination)
      #expect(plain.sequenceNumber == parsed.header.sequenceNumber)
      #expect(plain.acknowledgmentNumber == parsed.header.acknowledgmentNumber)
      #expect(plain.window == parsed.header.window)
      #expect(plain.isPushed == parsed.header.flags.contains(.psh))
      #expect(plain.timestamp == parsed.header.options.timestamps?.value ?? 0)
      #expect(plain.headerLength == parsed.payloadRange.lowerBound)
      var sum = InternetChecksum()
      sum.add(headerOf: plain)
      let expected = InternetChecksum(of: bytes.span.extracting(first: plain.headerLength))
      #expect(sum.value == expected.value, "seed \(seed)")
    }
  }

  @Test("One that the other form has, that is cut short, or that has another flag is none")
  func others() throws {
    let header = TCPHeader(
      sourcePort: 1, destinationPort: 2, sequenceNumber: SequenceNumber(3), flags: .ack)
    let timestamps = TCPTimestamps(value: 4, echoReply: 5)
    let bytes = try written { (output) throws(WireError) in
      try header.write(
        withoutOptionsBut: timestamps, to: &output, from: TCPGolden.source,
        to: TCPGolden.destination, payload: Span(), Span())
    }
    func isPlain(_ bytes: [UInt8], count: Int? = nil, hasTimestamps: Bool = true) -> Bool {
      let part = bytes.span.extracting(first: count ?? bytes.count)
      return PlainTCPSegment(part, hasTimestamps: hasTimestamps) != nil
    }
    #expect(isPlain(bytes))
    #expect(!isPlain(bytes, hasTimestamps: false))
    for count in 0..<bytes.count { #expect(!isPlain(bytes, count: count)) }
    for flag: UInt8 in [0x01, 0x02, 0x04, 0x20, 0x40, 0x80] {
      var other = bytes
      other[13] |= flag
      #expect(!isPlain(other))
    }
  }
}
