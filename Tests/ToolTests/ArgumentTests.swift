import ArgumentParser
import MacTCP
import Testing

@testable import MacTCPTool

@Suite struct ArgumentTests {
  @Test(arguments: [
    ("0", 0), ("17", 17), ("17b", 17), ("2K", 2048), ("2k", 2048), ("2KiB", 2048), ("2kB", 2000),
    ("256MB", 256_000_000), ("1M", 1_048_576), ("1G", 1_073_741_824), ("3GB", 3_000_000_000),
    ("1TiB", 1_099_511_627_776),
  ])
  func amountsOfBytes(text: String, expected: Int) {
    #expect(ByteCount(argument: text)?.bytes == expected)
  }

  @Test(arguments: ["", "K", "-1", "1.5M", "1X", "1 M", "9999999999G", "٣"])
  func whatIsNoAmount(text: String) {
    #expect(ByteCount(argument: text) == nil)
  }

  @Test func times() {
    #expect(Seconds(argument: "2")?.duration == .seconds(2))
    #expect(Seconds(argument: "0.5")?.duration == .milliseconds(500))
    for text in ["0", "-1", "nan", "inf", "", "x", "1e300"] {
      #expect(Seconds(argument: text) == nil, "\(text)")
    }
  }

  @Test func ports() {
    #expect(RemotePort(argument: "1")?.number == 1)
    #expect(RemotePort(argument: "65535")?.number == 65_535)
    for text in ["0", "65536", "-1", "", "http"] {
      #expect(RemotePort(argument: text) == nil, "\(text)")
    }
  }

  @Test(arguments: [
    ["connect"], ["connect", "127.0.0.1"], ["connect", "127.0.0.1", "0"], ["listen", "65536"],
    ["listen", "1", "--urgent", ""], ["listen", "1", "--timeout", "0"], ["ping"], ["nothing"],
    ["ping", "127.0.0.1", "-c", "0"], ["ping", "127.0.0.1", "-s", "65508"],
    ["udp", "listen", "1", "--raw", "--json"], ["udp", "listen", "1", "--count", "0"],
    ["demo", "--bytes", "many"], ["info", "--what"],
  ])
  func wrongUsageIs64(arguments: [String]) {
    let error = #expect(throws: (any Error).self) { try MacTCPCommand.parseAsRoot(arguments) }
    #expect(error.map { MacTCPCommand.exitCode(for: $0).rawValue } == ToolStatus.usage.rawValue)
  }

  private static let commands: [any ParsableCommand.Type] = [
    MacTCPCommand.self, DemoCommand.self, InfoCommand.self, ListenCommand.self,
    ConnectCommand.self, UDPCommand.self, UDPSendCommand.self, UDPListenCommand.self,
    PingCommand.self, SimulateCommand.self,
  ]

  @Test func everyCommandHelpsWithAnExample() {
    for command in Self.commands {
      let help = MacTCPCommand.helpMessage(for: command)
      #expect(help.contains("Example"), "\(command)")
      #expect(help.contains("\n  mactcp "), "\(command)")
    }
  }

  /// `mactcp --help` has a line for each.
  @Test func everyAbstractFitsALine() {
    for command in Self.commands {
      #expect(command.configuration.abstract.count <= 56, "\(command)")
    }
  }
}

@Suite struct FailureTests {
  @Test(arguments: [
    (MacTCPError(.openFailed, "x", cause: .refused), ToolStatus.unavailable),
    (MacTCPError(.openFailed, "x", cause: .unreachable), .unavailable),
    (MacTCPError(.openFailed, "x", cause: .timedOut), .timedOut),
    (MacTCPError(.commandTimeout, "x"), .timedOut),
    (MacTCPError(.icmpEchoTimeoutErr, "x"), .timedOut),
    (MacTCPError(.ipRouteErr, "x"), .unavailable),
    (MacTCPError(.ipDestDeadErr, "x"), .unavailable),
    (MacTCPError(.insufficientResources, "x", cause: .permissionDenied), .noPermission),
    (MacTCPError(.openFailed, "x", cause: .badAddress), .noHost),
    (MacTCPError(.authNameErr, "x"), .noHost),
    (MacTCPError(.duplicateSocket, "x"), .failure),
    (MacTCPError(.connectionTerminated, "x"), .failure),
  ])
  func exitCodes(error: MacTCPError, status: ToolStatus) {
    #expect(ToolStatus(error) == status)
    #expect(ToolFailure(error).message == "\(error)")
  }

