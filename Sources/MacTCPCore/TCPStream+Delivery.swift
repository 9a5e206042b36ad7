// When a receive completes, and with what: section 3.3 of the interface.

/// A receive that waits in the stream's queue.
final class PendingReceive {
  let command: Command<Received>
  /// The most that it takes.
  let capacity: Int
  let deadline: MonotonicTime?

  init(command: Command<Received>, capacity: Int, deadline: MonotonicTime?) {
    self.command = command
    self.capacity = capacity
    self.deadline = deadline
  }
}

extension TCPStream {
  /// A receive that needed no waiting, or a command that waits.
  enum Start<Value: Sendable> {
    case done(Value)
    case pending(Command<Value>)
  }

  func startReceive(_ limit: Int, _ timeout: Duration?, _ effects: inout Effects)
    throws(MacTCPError) -> Start<Received>
  {
    try requireReceivable(limit)
    var known: Readiness?
    if phase == .open, receives.isEmpty, !isReceiverAsleep {
      let ready = transport.readiness()
      if case .complete = transport.arrival(ready) {
        var data: [UInt8] = []
        if let result = outcome(receiveArray(&data, limit, ready), &effects) {
          service(nil, &effects)
          let flags = try result.get()
          return .done(Received(data: data, isUrgent: flags.isUrgent, isMark: flags.isMark))
        }
      }
      known = ready
    }
    let command = Command<Received>(lock: lock, owner: self)
    let pending = PendingReceive(
      command: command, capacity: limit, deadline: timeout.map { transport.now + $0 })
    receives.append(pending)
    if phase == .open { service(known, &effects) } else { receiveLeftovers(&effects) }
    return .pending(command)
  }

  var notOpenErrorNow: MacTCPError { lock.withLock { notOpenError } }

  func requirePositive(_ limit: Int) throws(MacTCPError) {
    guard limit > 0 else {
      throw MacTCPError(
        .invalidLength, "a receive takes at least 1 byte of room, \(limit) were given")
    }
  }

  /// Which state a receive is legal in, and with which error it is refused in the others.
  func requireReceivable(_ limit: Int) throws(MacTCPError) {
    try requireStream()
    try requirePositive(limit)
    if phase == .open {
      if flow.endDelivered {
        throw MacTCPError(
          .connectionClosing, "\(peerName) has closed, and all its data was received")
      }
    } else if leftover == nil {
      throw notOpenError
    }
  }

  /// Completes receives, oldest first, as far as what has come allows.
  func progressReceives(_ known: Readiness?, _ effects: inout Effects) {
    accumulationDeadline = nil
    var known = known
    waiting: while phase == .open, !isReceiverAsleep, let receive = receives.first {
      let ready = known ?? transport.readiness()
      known = nil
      let isLate = receive.deadline.map { transport.now >= $0 } ?? false
      switch transport.arrival(ready) {
      case .accumulating(let bytes, let since)
      where !isLate && bytes < receive.capacity && bytes < receiveBuffer / 4
        && transport.now < since + accumulationTime:
        accumulationDeadline = since + accumulationTime
        break waiting
      case .accumulating, .complete:
        if !deliver(to: receive, ready, &effects) && !expire(receive, isLate, &effects) {
          break waiting
        }
      case .nothing:
        if !expire(receive, isLate, &effects) { break waiting }
      }
    }
    // Later receives may have earlier deadlines.
    guard phase == .open, receives.count > 1, receives.contains(where: { $0.deadline != nil })
    else { return }
    let now = transport.now
    receives.filter { $0.deadline.map { now >= $0 } ?? false }.forEach {
      _ = expire($0, true, &effects)
    }
  }

  private func expire(_ receive: PendingReceive, _ isLate: Bool, _ effects: inout Effects) -> Bool {
    guard isLate else { return false }
    receives.removeAll { $0 === receive }
    receiveDone()
    receive.command.complete(.failure(receiveTimeoutError), &effects)
    return true
  }

  var receiveTimeoutError: MacTCPError {
    MacTCPError(.commandTimeout, "nothing came from \(peerName) in time", cause: .timedOut)
  }

