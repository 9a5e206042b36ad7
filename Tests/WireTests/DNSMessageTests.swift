import MacTCPWire
import Testing

/// Messages of the domain name system: RFC 1035 §4, RFC 6891.
@Suite("DNS messages") struct DNSMessageTests {
  @Test("The golden bytes are parsed into the message", arguments: DNSGolden.all)
  func parses(_ golden: DNSGolden) throws {
    #expect(try parse(golden.bytes) == golden.message)
    // What follows is not looked at.
    #expect(try parse((golden.bytes + [0xEE])) == golden.message)
  }

  @Test(
    "The message is written as the golden bytes, with names compressed", arguments: DNSGolden.all)
  func writes(_ golden: DNSGolden) throws {
    let bytes = try golden.message.encoded()
    if golden.isExact { #expect(bytes == golden.bytes) }
    #expect(try parse(bytes) == golden.message)
  }

  @Test("Cut at any length, a message is truncated", arguments: DNSGolden.all)
  func truncation(_ golden: DNSGolden) {
    for count in 0..<golden.bytes.count {
      #expect(throws: WireError.truncated, "\(count) bytes") {
        try parse(golden.bytes, count)
      }
    }
  }

  @Test("An output that is too small stays as it was; one with room is appended to")
  func output() throws {
    let message = DNSGolden.all[0].message
    let bytes = DNSGolden.all[0].bytes
    for capacity in 0..<bytes.count {
      let written = [UInt8](capacity: capacity) { output in
        #expect(throws: WireError.noRoom) { try message.write(to: &output) }
      }
      #expect(written.isEmpty)
    }
    let framed = try [UInt8](capacity: 2 + bytes.count) { output in
      output.append(networkOrder: UInt16(bytes.count))
      try message.write(to: &output)
    }
    #expect(framed == [0, UInt8(bytes.count)] + bytes)
  }

