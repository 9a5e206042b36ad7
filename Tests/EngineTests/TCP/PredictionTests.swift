import MacTCPEngine
import MacTCPWire
import Testing

/// Two equal engines to which the same happens, but for the order of no-operations among the options of what the second
/// gets: it can never be as predicted, and means the same.
private final class Twins {
  let predicting: OneHost
  let general: OneHost
  var ids: (ConnectionID, ConnectionID)
  var generator: SeededGenerator
  let usesTimestamps: Bool
  /// Whether segments with a wrong checksum come, for which the predicting engine's buffer may become larger.
  let hasDamage: Bool
  /// The peer's clock of time stamps.
  var clock: UInt32
  /// The ends of what was sent: what a peer acknowledges.
  var ends: [SequenceNumber] = []
  var last = ""

  init(_ generator: SeededGenerator) throws {
    var generator = generator
    var configuration = OneHost.plain
    configuration.usesTimestamps = generator.number(0...1) == 0
    configuration.usesSACK = generator.number(0...2) > 0
    configuration.usesWindowScale = generator.number(0...1) == 0
    configuration.usesECN = generator.number(0...2) == 0
    configuration.receiveBuffer = [4_096, 20_000, 300_000][generator.number(0...2)]
    configuration.sendBuffer = [4_096, 60_000][generator.number(0...1)]
    configuration.acknowledgmentDelay = [0, 40_000][generator.number(0...1)]
    if generator.number(0...3) == 0 { configuration.memoryCeiling = 65_536 }
    predicting = try OneHost(configuration)
    general = try OneHost(configuration)
    usesTimestamps = configuration.usesTimestamps
    hasDamage = configuration.memoryCeiling > 65_536 && generator.number(0...1) == 0
    clock = UInt32(truncatingIfNeeded: generator.next())
    let irs = SequenceNumber(
      generator.number(0...1) == 0 ? 0xFFFF_8000 : UInt32(truncatingIfNeeded: generator.next()))
    (predicting.irs, general.irs) = (irs, irs)
    ids = (try predicting.activeOpen(), try general.activeOpen())
    self.generator = generator
    var options = TCPOptions()
    options.maximumSegmentSize = 1_460
    options.isSACKPermitted = configuration.usesSACK
    options.windowScale = configuration.usesWindowScale ? 3 : nil
    if usesTimestamps { options.timestamps = TCPTimestamps(value: clock, echoReply: 0) }
    let flags: TCPFlags = configuration.usesECN ? TCPFlags.syn.union(.ece) : .syn
    predicting.arrive(flags, 0, ack: 1, options: options)
    general.arrive(flags, 0, ack: 1, options: options)
    try check(predicting.state(ids.0) == .established, "not open")
  }

  // MARK: What both get

  func arrive(_ header: TCPHeader, _ payload: [UInt8], isDamaged: Bool, typeOfService: UInt8) {
    (predicting.typeOfService, general.typeOfService) = (typeOfService, typeOfService)
    var packet = predicting.packet(header, payload)
    if isDamaged { packet[packet.count - 1] ^= 0x55 }
    predicting.receive(packet)
    general.receive(Self.unpredictable(packet))
  }

  /// The packet with a no-operation where nobody has one.
  static func unpredictable(_ packet: [UInt8]) -> [UInt8] {
    var bytes = packet
    let length = Int(bytes[32] >> 4) * 4
    if length == 32, bytes[40..<44] == [1, 1, 8, 10] {
      // The sum is of words of 16 bits, in whatever order.
      bytes.replaceSubrange(40..<52, with: bytes[42..<52] + [1, 1])
    } else if length == 20 {
      bytes.insert(contentsOf: [1, 1, 1, 1], at: 40)
      bytes[32] += 0x10
      bytes.replaceSubrange(2..<4, with: octets(UInt16(bytes.count)))
      bytes.replaceSubrange(10..<12, with: [0, 0])
      bytes.replaceSubrange(10..<12, with: octets(referenceChecksum(Array(bytes[..<20]))))
      // RFC 1624: what was added is 4 to the length, 0x1000 to the offset, and two words of no-operations.
      let sum = Int(~(UInt16(bytes[36]) << 8 | UInt16(bytes[37]))) + 4 + 0x1000 + 0x0202
      let folded = (sum & 0xFFFF) + sum >> 16
      bytes.replaceSubrange(36..<38, with: octets(~UInt16(truncatingIfNeeded: folded)))
    }
    return bytes
  }

