import MacTCPWire
import Testing

/// The IPv4 header and its options: RFC 791, RFC 1122 §3.2.1. The golden bytes are what scapy 2.5.0 makes of `IP()` with
/// these fields.
@Suite("IPv4 header") struct IPv4HeaderTests {
  /// A packet with options: "no operation", a recorded route with two places, a router alert, padding.
  private static let optionBytes = hex("01 070b04 0000000000000000 94040000")
  private static let packetWithOptions = hex(
    "49000026 00070000 400652b8 c0000201 c0000202 01070b0400000000 0000000094040000 7879")

  static let golden: [(bytes: [UInt8], header: IPv4Header, options: [UInt8])] = {
    var plain = IPv4Header(
      source: IPAddress(192, 0, 2, 1), destination: IPAddress(198, 51, 100, 7),
      protocol: IPProtocol(rawValue: 253), payloadLength: 4, typeOfService: 0xB9,
      identification: 0x1234, dontFragment: true, timeToLive: 63)
    plain.checksum = 0x3BC0
    var fragment = IPv4Header(
      source: IPAddress(10, 0, 0, 1), destination: IPAddress(10, 0, 0, 2), protocol: .udp,
      payloadLength: 1, identification: 0xFFFF, timeToLive: 1)
    fragment.moreFragments = true
    fragment.fragmentOffset = 65_528
    fragment.checksum = 0x65D7
    var reserved = IPv4Header(
      source: IPAddress(10, 0, 0, 1), destination: IPAddress(10, 0, 0, 2), protocol: .udp,
      payloadLength: 0, identification: 1, timeToLive: 255)
    reserved.reservedFlag = true
    reserved.checksum = 0x27D5
    var options = IPv4Header(
      source: IPAddress(192, 0, 2, 1), destination: IPAddress(192, 0, 2, 2), protocol: .tcp,
      payloadLength: 2, optionLength: optionBytes.count, identification: 7)
    options.checksum = 0x52B8
    return [
      (hex("45b90018 12344000 3ffd3bc0 c0000201 c6336407 64617461"), plain, []),
      (hex("45000015 ffff3fff 011165d7 0a000001 0a000002 01"), fragment, []),
      (hex("45000014 00018000 ff1127d5 0a000001 0a000002"), reserved, []),
      (packetWithOptions, options, optionBytes),
    ]
  }()

  @Test("The golden bytes are parsed into the headers", arguments: golden.indices)
  func parses(index: Int) throws {
    let golden = Self.golden[index]
    #expect(try IPv4Header(parsing: golden.bytes.span) == golden.header)
    // Padding of the link behind the packet changes nothing.
    let padded = golden.bytes + [1, 2, 3]
    #expect(try IPv4Header(parsing: padded.span) == golden.header)
  }

  @Test("The headers are written as the golden bytes", arguments: golden.indices)
  func writes(index: Int) throws {
    let golden = Self.golden[index]
    let write = { (output: inout OutputSpan<UInt8>) throws(WireError) in
      try golden.header.write(to: &output, options: golden.options.span)
    }
    #expect(try written(write) == Array(golden.bytes[..<golden.header.headerLength]))
    try expectRoom(for: golden.header.headerLength, write)
  }

  @Test("A packet that has not come whole is truncated, at every length", arguments: golden.indices)
  func truncation(index: Int) {
    let bytes = Self.golden[index].bytes
    for count in 0..<bytes.count {
      let cut = bytes.span.extracting(first: count)
      #expect(throws: WireError.truncated, "\(count)") { try IPv4Header(parsing: cut) }
    }
  }

  @Test("Each field is where it belongs: ranges, DSCP, ECN, fragments")
  func fields() throws {
    let plain = Self.golden[0].header
    #expect(plain.differentiatedServices == 46 && plain.congestionNotification == .capable1)
    #expect(plain.payloadRange == 20..<24 && plain.optionRange == 20..<20)
    #expect(!plain.isFragment && Self.golden[1].header.isFragment)
    var last = Self.golden[1].header
    last.moreFragments = false
    #expect(last.isFragment)
    last.fragmentOffset = 0
    #expect(!last.isFragment)
    #expect(Self.golden[3].header.optionRange == 20..<36)
    #expect(Self.golden[3].header.payloadRange == 36..<38)
    var marked = plain
    marked.congestionNotification = .congestionExperienced
    #expect(marked.typeOfService == 0xBB)
  }