  @Test("The first question is found without the rest; a message may have none")
  func firstQuestion() throws {
    let golden = DNSGolden.all[3]
    #expect(try parseQuestion(golden.bytes) == golden.message.questions[0])
    #expect(try parseQuestion(golden.bytes, 33) == golden.message.questions[0])
    #expect(try parseQuestion(DNSGolden.all[7].bytes) == nil)
    #expect(throws: WireError.truncated) { try parseQuestion([0, 1, 2]) }
    #expect(throws: WireError.truncated) {
      try parseQuestion(golden.bytes, 32)
    }
  }

  @Test("Each flag of the header is where RFC 1035 has it")
  func flags() throws {
    let plain = DNSHeader(identifier: 0, recursionDesired: false)
    let flags: [(WritableKeyPath<DNSHeader, Bool>, UInt16)] = [
      (\.isResponse, 0x8000), (\.isAuthoritative, 0x0400), (\.isTruncated, 0x0200),
      (\.recursionDesired, 0x0100), (\.recursionAvailable, 0x0080), (\.isAuthentic, 0x0020),
      (\.checkingDisabled, 0x0010),
    ]
    for (path, bit) in flags {
      var header = plain
      header[keyPath: path] = true
      let bytes = try DNSMessage(header: header).encoded()
      #expect(UInt16(bytes[2]) << 8 | UInt16(bytes[3]) == bit)
      #expect(try parse(bytes).header == header)
    }
    var header = plain
    header.opcode = 0xF
    header.responseCode = ResponseCode(rawValue: 0xF)
    #expect(try DNSMessage(header: header).encoded()[2...3] == [0x78, 0x0F])
  }

  // MARK: What is refused

  private static let head = "000180000000"
  private static let refused: [(String, [UInt8], WireError)] = [
    (
      "an address of three bytes",
      DNSGolden.bytes(head, "000100000000 00 0001 0001 00000000 0003 010203"), .badLength
    ),
    (
      "an address of five bytes",
      DNSGolden.bytes(head, "000100000000 00 0001 0001 00000000 0005 0102030405"), .badLength
    ),
    (
      "an IPv6 address of 4 bytes",
      DNSGolden.bytes(head, "000100000000 00 001c 0001 00000000 0004 01020304"), .badLength
    ),
    (
      "bytes behind a name", DNSGolden.bytes(head, "000100000000 00 0005 0001 00000000 0002 0000"),
      .badLength
    ),
    (
      "a name that is longer than the data",
      DNSGolden.bytes(head, "000100000000 00 0005 0001 00000000 0002 016100"), .badLength
    ),
    (
      "a string that is longer than the data",
      DNSGolden.bytes(head, "000100000000 00 0010 0001 00000000 0002 026162"), .badLength
    ),
    (
      "host information with one string",
      DNSGolden.bytes(head, "000100000000 00 000d 0001 00000000 0002 0161"), .badLength
    ),
    (
      "a mail exchange without a name",
      DNSGolden.bytes(head, "000100000000 00 000f 0001 00000000 0002 000a 00"), .badLength
    ),
    (
      "a pointer forwards",
      DNSGolden.bytes(head, "000100000000 00 0005 0001 00000000 0002 c019 00"), .badName
    ),
    (
      "a second OPT record",
      DNSGolden.bytes(head, "000000000002 000029000000000000 0000 000029000000000000 0000"),
      .tooMany
    ),
    (
      "an OPT record with a name",
      DNSGolden.bytes(head, "000000000001 016100 0029 0000 00000000 0000"), .badName
    ),
    (
      "an OPT record among the answers",
      DNSGolden.bytes(head, "000100000000 00 0029 0000 00000000 0000"), .wrongType
    ),
    (
      "an option that is too long",
      DNSGolden.bytes(head, "000000000001 00 0029 0000 00000000 0005 000a 0002 ca"), .badLength
    ),
    (
      "a part of an option",
      DNSGolden.bytes(head, "000000000001 00 0029 0000 00000000 0003 000a00"), .badLength
    ),
    ("17 questions", DNSGolden.bytes("000180000011 000000000000"), .tooMany),
    ("4097 records", DNSGolden.bytes(head, "100000010000"), .tooMany),
  ]

  @Test("Formats that break the rules are refused", arguments: refused)
  func refuses(_ name: String, _ bytes: [UInt8], _ error: WireError) {
    #expect(throws: error) { try parse(bytes) }
  }

  @Test("A message that promises 4096 records and has none is truncated")
  func promises() {
    #expect(throws: WireError.truncated) {
      try parse(DNSGolden.bytes(Self.head, "100000000000"))
    }
  }

  @Test("What does not fit its field is not written")
  func unwritable() {
    func encode(_ data: ResourceRecord.Data) throws -> [UInt8] {
      try DNSMessage(
        header: DNSHeader(identifier: 0), answers: [DNSGolden.record("a", data)]
      ).encoded()
    }
    let long = [UInt8](repeating: 0, count: 256)
    #expect(throws: WireError.badLength) { try encode(.txt([long])) }
    #expect(throws: WireError.badLength) { try encode(.hinfo(cpu: [], os: long)) }
    #expect(throws: WireError.badLength) { try encode(.aaaa([1])) }
    #expect(throws: WireError.badLength) {
      try encode(.unknown(.any, [UInt8](repeating: 0, count: 65_536)))
    }
    #expect(throws: WireError.noRoom) {
      try encode(.unknown(.any, [UInt8](repeating: 0, count: 65_535)))
    }
    #expect(throws: WireError.badLength) {
      try DNSMessage(header: DNSHeader(identifier: 0, responseCode: .badVersion)).encoded()
    }
    #expect(throws: WireError.tooMany) {
      try DNSMessage(
        header: DNSHeader(identifier: 0),
        answers: Array(repeating: DNSGolden.record("a", .a(.any)), count: 4096), edns: EDNS()
      ).encoded()
    }
  }

  @Test("4095 addresses of one name fill a message, and are read again")
  func largest() throws {
    let records = (0..<UInt32(4094)).map { DNSGolden.record("a", .a(IPAddress(v4: $0))) }
    let message = DNSMessage(
      header: DNSHeader(identifier: 0), questions: [DNSQuestion(DNSGolden.name("a"), .a)],
      answers: records)
    let bytes = try message.encoded()
    #expect(bytes.count == 12 + 7 + 4094 * 16)
    #expect(try parse(bytes) == message)
  }

  // MARK: As text

  @Test("Records are shown as in a master file")
  func recordText() {
    #expect(
      DNSGolden.record("zone.test", .mx(preference: 5, exchange: .root)).description
        == "zone.test. 300 IN MX 5 .")
    #expect(
      DNSGolden.record(".", .txt([Array("a\"b\\\u{1}".utf8), []])).description
        == #". 300 IN TXT "a\"b\\\001" """#)
    #expect(DNSGolden.record("a", .unknown(.any, [])).description == "a. 300 IN ANY \\# 0")
    var record = DNSGolden.record("a", .unknown(ResourceRecordType(rawValue: 99), [0x0A, 0xFF]))
    record.recordClass = .chaos
    #expect(record.description == "a. 300 CH TYPE99 \\# 2 0AFF")
  }

  @Test(
    "IPv6 addresses are shown as RFC 5952 has it",
    arguments: [
      ("20010db8000000000000000000000001", "2001:db8::1"),
      ("00000000000000000000000000000000", "::"), ("00000000000000000000000000000001", "::1"),
      ("00010000000000000000000000000000", "1::"),
      ("20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"),
      ("20010000000000010000000000000001", "2001:0:0:1::1"),
      ("20010db8000000000001000000000001", "2001:db8::1:0:0:1"),
      ("0001000200030004000500060007abcd", "1:2:3:4:5:6:7:abcd"),
    ])
  func addressText(_ digits: String, _ text: String) {
    #expect(ResourceRecord.Data.aaaa(DNSGolden.bytes(digits)).description == text)
  }

  @Test("Types are read and shown by name or number")
  func types() {
    #expect(ResourceRecordType("mx") == .mx && ResourceRecordType("MX")?.description == "MX")
    #expect(
      ResourceRecordType("TYPE33")?.rawValue == 33 && ResourceRecordType("33")?.rawValue == 33)
    #expect(ResourceRecordType("33")?.description == "TYPE33" && ResourceRecordType("type1") == .a)
    for text in ["", "TYPE", "NONSENSE", "65536", "-1", "TYPE+1", " A"] {
      #expect(ResourceRecordType(text) == nil, "\(text)")
    }
    #expect(ResponseCode.nameError.description == "NXDOMAIN")
    #expect(ResponseCode(rawValue: 9).description == "RCODE9")
  }
}
