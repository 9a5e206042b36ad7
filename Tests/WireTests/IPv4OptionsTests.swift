import MacTCPWire
import Testing

/// Options of an IPv4 header: RFC 791 §3.1, RFC 1122 §3.2.1.8.
@Suite("IPv4 options") struct IPv4OptionsTests {
  /// What is found in a packet with these options: types, where they are, and where it went wrong.
  private func walk(_ options: [UInt8]) throws -> (
    options: [IPv4Option], malformed: Int?, packet: [UInt8]
  ) {
    let header = IPv4Header(
      source: .loopback, destination: .loopback, protocol: .udp, payloadLength: 0,
      optionLength: options.count)
    let packet = try written { (output) throws(WireError) in
      try header.write(to: &output, options: options.span)
    }
    var walk = IPv4Options(try IPv4Header(parsing: packet.span))
    var found: [IPv4Option] = []
    while let option = walk.next(in: packet.span) {
      found.append(option)
      try #require(found.count <= 40)
    }
    #expect(walk.next(in: packet.span) == nil)
    return (found, walk.malformedOffset, packet)
  }

  @Test("No operation is passed over, unknown options are found with their length, the end ends")
  func order() throws {
    let found = try walk(hex("01 01 070704 00000000 01 5e03ff 94040000 00 83030400"))
    #expect(found.malformed == nil)
    #expect(found.options.map(\.type) == [7, 0x5E, IPv4Option.Kind.routerAlert])
    #expect(found.options.map(\.range) == [22..<29, 30..<33, 33..<37])
    #expect(found.options.map(\.dataRange) == [24..<29, 32..<33, 35..<37])
    #expect(found.options.map(\.isCopied) == [false, false, true])
    #expect(found.options.map(\.optionClass) == [0, 2, 0])
    #expect(found.options.map(\.number) == [7, 30, 20])
  }

  @Test(
    "An option without a length, with one below 2 or beyond the header ends the walk and is told")
  func malformed() throws {
    for (options, place) in [
      ("01010107", 23), ("07000000", 20), ("07010000", 20), ("01070400", 21),
      ("94040000 07050000", 24),
      ("07ff0000", 20),
    ] {
      let found = try walk(hex(options))
      #expect(found.malformed == place, "\(options)")
      #expect(found.options.count == (place == 24 ? 1 : 0), "\(options)")
    }
  }

  @Test("Forty of the shortest options are all found, and none behind them")
  func many() throws {
    #expect(try walk([UInt8](repeating: 1, count: 40)).options.isEmpty)
    let shortest = (0..<20).flatMap { _ in [0x5E, 2] as [UInt8] }
    let found = try walk(shortest)
    #expect(found.options.count == 20 && found.options.allSatisfy { $0.dataRange.isEmpty })
  }

  @Test("A packet that is shorter than its header says ends the walk")
  func shortPacket() throws {
    let packet = try walk(hex("94040000 94040000")).packet
    let header = try IPv4Header(parsing: packet.span)
    for count in 0..<packet.count {
      var walk = IPv4Options(header)
      let cut = packet.span.extracting(first: count)
      var found = 0
      while walk.next(in: cut) != nil { found += 1 }
      #expect(found == (count < 24 ? 0 : 1))
    }
  }

  @Test("Random options: the options found follow one another and lie in the header")
  func random() throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<3000 {
      var options = generator.bytes(.random(in: 0...40, using: &generator))
      // Small lengths, so that there is more than one.
      for index in options.indices where Bool.random(using: &generator) { options[index] &= 7 }
      let found = try walk(options)
      var end = 20
      for option in found.options {
        #expect(option.range.lowerBound >= end && option.range.count >= 2, "seed \(seed)")
        #expect(option.type == found.packet[option.range.lowerBound], "seed \(seed)")
        end = option.range.upperBound
      }
      #expect(end <= found.packet.count, "seed \(seed)")
      if let malformed = found.malformed {
        #expect(malformed >= end && malformed < found.packet.count, "seed \(seed)")
      }
    }
  }
}
