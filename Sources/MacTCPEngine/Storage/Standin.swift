internal import MacTCPWire
struct RandomGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
enum SipHash {
  struct Key { var k0: UInt64, k1: UInt64; init(_ a: UInt64, _ b: UInt64) { k0 = a; k1 = b } }
}
struct InitialSequenceNumbers {
  init(key: SipHash.Key) {}
  func next(local: Endpoint, remote: Endpoint, now: Instant) -> SequenceNumber {
    SequenceNumber(UInt32(truncatingIfNeeded: now.microseconds / 4) &+ 12345)
  }
}
struct EphemeralPorts {
  var range: ClosedRange<UInt16>
  init(range: ClosedRange<UInt16>, key: SipHash.Key) { self.range = range }
  func choose(local: IPAddress, remote: Endpoint, now: Instant, isInUse: (UInt16) -> Bool) -> UInt16? {
    for port in range where !isInUse(port) { return port }
    return nil
  }
}
struct SYNCookies {
  init(key: SipHash.Key) {}
  func make(local: Endpoint, remote: Endpoint, sequence: SequenceNumber, mss: UInt16, now: Instant) -> SequenceNumber { SequenceNumber(1) }
  func check(_ cookie: SequenceNumber, local: Endpoint, remote: Endpoint, sequence: SequenceNumber, now: Instant) -> UInt16? { nil }
  func timestamp(windowScale: UInt8?, sackPermitted: Bool, now: Instant) -> UInt32 { 0 }
  func options(of echo: UInt32) -> (windowScale: UInt8?, sackPermitted: Bool) { (nil, false) }
}
struct OutOfOrderRanges {
  var ranges: [SACKBlock] = []
  var isEmpty: Bool { ranges.isEmpty }
  mutating func removeAll() { ranges = [] }
  mutating func insert(left: SequenceNumber, right: SequenceNumber) -> (duplicate: SACKBlock?, isKept: Bool) { (nil, false) }
  mutating func advance(to: SequenceNumber) -> SequenceNumber { to }
  func sackBlocks(limit: Int) -> SACKBlocks { SACKBlocks() }
}
struct LossRecovery {
  struct Configuration { init(_ c: EngineConfiguration) {} }
  struct Acknowledgment {
    var una: SequenceNumber, ack: SequenceNumber, nxt: SequenceNumber
    var sackBlocks: SACKBlocks
    var echoReply: UInt32?
    var carriesData: Bool, changesWindow: Bool, hasECE: Bool
    var mss: Int
  }
  struct Outcome { var enteredRecovery = false; var undone = false }
  enum Expiry { case none, probe, retransmissionTimeout, reordering }
  var una = SequenceNumber(0), nxt = SequenceNumber(0)
  var deadline = Instant.never
  var backoffCount = 0
  var rto = 1_000_000, srtt = 0, rttvar = 0, cwnd = 14_600, ssthresh = 1 << 30
  var lost = false
  init(configuration: Configuration, mss: Int) {}
  mutating func start(mss: Int, sackPermitted: Bool, timestamps: Bool, now: Instant) {}
  mutating func reset(_ pool: inout MemoryPool) { deadline = .never }
  mutating func transmitted(_ start: SequenceNumber, count: Int, isRetransmission: Bool, isLimitedByApplication: Bool, now: Instant, pool: inout MemoryPool) -> Bool {
    if deadline == .never { una = start; nxt = start }
    let end = start.advanced(by: count)
    nxt = SequenceNumber.later(nxt, end)
    deadline = now.advanced(by: rto << backoffCount)
    if isRetransmission { lost = false }
    return true
  }
  mutating func acknowledged(_ a: Acknowledgment, now: Instant, pool: inout MemoryPool) -> Outcome {
    guard una.precedes(a.ack) else { return Outcome() }
    una = a.ack
    backoffCount = 0
    lost = false
    deadline = una == nxt ? .never : now.advanced(by: rto)
    return Outcome()
  }
  func sendQuota(mss: Int) -> Int { max(0, cwnd - una.distance(to: nxt)) }
  mutating func nextRetransmission(mss: Int, now: Instant) -> (start: SequenceNumber, count: Int)? {
    lost ? (una, min(mss, una.distance(to: nxt))) : nil
  }
  func lastSegment(mss: Int) -> (start: SequenceNumber, count: Int)? { nil }
  mutating func expired(now: Instant) -> Expiry {
    guard deadline <= now else { return .none }
    lost = true
    backoffCount += 1
    deadline = now.advanced(by: rto << min(6, backoffCount))
    return .retransmissionTimeout
  }
  mutating func takeCWR() -> Bool { false }
  mutating func idleRestart(now: Instant) {}
  mutating func maximumSegmentSizeChanged(mss: Int, resending: Bool, now: Instant) {}
}
extension IPLayer {
  mutating func lowerPathMTU(to: IPAddress, to mtu: Int, packetLength: Int, _ context: inout Context) {}
}
