import Testing

@testable import MacTCPTool

@Suite struct FormattingTests {
  @Test(arguments: [
    (0.0, 3, "0.000"), (1.0, 0, "1"), (0.0005, 3, "0.001"), (1.999, 2, "2.00"), (12.05, 1, "12.1"),
    (-1.25, 2, "-1.25"), (-0.001, 1, "0.0"), (1234567.0, 1, "1234567.0"),
  ])
  func decimals(value: Double, digits: Int, expected: String) {
    #expect(fixed(value, digits) == expected)
  }

  @Test func decimalsOfWhatIsNoNumber() {
    #expect(fixed(.infinity, 1) == "inf")
    #expect(fixed(1e300, 1) == "1e+300")
  }

  @Test(arguments: [
    (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (256_000_000, "256.0 MB"),
    (999_949, "999.9 kB"), (999_950, "1.0 MB"), (1_500_000_000, "1.5 GB"),
    (2_000_000_000_000, "2.0 TB"),
  ])
  func amounts(bytes: Int, expected: String) {
    #expect(amount(bytes) == expected)
  }

  @Test func rates() {
    #expect(rate(3_000_000, in: 2) == "1.5 MB/s")
    #expect(rate(3_000_000, in: 0) == "-")
  }

  @Test func linesThatAWindowShows() {
    let lines = ["12345", "123", "1"]
    #expect(fitted(lines, to: nil) == lines)
    #expect(fitted(lines, to: WindowSize(columns: 80, rows: 24)) == lines)
    #expect(fitted(lines, to: WindowSize(columns: 5, rows: 2)) == ["1234", "123"])
    #expect(fitted(lines, to: WindowSize(columns: 1, rows: 1)) == ["1"])
  }

  @Test func progress() {
    #expect(
      progressLine(done: 0, of: 1000, seconds: 1)
        == "[>                             ]   0%  0 bytes of 1.0 kB  0 bytes/s")
    #expect(
      progressLine(done: 500, of: 1000, seconds: 1)
        == "[===============>              ]  50%  500 bytes of 1.0 kB  500 bytes/s")
    #expect(
      progressLine(done: 1000, of: 1000, seconds: 1)
        == "[==============================] 100%  1.0 kB of 1.0 kB  1.0 kB/s")
  }

  @Test func progressPastTheTotalStaysInside() {
    #expect(progressLine(done: 3000, of: 1000, seconds: 1).hasPrefix("[======"))
    #expect(progressLine(done: 3000, of: 1000, seconds: 1).contains("] 100%"))
  }

  @Test func progressWithoutATotal() {
    #expect(progressLine(done: 2000, of: nil, seconds: 1) == "2.0 kB  2.0 kB/s")
    #expect(progressLine(done: 0, of: 0, seconds: 1) == "0 bytes  0 bytes/s")
  }

  @Test func columns() {
    #expect(padded("ab", to: 4) == "ab  ")
    #expect(padded("abcdef", to: 4) == "abcdef")
    #expect(rightAligned("ab", to: 4) == "  ab")
    #expect(hexadecimal([0, 0x0F, 0xFF]) == "000fff")
    #expect(hardwareAddress([2, 0x42, 0xAC]) == "02:42:ac")
  }
}

@Suite struct JSONTests {
  @Test func values() {
    let object = JSON.object([
      ("text", .string("a")), ("number", .number(-1)), ("decimal", .decimal(1.5, digits: 3)),
      ("flag", .bool(true)), ("nothing", .null), ("list", .array([.number(1), .number(2)])),
    ])
    #expect(
      "\(object)"
        == #"{"text":"a","number":-1,"decimal":1.500,"flag":true,"nothing":null,"list":[1,2]}"#)
  }

  @Test func whatMustBeEscaped() {
    #expect("\(JSON.string("\"\\\n\r\t\u{1}\u{1F}é"))" == #""\"\\\n\r\t\u0001\u001fé""#)
  }

  @Test func whatIsNoNumber() {
    #expect("\(JSON.decimal(.nan, digits: 1))" == "null")
  }
}
