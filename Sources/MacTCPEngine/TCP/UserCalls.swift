// The user's calls (RFC 9293 §3.10.1 to §3.10.6).

internal import MacTCPWire

extension TCPLayer {
  // MARK: OPEN (§3.10.1)

  mutating func activeOpen(
    _ id: ConnectionID, to remote: Endpoint, from local: Endpoint, _ options: OpenOptions,
    _ ip: inout IPLayer, _ context: inout Context
  ) throws(EngineError) {
    let index = try indexForOpening(id, options)
    // MUST-46.
    guard remote.address.isUnicast, !ip.isGroup(remote.address), remote.port != 0 else {
      throw .badAddress
    }
    var local = local
    if local.address == .any {
      // MUST-44.
      guard let source = ip.sourceAddress(for: remote.address) else { throw .noRoute }
      local.address = source
    } else if !ip.isLocal(local.address) {
      throw .badAddress
    }
    if local.port == 0 {
      guard let port = ephemeralPort(local.address, remote) else {
        throw .insufficientResources
      }
      local.port = port
    } else if find(local: local, remote: remote) != nil {
      throw .duplicateSocket
    }
    guard local != remote else { throw .badAddress }
    try prepare(index, options, &context)
    take(local, remote, at: index, &ip, &context)
    connections[index].settings.isPassive = false
    connections[index].state = .synSent
    connections[index].pending.syn = true
    connections[index].pending.output = true
    context.counters.tcp.activeOpens &+= 1
    settle(index, &context)
  }

  mutating func passiveOpen(
    _ id: ConnectionID, on local: Endpoint, from remote: Endpoint, _ options: OpenOptions,
    _ ip: inout IPLayer, _ context: inout Context
  ) throws(EngineError) {
    let index = try indexForOpening(id, options)
    try waitForConnections(index, on: local, from: remote, options, forOne: true, &ip, &context)
    connections[index].extras?.listen = (
      connections[index].local, connections[index].remote, options.ipOptions
    )
  }

  mutating func listen(
    _ id: ConnectionID, on local: Endpoint, backlog: Int, _ options: OpenOptions,
    _ ip: inout IPLayer, _ context: inout Context
  ) throws(EngineError) {
    guard (1...65_535).contains(backlog) else { throw .invalidLength }
    let index = try indexForOpening(id, options)
    try waitForConnections(
      index, on: local, from: Endpoint(.any, 0), options, forOne: false, &ip, &context)
    guard let handle = listeners.insert(Listener(backlog: backlog)) else {
      connections[index].state = .closed
      leaveTables(index)
      throw .insufficientResources
    }
    connections[index].listener = Int32(truncatingIfNeeded: handle.index)
  }

  /// LISTEN, for one connection or many.
  private mutating func waitForConnections(
    _ index: Int, on local: Endpoint, from remote: Endpoint, _ options: OpenOptions, forOne: Bool,
    _ ip: inout IPLayer, _ context: inout Context
  ) throws(EngineError) {
    guard local.address == .any || ip.isLocal(local.address) else { throw .badAddress }
    guard remote.address == .any || remote.address.isUnicast && !ip.isGroup(remote.address) else {
      throw .badAddress
    }
    var local = local
    if local.port == 0 {
      guard let port = ephemeralPort(local.address, remote) else {
        throw .insufficientResources
      }
      local.port = port
    }
    // MUST-42: others may use the port, but not listen for the same.
    for other in ports[local.port] ?? [] {
      guard
        connections[Int(other)].local != local || connections[Int(other)].remote != remote
      else { throw .duplicateSocket }
    }
    try prepare(index, options, needsExtras: forOne, &context)
    connections[index].local = local
    connections[index].remote = remote
    connections[index].settings.isPassive = true
    connections[index].state = .listen
    enterPorts(index)
  }

  mutating func enterPorts(_ index: Int) {
    ports[connections[index].local.port, default: []].append(Int32(truncatingIfNeeded: index))
    connections[index].pending.inPorts = true
  }

  private func indexForOpening(_ id: ConnectionID, _ options: OpenOptions) throws(EngineError)
    -> Int
  {
    let index = try index(of: id)
    let state = connections[index].state
    guard state == .closed || state == .timeWait, !connections[index].pending.reset else {
      throw .connectionExists
    }
    guard SourceRoute.isValid(options.ipOptions.span), options.timeToLive != 0,
      EngineConfiguration.isUserTimeout(options.userTimeout ?? 0)
    else { throw .invalidLength }
    return index
  }