  @Test("Another version, an impossible header length or total length is refused")
  func refused() {
    let changes: [(Int, UInt8, WireError)] = [
      (0, 0x65, .wrongType), (0, 0x05, .wrongType), (0, 0x44, .badLength), (0, 0x40, .badLength),
      // A header of 24 bytes in a packet of 24, whose checksum is then wrong; of 28 it is too long.
      (0, 0x46, .badChecksum), (0, 0x47, .badLength), (3, 19, .badLength), (3, 25, .truncated),
      (2, 1, .truncated), (10, 0, .badChecksum), (8, 62, .badChecksum),
    ]
    for (offset, value, error) in changes {
      var bytes = Self.golden[0].bytes
      bytes[offset] = value
      #expect(throws: error, "byte \(offset) \(value)") { try IPv4Header(parsing: bytes.span) }
    }
  }

  @Test("Without verification a wrong checksum is let through, and shown as it came")
  func unverified() throws {
    var bytes = Self.golden[0].bytes
    bytes[10] = 0
    let header = try IPv4Header(parsing: bytes.span, verifyingChecksum: false)
    #expect(header.checksum == 0x00C0)
  }

  @Test("What does not fit its field is not written")
  func unwritable() {
    let good = Self.golden[0].header
    func refuses(_ options: [UInt8] = [], _ change: (inout IPv4Header) -> Void) {
      var header = good
      change(&header)
      #expect(throws: WireError.badLength) {
        try written { (output) throws(WireError) in
          try header.write(to: &output, options: options.span)
        }
      }
    }
    refuses { $0.totalLength = 65_536 }
    refuses { $0.totalLength = 19 }
    refuses { $0.totalLength = -1 }
    refuses { $0.fragmentOffset = 4 }
    refuses { $0.fragmentOffset = 65_536 }
    refuses { $0.fragmentOffset = -8 }
    refuses { $0.headerLength = 24 }
    refuses { $0.headerLength = 21 }
    refuses([1]) { _ in }
    refuses([UInt8](repeating: 1, count: 41)) { header in
      header.headerLength = 64
      header.totalLength = 64
    }
  }

  @Test("Options of every length to 40 are padded with zeros to a multiple of 4")
  func optionPadding() throws {
    for count in 0...40 {
      let options = [UInt8](repeating: 1, count: count)
      let header = IPv4Header(
        source: .loopback, destination: .loopback, protocol: .icmp, payloadLength: 0,
        optionLength: count)
      let bytes = try written { (output) throws(WireError) in
        try header.write(to: &output, options: options.span)
      }
      #expect(bytes.count == 20 + (count + 3) / 4 * 4)
      #expect(Array(bytes[20..<20 + count]) == options)
      #expect(bytes[(20 + count)...].allSatisfy { $0 == 0 })
      #expect(try IPv4Header(parsing: bytes.span).headerLength == bytes.count)
    }
  }

  @Test("Random headers of every option length are read back as they were written")
  func roundTrip() throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    for round in 0..<2000 {
      let options = generator.bytes(round % 11 * 4)
      let payload = Int.random(in: 0...1400, using: &generator)
      var header = IPv4Header(
        source: IPAddress(v4: .random(in: .min ... .max, using: &generator)),
        destination: IPAddress(v4: .random(in: .min ... .max, using: &generator)),
        protocol: IPProtocol(rawValue: .random(in: .min ... .max, using: &generator)),
        payloadLength: payload, optionLength: options.count,
        typeOfService: .random(in: .min ... .max, using: &generator),
        identification: .random(in: .min ... .max, using: &generator),
        dontFragment: .random(using: &generator),
        timeToLive: .random(in: .min ... .max, using: &generator))
      header.reservedFlag = .random(using: &generator)
      header.moreFragments = .random(using: &generator)
      header.fragmentOffset = .random(in: 0...8191, using: &generator) * 8
      let bytes = try written { (output) throws(WireError) in
        try header.write(to: &output, options: options.span)
        for _ in 0..<payload { output.append(0) }
      }
      let parsed = try IPv4Header(parsing: bytes.span)
      header.checksum = parsed.checksum
      #expect(parsed == header, "seed \(seed)")
      #expect(Array(bytes[parsed.optionRange]) == options, "seed \(seed)")
      #expect(parsed.payloadRange.count == payload, "seed \(seed)")
    }
  }
}
