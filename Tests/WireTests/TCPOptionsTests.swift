import MacTCPWire
import Testing

/// TCP options: RFC 9293 §3.1, RFC 7323, RFC 2018.
@Suite("TCP options") struct TCPOptionsTests {
  private func parse(_ text: String) -> TCPOptions { TCPOptions(parsing: hex(text).span) }

  private static func blocks(_ count: Int) -> SACKBlocks {
    SACKBlocks(
      (0..<count).map {
        SACKBlock(
          left: SequenceNumber(UInt32($0 * 100)), right: SequenceNumber(UInt32($0 * 100 + 50)))
      })
  }

  /// The options as they stand in a header.
  private func write(_ options: TCPOptions) throws -> [UInt8] {
    let header = TCPHeader(
      sourcePort: 1, destinationPort: 2, sequenceNumber: SequenceNumber(0), options: options)
    let bytes = try written { (output) throws(WireError) in
      try header.write(to: &output, from: .loopback, to: .loopback)
    }
    #expect(bytes.count == 20 + options.byteCount && bytes[12] >> 4 == bytes.count / 4)
    return Array(bytes[20...])
  }

  /// The options as they are read after they were written.
  private func rewritten(_ options: TCPOptions) throws -> TCPOptions {
    let bytes = try write(options)
    return TCPOptions(parsing: bytes.span)
  }

  @Test("No options, only NOPs, and only the end are no options")
  func none() {
    for text in ["", "00", "01", "01010101", "01010100", "0000020405b4"] {
      #expect(parse(text) == TCPOptions(), "\(text)")
    }
  }

  @Test("Every option is known by itself, at every alignment (MUST-4, MUST-64)")
  func each() {
    for shift in 0..<8 {
      let nops = String(repeating: "01", count: shift)
      #expect(parse(nops + "020405b4").maximumSegmentSize == 1460)
      #expect(parse(nops + "030307").windowScale == 7)
      #expect(parse(nops + "0402").isSACKPermitted)
      #expect(parse(nops + "050a0000000100000002").sackBlocks.count == 1)
      let stamps = TCPTimestamps(value: 0x0102_0304, echoReply: 0x0506_0708)
      #expect(parse(nops + "080a0102030405060708").timestamps == stamps)
    }
  }

  @Test("A window scale above 14 is 14 (RFC 7323 §2.3), parsed and written")
  func windowScale() throws {
    for shift in 0...255 {
      let text = "0303" + (shift < 16 ? "0" : "") + String(shift, radix: 16)
      #expect(parse(text).windowScale == UInt8(min(shift, 14)))
      #expect(!parse(text).isMalformed)
    }
    var options = TCPOptions()
    options.windowScale = 200
    #expect(try write(options) == hex("0103030e"))
  }

  @Test("One to four SACK blocks are all read, in their order")
  func sackBlocks() {
    for count in 1...4 {
      let text =
        ["050a", "0512", "051a", "0522"][count - 1]
        + (0..<count * 2).map { "0000000\($0)" }.joined()
      let blocks = parse(text).sackBlocks
      #expect(blocks.map(\.left.rawValue) == (0..<count).map { UInt32($0 * 2) })
      #expect(blocks.map(\.right.rawValue) == (0..<count).map { UInt32($0 * 2 + 1) })
    }
  }

  @Test("Unknown options are passed over by their length (MUST-6, MUST-68)")
  func unknown() {
    let options = parse("1e04ffff fd02 020405b4 130a0000000000000000 0402")
    #expect(options.maximumSegmentSize == 1460 && options.isSACKPermitted)
    #expect(!options.isMalformed)
  }

  @Test(
    "A length of 0 or 1, none at all, or one beyond the header ends parsing and is told (MUST-7)")
  func illegalLength() {
    for bad in ["0200", "0201", "02", "0204", "020405", "1e00", "1eff", "0500", "080a00", "fd"] {
      let options = parse("030305" + bad)
      #expect(options.isMalformed, "\(bad)")
      #expect(options.windowScale == 5, "\(bad)")
      #expect(options.maximumSegmentSize == nil && options.timestamps == nil, "\(bad)")
    }
    // What follows cannot be found any more.
    #expect(parse("1e00 020405b4").maximumSegmentSize == nil)
  }