  /// Delivers to the oldest receive, and completes it; `false` when there was nothing after all.
  private func deliver(to receive: PendingReceive, _ ready: Readiness, _ effects: inout Effects)
    -> Bool
  {
    var data: [UInt8] = []
    let delivery = receiveArray(&data, receive.capacity, ready)
    guard let result = outcome(delivery, &effects) else { return false }
    if receives.first === receive {
      receives.removeFirst()
      receive.command.complete(
        result.map { Received(data: data, isUrgent: $0.isUrgent, isMark: $0.isMark) }, &effects)
    }
    return true
  }

  /// Receives at once into a caller's buffer, when nobody else waits and something completes a receive now.
  func takeNow(into buffer: UnsafeMutableRawBufferPointer, _ effects: inout Effects)
    -> Result<ReceivedCount, MacTCPError>?
  {
    guard phase == .open, receives.isEmpty, !isReceiverAsleep else { return nil }
    return take(into: buffer, transport.readiness(), &effects)
  }

  func take(
    into buffer: UnsafeMutableRawBufferPointer, _ ready: Readiness, _ effects: inout Effects
  ) -> Result<ReceivedCount, MacTCPError>? {
    guard case .complete = transport.arrival(ready) else { return nil }
    return outcome(transport.receive(into: buffer, ready), &effects)
  }

  /// Receives into an array that is made for what is expected, and grows where more has come.
  private func receiveArray(_ data: inout [UInt8], _ capacity: Int, _ ready: Readiness) -> Delivery
  {
    var delivery = append(&data, min(capacity, flow.expectedBytes), ready)
    if case .bytes(_, let urgent, false) = delivery, data.count == flow.expectedBytes {
      let more = min(capacity - data.count, transport.unread)
      let now = transport.readiness()
      if more > 0, now.contains(.urgent) == urgent,
        case .bytes(_, _, let ends) = append(&data, more, now)
      {
        delivery = .bytes(count: data.count, urgent: urgent, endsUrgent: ends)
      }
    }
    flow.expectedBytes = min(defaultReceiveLimit, max(2048, data.count * 2))
    return delivery
  }

  private func append(_ data: inout [UInt8], _ capacity: Int, _ ready: Readiness) -> Delivery {
    var delivery = Delivery.nothing
    let part = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      delivery = transport.receive(into: UnsafeMutableRawBufferPointer(buffer), ready)
      if case .bytes(let received, _, _) = delivery { count = received }
    }
    if data.isEmpty { data = part } else { data += part }
    return delivery
  }

  /// What a delivery means for the receive that it was made for; `nil` when there was nothing.
  private func outcome(_ delivery: Delivery, _ effects: inout Effects)
    -> Result<ReceivedCount, MacTCPError>?
  {
    switch delivery {
    case .nothing:
      return nil
    case .bytes(let count, let urgent, let endsUrgent):
      receiveDone()
      let isFirst = urgent && !flow.isInsideUrgent
      flow.isInsideUrgent = urgent && !endsUrgent
      if !flow.isInsideUrgent { flow.urgentGiven = false }
      return .success(ReceivedCount(count: count, isUrgent: isFirst, isMark: urgent && endsUrgent))
    case .end:
      let error = MacTCPError(
        .connectionClosing, "\(peerName) has closed, and all its data was received")
      receiveDone()
      // Completed here, before the connection may end with it and take them down with another error.
      while let receive = receives.popFirst() {
        receive.command.complete(.failure(error), &effects)
      }
      endReached(&effects)
      return .failure(error)
    case .lost(let loss):
      return .failure(connectionLost(loss, &effects))
    }
  }

  /// A receive has completed: the next arrival is notified again.
  func receiveDone() {
    flow.dataArrivalGiven = false
  }

  /// Completes receives from what was left when the connection was lost.
  func receiveLeftovers(_ effects: inout Effects) {
    while let receive = receives.popFirst() {
      if leftover == nil {
        receive.command.complete(.failure(notOpenError), &effects)
      } else {
        receiveLeftover(receive, &effects)
      }
    }
  }

  func receiveLeftover(_ receive: PendingReceive, _ effects: inout Effects) {
    guard let part = takeLeftover(receive.capacity) else { return }
    receive.command.complete(
      .success(Received(data: Array(part), isUrgent: false, isMark: false)), &effects)
  }

  func takeLeftover(_ limit: Int) -> ArraySlice<UInt8>? {
    guard let (data, offset) = leftover else { return nil }
    let part = data[offset...].prefix(limit)
    leftover = part.endIndex == data.count ? nil : (data, part.endIndex)
    return part
  }
}