  /// Makes the block as new, but for what the user has set. At the memory ceiling nothing is changed.
  private mutating func prepare(
    _ index: Int, _ options: OpenOptions, needsExtras: Bool = false, _ context: inout Context
  ) throws(EngineError) {
    let keepalive = connections[index].extras?.keepalive
    var extras: Extras?
    if needsExtras || !options.ipOptions.isEmpty || keepalive != nil {
      extras = connections[index].makeExtras(&context)
      guard let extras else { throw .insufficientResources }
      (extras.report, extras.ipOptions, extras.listen) = (nil, options.ipOptions, nil)
      // The new block has it.
      connections[index].extras = nil
    }
    connections[index].freeMemory(&context)
    var block = ControlBlock(context.recovery)
    block.settings = connections[index].settings
    block.receiveLimit = connections[index].receiveLimit
    block.sendLimit = connections[index].sendLimit
    block.armed = connections[index].armed
    block.settings.typeOfService = options.typeOfService
    if let timeToLive = options.timeToLive { block.settings.timeToLive = timeToLive }
    if let timeout = options.userTimeout {
      block.settings.userTimeout = timeout
      block.settings.userTimeoutIsSet = true
    }
    block.settings.userTimeoutAborts = options.userTimeoutAborts
    block.extras = extras
    connections[index] = block
  }

  /// Gives the block its four-tuple, its place in the table, and its first numbers: behind `previousEnd`, the last
  /// of a connection in TIME-WAIT with the same four-tuple (RFC 9293 §3.6.1, MAY-2).
  mutating func take(
    _ local: Endpoint, _ remote: Endpoint, at index: Int, after previousEnd: SequenceNumber? = nil,
    _ ip: inout IPLayer, _ context: inout Context
  ) {
    connections[index].local = local
    connections[index].remote = remote
    table.insert(local: local, remote: remote, value: index)
    connections[index].pending.inTable = true
    var iss = initialSequence.next(local: local, remote: remote, now: context.now)
    if let previousEnd {
      // A window further, so that nothing old is in the new window.
      iss = SequenceNumber.later(iss, previousEnd.advanced(by: 65_536))
    }
    let optionBytes = ((connections[index].extras?.ipOptions.count ?? 0) &+ 3) & ~3
    let mss = ip.tcpPathMTU(to: remote.address) &- 40 &- optionBytes
    connections[index].begin(
      iss: iss, mss: mss, offset: initialSequence.timestampOffset(local: local, remote: remote))
  }

  private mutating func ephemeralPort(_ address: IPAddress, _ remote: Endpoint) -> UInt16? {
    // A copy: what the closure looks at must not be written at the same time.
    var ephemeralPorts = ephemeralPorts
    defer { self.ephemeralPorts = ephemeralPorts }
    return ephemeralPorts.choose(local: address, remote: remote) { port in
      find(local: Endpoint(address, port), remote: remote) != nil || ports[port] != nil
    }
  }

  // MARK: SEND, RECEIVE (§3.10.2, §3.10.3)

  @inline(__always)
  mutating func send(
    _ id: ConnectionID, _ bytes: Span<UInt8>, push: Bool, urgent: Bool, _ context: inout Context
  ) throws(EngineError) -> Int {
    let index = try index(of: id)
    let taken = try connections[index].send(bytes, push: push, urgent: urgent, &context)
    // Nothing else can follow from it, nor from reading.
    ready.append(index)
    return taken
  }

  @inline(__always)
  mutating func read(
    _ id: ConnectionID, into output: inout OutputSpan<UInt8>, _ context: inout Context
  ) throws(EngineError) -> Received {
    let index = try index(of: id)
    let received = try connections[index].read(into: &output, &context)
    if connections[index].pending.output { ready.append(index) }
    return received
  }

  // MARK: CLOSE, ABORT (§3.10.4, §3.10.5), and the end of a stream

  mutating func close(_ id: ConnectionID, _ context: inout Context) throws(EngineError) {
    let index = try index(of: id)
    if connections[index].listener >= 0 {
      dropListener(index, &context)
      connections[index].end(.close, &context)
    } else {
      try connections[index].close(&context)
    }
    settle(index, &context)
  }

  mutating func abort(_ id: ConnectionID, _ context: inout Context) throws(EngineError) {
    let index = try index(of: id)
    guard connections[index].state != .closed else { throw .connectionDoesntExist }
    if connections[index].listener >= 0 { dropListener(index, &context) }
    if connections[index].state == .timeWait {
      // Its end has been told; the record stays, for the sake of the peer.
      connections[index].state = .closed
    } else {
      connections[index].abortConnection(.abort, &context)
    }
    settle(index, &context)
  }

  mutating func release(_ id: ConnectionID, _ context: inout Context) throws(EngineError) {
    let index = try index(of: id)
    if connections[index].listener >= 0 { dropListener(index, &context) }
    connections[index].release(&context)
    eventful.remove(index)
    settle(index, &context)
  }

  // MARK: STATUS (§3.10.6) and options

  func status(of id: ConnectionID, _ context: borrowing Context) throws(EngineError)
    -> ConnectionStatus
  {
    connections[try index(of: id)].status(context)
  }

  mutating func set(_ option: ConnectionOption, of id: ConnectionID, _ context: inout Context)
    throws(EngineError)
  {
    let index = try index(of: id)
    try connections[index].set(option, &context)
    settle(index, &context)
  }
}
