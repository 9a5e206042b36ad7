import ArgumentParser
import MacTCP

/// `mactcp info`.
struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Show the driver, its interface and its statistics.",
    discussion: """
      The environment variable MACTCP_INTERFACE chooses the interface.

      Example, the packet size for a script:
        mactcp info --json | jq .mtu
      """)

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws(ToolFailure) {
    let facts = try translating { () throws(MacTCPError) in try Facts(MacTCP.open()) }
    try Console.shared.print(json ? "\(facts.json)" : facts.text)
  }
}

/// What `info` shows of a driver.
private struct Facts {
  private let driver: [(name: String, value: JSON)]
  private let statistics: [(name: String, value: JSON)]

  init(_ driver: any Driver) throws(MacTCPError) {
    let link = try driver.linkStatistics()
    self.driver = [
      ("driver", .string(driver.name)),
      ("interface", .string(driver.interfaceName)),
      ("address", .string("\(try driver.address)")),
      ("netMask", .string("\(try driver.netMask)")),
      ("mtu", .number(try driver.mtu)),
      ("interfaceType", .string(link.interfaceType)),
      ("speed", .number(link.speed)),
      ("hardwareAddress", .string(MacTCPTool.hardwareAddress(link.hardwareAddress))),
      (
        "arpTable",
        .array(
          link.arpTable.map {
            .object([
              ("address", .string("\($0.address)")),
              ("hardwareAddress", .string(MacTCPTool.hardwareAddress($0.hardwareAddress))),
            ])
          })
      ),
    ]
    statistics = Facts.members(of: try driver.globalInfo())
  }

  private static func members(of info: GlobalInfo) -> [(name: String, value: JSON)] {
    [
      ("rtoAlgorithm", .string(info.rtoAlgorithm)),
      ("smallestRTO", .number(Int(info.smallestRTO.inMilliseconds))),
      ("largestRTO", .number(Int(info.largestRTO.inMilliseconds))),
      ("largestSegmentReceived", .number(info.largestSegmentReceived)),
      ("streamsSupported", .number(info.streamsSupported)),
      ("largestWindow", .number(info.largestWindow)),
      ("connectionsAttempted", .number(info.connectionsAttempted)),
      ("connectionsOpened", .number(info.connectionsOpened)),
      ("connectionsAccepted", .number(info.connectionsAccepted)),
      ("connectionsClosed", .number(info.connectionsClosed)),
      ("connectionsAborted", .number(info.connectionsAborted)),
      ("octetsIn", .number(info.octetsIn)),
      ("octetsOut", .number(info.octetsOut)),
      ("octetsInTwice", .number(info.octetsInTwice)),
      ("octetsResent", .number(info.octetsResent)),
      ("segmentsIn", .number(info.segmentsIn)),
      ("segmentsOut", .number(info.segmentsOut)),
      ("segmentsInTwice", .number(info.segmentsInTwice)),
      ("segmentsResent", .number(info.segmentsResent)),
    ]
  }

  var json: JSON { .object(driver + statistics) }

  var text: String {
    let width = (driver + statistics).reduce(0) { max($0, $1.name.count) }
    func lines(_ members: [(name: String, value: JSON)]) -> [String] {
      members.flatMap { name, value in
        texts(of: value, named: name).map { "\(padded(name, to: width))  \($0)" }
      }
    }
    return (lines(driver) + [""] + lines(statistics)).joined(separator: "\n")
  }

  /// A member as text, none where the system does not say; the ARP table takes a line per row.
  private func texts(of value: JSON, named name: String) -> [String] {
    switch value {
    case .string(let text): text.isEmpty ? [] : [text]
    case .number(0) where name == "speed": []
    case .number(let bits) where name == "speed": ["\(fixed(Double(bits) / 1e6, 0)) Mbit/s"]
    case .number(let milliseconds) where name.hasSuffix("RTO"): ["\(milliseconds) ms"]
    case .array(let rows): rows.flatMap { texts(of: $0, named: name) }
    case .object(let members):
      [members.flatMap { texts(of: $0.value, named: $0.name) }.joined(separator: "  ")]
    default: ["\(value)"]
    }
  }
}
