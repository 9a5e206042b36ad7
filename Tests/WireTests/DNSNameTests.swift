import MacTCPWire
import Testing

/// Domain names: RFC 1035 §2.3, §3.1, §4.1.4 and §5.1; RFC 4343.
@Suite("Domain names") struct DNSNameTests {
  private static let letters63 = String(repeating: "a", count: 63)

  @Test("Text becomes labels, with a dot at its end or none")
  func labels() throws {
    let name = try #require(DomainName("www.Example.com"))
    #expect(name.labels == ["www", "Example", "com"].map { Array($0.utf8) })
    #expect(name.wireForm == Array("\u{3}www\u{7}Example\u{3}com\u{0}".utf8))
    #expect(DomainName("www.Example.com.") == name)
    #expect(name.description == "www.Example.com")
    #expect(DomainName(".") == .root)
    #expect(DomainName.root.description == "." && DomainName.root.isRoot && !name.isRoot)
    #expect(DomainName.root.wireForm == [0] && DomainName.root.labels.isEmpty)
  }

  @Test(
    "Text that is no name is refused",
    arguments: [
      "", "..", ".com", "a..b", "a b", "a\tb", "a\n", "bücher.example", "a\u{7F}b", "a\u{0}b",
      "\\", "a\\", "a\\2", "a\\25", "a\\256", "a\\2x5", "a\\\u{1}", "a\\ü", letters63 + "a",
      "\(letters63)a.com",
    ])
  func refusesText(_ text: String) {
    #expect(DomainName(text) == nil)
  }

  @Test("A label of 63 bytes and a name of 255 are the longest")
  func limits() throws {
    let label = Self.letters63
    // 3 × 64 + 62 + 1 bytes on the wire.
    let longest = [label, label, label, String(repeating: "b", count: 61)].joined(separator: ".")
    let name = try #require(DomainName(longest))
    #expect(name.wireForm.count == 255)
    #expect(name.description == longest)
    #expect(DomainName(longest + ".") == name)
    #expect(DomainName(longest + "b") == nil)
    #expect(DomainName(longest + ".b") == nil)
    // Escapes count as the byte that they stand for.
    #expect(DomainName(String(repeating: "\\065", count: 63))?.labels.first?.count == 63)
    #expect(DomainName(String(repeating: "\\065", count: 64)) == nil)
    let many = Array(repeating: "a", count: 127).joined(separator: ".")
    #expect(DomainName(many)?.wireForm.count == 255)
    #expect(DomainName(many + ".a") == nil)
  }

  @Test("Labels of any bytes are made, but no empty or long ones")
  func labelLimits() throws {
    #expect(try DomainName(labels: []) == .root)
    #expect(try DomainName(labels: [[0, 255, 46]]).description == "\\000\\255\\.")
    #expect(throws: WireError.badName) { try DomainName(labels: [[]]) }
    #expect(throws: WireError.badName) { try DomainName(labels: [Array(repeating: 1, count: 64)]) }
    #expect(throws: WireError.badName) { try DomainName(labels: Array(repeating: [1], count: 128)) }
  }

  @Test("A backslash makes the next character, or the byte of three digits, part of the label")
  func escapes() throws {
    let name = try #require(DomainName("a\\.b\\\\c\\032d\\(.x"))
    #expect(name.labels == [Array("a.b\\c d(".utf8), Array("x".utf8)])
    #expect(name.description == "a\\.b\\\\c\\032d(.x")
    #expect(DomainName(name.description) == name)
  }

  @Test("Every byte survives as text")
  func everyByte() throws {
    for byte in UInt8.min...UInt8.max {
      let name = try DomainName(labels: [[byte, byte], [0x61]])
      #expect(DomainName(name.description)?.wireForm == name.wireForm, "byte \(byte)")
    }
  }

  @Test("Names differ by more than the case of ASCII letters only")
  func comparison() throws {
    let name = try #require(DomainName("WWW.example.COM"))
    let same = try #require(DomainName("www.EXAMPLE.com"))
    #expect(name == same && name.hashValue == same.hashValue)
    #expect(Set([name, same]).count == 1)
    #expect(name != DomainName("www.example.org"))
    #expect(name != DomainName("wwwexample.com"))
    // The dot is no separator here, and the bytes beside the letters are not letters.
    #expect(DomainName("a\\.b") != DomainName("a.b"))
    #expect(DomainName("@[") != DomainName("`{"))
    #expect(try DomainName(labels: [[0xC4]]) != DomainName(labels: [[0xE4]]))
  }

  @Test("A name is in its ancestors and in itself, at whole labels only")
  func ancestors() throws {
    let name = try #require(DomainName("a.b.Example.com"))
    for ancestor in ["a.b.example.com", "b.example.COM", "example.com", "com", "."] {
      #expect(name.isSubdomain(of: try #require(DomainName(ancestor))), "\(ancestor)")
    }
    for other in ["xample.com", "x.a.b.example.com", "example.org", "a", "e.com"] {
      #expect(!name.isSubdomain(of: try #require(DomainName(other))), "\(other)")
    }
    // A label that holds what looks like an ancestor.
    let sly = try DomainName(labels: [[0x61, 3, 0x63, 0x6F, 0x6D]])
    #expect(!sly.isSubdomain(of: try #require(DomainName("com"))))
    #expect(DomainName.root.isSubdomain(of: .root))
  }

