internal import MacTCPWire
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
  mutating func transmitted(
    _ start: SequenceNumber, count: Int, isRetransmission: Bool, isLimitedByApplication: Bool,
    now: Instant, pool: inout MemoryPool
  ) -> Bool {
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
  mutating func lowerPathMTU(
    to: IPAddress, to mtu: Int, packetLength: Int, _ context: inout Context
  ) {}
}
extension IPLayer {
  mutating func blackHole(to: IPAddress, _ context: inout Context) {}
}
