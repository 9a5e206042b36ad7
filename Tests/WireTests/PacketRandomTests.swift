import MacTCPWire
import Testing

/// Every parser of packets with bytes that nobody has made on purpose.
@Suite("Packets at random") struct PacketRandomTests {
  private static let golden: [[UInt8]] =
    IPv4HeaderTests.golden.map(\.bytes) + TCPGolden.all.map(\.bytes) + [ICMPEchoTests.golden]

  /// What a host does with a packet, by all ways at once.
  private func parseEverything(_ bytes: [UInt8]) {
    let span = bytes.span
    _ = try? EthernetHeader(parsing: span)
    _ = try? ARPPacket(parsing: span)
    _ = try? ICMPError(parsing: span, verifyingChecksum: false)
    if let packet = try? QuotedPacket(parsing: span) {
      _ = (packet.sourcePort, packet.sequenceNumber, packet.icmpHeader)
    }
    if let header = try? IPv4Header(parsing: span, verifyingChecksum: false) {
      #expect(header.payloadRange.upperBound <= bytes.count)
      #expect(header.optionRange.upperBound <= header.payloadRange.lowerBound)
      var options = IPv4Options(header)
      while let option = options.next(in: span) {
        #expect(header.optionRange.contains(option.range.lowerBound))
        #expect(option.range.upperBound <= header.headerLength)
      }
    }
    for verifying in [false, true] {
      if let header = try? UDPHeader(
        parsing: span, from: .any, to: .any, verifyingChecksum: verifying)
      {
        #expect(header.payloadRange.upperBound <= bytes.count)
      }
      if let segment = try? TCPSegment(
        parsing: span, from: .any, to: .any, verifyingChecksum: verifying)
      {
        #expect(segment.payloadRange.upperBound == bytes.count)
        #expect(segment.header.headerLength <= TCPHeader.mostLength)
      }
    }
  }

  @Test("Random bytes never trap, and no range leaves the packet")
  func randomBytes() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<20_000 {
      var bytes = generator.bytes(.random(in: 0...90, using: &generator))
      if !bytes.isEmpty && Bool.random(using: &generator) {
        bytes[0] = 0x40 | .random(in: 0...15, using: &generator)
      }
      if bytes.count > 2 && Bool.random(using: &generator) { bytes[2] = 0 }
      parseEverything(bytes)
    }
  }

  @Test("Golden packets with bytes changed never trap")
  func mutation() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    for round in 0..<20_000 {
      var bytes = Self.golden[round % Self.golden.count]
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[place] = .random(in: .min ... .max, using: &generator)
      }
      if Bool.random(using: &generator) {
        bytes.removeLast(.random(in: 0...bytes.count, using: &generator))
      }
      parseEverything(bytes)
    }
  }
}
