import MacTCPWire
import Testing

/// ICMP messages and the packets in them: RFC 792, RFC 1122 §3.2.2, RFC 1191. The golden bytes are what scapy 2.5.0
/// makes of `ICMP()` around `IP()/UDP()` and around the first 28 bytes of `IP()/TCP()`.
@Suite("ICMP errors") struct ICMPErrorTests {
  /// From 192.0.2.2 port 5000 to 192.0.2.1 port 80, sequence number 0x11223344.
  private static let segment = "45000028 000a0000 010635c3 c0000202 c0000201 13880050 11223344"
  /// From 192.0.2.2 port 4000 to 192.0.2.1 port 4001, 40 times the letter q.
  private static let datagram =
    "45000044 00094000 4011b69c c0000202 c0000201 0fa00fa1 00307f6c"
    + String(repeating: "71", count: 40)

  private static let golden: [(problem: ICMPProblem, bytes: [UInt8], report: ICMPReportType?)] = [
    (
      .destinationUnreachable(code: ICMPProblem.Unreachable.fragmentationNeeded, nextHopMTU: 1280),
      hex("03049fbd 00000500" + segment), .fragReqd
    ),
    (
      .timeExceeded(code: ICMPProblem.TimeExceeded.inTransit),
      hex("0b009cc1 00000000" + segment), .timeExceeded
    ),
    (.parameterProblem(code: 0, pointer: 8), hex("0c0093c1 08000000" + segment), .parmProblem),
    (
      .redirect(code: 1, gateway: IPAddress(192, 0, 2, 254)),
      hex("0501dfc1 c00002fe" + segment), nil
    ),
    (.sourceQuench, hex("0400a3c1 00000000" + segment), nil),
    (
      .destinationUnreachable(code: ICMPProblem.Unreachable.port),
      hex("03038142 00000000" + datagram), .portUnreach
    ),
  ]

  @Test("The golden bytes are parsed into the problems, with MacTCP's report", arguments: 0..<6)
  func parses(index: Int) throws {
    let golden = Self.golden[index]
    let error = try ICMPError(parsing: golden.bytes.span)
    #expect(error.problem == golden.problem)
    #expect(error.reportType == golden.report)
    #expect(error.packet.header.source == IPAddress(192, 0, 2, 2))
    #expect(error.packet.header.destination == IPAddress(192, 0, 2, 1))
  }

  @Test("The problems are written as the golden bytes around the packet", arguments: 0..<6)
  func writes(index: Int) throws {
    let golden = Self.golden[index]
    let packet = Array(golden.bytes[8...])
    try expectRoom(for: golden.bytes.count) { (output) throws(WireError) in
      try golden.problem.write(to: &output, quoting: packet.span)
    }
    let bytes = try written { (output) throws(WireError) in
      try golden.problem.write(to: &output, quoting: packet.span)
    }
    #expect(bytes == golden.bytes)
  }

