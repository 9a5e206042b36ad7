import MacTCPWire

/// TCP segments from 192.0.2.1 to 198.51.100.7 with their bytes: what scapy 2.5.0 makes of `IP()/TCP()` with these
/// fields and options, without the IP header.
struct TCPGolden: Sendable {
  static let source = IPAddress(192, 0, 2, 1)
  static let destination = IPAddress(198, 51, 100, 7)

  let name: String
  let bytes: [UInt8]
  let header: TCPHeader
  var data: [UInt8] = []
  /// Whether the header is written in exactly these bytes.
  var isExact = true

  private static func options(_ change: (inout TCPOptions) -> Void) -> TCPOptions {
    var options = TCPOptions()
    change(&options)
    return options
  }

  private static func header(
    _ source: UInt16, _ destination: UInt16, _ sequence: UInt32, _ acknowledgment: UInt32,
    _ flags: TCPFlags, window: UInt16, urgent: UInt16 = 0, checksum: UInt16,
    options: TCPOptions = TCPOptions()
  ) -> TCPHeader {
    var header = TCPHeader(
      sourcePort: source, destinationPort: destination, sequenceNumber: SequenceNumber(sequence),
      acknowledgmentNumber: SequenceNumber(acknowledgment), flags: flags, window: window,
      urgentPointer: urgent, options: options)
    header.checksum = checksum
    return header
  }

  private static func block(_ left: UInt32, _ right: UInt32) -> SACKBlock {
    SACKBlock(left: SequenceNumber(left), right: SequenceNumber(right))
  }

  static let syn = TCPGolden(
    name: "SYN with MSS, SACK permitted, time stamps, window scale",
    bytes: hex(
      "c0000050 fffffffe 00000000 a002faf0 9c7d0000 020405b4 0402080a 01020304 00000000 01030307"),
    header: header(
      49_152, 80, 0xFFFF_FFFE, 0, .syn, window: 64_240, checksum: 0x9C7D,
      options: options {
        $0.maximumSegmentSize = 1460
        $0.isSACKPermitted = true
        $0.timestamps = TCPTimestamps(value: 0x0102_0304, echoReply: 0)
        $0.windowScale = 7
      }))

  static let data = TCPGolden(
    name: "data with time stamps",
    bytes: hex(
      "c0000050 00000001 deadbeef 801801f6 3bd90000 0101080a 01020304 05060708"
        + "474554202f20485454502f312e300d0a0d"),
    header: header(
      49_152, 80, 1, 0xDEAD_BEEF, [.psh, .ack], window: 502, checksum: 0x3BD9,
      options: options {
        $0.timestamps = TCPTimestamps(value: 0x0102_0304, echoReply: 0x0506_0708)
      }),
    data: Array("GET / HTTP/1.0\r\n\r".utf8))

  static let urgent = TCPGolden(
    name: "urgent data with ECE and CWR",
    bytes: hex("001703ff 00000064 000000c8 50f00000 f90d0003 616263"),
    header: header(
      23, 1023, 100, 200, [.urg, .ack, .ece, .cwr], window: 0, urgent: 3, checksum: 0xF90D),
    data: Array("abc".utf8))

  static let reset = TCPGolden(
    name: "RST", bytes: hex("0001ffff 00000005 00000000 50040000 c39e0000"),
    header: header(1, 65_535, 5, 0, .rst, window: 0, checksum: 0xC39E))

  static let threeBlocks = TCPGolden(
    name: "three SACK blocks behind time stamps",
    bytes: hex(
      "c0000050 00000001 000003e8 f0100001 195b0000 0101080a 00000001 00000002"
        + "0101051a 000007d0 00000bb8 00000fa0 00001388 fffffff0 00000010"),
    header: header(
      49_152, 80, 1, 1000, .ack, window: 1, checksum: 0x195B,
      options: options {
        $0.timestamps = TCPTimestamps(value: 1, echoReply: 2)
        $0.sackBlocks = SACKBlocks([
          block(2000, 3000), block(4000, 5000), block(0xFFFF_FFF0, 16),
        ])
      }))

  static let fourBlocks = TCPGolden(
    name: "FIN with four SACK blocks",
    bytes: hex(
      "c0000050 00000001 000003e8 e011ffff 68f20000"
        + "01010522 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008"),
    header: header(
      49_152, 80, 1, 1000, [.fin, .ack], window: 65_535, checksum: 0x68F2,
      options: options {
        $0.sackBlocks = SACKBlocks([block(1, 2), block(3, 4), block(5, 6), block(7, 8)])
      }))

  /// Window scale 15, TCP Fast Open, MSS, an option for experiments, the end: none of them aligned. Two
  /// of the reserved bits are set.
  static let odd: TCPGolden = {
    var header = Self.header(
      49_152, 80, 1, 0, .syn, window: 1, checksum: 0x6A6B,
      options: options {
        $0.windowScale = 14
        $0.maximumSegmentSize = 536
      })
    header.reservedBits = 0xA
    return TCPGolden(
      name: "options that nobody knows and nothing aligned",
      bytes: hex(
        "c0000050 00000001 00000000 aa020001 6a6b0000 03030f22 06010203 04020402 18fd03aa 00000000"),
      header: header, isExact: false)
  }()

  static let all = [syn, data, urgent, reset, threeBlocks, fourBlocks, odd]
}
