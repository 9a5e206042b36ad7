import MacTCPEngine
import MacTCPWire

/// Two engines on a raw link without delay, in virtual time. A test may look at each packet, and drop it.
struct TwoHosts: ~Copyable {
  var a: Engine
  var b: Engine
  var now = Instant(microseconds: 1_000_000)
  var eventsA: [EngineEvent] = []
  var eventsB: [EngineEvent] = []
  /// Which packets get through; called with the packet and whether it comes from `a`.
  var passes: (Span<UInt8>, Bool) -> Bool = { _, _ in true }
  /// The time that a packet is on its way, in microseconds.
  var delay = 0
  var packets = 0
  private var inFlight: [(at: Instant, fromA: Bool, bytes: [UInt8])] = []

  static let addressA = IPAddress(10, 0, 0, 1)
  static let addressB = IPAddress(10, 0, 0, 2)

  static func configuration(_ address: IPAddress) -> EngineConfiguration {
    var configuration = EngineConfiguration()
    if let prefix = IPv4Prefix(address, length: 24) { configuration.addresses = [prefix] }
    configuration.seed = UInt64(address.v4)
    return configuration
  }

  init(
    a: EngineConfiguration = configuration(addressA),
    b: EngineConfiguration = configuration(addressB)
  ) throws {
    // Both first: a value with only one of them cannot be given up.
    let first = try Engine(a)
    let second = try Engine(b)
    self.a = first
    self.b = second
  }

  /// Carries packets until none is on its way; time stands still but for their delay.
  mutating func exchange(limit: Int = 100_000) {
    var left = limit
    while left > 0 {
      left -= 1
      collect(fromA: true)
      collect(fromA: false)
      events()
      guard let next = inFlight.min(by: { $0.at < $1.at }) else { return }
      now = max(now, next.at)
      deliver()
    }
  }

  private mutating func collect(fromA: Bool) {
    while true {
      var sent = false
      let bytes = [UInt8](capacity: 65_535) { output in
        sent = fromA ? a.transmit(into: &output, at: now) : b.transmit(into: &output, at: now)
      }
      guard sent else { return }
      packets += 1
      if passes(bytes.span, fromA) {
        inFlight.append((now.advanced(by: delay), fromA, bytes))
      }
    }
  }

  private mutating func deliver() {
    let due = inFlight.filter { $0.at <= now }
    inFlight.removeAll { $0.at <= now }
    for packet in due {
      if packet.fromA {
        b.receive(packet.bytes.span, at: now)
      } else {
        a.receive(packet.bytes.span, at: now)
      }
    }
  }

  private mutating func events() {
    while let event = a.nextEvent() { eventsA.append(event) }
    while let event = b.nextEvent() { eventsB.append(event) }
    #if DEBUG
      a.checkInvariants()
      b.checkInvariants()
    #endif
  }

  /// Lets time pass up to the next deadline, at most `most` microseconds, and carries what follows.
  /// `false` if there was no deadline before.
  mutating func wait(atMost most: Int) -> Bool {
    let limit = now.advanced(by: most)
    var next = min(a.nextDeadline ?? .never, b.nextDeadline ?? .never)
    if let packet = inFlight.min(by: { $0.at < $1.at }) { next = min(next, packet.at) }
    now = max(now, min(next, limit))
    a.advance(to: now)
    b.advance(to: now)
    exchange()
    return next <= limit
  }

  /// Lets so much time pass.
  mutating func pass(_ microseconds: Int) {
    let end = now.advanced(by: microseconds)
    exchange()
    while now < end, wait(atMost: now.microseconds(to: end)) {}
    now = end
  }
}