  @Test(arguments: [
    ("", "the host is empty", ToolStatus.usage),
    ("::1", "::1 is an IPv6 address; only IPv4 is supported", .noHost),
    ("fe80::1%lo", "fe80::1%lo is an IPv6 address; only IPv4 is supported", .noHost),
    ("[::1]", "[::1] is an IPv6 address; only IPv4 is supported", .noHost),
  ])
  func hostsThatAreNone(host: String, message: String, status: ToolStatus) {
    let error = #expect(throws: ToolFailure.self) { try resolve(host) }
    #expect(error == ToolFailure(message, status))
  }

  @Test func theCodesAreThoseOfSysexits() {
    let codes: [ToolStatus] = [
      .success, .failure, .usage, .noInput, .noHost, .unavailable, .cannotCreate, .inputOutput,
      .timedOut, .noPermission, .hungUp, .interrupted, .terminated,
    ]
    #expect(codes.map(\.rawValue) == [0, 1, 64, 66, 68, 69, 73, 74, 75, 77, 129, 130, 143])
  }
}

@Suite struct LineTests {
  private func lines(_ pieces: [String]) throws -> [String] {
    var splitter = LineSplitter()
    var lines: [[UInt8]] = []
    for piece in pieces { try splitter.add(Array(piece.utf8)[...]) { lines.append($0) } }
    if let rest = splitter.rest { lines.append(rest) }
    return lines.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func aDatagramPerLine() throws {
    #expect(try lines([]) == [])
    #expect(try lines(["one\ntwo\n"]) == ["one", "two"])
    #expect(try lines(["one\ntwo"]) == ["one", "two"])
    #expect(try lines(["\n\n"]) == ["", ""])
    #expect(try lines(["o", "ne\nt", "wo", "\n"]) == ["one", "two"])
    #expect(try lines(["one\r\n"]) == ["one\r"])
  }

  @Test func aLineIsNoLongerThanADatagram() throws {
    let longest = String(repeating: "x", count: 65_507)
    #expect(try lines([longest]) == [longest])
    #expect(try lines([longest, "\n", longest]) == [longest, longest])
    for tail in ["y", "y\n"] {
      var taken: [[UInt8]] = []
      var splitter = LineSplitter()
      let error = #expect(throws: ToolFailure.self) {
        try splitter.add(Array("one\n\(longest)".utf8)[...]) { taken.append($0) }
        try splitter.add(Array(tail.utf8)[...]) { taken.append($0) }
      }
      #expect(
        error?.message == "a line is too long: a datagram carries at most 65507 bytes")
      #expect(taken == [Array("one".utf8)])
    }
  }
}

@Suite struct PingTallyTests {
  @Test func summary() {
    var tally = PingTally()
    tally.sent = 4
    tally.roundTrips = [1, 2, 6]
    #expect(
      tally.text(host: "host") == """

        --- host ping statistics ---
        4 packets transmitted, 3 received, 25.0% packet loss
        round-trip min/avg/max = 1.000/3.000/6.000 ms
        """)
    #expect(
      "\(tally.json)"
        == #"{"sent":4,"received":3,"loss":25.0,"min":1.000,"avg":3.000,"max":6.000}"#)
  }

  @Test func nothingCameBack() {
    var tally = PingTally()
    tally.sent = 1
    #expect(
      tally.text(host: "h").hasSuffix("1 packets transmitted, 0 received, 100.0% packet loss"))
    #expect(
      "\(tally.json)"
        == #"{"sent":1,"received":0,"loss":100.0,"min":null,"avg":null,"max":null}"#)
  }
}
