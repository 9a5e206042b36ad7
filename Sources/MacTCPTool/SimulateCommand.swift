import ArgumentParser
import MacTCPEngine
import MacTCPSimulation
import MacTCPWire

/// `mactcp simulate`.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "A transfer over a network that a seed makes.",
    discussion: """
      Two hosts of the package's own TCP/IP, a wire between them with the same properties both ways, and a \
      virtual clock: nobody waits, and the same seed and options give the same packets. Exit status 0 only if \
      every byte arrived as it was sent and both sides closed in peace.

      Examples:
        mactcp simulate --rate 100mbit --rtt 20ms --loss 1% --bytes 100MB --seed 1
        mactcp simulate --loss 2% --burst 5 --reorder 3% --capture transfer.pcapng --json
      """)

  @Option(help: ArgumentHelp("How much to transfer: 64K, 100MB, 1GiB.", valueName: "amount"))
  var bytes = ByteCount(bytes: 100_000_000)

  @Option(help: "What all accidents and all data are made from.")
  var seed: UInt64 = 1

  @Option(help: ArgumentHelp("The wire's rate: 56kbit, 100mbit, 2.5gbit.", valueName: "rate"))
  var rate = BitRate(bitsPerSecond: 100_000_000)

  @Option(
    help: ArgumentHelp("The time there and back: 250us, 20ms, 1.5s.", valueName: "time"))
  var rtt = NetworkTime(microseconds: 20_000)

  @Option(
    help: ArgumentHelp(
      "What waits before the wire: packets, or bytes as 64KiB. Without it, what the wire carries in a round trip.",
      valueName: "length"))
  var queue: QueueLength?

  @Option(help: ArgumentHelp("The share of packets that get lost.", valueName: "share"))
  var loss = Share(percent: 0)

  @Option(
    help: ArgumentHelp(
      "Lose them in bursts, so many packets long in the mean.", valueName: "packets"))
  var burst: Int?

  @Option(help: ArgumentHelp("The share of packets that others overtake.", valueName: "share"))
  var reorder = Share(percent: 0)

  @Option(
    help: ArgumentHelp(
      "How late those are at most. Without it, a quarter of the round trip.", valueName: "time"))
  var reorderBy: NetworkTime?

  @Option(help: ArgumentHelp("The share of packets that arrive twice.", valueName: "share"))
  var duplicate = Share(percent: 0)

  @Option(help: ArgumentHelp("The share of packets of which a bit is changed.", valueName: "share"))
  var corrupt = Share(percent: 0)

  @Option(help: ArgumentHelp("The largest IP packet.", valueName: "bytes"))
  var mtu = 1500

  @Option(help: ArgumentHelp("The congestion control: cubic or newreno.", valueName: "name"))
  var congestion = CongestionControlName.cubic

  @Option(
    help: ArgumentHelp("Write all packets to this file, in the format pcapng.", valueName: "file"))
  var capture: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if !(68...65_535).contains(mtu) { throw ValidationError("The MTU is 68...65535.") }
    if let burst {
      if !(1...1_000_000).contains(burst) {
        throw ValidationError("A burst is 1...1000000 packets long.")
      }
      if loss.isNone { throw ValidationError("Bursts need --loss.") }
    }
    if reorderBy != nil && reorder.isNone { throw ValidationError("--reorder-by needs --reorder.") }
  }

  func run() throws(ToolFailure) {
    let file = try captureFile()
    let transfer = SimulatedTransfer(self)
    let report = try Interrupts.shared.whileStopping(with: { transfer.stop() }) {
      () throws(ToolFailure) in try transfer.run(capturingTo: file)
    }
    try Console.shared.print(json ? "\(report.json)" : report.text)
    if !report.holds { throw ToolFailure(report.failures.joined(separator: "; ")) }
  }
}

extension SimulateCommand {
  /// Where the capture goes.
  private func captureFile() throws(ToolFailure) -> OutputSink? {
    guard let capture else { return nil }
    let file = try OutputSink(path: capture)
    try file.empty()
    return file
  }

  /// The wire, in each direction.
  var wire: Wire {
    var wire = Wire(rate: rate.bitsPerSecond, delay: max(1, rtt.microseconds / 2))
    wire.queue = queue?.queue ?? .bytes(max(bytesInRoundTrip, 32 * mtu))
    wire.loss =
      if let burst {
        .bursts(mean: loss.probability, length: burst)
      } else {
        loss.isNone ? .none : .random(loss.probability)
      }
    wire.reordering = reorder.probability
    wire.reorderingDelay = reorderBy?.microseconds ?? max(1, rtt.microseconds / 4)
    wire.duplication = duplicate.probability
    wire.corruption = corrupt.probability
    return wire
  }

  /// The other direction has what an odd round trip leaves.
  var wireBack: Wire {
    var wire = wire
    wire.delay = max(1, rtt.microseconds - wire.delay)
    return wire
  }

  /// What the wire carries in a round trip, up to what a queue and a buffer may be.
  private var bytesInRoundTrip: Int {
    let (bits, overflow) = rate.bitsPerSecond.multipliedReportingOverflow(by: rtt.microseconds)
    return overflow ? 1 << 28 : min(bits / 8_000_000, 1 << 28)
  }

  /// The host 10.0.0.`number`; its buffers hold what is on the wire and in the queue, twice.
  func host(_ number: UInt8) -> EngineConfiguration {
    var configuration = EngineConfiguration()
    configuration.addresses = IPv4Prefix("10.0.0.\(number)/24").map { [$0] } ?? []
    configuration.mtu = mtu
    configuration.seed = seed
    configuration.congestionControl = congestion == .cubic ? .cubic : .newReno
    let buffer = min(max(4 * bytesInRoundTrip, 256 << 10), 1 << 30)
    configuration.receiveBuffer = buffer
    configuration.sendBuffer = buffer
    configuration.memoryCeiling = 4 * buffer + (64 << 20)
    return configuration
  }
}
