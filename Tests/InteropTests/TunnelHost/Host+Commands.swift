import MacTCPEngine
import MacTCPWire

// What the driver can say. Each line is a call of the engine; the answer is one object, with `error` if the call was
// refused. APPLICATION is `manual`, `echo`, `transfer INPUT OUTPUT`, `http FILE` or `iperf`.
extension Host {
  func obey(_ line: String) {
    let words = line.split(separator: " ")
    do {
      try obey(words)
    } catch let error as EngineError {
      tell(["error": "\(error)"])
    } catch {
      tell(["error": "TunnelHost: \(error): \(line)"])
    }
  }

  private func obey(_ words: [Substring]) throws {
    switch (words.first, words.count) {
    // listen PORT APPLICATION
    case ("listen", 3...): try listen(words)
    // connect FROM-PORT ADDRESS:PORT APPLICATION; the port 0 lets the engine choose
    case ("connect", 4...): try connect(words)
    // send ID HEXADECIMAL [urgent]
    case ("send", 3...):
      guard let bytes = bytes(of: words[2]) else { throw Failure(description: "no bytes") }
      let count = try engine.send(
        identifier(words), bytes.span, urgent: words.count > 3, at: now)
      tell(["count": count])
    // receive ID MOST
    case ("receive", 3): try receive(identifier(words), most: Int(words[2]) ?? 0)
    case ("close", 2):
      try engine.close(identifier(words), at: now)
      tell([:])
    case ("abort", 2):
      try engine.abort(identifier(words), at: now)
      tell([:])
    case ("release", 2):
      try engine.release(identifier(words), at: now)
      tell([:])
    case ("status", 2): try tellStatus(of: identifier(words))
    // keepalive ID IDLE INTERVAL PROBES
    case ("keepalive", 5):
      let numbers = words.dropFirst(2).compactMap { Int($0) }
      guard numbers.count == 3 else { throw Failure(description: "no numbers") }
      try engine.set(
        .keepaliveTimes(idle: numbers[0], interval: numbers[1], probes: numbers[2]),
        of: identifier(words), at: now)
      tell([:])
    // loss INBOUND OUTBOUND, shares of 1
    case ("loss", 3):
      inbound.loss = Double(words[1]) ?? 0
      outbound.loss = Double(words[2]) ?? 0
      tell([:])
    // echo ADDRESS SIZE
    case ("echo", 3):
      guard let address = IPAddress(String(words[1])), let size = Int(words[2]) else {
        throw Failure(description: "no address")
      }
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
      tell(["id": try engine.sendEcho(to: address, bytes.span, at: now).rawValue])
    case ("counters", 1): tellCounters()
    default: throw Failure(description: "no such command")
    }
  }

  private func identifier(_ words: [Substring]) throws -> ConnectionID {
    guard let number = Int64(words[1]) else { throw Failure(description: "no identifier") }
    return ConnectionID(rawValue: number)
  }

  private func listen(_ words: [Substring]) throws {
    guard let port = UInt16(words[1]) else { throw Failure(description: "no port") }
    let make = try application(words.dropFirst(2).map { String($0) })
    let id = try engine.createConnection()
    try engine.listen(id, on: Endpoint(.any, port), at: now)
    services[id] = make
    tell(["id": id.rawValue])
  }

  private func connect(_ words: [Substring]) throws {
    guard let port = UInt16(words[1]), let remote = Endpoint(String(words[2])) else {
      throw Failure(description: "no endpoints")
    }
    let make = try application(words.dropFirst(3).map { String($0) })
    let id = try engine.createConnection()
    try engine.activeOpen(id, to: remote, from: Endpoint(.any, port), at: now)
    if let application = try make() { applications[id] = application }
    tell(["id": id.rawValue])
  }

  /// How the application that the words name is made, for each connection anew.
  private func application(_ words: [String]) throws -> () throws -> (any Application)? {
    switch (words[0], words.count) {
    case ("manual", 1): return { nil }
    case ("echo", 1): return { Echo() }
    case ("transfer", 3): return { try Transfer(input: words[1], output: words[2]) }
    case ("http", 2): return { HTTPServer(words[1]) }
    case ("iperf", 1):
      let server = IperfServer()
      return { IperfConnection(server) }
    default: throw Failure(description: "no such application")
    }
  }

  private func receive(_ id: ConnectionID, most: Int) throws {
    var received = Received()
    let bytes = try [UInt8](capacity: max(0, most)) { output in
      received = try engine.receive(id, into: &output, at: now)
    }
    tell([
      "data": hexadecimal(bytes), "urgent": received.isUrgent, "mark": received.isMark,
      "pushed": received.isPushed, "end": received.isEnd,
    ])
  }

  private func tellStatus(of id: ConnectionID) throws {
    let status = try engine.status(of: id, at: now)
    tell([
      "state": "\(status.state)", "local": "\(status.local)", "remote": "\(status.remote)",
      "sendWindow": status.sendWindow, "receiveWindow": status.receiveWindow,
      "unacknowledged": status.unacknowledged, "unread": status.unread,
      "sendSpace": status.sendSpace, "urgentRemaining": status.urgentRemaining,
      "maximumSegmentSize": status.maximumSegmentSize,
    ])
  }

  private func tellCounters() {
    let counters = engine.counters
    let drops = DropReason.allCases.filter { counters[$0] > 0 }
    tell([
      "segmentsSent": counters.tcp.segmentsSent, "segmentsReceived": counters.tcp.segmentsReceived,
      "segmentsResent": counters.tcp.segmentsResent,
      "retransmissionTimeouts": counters.tcp.retransmissionTimeouts,
      "fastRecoveries": counters.tcp.fastRecoveries,
      "spuriousRecoveries": counters.tcp.spuriousRecoveries,
      "tailLossProbes": counters.tcp.tailLossProbes,
      "zeroWindowProbes": counters.tcp.zeroWindowProbes,
      "keepaliveProbes": counters.tcp.keepaliveProbes,
      "errorsReceived": counters.icmp.errorsReceived, "timeWaitReused": counters.tcp.timeWaitReused,
      "segmentsOutOfOrder": counters.tcp.segmentsOutOfOrder,
      "drops": drops.map { "\($0) \(counters[$0])" }.joined(separator: ", "),
      "memory": engine.memoryInUse, "applications": applications.count, "refused": refused,
      "lostInbound": inbound.lost, "lostOutbound": outbound.lost,
      "duplicated": inbound.duplicated + outbound.duplicated,
      "delayedInbound": inbound.delayed, "delayedOutbound": outbound.delayed,
    ])
  }
}