  @Test("A suffix is put behind, as far as there is room")
  func appending() throws {
    let host = try #require(DomainName("www"))
    let domain = try #require(DomainName("example.com"))
    #expect(host.appending(domain) == DomainName("www.example.com"))
    #expect(host.appending(.root) == host && DomainName.root.appending(host) == host)
    let long = try #require(
      DomainName(Array(repeating: Self.letters63, count: 3).joined(separator: ".")))
    #expect(long.appending(long) == nil)
  }

  @Test("An address's name has its octets in reverse under in-addr.arpa")
  func reverse() {
    let name = DomainName.reverse(of: IPAddress(192, 0, 2, 10))
    #expect(name.description == "10.2.0.192.in-addr.arpa")
    #expect(DomainName(name.description) == name)
    #expect(DomainName.reverse(of: .any).description == "0.0.0.0.in-addr.arpa")
  }

  // MARK: In messages

  /// The example of RFC 1035 §4.1.4: F.ISI.ARPA at 20, FOO.F.ISI.ARPA at 40, ARPA at 64, the root at 92.
  private static let example: [UInt8] = {
    var bytes = [UInt8](repeating: 0, count: 93)
    bytes.replaceSubrange(
      20..<32, with: [1, 0x46, 3, 0x49, 0x53, 0x49, 4, 0x41, 0x52, 0x50, 0x41, 0])
    bytes.replaceSubrange(40..<46, with: [3, 0x46, 0x4F, 0x4F, 0xC0, 20])
    bytes.replaceSubrange(64..<66, with: [0xC0, 26])
    return bytes
  }()

  @Test(
    "The names of RFC 1035's example of compression are parsed",
    arguments: [
      (20, "F.ISI.ARPA", 32), (40, "FOO.F.ISI.ARPA", 46), (64, "ARPA", 66), (92, ".", 93),
    ])
  func compression(_ place: Int, _ text: String, _ end: Int) throws {
    var offset = place
    #expect(try DomainName(parsing: Self.example.span, at: &offset) == DomainName(text))
    #expect(offset == end)
  }

  /// What is thrown for a name at `place` of these bytes; `nil` when it is parsed.
  private func failure(_ bytes: [UInt8], at place: Int) -> WireError? {
    var offset = place
    do throws(WireError) {
      _ = try DomainName(parsing: bytes.span, at: &offset)
      return nil
    } catch {
      return error
    }
  }

  @Test("Pointers forwards, to themselves, in a circle and into the header are refused")
  func pointers() {
    let head = [UInt8](repeating: 0, count: 12)
    #expect(failure(head + [0xC0, 12], at: 12) == .badName)
    #expect(failure(head + [0xC0, 14, 0], at: 12) == .badName)
    #expect(failure(head + [0xC0, 0], at: 12) == .badName)
    #expect(failure(head + [0xC0, 11], at: 12) == .badName)
    #expect(failure(head + [0xFF, 0xFF], at: 12) == .badName)
    // Two pointers to each other; a label that points back to itself; one into its own middle.
    #expect(failure(head + [0xC0, 14, 0xC0, 12], at: 14) == .badName)
    #expect(failure(head + [1, 0x61, 0xC0, 12], at: 12) == .badName)
    #expect(failure(head + [3, 1, 0x61, 0, 0xC0, 13], at: 12) == .badName)
    // The same in sight, but backwards.
    #expect(failure(head + [1, 0x61, 0, 0xC0, 12], at: 15) == nil)
  }

  @Test("So many pointers are followed, and not one more")
  func pointerCount() {
    // A name at 12, and then pointers, each to the one before.
    var bytes = [UInt8](repeating: 0, count: 12) + [0]
    var target = 12
    for _ in 0...DomainName.mostPointers {
      let place = bytes.count
      bytes += [0xC0 | UInt8(target >> 8), UInt8(target & 0xFF)]
      target = place
    }
    #expect(failure(bytes, at: bytes.count - 4) == nil)
    #expect(failure(bytes, at: bytes.count - 2) == .badName)
  }

  @Test("Labels of unknown kinds and names of more than 255 bytes are refused")
  func badLabels() {
    let head = [UInt8](repeating: 0, count: 12)
    for kind in [0x40, 0x7F, 0x80, 0xBF] as [UInt8] {
      #expect(failure(head + [kind] + [UInt8](repeating: 0, count: 200), at: 12) == .badName)
    }
    let label = [63] + [UInt8](repeating: 0x61, count: 63)
    let fits = label + label + label + [61] + [UInt8](repeating: 0x62, count: 61) + [0]
    #expect(failure(head + fits, at: 12) == nil)
    let long = label + label + label + [62] + [UInt8](repeating: 0x62, count: 62) + [0]
    #expect(failure(head + long, at: 12) == .badName)
    // The same, with the end pointed to.
    #expect(
      failure(
        head + [1, 0x61, 0] + label + label + label + [59] + label.dropFirst(5) + [0xC0, 12], at: 15
      ) == nil)
    #expect(
      failure(
        head + [1, 0x61, 0] + label + label + label + [60] + label.dropFirst(4) + [0xC0, 12], at: 15
      ) == .badName)
  }

  @Test("A name that the bytes end in is truncated, at every length")
  func truncation() {
    for count in 0..<46 {
      let cut = Array(Self.example[..<count])
      #expect(failure(cut, at: 40) == .truncated, "\(count) bytes")
    }
    #expect(failure([], at: 0) == .truncated)
    #expect(failure(Self.example, at: 93) == .truncated)
  }
}
