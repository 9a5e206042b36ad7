import MacTCPWire
import Testing

/// The UDP header: RFC 768, RFC 1122 §4.1.3. The golden bytes are what scapy 2.5.0 makes of `IP()/UDP()` between these
/// addresses, without the IP header.
@Suite("UDP header") struct UDPHeaderTests {
  private static let source = IPAddress(192, 0, 2, 1)
  private static let destination = IPAddress(192, 0, 2, 2)
  private static let golden:
    [(source: UInt16, destination: UInt16, data: [UInt8], bytes: [UInt8])] =
      [
        (53, 40_000, Array("hello".utf8), hex("00359c40 000d9b88 68656c6c6f")),
        (1, 65_535, [], hex("0001ffff 00087bd9")),
        // Data that make the checksum 0: it is sent as ffff.
        (53, 40_000, hex("df60"), hex("00359c40 000affff df60")),
      ]

  private func parse(
    _ bytes: [UInt8], count: Int? = nil, from source: IPAddress = source, verifying: Bool = true
  ) throws(WireError) -> UDPHeader {
    try UDPHeader(
      parsing: bytes.span.extracting(first: count ?? bytes.count), from: source,
      to: Self.destination, verifyingChecksum: verifying)
  }

  @Test("Datagrams are written as the golden bytes, however their data are cut in two")
  func writes() throws {
    for golden in Self.golden {
      let header = UDPHeader(
        sourcePort: golden.source, destinationPort: golden.destination,
        payloadLength: golden.data.count)
      for cut in 0...golden.data.count {
        let write = { (output: inout OutputSpan<UInt8>) throws(WireError) in
          try header.write(
            to: &output, from: Self.source, to: Self.destination,
            payload: golden.data.span.extracting(first: cut),
            golden.data.span.extracting(droppingFirst: cut))
        }
        #expect(try written(write) == golden.bytes)
        try expectRoom(for: golden.bytes.count, write)
      }
    }
  }

  @Test("The golden bytes are parsed into ports, length and checksum")
  func parses() throws {
    for golden in Self.golden {
      let header = try parse(golden.bytes)
      #expect(header.sourcePort == golden.source && header.destinationPort == golden.destination)
      #expect(header.length == golden.bytes.count)
      #expect(Array(golden.bytes[header.payloadRange]) == golden.data)
      #expect(header.checksum == UInt16(golden.bytes[6]) << 8 | UInt16(golden.bytes[7]))
    }
  }

  @Test("A datagram that has not come whole is truncated, at every length")
  func truncation() {
    for golden in Self.golden {
      for count in 0..<golden.bytes.count {
        #expect(throws: WireError.truncated, "\(count)") { try parse(golden.bytes, count: count) }
      }
    }
  }

  @Test("What follows the datagram's own length is not its data and not in its checksum")
  func trailing() throws {
    let golden = Self.golden[0]
    let header = try parse(golden.bytes + [0xFF, 1, 2])
    #expect(header.payloadRange == 8..<13)
  }

  @Test("A length below 8 is refused")
  func shortLength() {
    for length: UInt8 in 0..<8 {
      var bytes = Self.golden[0].bytes
      bytes[5] = length
      #expect(throws: WireError.badLength) { try parse(bytes) }
    }
  }

  @Test("A wrong checksum or a wrong address is refused, unless nobody verifies")
  func checksum() throws {
    var bytes = Self.golden[0].bytes
    #expect(throws: WireError.badChecksum) { try parse(bytes, from: IPAddress(192, 0, 2, 3)) }
    bytes[12] ^= 1
    #expect(throws: WireError.badChecksum) { try parse(bytes) }
    #expect(try parse(bytes, verifying: false).length == 13)
  }

  @Test("No checksum is 0, which is accepted and can be sent (RFC 1122 §4.1.3.4)")
  func withoutChecksum() throws {
    var bytes = Self.golden[0].bytes
    bytes[6] = 0
    bytes[7] = 0
    let header = try parse(bytes)
    #expect(header.checksum == 0)
    let data = Self.golden[0].data
    let sent = try written { (output) throws(WireError) in
      try header.write(
        to: &output, from: Self.source, to: Self.destination, payload: data.span,
        withChecksum: false)
    }
    #expect(sent == bytes)
  }

  @Test("Data of another length than the header says, or of more than fits its field, are refused")
  func lengths() throws {
    func refused(_ length: Int, _ count: Int) {
      let header = UDPHeader(sourcePort: 1, destinationPort: 2, payloadLength: length)
      let data = [UInt8](repeating: 0, count: count)
      #expect(throws: WireError.badLength) {
        try written { (output) throws(WireError) in
          try header.write(
            to: &output, from: Self.source, to: Self.destination, payload: data.span)
        }
      }
    }
    refused(4, 5)
    refused(5, 4)
    refused(-8, 0)
    refused(65_528, 65_528)
    let most = UDPHeader(
      sourcePort: 1, destinationPort: 2, payloadLength: UDPHeader.mostPayload)
    let data = [UInt8](repeating: 0xA5, count: UDPHeader.mostPayload)
    let bytes = try written { (output) throws(WireError) in
      try most.write(to: &output, from: Self.source, to: Self.destination, payload: data.span)
    }
    #expect(try parse(bytes).payloadRange == 8..<65_535)
  }

  @Test("Random datagrams of 0 to 1500 bytes are read back as they were written")
  func roundTrip() throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      let data = generator.bytes(.random(in: 0...1500, using: &generator))
      let header = UDPHeader(
        sourcePort: .random(in: .min ... .max, using: &generator),
        destinationPort: .random(in: .min ... .max, using: &generator), payloadLength: data.count)
      let bytes = try written { (output) throws(WireError) in
        try header.write(
          to: &output, from: Self.source, to: Self.destination, payload: data.span)
      }
      var parsed = try parse(bytes)
      #expect(parsed.checksum != 0, "seed \(seed)")
      #expect(Array(bytes[parsed.payloadRange]) == data, "seed \(seed)")
      parsed.checksum = 0
      #expect(parsed == header, "seed \(seed)")
    }
  }
}
