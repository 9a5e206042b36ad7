import MacTCPWire
import Testing

/// ICMP echo and echo reply: RFC 792, RFC 1122 §3.2.2.6.
@Suite("ICMP echo") struct ICMPEchoTests {
  /// The first request of Windows' ping as captured: identifier 1, sequence number 1, 32 letters.
  static let golden: [UInt8] =
    [0x08, 0x00, 0x4D, 0x5A, 0x00, 0x01, 0x00, 0x01]
    + Array("abcdefghijklmnopqrstuvwabcdefghi".utf8)
  static let message = ICMPEcho(
    kind: .request, identifier: 1, sequenceNumber: 1,
    payload: Array("abcdefghijklmnopqrstuvwabcdefghi".utf8))

  @Test("A request is written as the golden bytes")
  func writesGoldenBytes() throws {
    #expect(try Self.message.written() == Self.golden)
    #expect(Self.message.byteCount == Self.golden.count)
  }

  @Test("The golden bytes are parsed into the request")
  func parsesGoldenBytes() throws {
    #expect(try ICMPEcho(parsing: Self.golden.span) == Self.message)
  }

  @Test("A reply has type 0 and the request's identifier, sequence number and data")
  func reply() throws {
    let reply = Self.message.reply
    #expect(reply.kind == .reply)
    #expect(reply.identifier == 1 && reply.sequenceNumber == 1)
    #expect(reply.payload == Self.message.payload)
    let bytes = try reply.written()
    #expect(bytes[0] == 0)
    #expect(try ICMPEcho(parsing: bytes.span) == reply)
  }

  @Test("Below 8 bytes every length is truncated; from 8 on the checksum finds the cut")
  func everyTruncation() {
    for count in 0..<Self.golden.count {
      let cut = Self.golden.span.extracting(first: count)
      #expect(throws: count < 8 ? WireError.truncated : WireError.badChecksum) {
        try ICMPEcho(parsing: cut)
      }
    }
  }

  @Test("Without verification a cut message has the data that came")
  func truncationUnverified() throws {
    for count in 8...Self.golden.count {
      let cut = Self.golden.span.extracting(first: count)
      let parsed = try ICMPEcho(parsing: cut, verifyingChecksum: false)
      #expect(parsed.payload == Array(Self.golden[8..<count]))
    }
  }

  @Test("Every type but 0 and 8 is the wrong type, checksum or not")
  func otherTypes() {
    for type in UInt8.min...UInt8.max where type != 0 && type != 8 {
      var bytes = Self.golden
      bytes[0] = type
      #expect(throws: WireError.wrongType) { try ICMPEcho(parsing: bytes.span) }
      #expect(throws: WireError.wrongType) {
        try ICMPEcho(parsing: bytes.span, verifyingChecksum: false)
      }
    }
  }

  @Test("A wrong checksum is refused, and let through only when verification is off")
  func wrongChecksum() throws {
    var bytes = Self.golden
    bytes[3] ^= 1
    #expect(throws: WireError.badChecksum) { try ICMPEcho(parsing: bytes.span) }
    #expect(try ICMPEcho(parsing: bytes.span, verifyingChecksum: false) == Self.message)
  }

  @Test("An output that is too small stays as it was, at every size")
  func noRoom() {
    for capacity in 0..<Self.golden.count {
      let written = [UInt8](capacity: capacity) { output in
        #expect(throws: WireError.noRoom) { try Self.message.write(to: &output) }
      }
      #expect(written.isEmpty)
    }
  }

  @Test("A message is appended behind what the output holds")
  func appends() throws {
    let bytes = try [UInt8](capacity: 60) { output in
      output.append(0xEE)
      try Self.message.write(to: &output)
    }
    #expect(bytes == [0xEE] + Self.golden)
  }

  @Test("What is written is parsed into the same message: random messages of 0 to 1500 bytes")
  func roundTrip() throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<300 {
      let message = ICMPEcho(
        kind: Bool.random(using: &generator) ? .request : .reply,
        identifier: .random(in: .min ... .max, using: &generator),
        sequenceNumber: .random(in: .min ... .max, using: &generator),
        payload: generator.bytes(.random(in: 0...1500, using: &generator)))
      let bytes = try message.written()
      #expect(InternetChecksum(of: bytes.span).isValid, "seed \(seed)")
      #expect(try ICMPEcho(parsing: bytes.span) == message, "seed \(seed)")
    }
  }

  @Test("Random bytes never trap, and what is parsed from them is written with the same length")
  func randomBytes() throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<5000 {
      var bytes = generator.bytes(.random(in: 0...64, using: &generator))
      if !bytes.isEmpty && Bool.random(using: &generator) { bytes[0] = 8 }
      _ = try? ICMPEcho(parsing: bytes.span)
      guard let parsed = try? ICMPEcho(parsing: bytes.span, verifyingChecksum: false) else {
        continue
      }
      let written = try parsed.written()
      #expect(written.count == bytes.count, "seed \(seed)")
      #expect(written[4...] == bytes[4...], "seed \(seed)")
    }
  }
}
