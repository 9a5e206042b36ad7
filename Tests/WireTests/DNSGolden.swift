import MacTCPWire
import Testing

/// Messages with their bytes: queries as they are asked, and what unbound 1.17 answered, as captured.
struct DNSGolden: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let bytes: [UInt8]
  let message: DNSMessage
  /// Whether the message is written in exactly these bytes.
  var isExact = true

  static func name(_ text: String) -> DomainName { DomainName(text) ?? .root }

  static func record(
    _ name: String, _ data: ResourceRecord.Data, timeToLive: UInt32 = 300
  ) -> ResourceRecord {
    ResourceRecord(name: DNSGolden.name(name), timeToLive: timeToLive, data: data)
  }

  private static func response(_ code: ResponseCode = .noError, isAuthoritative: Bool = true)
    -> DNSHeader
  {
    DNSHeader(
      identifier: 0x1234, isResponse: true, isAuthoritative: isAuthoritative,
      recursionAvailable: true, responseCode: code)
  }

  static let all: [DNSGolden] = [
    DNSGolden(
      testDescription: "a query with EDNS",
      bytes: bytes(
        "123401000001000000000001 03777777076578616d706c6503636f6d00 0001 0001",
        "00 0029 04d0 00000000 0000"),
      message: DNSMessage(asking: DNSQuestion(name("www.example.com"), .a), identifier: 0x1234)),
    DNSGolden(
      testDescription: "a query without EDNS",
      bytes: bytes("00ff01000001000000000000 00 0002 0001"),
      message: DNSMessage(asking: DNSQuestion(.root, .ns), identifier: 0xFF, edns: nil)),
    DNSGolden(
      testDescription: "two mail exchanges",
      bytes: bytes(
        "123485800001000200000001047a6f6e65047465737400000f0001c00c000f00010000012c000a0014",
        "056d61696c32c00cc00c000f00010000012c000a000a056d61696c31c00c00002904d0000000000000"),
      message: DNSMessage(
        header: response(), questions: [DNSQuestion(name("zone.test"), .mx)],
        answers: [
          record("zone.test", .mx(preference: 20, exchange: name("mail2.zone.test"))),
          record("zone.test", .mx(preference: 10, exchange: name("mail1.zone.test"))),
        ], edns: EDNS())),
    DNSGolden(
      testDescription: "an alias and its address",
      bytes: bytes(
        "12348580000100020000000105616c696173047a6f6e6504746573740000010001c00c000500010000012c",
        "000704686f7374c012c02d000100010000012c0004c000020100002904d0000000000000"),
      message: DNSMessage(
        header: response(), questions: [DNSQuestion(name("alias.zone.test"), .a)],
        answers: [
          record("alias.zone.test", .cname(name("host.zone.test"))),
          record("host.zone.test", .a(IPAddress(192, 0, 2, 1))),
        ], edns: EDNS())),
    DNSGolden(
      testDescription: "no such name",
      bytes: bytes(
        "123485830001000000010001046e6f7065047a6f6e6504746573740000010001c011000600010000003c0022",
        "026e73c011066b6565706572c0110000000700000e1000000258000151800000003c00002904d0000000000000"
      ),
      message: DNSMessage(
        header: response(.nameError), questions: [DNSQuestion(name("nope.zone.test"), .a)],
        authorities: [
          record(
            "zone.test",
            .soa(
              StartOfAuthority(
                primary: name("ns.zone.test"), mailbox: name("keeper.zone.test"), serial: 7,
                refresh: 3600, retry: 600, expire: 86400, minimum: 60)), timeToLive: 60)
        ], edns: EDNS())),
    DNSGolden(
      testDescription: "texts",
      bytes: bytes(
        "12348580000100010000000104686f7374047a6f6e6504746573740000100001c00c001000010000012c000e",
        "036f6e650974776f20776f72647300002904d0000000000000"),
      message: DNSMessage(
        header: response(), questions: [DNSQuestion(name("host.zone.test"), .txt)],
        answers: [
          record("host.zone.test", .txt([Array("one".utf8), Array("two words".utf8)]))
        ], edns: EDNS())),
    DNSGolden(
      testDescription: "host information",
      bytes: bytes(
        "12348580000100010000000104686f7374047a6f6e65047465737400000d0001c00c000d00010000012c0010",
        "0a5641582d31312f37383004554e495800002904d0000000000000"),
      message: DNSMessage(
        header: response(), questions: [DNSQuestion(name("host.zone.test"), .hinfo)],
        answers: [
          record(
            "host.zone.test",
            .hinfo(cpu: Array("VAX-11/780".utf8), os: Array("UNIX".utf8)))
        ], edns: EDNS())),
    DNSGolden(
      testDescription: "BADVERS, whose code is above 15, with an option",
      bytes: bytes("000180000000000000000001 00 0029 0200 01000000 0006 000a 0002 cafe"),
      message: DNSMessage(
        header: DNSHeader(
          identifier: 1, isResponse: true, recursionDesired: false, responseCode: .badVersion),
        edns: EDNS(payloadSize: 512, options: [EDNS.Option(code: 10, data: [0xCA, 0xFE])]))),
    DNSGolden(
      testDescription: "an address of IPv6, a pointer and a type that is not known",
      bytes: bytes(
        "000180000000000300000000",
        "0161 00 001c 0001 80000000 0010 20010db8000000000000000000000001",
        "0162 00 000c 0001 00000005 0002 c00c",
        "c00c 0021 0001 00000006 0003 010203"),
      message: DNSMessage(
        header: DNSHeader(identifier: 1, isResponse: true, recursionDesired: false),
        answers: [
          // A time to live with the highest bit set is 0 (RFC 2181 §8).
          record("a", .aaaa(bytes("20010db8000000000000000000000001")), timeToLive: 0),
          record("b", .ptr(name("a")), timeToLive: 5),
          record("a", .unknown(ResourceRecordType(rawValue: 33), [1, 2, 3]), timeToLive: 6),
        ]), isExact: false),
  ]

  /// Bytes from hexadecimal digits.
  static func bytes(_ text: String...) -> [UInt8] {
    hex(text.joined())
  }
}

/// The question of a message's first `count` bytes, or of all.
func parseQuestion(_ bytes: [UInt8], _ count: Int? = nil) throws(WireError) -> DNSQuestion? {
  try DNSQuestion(firstIn: bytes.span.extracting(first: count ?? bytes.count))
}

/// The message in the first `count` bytes, or in all.
func parse(_ bytes: [UInt8], _ count: Int? = nil) throws(WireError) -> DNSMessage {
  try DNSMessage(parsing: bytes.span.extracting(first: count ?? bytes.count))
}