  @Test("A cut message is truncated below its quoted header, then its checksum is wrong")
  func truncation() throws {
    for golden in Self.golden {
      for count in 0..<golden.bytes.count {
        let cut = golden.bytes.span.extracting(first: count)
        #expect(throws: count < 8 ? WireError.truncated : .badChecksum, "\(count)") {
          try ICMPError(parsing: cut)
        }
        guard count < 28 else {
          let packet = try ICMPError(parsing: cut, verifyingChecksum: false).packet
          #expect((packet.sourcePort == nil) == (count < 36), "\(count)")
          continue
        }
        #expect(throws: WireError.truncated, "\(count)") {
          try ICMPError(parsing: cut, verifyingChecksum: false)
        }
      }
    }
  }

  @Test("The quoted segment tells its ports and its sequence number, the datagram its ports")
  func quoted() throws {
    let bytes = (Self.golden[0].bytes, Self.golden[5].bytes)
    let segment = try ICMPError(parsing: bytes.0.span).packet
    #expect(segment.sourcePort == 5000 && segment.destinationPort == 80)
    #expect(segment.sequenceNumber == SequenceNumber(0x1122_3344))
    #expect(segment.icmpHeader == nil)
    let datagram = try ICMPError(parsing: bytes.1.span).packet
    #expect(datagram.sourcePort == 4000 && datagram.destinationPort == 4001)
    #expect(datagram.sequenceNumber == nil && datagram.icmpHeader == nil)
    #expect(datagram.header.totalLength == 68)
  }

  @Test("A later fragment has no ports, another protocol neither; ICMP tells its own header")
  func quotedOthers() throws {
    var fragment = hex(Self.segment)
    fragment[7] = 1
    let later = try QuotedPacket(parsing: fragment.span)
    #expect(later.sourcePort == nil && later.destinationPort == nil)
    #expect(later.sequenceNumber == nil && later.icmpHeader == nil)
    // The first fragment has them.
    fragment[6] = 0x20
    fragment[7] = 0
    let first = try QuotedPacket(parsing: fragment.span)
    #expect(first.sourcePort == 5000)
    var other = hex(Self.segment)
    other[9] = 253
    let unknown = try QuotedPacket(parsing: other.span)
    #expect(unknown.sourcePort == nil)
    var echo = hex(Self.segment)
    echo[9] = 1
    echo.replaceSubrange(20..., with: hex("08004d5a 00070009"))
    let query = try QuotedPacket(parsing: echo.span)
    #expect(query.icmpHeader?.type == .echoRequest && query.icmpHeader?.parameter == 0x0007_0009)
    #expect(query.icmpHeader?.checksum == 0x4D5A && query.sourcePort == nil)
  }

  @Test("A quoted header with options is passed over; one that is cut in its options is truncated")
  func quotedOptions() throws {
    var bytes = hex(Self.segment)
    bytes[0] = 0x46
    bytes.insert(contentsOf: [1, 1, 1, 0], at: 20)
    let whole = try QuotedPacket(parsing: bytes.span)
    #expect(whole.destinationPort == 80)
    let options = Array(bytes[..<23])
    #expect(throws: WireError.truncated) { try QuotedPacket(parsing: options.span) }
    let some = Array(bytes[..<31])
    let withoutPorts = try QuotedPacket(parsing: some.span)
    #expect(withoutPorts.destinationPort == nil)
    bytes[0] = 0x44
    #expect(throws: WireError.badLength) { try QuotedPacket(parsing: bytes.span) }
    bytes[0] = 0x66
    #expect(throws: WireError.wrongType) { try QuotedPacket(parsing: bytes.span) }
  }

  @Test("A message that is no error is the wrong type; five types are errors (RFC 1122 §3.2.2)")
  func types() {
    for type in UInt8.min...UInt8.max {
      var bytes = Self.golden[0].bytes
      bytes[0] = type
      let isError = [3, 4, 5, 11, 12].contains(type)
      #expect(ICMPType(rawValue: type).isError == isError)
      let error = try? ICMPError(parsing: bytes.span, verifyingChecksum: false)
      #expect((error != nil) == isError)
      if !isError {
        #expect(throws: WireError.wrongType) {
          try ICMPError(parsing: bytes.span, verifyingChecksum: false)
        }
      }
    }
  }

  @Test("A wrong checksum is refused")
  func checksum() {
    var bytes = Self.golden[0].bytes
    bytes[30] ^= 1
    #expect(throws: WireError.badChecksum) { try ICMPError(parsing: bytes.span) }
  }

  @Test("A next-hop MTU is in code 4 only; an old router's is 0 (RFC 1191 §5)")
  func nextHopMTU() throws {
    var bytes = Self.golden[0].bytes
    bytes[1] = 1
    let host = try ICMPError(parsing: bytes.span, verifyingChecksum: false).problem
    #expect(host == .destinationUnreachable(code: 1, nextHopMTU: 0))
    bytes[1] = 4
    bytes[6] = 0
    let old = try ICMPError(parsing: bytes.span, verifyingChecksum: false).problem
    #expect(old == .destinationUnreachable(code: 4, nextHopMTU: 0))
  }

  @Test("The packet is cut so that the whole is 576 bytes with its IP header (RFC 1812 §4.3.2.3)")
  func quotationLength() throws {
    for count in [0, 20, 28, 547, 548, 549, 1500, 65_535] {
      let packet = [UInt8](repeating: 0x5A, count: count)
      for ipHeaderLength in [20, 24, 60] {
        let expected = 8 + min(count, 576 - ipHeaderLength - 8)
        #expect(
          ICMPProblem.messageLength(quoting: count, ipHeaderLength: ipHeaderLength) == expected)
        let bytes = try written { (output) throws(WireError) in
          try ICMPProblem.timeExceeded(code: 1).write(
            to: &output, quoting: packet.span, ipHeaderLength: ipHeaderLength)
        }
        #expect(bytes.count == expected)
        #expect(InternetChecksum(of: bytes.span).isValid)
      }
    }
  }

  @Test("An echo is answered with its header's parameter and its data, and without more")
  func echo() throws {
    let request = ICMPEchoTests.golden
    let header = try ICMPHeader(parsing: request.span)
    #expect(header.type == .echoRequest && header.checksum == 0x4D5A)
    let reply = try written { (output) throws(WireError) in
      try ICMPHeader(type: .echoReply, parameter: header.parameter).write(
        to: &output, payload: request.span.extracting(droppingFirst: 8))
    }
    #expect(try ICMPEcho(parsing: reply.span) == ICMPEchoTests.message.reply)
  }
}
