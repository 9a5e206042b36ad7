import MacTCPWire
import Testing

/// DNS messages that nobody has written by hand.
@Suite("DNS messages at random") struct DNSRandomTests {
  /// Makes messages from a seed.
  private struct Source {
    var generator: SeededGenerator

    init(seed: UInt64) {
      generator = SeededGenerator(seed: seed)
    }

    mutating func number<T: FixedWidthInteger>(_ range: ClosedRange<T>) -> T {
      T.random(in: range, using: &generator)
    }

    mutating func flag() -> Bool { Bool.random(using: &generator) }

    /// From few words, so that names share suffixes; sometimes of any bytes.
    mutating func name() -> DomainName {
      let words = ["a", "B", "example", "Example", "www", "test", "mail.x"].map { Array($0.utf8) }
      let labels = (0..<number(0...5)).map { _ in
        flag() ? words[number(0...words.count - 1)] : generator.bytes(number(1...20))
      }
      return (try? DomainName(labels: labels)) ?? .root
    }

    mutating func data() -> ResourceRecord.Data {
      switch number(0...10) {
      case 0: return .a(IPAddress(v4: number(.min ... .max)))
      case 1: return .ns(name())
      case 2: return .cname(name())
      case 3:
        return .soa(
          StartOfAuthority(
            primary: name(), mailbox: name(), serial: number(.min ... .max),
            refresh: number(.min ... .max), retry: number(.min ... .max),
            expire: number(.min ... .max), minimum: number(.min ... .max)))
      case 4: return .ptr(name())
      case 5:
        return .hinfo(cpu: generator.bytes(number(0...255)), os: generator.bytes(number(0...255)))
      case 6: return .mx(preference: number(.min ... .max), exchange: name())
      case 7: return .txt((0..<number(0...4)).map { _ in generator.bytes(number(0...255)) })
      case 8: return .aaaa(generator.bytes(16))
      default:
        return .unknown(
          ResourceRecordType(rawValue: number(256...65535)), generator.bytes(number(0...80)))
      }
    }

    mutating func record() -> ResourceRecord {
      ResourceRecord(name: name(), timeToLive: number(0...0x7FFF_FFFF), data: data())
    }

    mutating func message() -> DNSMessage {
      let header = DNSHeader(
        identifier: number(.min ... .max), isResponse: flag(), opcode: number(0...15),
        isAuthoritative: flag(), isTruncated: flag(), recursionDesired: flag(),
        recursionAvailable: flag(), isAuthentic: flag(), checkingDisabled: flag(),
        responseCode: ResponseCode(rawValue: number(0...15)))
      var message = DNSMessage(header: header)
      message.questions = (0..<number(0...2)).map { _ in
        DNSQuestion(name(), ResourceRecordType(rawValue: number(.min ... .max)))
      }
      message.answers = (0..<number(0...8)).map { _ in record() }
      message.authorities = (0..<number(0...3)).map { _ in record() }
      message.additionals = (0..<number(0...3)).map { _ in record() }
      if flag() {
        message.edns = EDNS(
          payloadSize: number(.min ... .max), version: number(.min ... .max), wantsDNSSEC: flag(),
          options: (0..<number(0...3)).map { _ in
            EDNS.Option(code: number(.min ... .max), data: generator.bytes(number(0...20)))
          })
        message.header.responseCode = ResponseCode(rawValue: number(0...0xFFF))
      }
      return message
    }
  }

  @Test("What is written is parsed into the same message, the case of names too")
  func roundTrip() throws {
    let seed = UInt64.random(in: .min ... .max)
    var source = Source(seed: seed)
    for _ in 0..<500 {
      let message = source.message()
      let bytes = try message.encoded()
      let parsed = try parse(bytes)
      #expect(parsed == message, "seed \(seed)")
      let names = parsed.answers.map(\.name.wireForm)
      #expect(names == message.answers.map(\.name.wireForm), "seed \(seed)")
      #expect(try parsed.encoded() == bytes, "seed \(seed)")
    }
  }

  @Test("A message that is cut anywhere is refused as truncated")
  func truncation() throws {
    let seed = UInt64.random(in: .min ... .max)
    var source = Source(seed: seed)
    for _ in 0..<30 {
      let bytes = try source.message().encoded()
      for count in 0..<bytes.count {
        #expect(throws: WireError.truncated, "seed \(seed), \(count) bytes") {
          try parse(bytes, count)
        }
      }
    }
  }

  @Test(
    "Messages with bytes changed never trap, and what is parsed can be written and parsed again")
  func mutation() throws {
    let seed = UInt64.random(in: .min ... .max)
    var source = Source(seed: seed)
    for _ in 0..<1500 {
      var bytes = try source.message().encoded()
      for _ in 0..<source.number(1...6) {
        let place = source.number(0...bytes.count - 1)
        // Pointers are where parsers go astray.
        bytes[place] = source.flag() ? 0xC0 : source.number(.min ... .max)
      }
      guard let parsed = try? parse(bytes),
        let written = try? parsed.encoded()
      else { continue }
      #expect(try parse(written) == parsed, "seed \(seed)")
    }
  }

  @Test("Random bytes never trap")
  func randomBytes() {
    let seed = UInt64.random(in: .min ... .max)
    var source = Source(seed: seed)
    for _ in 0..<20_000 {
      var bytes = source.generator.bytes(source.number(0...120))
      // Small counts, so that the records are looked at.
      for index in [4, 6, 8, 10] where index < bytes.count && source.flag() { bytes[index] = 0 }
      _ = try? parse(bytes)
      _ = try? parseQuestion(bytes)
    }
  }

  @Test("Random text never traps, and what is a name is shown as the same name")
  func randomText() {
    let seed = UInt64.random(in: .min ... .max)
    var source = Source(seed: seed)
    let letters = Array("ab.\\019 -_ü")
    for _ in 0..<20_000 {
      let text = String(
        (0..<source.number(0...12)).map { _ in letters[source.number(0...letters.count - 1)] })
      guard let name = DomainName(text) else { continue }
      #expect(DomainName(name.description) == name, "\(text), seed \(seed)")
    }
  }
}