  func both(_ body: (OneHost, ConnectionID) throws -> Void) {
    // What one refuses the other has to refuse as well: what it does then is compared.
    for (host, id) in [(predicting, ids.0), (general, ids.1)] { try? body(host, id) }
  }

  // MARK: One step

  func step() throws {
    switch generator.number(0...99) {
    case 0..<60: try segment()
    case 60..<72:
      let count = generator.number(1...6_000)
      last = "send \(count)"
      let isUrgent = generator.number(0...19) == 0
      let push = generator.number(0...1) == 0
      both { try $0.send($1, count, push: push, urgent: isUrgent) }
    case 72..<82:
      let most = [1, 100, 5_000, 400_000][generator.number(0...3)]
      last = "read \(most)"
      var read: [[UInt8]] = []
      both { read.append(try $0.read($1, most).bytes) }
      try check(read.count != 1 && (read.count == 0 || read[0] == read[1]), "other bytes are read")
    case 82..<94:
      let time = [0, 1, 700, 5_000, 50_000, 300_000, 2_000_000][generator.number(0...6)]
      last = "pass \(time)"
      clock &+= UInt32(time / 1_000)
      both { host, _ in host.pass(time) }
    case 94..<98: option()
    default: try rareEvent()
    }
    try compare()
  }

  private func segment() throws {
    let status = try predicting.status(ids.0)
    let una = SequenceNumber(status.sendUnacknowledged)
    let nxt = SequenceNumber(status.sendNext)
    var header = TCPHeader(
      sourcePort: predicting.peerPort, destinationPort: predicting.port,
      sequenceNumber: SequenceNumber(status.receiveNext), flags: .ack)
    let known = ends.filter { una.precedes($0) && $0.precedesOrEquals(nxt) }
    ends = known
    header.acknowledgmentNumber =
      switch generator.number(0...9) {
      case 0..<4: known.randomElement(using: &generator) ?? nxt
      case 4..<7: known.last ?? una
      case 7, 8: una
      default: una.advanced(by: generator.number(-3_000...(-1)))
      }
    header.window = [0, 300, 5_000, 65_535, 65_535, 65_535][generator.number(0...5)]
    if generator.number(0...2) == 0 { header.flags.formUnion(.psh) }
    var count = generator.number(0...1) == 0 ? 0 : generator.number(1...1_400)
    switch generator.number(0...29) {
    case 0: header.sequenceNumber.advance(by: generator.number(1...2_000))
    case 1: header.sequenceNumber.advance(by: generator.number(-2_000...(-1)))
    case 2: count = 0
    default: break
    }
    switch generator.number(0...149) {
    case 0: header.flags.formUnion(.fin)
    case 1:
      header.flags.formUnion(.urg)
      header.urgentPointer = UInt16(generator.number(0...2_000))
    case 2: header.flags.formUnion(.ece)
    case 3: header.flags.formUnion(.cwr)
    case 4: header.reservedBits = 5
    default: break
    }
    if usesTimestamps {
      let age = [0, 0, 0, 0, 0, 5, 100_000][generator.number(0...6)]
      header.options.timestamps = TCPTimestamps(
        value: generator.number(0...49) == 0 ? clock &- UInt32(age) : clock,
        echoReply: predicting.lastTimestamp)
    }
    let isDamaged = hasDamage && generator.number(0...29) == 0
    last = "segment \(header) of \(count), damaged: \(isDamaged)"
    arrive(
      header, OneHost.pattern(Int(header.sequenceNumber.rawValue & 0xFF), count),
      isDamaged: isDamaged, typeOfService: generator.number(0...29) == 0 ? 3 : 2)
  }

  private func option() {
    let option: ConnectionOption =
      switch generator.number(0...5) {
      case 0: .nagle(generator.number(0...1) == 0)
      case 1: .keepalive(generator.number(0...1) == 0)
      case 2: .keepaliveTimes(idle: 3_000_000, interval: 1_000_000, probes: 3)
      case 3: .receiveBuffer(generator.number(4_096...100_000))
      case 4: .delayedAcknowledgment(generator.number(0...1) == 0)
      default: .userTimeout(generator.number(0...1) * 30_000_000, aborts: false)
      }
    last = "\(option)"
    both { try $0.set(option, $1) }
  }

