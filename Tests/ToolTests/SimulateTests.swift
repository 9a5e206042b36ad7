import ArgumentParser
import Foundation
import MacTCPSimulation
import Testing

@testable import MacTCPTool

@Suite struct NetworkArgumentTests {
  @Test(arguments: [
    ("1bit", 1), ("56kbit", 56_000), ("100mbit", 100_000_000), ("2.5Gbit", 2_500_000_000),
    ("1tbit", 1_000_000_000_000), ("0.5kbit", 500),
  ])
  func rates(text: String, expected: Int) {
    #expect(BitRate(argument: text)?.bitsPerSecond == expected)
  }

  @Test(arguments: [
    "", "100", "mbit", "-1mbit", "0mbit", "2tbit", "1e3mbit", ".5mbit", "1..5mbit", "5 mbit",
    "٣mbit",
  ])
  func whatIsNoRate(text: String) {
    #expect(BitRate(argument: text) == nil)
  }

  @Test(arguments: [
    ("1us", 1), ("250us", 250), ("20ms", 20_000), ("1.5s", 1_500_000), ("3600s", 3_600_000_000),
  ])
  func times(text: String, expected: Int) {
    #expect(NetworkTime(argument: text)?.microseconds == expected)
  }

  @Test(arguments: ["", "20", "0ms", "0.1us", "-1s", "3601s", "1h", "ms"])
  func whatIsNoTime(text: String) {
    #expect(NetworkTime(argument: text) == nil)
  }

  @Test func shares() {
    #expect(Share(argument: "1%")?.probability == .percent(1))
    #expect(Share(argument: "0.05%")?.probability.perBillion == 500_000)
    #expect(Share(argument: "0%")?.isNone == true)
    #expect(Share(argument: "100%")?.probability == .always)
    for text in ["1", "101%", "-1%", "%", "", "1%%"] {
      #expect(Share(argument: text) == nil, "\(text)")
    }
  }

  @Test func queues() {
    #expect(QueueLength(argument: "100")?.queue == .packets(100))
    #expect(QueueLength(argument: "64KiB")?.queue == .bytes(65_536))
    for text in ["", "-1", "2GiB", "many"] {
      #expect(QueueLength(argument: text) == nil, "\(text)")
    }
  }

  @Test(arguments: [
    ["--rate", "fast"], ["--rtt", "0ms"], ["--loss", "2"], ["--burst", "3"],
    ["--loss", "1%", "--burst", "0"], ["--reorder-by", "3ms"], ["--mtu", "67"], ["--mtu", "65536"],
    ["--congestion", "bbr"], ["--bytes", "many"], ["--seed", "-1"], ["--queue", "x"],
  ])
  func wrongUsageIs64(arguments: [String]) {
    let error = #expect(throws: (any Error).self) {
      try MacTCPCommand.parseAsRoot(["simulate"] + arguments)
    }
    #expect(error.map { MacTCPCommand.exitCode(for: $0).rawValue } == ToolStatus.usage.rawValue)
    #expect(error.map { MacTCPCommand.message(for: $0).isEmpty } == false)
  }

  @Test(
    "Bit rates for people",
    arguments: [(0.0, "0 bit/s"), (94_123_456, "94.1 Mbit/s"), (12e9, "12.0 Gbit/s")])
  func bitRates(value: Double, expected: String) {
    #expect(bitRate(value) == expected)
  }
}

@Suite struct SimulatedTransferTests {
  private func command(_ arguments: String...) throws -> SimulateCommand {
    try SimulateCommand.parse(arguments)
  }

  private func report(_ arguments: String...) throws -> SimulationReport {
    try SimulatedTransfer(SimulateCommand.parse(["--json"] + arguments)).run(capturingTo: nil)
  }

