// Echoes that wait for their reply: RFC 792 ("Echo or Echo Reply Message"), RFC 1122 §3.2.2.6.

internal import MacTCPWire

struct EchoTable: ~Copyable {
  enum State: BitwiseCopyable {
    case free
    case waiting
    case replied(Int)
    case timedOut
  }

  struct Echo: BitwiseCopyable {
    var state = State.free
    var generation: UInt32 = 0
    var destination = IPAddress.any
    var identifier: UInt16 = 0
    var sent = Instant.zero
    var deadline = Instant.never
  }

  /// How many may wait for a reply, or for the user to ask for their event.
  static var capacity: Int { 256 }

  private var echoes = PlainArray<Echo>(repeating: Echo(), count: Self.capacity)
  /// Those whose event is to be told.
  private var finished = IndexQueue()
  private var free = IndexQueue()
  /// Not later than the first deadline.
  private(set) var nextDeadline = Instant.never
  private let key: UInt64

  init(key: UInt64) {
    self.key = key
    for place in 0..<Self.capacity { free.append(place) }
  }

  /// What stands in the message, and the handle.
  struct Request {
    var id: EchoID
    var identifier: UInt16
    var sequenceNumber: UInt16
  }

  /// A place for an echo that is sent now; `nil` if none is free. Identifier and sequence number cannot be
  /// guessed by one who does not see the request.
  mutating func begin(
    to destination: IPAddress, timeout: Int, _ context: inout Context
  ) -> Request? {
    guard let place = free.first else { return nil }
    free.remove(place)
    let generation = (echoes[place].generation &+ 1) & Handle.greatestGeneration
    let random = context.random.next()
    let deadline = context.now.advanced(by: max(0, timeout))
    echoes[place] = Echo(
      state: .waiting, generation: generation, destination: destination,
      identifier: UInt16(truncatingIfNeeded: random), sent: context.now, deadline: deadline)
    nextDeadline = min(nextDeadline, deadline)
    let handle = Handle(index: place, generation: generation)
    return Request(
      id: EchoID(rawValue: handle.rawValue), identifier: echoes[place].identifier,
      sequenceNumber: sequenceNumber(place))
  }

  /// Takes an echo back that could not be sent.
  mutating func cancel(_ id: EchoID) {
    guard let handle = Handle(rawValue: id.rawValue), handle.index < Self.capacity else { return }
    release(handle.index)
  }

  /// Notes a reply; `false` if nobody waits for it.
  mutating func receive(
    from source: IPAddress, identifier: UInt16, sequenceNumber: UInt16, now: Instant
  ) -> Bool {
    let place = Int(sequenceNumber ^ UInt16(truncatingIfNeeded: key)) & (Self.capacity &- 1)
    guard case .waiting = echoes[place].state, self.sequenceNumber(place) == sequenceNumber,
      echoes[place].identifier == identifier, echoes[place].destination == source
    else { return false }
    echoes[place].state = .replied(echoes[place].sent.microseconds(to: now))
    finished.append(place)
    return true
  }

  /// Ends those whose time is over.
  mutating func advance(to now: Instant) {
    guard nextDeadline <= now else { return }
    var next = Instant.never
    for place in 0..<Self.capacity {
      guard case .waiting = echoes[place].state else { continue }
      if echoes[place].deadline <= now {
        echoes[place].state = .timedOut
        finished.append(place)
      } else {
        next = min(next, echoes[place].deadline)
      }
    }
    nextDeadline = next
  }

  @inline(__always) var hasEvents: Bool { !finished.isEmpty }

  mutating func nextEvent() -> EngineEvent? {
    guard let place = finished.first else { return nil }
    let handle = Handle(index: place, generation: echoes[place].generation)
    let id = EchoID(rawValue: handle.rawValue)
    let state = echoes[place].state
    finished.remove(place)
    release(place)
    switch state {
    case .replied(let roundTrip): return .echoReply(id, roundTrip: roundTrip)
    case .timedOut: return .echoTimeout(id)
    case .free, .waiting: return nil
    }
  }

  private mutating func release(_ place: Int) {
    echoes[place].state = .free
    free.append(place)
  }

  /// The place is in its lowest bits.
  private func sequenceNumber(_ place: Int) -> UInt16 {
    UInt16(truncatingIfNeeded: place) ^ UInt16(truncatingIfNeeded: key)
  }
}