  private func rareEvent() throws {
    switch generator.number(0...9) {
    case 0...1:
      last = "close"
      both { try $0.close($1) }
    case 2:
      // The peer's clock goes round, and the age of TS.Recent says so (RFC 7323 §5.5).
      guard try predicting.status(ids.0).unacknowledged == 0 else { return }
      last = "25 days"
      both { try $0.set(.keepalive(false), $1) }
      clock &+= UInt32(25 * 86_400_000)
      both { host, _ in host.pass(25 * 86_400_000_000) }
    case 3:
      last = "71 minutes"
      guard try predicting.status(ids.0).unacknowledged == 0 else { return }
      clock &+= 71 * 60_000
      both { host, _ in host.pass(71 * 60_000_000) }
    default: break
    }
  }

  // MARK: What both must be

  var isOver: Bool {
    guard let state = try? predicting.state(ids.0) else { return true }
    return state == .closed || state == .timeWait
  }

  func compare() throws {
    if let timestamps = predicting.sent.last?.header.options.timestamps {
      predicting.lastTimestamp = timestamps.value
    }
    let (a, b) = (predicting, general)
    try check(
      a.sent.map(\.header) == b.sent.map(\.header), "\(last): \(a.takeSent()) \(b.takeSent())")
    try check(a.sent.map(\.payload) == b.sent.map(\.payload), "\(last): other data are sent")
    try check(
      a.sent.map(\.packet.typeOfService) == b.sent.map(\.packet.typeOfService), "\(last): ECN")
    // Not those of the probes of a window. Of a part of a segment a time stamp is the only measurement, which is taken
    // from no segment that is as predicted.
    for sent in a.sent where sent.payload.count != 1 {
      let fin = sent.header.flags.contains(.fin) ? 1 : 0
      ends.append(sent.header.sequenceNumber.advanced(by: sent.payload.count + fin))
    }
    (a.sent, b.sent) = ([], [])
    let events = (a.takeEvents(), b.takeEvents())
    try check(events.0 == events.1, "\(last): \(events)")
    try check(
      a.engine.nextDeadline == b.engine.nextDeadline,
      "\(last): \(String(describing: a.engine.nextDeadline)) \(String(describing: b.engine.nextDeadline))"
    )
    try check(
      hasDamage || a.engine.memoryInUse == b.engine.memoryInUse,
      "\(last): \(a.engine.memoryInUse) \(b.engine.memoryInUse) bytes in use")
    try check(
      a.engine.counters == b.engine.counters,
      "\(last): \(a.engine.counters) \(b.engine.counters)")
    guard let status = try? (a.status(ids.0), b.status(ids.1)) else { return }
    try check(
      status.0.statistics == status.1.statistics,
      "\(last): \(status.0.statistics) \(status.1.statistics)")
    try check("\(status.0)" == "\(status.1)", "\(last): \(status.0)\n\(status.1)")
  }
}

@Suite("Header prediction does what is done for every segment")
struct PredictionTests {
  @Test("Two engines, of which one can never predict, do the same with the same segments and calls")
  func same() {
    SeededGenerator.forSeeds(8) { generator in
      let twins = try Twins(generator)
      var steps = 0
      while steps < 800, !twins.isOver {
        try twins.step()
        steps += 1
      }
    }
  }

  @Test("Damaged data keep no memory of a connection that has nothing to read")
  func damaged() throws {
    let host = try OneHost()
    let id = try host.connect()
    let before = host.engine.memoryInUse
    var header = TCPHeader(
      sourcePort: host.peerPort, destinationPort: host.port,
      sequenceNumber: host.irs.advanced(by: 1), flags: .ack, window: 65_535)
    header.acknowledgmentNumber = host.iss.advanced(by: 1)
    var packet = host.packet(header, OneHost.pattern(1, 1_000))
    packet[packet.count - 1] ^= 1
    host.receive(packet)
    #expect(host.engine.counters[.badTCPChecksum] == 1)
    #expect(host.engine.memoryInUse == before)
    packet[packet.count - 1] ^= 1
    host.receive(packet)
    #expect(try host.read(id).bytes == OneHost.pattern(1, 1_000))
  }
}