  @Test func theWireIsAsItWasSaid() throws {
    let command = try command(
      "--rate", "8mbit", "--rtt", "21ms", "--loss", "2%", "--burst", "4", "--reorder", "3%",
      "--duplicate", "4%", "--corrupt", "5%")
    #expect(command.wire.rate == 8_000_000)
    #expect(command.wire.delay + command.wireBack.delay == 21_000)
    #expect(command.wire.queue == .bytes(32 * 1500))
    #expect(command.wire.loss == .bursts(mean: .percent(2), length: 4))
    #expect(command.wire.reordering == .percent(3))
    #expect(command.wire.reorderingDelay == 5_250)
    #expect(command.wire.duplication == .percent(4))
    #expect(command.wire.corruption == .percent(5))
    #expect(try self.command("--rtt", "1us").wire.delay == 1)
    #expect(try self.command("--rate", "1gbit", "--rtt", "100ms").wire.queue == .bytes(12_500_000))
    // What no buffer can hold is brought into what it can.
    #expect(try self.command("--rate", "1tbit", "--rtt", "3600s").host(1).receiveBuffer == 1 << 30)
  }

  @Test func everyByteArrives() throws {
    let report = try report(
      "--bytes", "50000", "--loss", "1%", "--reorder", "1%", "--duplicate", "1%", "--seed", "7")
    #expect(report.holds, "\(report.failures)")
    #expect(report.received == 50_000)
    #expect(report.text.hasSuffix("All held."))
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data("\(report.json)".utf8)) as? [String: Any])
    #expect(json["sha256_ok"] as? Bool == true)
    for key in ["goodput_bps", "retransmitted_segments", "srtt_ms", "virtual_seconds"] {
      #expect(json[key] is NSNumber, "\(key)")
    }
  }

  @Test func theSameSeedGivesTheSameReport() throws {
    let lossy = ["--bytes", "30000", "--loss", "3%", "--json"]
    let reports = try ["5", "5", "6"].map { seed in
      let command = try SimulateCommand.parse(lossy + ["--seed", seed])
      return "\(try SimulatedTransfer(command).run(capturingTo: nil).json)"
    }
    #expect(reports[0] == reports[1])
    #expect(reports[0] != reports[2])
  }

  @Test func nothingIsATransferToo() throws {
    #expect(try report("--bytes", "0").holds)
    #expect(try report("--bytes", "1", "--mtu", "576").holds)
  }

  @Test func aWireThatLosesAllFailsWithASentence() throws {
    let report = try report("--bytes", "10", "--loss", "100%")
    #expect(!report.holds)
    #expect(report.failures.first == "0 of 10 bytes arrived")
    #expect(report.failures.contains("the sender's connection: network failure"))
    #expect("\(report.json)".contains(#""sha256_ok":false"#))
  }

  @Test(arguments: ["42", "48"])
  func aDamagedSYNIsSentAgain(seed: String) throws {
    // With these seeds the first packet of all is the one that the wire damages.
    let report = try report("--bytes", "10K", "--corrupt", "3%", "--seed", seed)
    #expect(report.holds, "\(report.failures)")
    #expect(report.received == 10_240)
  }

  @Test func aReceiverThatNobodyReachesWaits() throws {
    let report = try report("--bytes", "10", "--corrupt", "100%")
    #expect(report.failures.first == "0 of 10 bytes arrived")
    #expect(report.failures.contains("the sender's connection: network failure"))
  }

  @Test func aStoppedTransferSaysHowFarItCame() throws {
    let transfer = SimulatedTransfer(try command("--bytes", "1G", "--json"))
    transfer.stop()
    let failure = #expect(throws: ToolFailure.self) { try transfer.run(capturingTo: nil) }
    #expect(failure?.message == "interrupted: 0 bytes of 1.1 GB transferred")
  }

  @Test func theCaptureIsWritten() throws {
    let path = FileManager.default.temporaryDirectory.appending(
      path: "mactcp-simulate-\(UUID().uuidString).pcapng"
    ).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let file = try OutputSink(path: path)
    let report = try SimulatedTransfer(command("--bytes", "10000", "--json")).run(capturingTo: file)
    let bytes = try [UInt8](Data(contentsOf: URL(filePath: path)))
    #expect(bytes.prefix(4) == [0x0A, 0x0D, 0x0D, 0x0A])
    #expect(bytes.count > report.wire.bytesSent + report.back.bytesSent)
  }
}
