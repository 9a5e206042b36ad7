import MacTCPEngine
import MacTCPWire

/// The length of the pattern that is sent, and of the application's buffer.
let patternLength = 65536

func patternByte(_ index: Int) -> UInt8 {
  let index = index & (patternLength - 1)
  return UInt8(truncatingIfNeeded: index &* 7 &+ index >> 8)
}

/// An engine, and the application above it, which answers its events.
struct Host: ~Copyable {
  /// Which of the received bytes are compared with the pattern.
  enum Check { case none, first, all }

  var engine: Engine
  let address: IPAddress
  var check = Check.none
  private let pattern: UnsafeMutableBufferPointer<UInt8>
  private let buffer: UnsafeMutableBufferPointer<UInt8>

  // What has happened, all connections together.
  /// Bytes that the application has read.
  private(set) var received = 0
  /// Bytes that were not what they should be.
  private(set) var wrong = 0
  private(set) var opened = 0
  /// How many peers have closed.
  private(set) var peersClosed = 0
  /// How many of our FINs are acknowledged.
  private(set) var finsAcknowledged = 0
  /// Why a connection was lost that nobody had closed.
  private(set) var failure: TerminationReason?
  private var accepted: ConnectionID?

  init(_ address: IPAddress, _ settings: Settings) throws {
    guard let prefix = IPv4Prefix(address, length: 24) else {
      throw BenchmarkError.failed("no prefix")
    }
    var configuration = EngineConfiguration(addresses: [prefix])
    configuration.mtu = settings.count("mtu", default: 1500)
    configuration.receiveBuffer = settings.count("buf", default: 262_144)
    configuration.sendBuffer = configuration.receiveBuffer
    configuration.memoryCeiling = 1 << 30
    configuration.usesNagle = false
    configuration.seed = UInt64(address.v4)
    configuration.acknowledgmentDelay = settings.count(
      "delay", default: configuration.acknowledgmentDelay)
    configuration.usesSACK = settings.count("sack", default: 1) != 0
    configuration.usesTimestamps = settings.count("timestamps", default: 1) != 0
    configuration.congestionControl = settings.count("cubic", default: 1) != 0 ? .cubic : .newReno
    engine = try Engine(configuration)
    self.address = address
    pattern = .allocate(capacity: patternLength)
    _ = pattern.initialize(from: (0..<patternLength).lazy.map(patternByte))
    buffer = .allocate(capacity: patternLength)
    buffer.initialize(repeating: 0)
  }

  deinit {
    pattern.deallocate()
    buffer.deallocate()
  }

  // MARK: The link

  /// Sends what the engine has, at most `limit` packets, until the link takes no more.
  ///
  /// - Returns: Whether there was anything.
  @discardableResult
  mutating func transmit<L: Link & ~Copyable>(
    into link: inout L, limit: Int = .max, at now: Instant
  ) -> Bool {
    var count = 0
    while count < limit, let slot = link.vacantSlot {
      var packet = OutputSpan(buffer: slot, initializedCount: 0)
      guard engine.transmit(into: &packet, at: now) else { break }
      link.push(packet.count)
      count += 1
    }
    return count > 0
  }

  /// Gives the engine what has arrived, then lets the application answer the events.
  ///
  /// - Returns: Whether there was anything.
  @discardableResult
  mutating func receive<L: Link & ~Copyable>(from link: inout L, at now: Instant)
    throws(EngineError)
    -> Bool
  {
    guard link.arrival != nil else { return false }
    while let packet = link.arrival {
      engine.receive(packet.span, at: now)
      link.pop()
    }
    try answerEvents(at: now)
    return true
  }

  // MARK: The application

  mutating func answerEvents(at now: Instant) throws(EngineError) {
    while let event = engine.nextEvent() {
      switch event {
      case .dataArrived(let id): try read(id, at: now)
      case .opened: opened += 1
      case .incoming(let listener): accepted = try engine.accept(listener)
      case .closing: peersClosed += 1
      case .finAcknowledged: finsAcknowledged += 1
      case .terminated(_, let reason): if reason != .close { failure = reason }
      default: break
      }
    }
  }

  /// Reads all that there is into the application's buffer.
  private mutating func read(_ id: ConnectionID, at now: Instant) throws(EngineError) {
    while true {
      let offset = received & (patternLength - 1)
      let room = UnsafeMutableBufferPointer(rebasing: buffer[offset...])
      var output = OutputSpan(buffer: room, initializedCount: 0)
      let count = try engine.receive(id, into: &output, at: now).count
      compare(room, count)
      received += count
      guard count == room.count else { return }
    }
  }

  private mutating func compare(_ bytes: UnsafeMutableBufferPointer<UInt8>, _ count: Int) {
    switch check {
    case .none: break
    case .first: if count > 0, bytes[0] != patternByte(received) { wrong += 1 }
    case .all: for i in 0..<count where bytes[i] != patternByte(received + i) { wrong += 1 }
    }
  }

  /// Sends the pattern from where `sent` stands in it, at most `count` bytes; all in one call.
  ///
  /// - Returns: How many bytes were taken.
  mutating func write(_ id: ConnectionID, sent: Int, count: Int, at now: Instant)
    throws(EngineError) -> Int
  {
    let offset = sent & (patternLength - 1)
    let end = min(offset + count, patternLength)
    let bytes = UnsafeBufferPointer(rebasing: pattern[offset..<end])
    return try engine.send(id, bytes.span, at: now)
  }

  /// The connection that was accepted last, once.
  mutating func takeAccepted() -> ConnectionID? {
    defer { accepted = nil }
    return accepted
  }
}