  @Test("A known option of another length than it must have is passed over and told (MUST-7)")
  func wrongLength() {
    for bad in [
      "0202", "020305", "02060000ffff", "0302", "03040000", "040300", "0502", "050400ff",
      "050900000000000000", "0508000000000000", "0802", "080900000000000000",
    ] {
      let options = parse(bad + "0402" + "030305")
      #expect(options.isMalformed, "\(bad)")
      #expect(options.isSACKPermitted && options.windowScale == 5, "\(bad)")
      #expect(options.maximumSegmentSize == nil && options.timestamps == nil, "\(bad)")
      #expect(options.sackBlocks.isEmpty, "\(bad)")
    }
  }

  @Test("Of an option that came twice the later one counts")
  func twice() {
    let options = parse("02040100 02040200 050a0000000100000002 050a0000000300000004")
    #expect(options.maximumSegmentSize == 0x200)
    #expect(options.sackBlocks.map(\.left.rawValue) == [3])
  }

  @Test("Options are written in the usual order, aligned by NOPs")
  func layout() throws {
    var options = TCPOptions()
    #expect(try write(options) == [])
    options.isSACKPermitted = true
    #expect(try write(options) == hex("01010402"))
    options.maximumSegmentSize = 536
    #expect(try write(options) == hex("02040218 01010402"))
    options.windowScale = 0
    #expect(try write(options) == hex("02040218 01010402 01030300"))
    options.timestamps = TCPTimestamps(value: 1, echoReply: 2)
    #expect(try write(options) == hex("02040218 0402080a 00000001 00000002 01030300"))
    options.isSACKPermitted = false
    #expect(try write(options) == hex("02040218 0101080a 00000001 00000002 01030300"))
  }

  @Test("As many SACK blocks are written as fit: four, three with time stamps, the first ones")
  func sackRoom() throws {
    for count in 0...4 {
      var options = TCPOptions()
      options.sackBlocks = Self.blocks(count)
      #expect(try rewritten(options).sackBlocks == Self.blocks(count))
      options.timestamps = TCPTimestamps(value: 1, echoReply: 2)
      let parsed = try rewritten(options).sackBlocks
      #expect(parsed == Self.blocks(min(count, 3)))
      options.maximumSegmentSize = 1
      options.windowScale = 1
      let fewer = try rewritten(options).sackBlocks
      #expect(fewer == Self.blocks(min(count, 2)))
    }
  }

  @Test("Blocks that fitted without NOPs are fewer when they are written with them")
  func packedBlocks() throws {
    let packed = parse(
      "02040502 080a0203040000000007 051a 00000001 00000002 00000003 00000004 00000005 00000006")
    #expect(packed.sackBlocks.count == 3 && !packed.isMalformed)
    #expect(try rewritten(packed).sackBlocks.map(\.left.rawValue) == [1, 3])
    #expect(packed.byteCount == 36)
  }

  @Test("A fifth SACK block is left out; blocks are equal only in number and order")
  func blocks() {
    #expect(Self.blocks(7) == Self.blocks(4))
    #expect(Self.blocks(3) != Self.blocks(4))
    let two = Self.blocks(2)
    #expect(SACKBlocks(two.reversed()) != two && SACKBlocks(two.reversed().reversed()) == two)
    #expect(Set([Self.blocks(1), Self.blocks(1), Self.blocks(2)]).count == 2)
  }

  @Test("Random bytes never trap, and what is parsed is written and parsed again as the same")
  func random() throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<20_000 {
      var bytes = generator.bytes(.random(in: 0...40, using: &generator))
      // Kinds that are known and lengths that fit, here and there.
      for index in bytes.indices where Bool.random(using: &generator) { bytes[index] &= 0xB }
      var options = TCPOptions(parsing: bytes.span)
      options.isMalformed = false
      let parsed = try rewritten(options)
      // Blocks that were packed with other options, without NOPs, may have no room when there are some.
      let blocks = options.sackBlocks
      options.sackBlocks = SACKBlocks()
      let room = (TCPOptions.mostBytes - options.byteCount - 4) / 8
      options.sackBlocks = SACKBlocks(blocks.prefix(room))
      #expect(parsed == options, "seed \(seed)")
    }
  }
}
