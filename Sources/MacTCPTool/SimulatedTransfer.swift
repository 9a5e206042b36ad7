// What `mactcp simulate` does: one host sends bytes that the seed makes, the other one receives and hashes them, and both
// close.
//
// The simulation runs on the calling thread as fast as it can; an interrupt stops it between two packets.
import MacTCPEngine
import MacTCPSimulation
import MacTCPWire
import Synchronization

/// A transfer over a simulated network.
final class SimulatedTransfer: Sendable {
  private let command: SimulateCommand
  private let counters = Counters()
  private let isStopped = Atomic(false)

  init(_ command: SimulateCommand) {
    self.command = command
  }

  /// Ends the transfer from another thread.
  func stop() {
    isStopped.store(true, ordering: .relaxed)
  }

  /// Runs the transfer from its beginning to its end.
  func run(capturingTo file: OutputSink?) throws(ToolFailure) -> SimulationReport {
    let total = command.bytes.bytes
    let progress =
      command.json
      ? nil
      : Repeater(every: .milliseconds(100)) { [counters] in
        Console.shared.showTransiently([progressBar(done: counters.received, of: total)])
      }
    defer {
      progress?.stop()
      Console.shared.clearTransient()
    }
    do {
      return try simulate(file)
    } catch let failure as ToolFailure {
      throw failure
    } catch {
      throw ToolFailure("the simulation failed: \(error)")
    }
  }

  private func simulate(_ file: OutputSink?) throws -> SimulationReport {
    let start = ContinuousClock.now
    var network = Simulation(seed: command.seed)
    if file != nil { network.startCapture() }
    var ends = try open(&network)
    var isLeft = true
    while isLeft, !ends.areDone {
      if isStopped.load(ordering: .relaxed) {
        throw ToolFailure.interrupted(
          "\(amount(counters.received)) of \(amount(command.bytes.bytes)) transferred")
      }
      // What is captured is written often enough to stay small.
      for _ in 0..<1_000 where isLeft && !ends.areDone {
        isLeft = try network.step { host, engine, now in
          counters.addReceived(ends.serve(host, &engine, now))
        }
      }
      try file?.write(network.takeCapturedBytes())
    }
    if let refusal = ends.refusal { throw refusal }
    let (sender, receiver) = (ends.sender, ends.receiver)
    return SimulationReport(
      bytes: command.bytes.bytes, received: receiver.received, seed: command.seed,
      congestionControl: command.congestion.rawValue,
      virtualTime: Int(receiver.lastArrival.microseconds),
      seconds: (ContinuousClock.now - start).inSeconds,
      sentDigest: sender.digest, receivedDigest: receiver.digest, sender: sender.figures,
      counters: network.withEngine(ends.near) { engine, _ in engine.counters.tcp },
      wire: network.statistics(from: ends.near), back: network.statistics(from: ends.far),
      ends: (ends.senderEnd, ends.receiverEnd))
  }

  /// Two hosts and a wire, and the first calls on both.
  private func open(_ network: inout Simulation) throws -> SimulatedEnds {
    let near = try network.addHost(command.host(1))
    let far = try network.addHost(command.host(2))
    try network.connect(near, far, command.wire, back: command.wireBack)
    let peer = Endpoint(IPAddress(10, 0, 0, 2), 9)
    let receiver = try network.withEngine(far) { engine, now in
      let id = try engine.createConnection()
      try engine.passiveOpen(id, on: peer, at: now)
      return SimulatedReceiver(id)
    }
    let sender = try network.withEngine(near) { engine, now in
      let id = try engine.createConnection()
      try engine.activeOpen(id, to: peer, at: now)
      return SimulatedSender(id, bytes: command.bytes.bytes, seed: command.seed)
    }
    return SimulatedEnds(near: near, far: far, sender: sender, receiver: receiver)
  }
}
