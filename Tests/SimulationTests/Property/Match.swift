import MacTCPEngine
import MacTCPSimulation
import MacTCPWire

/// Plays a case and says what was not as it should be.
struct Match {
  let `case`: Case
  private(set) var players: [Player]
  private(set) var complaints: [String] = []
  /// How many steps the simulation took.
  private(set) var steps = 0
  /// The virtual time it took, in microseconds.
  private(set) var duration = 0
  /// What was captured, if it was asked for.
  private(set) var capture: [UInt8] = []

  /// A connection that takes longer never ends: longer than any time-out.
  private static let limit = 30 * 86_400_000_000
  private static let stepLimit = 200_000

  init(_ case: Case) {
    self.case = `case`
    players = (0...1).map {
      Player(`case`.plans[$0], side: UInt64($0), seed: `case`.seed, start: `case`.start)
    }
  }

  /// Plays the case to its end.
  mutating func play(capturing: Bool = false) {
    do {
      try playOut(capturing: capturing)
    } catch {
      complaints.append("\(error)")
    }
    complaints +=
      players[0].complaints.map { "A: \($0)" } + players[1].complaints.map { "B: \($0)" }
  }

  private mutating func playOut(capturing: Bool) throws {
    var network = Simulation(seed: `case`.seed, start: `case`.start)
    let hosts = try `case`.configurations.map { try network.addHost($0) }
    try network.connect(hosts[0], hosts[1], `case`.wires[0], back: `case`.wires[1])
    if capturing { network.startCapture() }
    defer { if capturing { capture = network.takeCapturedBytes() } }
    let endpoints = [
      Endpoint(IPAddress(10, 0, 0, 1), 5001), Endpoint(IPAddress(10, 0, 0, 2), 5002),
    ]
    let idle = hosts.map { network.withEngine($0) { engine, _ in engine.memoryInUse } }
    // The passive side first.
    for side in [1, 0] {
      try network.withEngine(hosts[side]) { engine, now in
        try players[side].open(
          &engine, now, local: endpoints[side], remote: endpoints[1 - side])
        players[side].serve(&engine, now)
      }
    }
    let end = network.now.advanced(by: Self.limit)
    while !(players[0].isDone && players[1].isDone) {
      guard complaints.isEmpty, try advance(&network, hosts, until: end) else { break }
    }
    duration = `case`.start.microseconds(to: network.now)
    for side in 0...1 where !players[side].isDone {
      if `case`.promise == .prefix && players[side].isWaiting { continue }
      complaints.append("\(side == 0 ? "A" : "B") never ended")
    }
    judge()
    guard complaints.isEmpty else { return }
    try clearUp(&network, hosts, idle)
  }

  /// Goes to the next moment at which something happens, or a player wants to do something.
  private mutating func advance(
    _ network: inout Simulation, _ hosts: [HostID], until end: Instant
  ) throws -> Bool {
    steps += 1
    let wakeUp = min(players[0].wakeUp, players[1].wakeUp)
    let moment = min(network.nextMoment ?? .never, wakeUp)
    guard moment <= end, steps < Self.stepLimit else { return false }
    if moment == wakeUp {
      try network.run(until: wakeUp) { serve($0, &$1, $2, hosts) }
      for side in 0...1 where players[side].wakeUp <= wakeUp {
        network.withEngine(hosts[side]) { serve(hosts[side], &$0, $1, hosts) }
      }
    } else {
      _ = try network.step { serve($0, &$1, $2, hosts) }
    }
    return true
  }

  private mutating func serve(
    _ host: HostID, _ engine: inout Engine, _ now: Instant, _ hosts: [HostID]
  ) {
    let side = host == hosts[0] ? 0 : 1
    players[side].serve(&engine, now)
    let ceiling = `case`.configurations[side].memoryCeiling
    if engine.memoryInUse > ceiling {
      complaints.append("\(engine.memoryInUse) bytes of memory, above the ceiling of \(ceiling)")
    }
  }

  /// Whether what was to arrive has.
  private mutating func judge() {
    for side in 0...1 {
      let (sender, receiver) = (players[side], players[1 - side])
      let name = side == 0 ? "A" : "B"
      if receiver.received > sender.sent { complaints.append("more arrived than \(name) sent") }
      guard `case`.promise == .complete else { continue }
      if receiver.received != sender.plan.total {
        complaints.append("\(receiver.received) of \(name)'s \(sender.plan.total) bytes arrived")
      }
      if !receiver.peerHasClosed { complaints.append("\(name)'s end was not seen") }
      if sender.urgentEnd != receiver.mark {
        complaints.append(
          "\(name)'s urgent data ended at \(sender.urgentEnd ?? -1), seen at \(receiver.mark ?? -1)"
        )
      }
      // Where the peer has all and has closed, its last acknowledgements may have been lost, and it has forgotten
      // the connection since: it answers with a RST then.
      let isForgotten =
        sender.end == .remoteAbort && receiver.end == .close
        && receiver.received == sender.plan.total
      if sender.end != .close && !isForgotten {
        complaints.append("\(name) ended by \(sender.end.map { "\($0)" } ?? "-")")
      }
    }
  }

  /// Gives the streams back; when TIME-WAIT is over, no memory is left.
  private mutating func clearUp(
    _ network: inout Simulation, _ hosts: [HostID], _ idle: [Int]
  ) throws {
    for side in 0...1 {
      network.withEngine(hosts[side]) { players[side].release(&$0, $1) }
    }
    try network.run(until: network.now.advanced(by: 3_600_000_000))
    for side in 0...1 {
      let (left, last) = network.withEngine(hosts[side]) { engine, _ in
        (engine.memoryInUse, engine.nextEvent())
      }
      if left > idle[side] { complaints.append("\(left - idle[side]) bytes of memory are left") }
      if let last { complaints.append("an event after the release: \(last)") }
    }
  }
}
