import Glibc
import MacTCPEngine
import MacTCPWire

/// A packet that is held back until others have overtaken it.
private struct LatePacket {
  /// When it comes even without.
  let latest: Instant
  let isInbound: Bool
  let bytes: [UInt8]
  var overtakenBy = 0
}

/// The engine, its device, and what its connections do by themselves.
final class Host {
  var engine: Engine
  var now = Host.clock()
  /// Connections that do something by themselves; the others are the driver's.
  var applications: [ConnectionID: any Application] = [:]
  /// What connections of a listener will do.
  var services: [ConnectionID: () throws -> (any Application)?] = [:]
  var inbound: Impairment
  var outbound: Impairment
  /// Packets that the device did not take.
  var refused = 0

  private let device: TunnelDevice
  private let capture: Capture?
  private let lost: Capture?
  private var buffer = PacketBuffer()
  /// What comes late, the oldest first.
  private var late: [LatePacket] = []
  private var commands = LineReader()

  init(_ settings: Settings) throws {
    device = try TunnelDevice(settings.device)
    capture = try settings.capture.map(Capture.init)
    lost = try settings.lost.map(Capture.init)
    inbound = settings.inbound
    outbound = settings.outbound
    engine = try Engine(settings.engine)
  }

  static func clock() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(microseconds: UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000)
  }

  func run() {
    tell(["event": "ready"])
    var isOpen = true
    while isOpen {
      handleEvents()
      let isAllSent = transmit()
      let isCommanded = wait(isAllSent: isAllSent)
      now = Host.clock()
      // Packets first, all of them: who has not looked yet must not say that an answer did not come.
      if receive() { engine.advance(to: now) }
      if isCommanded { isOpen = handleCommands() }
    }
    capture?.flush()
    lost?.flush()
  }

  // MARK: Packets

  /// Waits for a packet, a command or the next deadline; whether there is a command. If there is more to
  /// send it only looks.
  private func wait(isAllSent: Bool) -> Bool {
    var next = engine.nextDeadline ?? .never
    if let packet = late.first { next = min(next, packet.latest) }
    let left = Host.clock().microseconds(to: next)
    let most = next == .never ? -1 : Int32(clamping: max(0, (left + 999) / 1000))
    var entries = [
      pollfd(fd: device.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: 0, events: Int16(POLLIN), revents: 0),
    ]
    _ = poll(&entries, 2, isAllSent ? most : 0)
    return entries[1].revents != 0
  }

  /// Takes packets that wait, not too many at a time: what they cause has to be sent too. Whether it was all.
  private func receive() -> Bool {
    deliverLate()
    for _ in 0..<32 {
      guard device.read(into: &buffer) else { return true }
      pass(isInbound: true)
    }
    return false
  }

  /// Sends some of the packets that are to be sent; whether it was all.
  private func transmit() -> Bool {
    for _ in 0..<32 {
      var output = OutputSpan(buffer: buffer.bytes, initializedCount: 0)
      let isThere = engine.transmit(into: &output, at: now)
      buffer.count = output.finalize(for: buffer.bytes)
      guard isThere else { return true }
      capture?.add(buffer.packet, at: now.microseconds)
      pass(isInbound: false)
    }
    return false
  }

  /// Lets the packet in the buffer meet its fate.
  private func pass(isInbound: Bool) {
    let fate = isInbound ? inbound.fate() : outbound.fate()
    switch fate {
    case .arrives: deliver(buffer.packet, isInbound: isInbound)
    case .isLost: lost?.add(buffer.packet, at: now.microseconds)
    case .arrivesTwice:
      deliver(buffer.packet, isInbound: isInbound)
      deliver(buffer.packet, isInbound: isInbound)
    case .isLate:
      let packet = LatePacket(
        latest: now.advanced(by: Impairment.patience), isInbound: isInbound,
        bytes: Array(buffer.packet))
      late.append(packet)
      return
    }
    if late.isEmpty { return }
    for index in late.indices where late[index].isInbound == isInbound {
      late[index].overtakenBy += 1
    }
    deliverLate()
  }

  /// Delivers what has been held back long enough.
  private func deliverLate() {
    while let next = late.first,
      next.overtakenBy >= Impairment.overtaking || next.latest <= now
    {
      late.removeFirst()
      next.bytes.withUnsafeBufferPointer { deliver($0, isInbound: next.isInbound) }
    }
  }

  private func deliver(_ packet: UnsafeBufferPointer<UInt8>, isInbound: Bool) {
    if isInbound {
      capture?.add(packet, at: now.microseconds)
      engine.receive(packet.span, at: now)
    } else if !device.write(packet) {
      refused += 1
    }
  }

  // MARK: Events and commands

  private func handleEvents() {
    while let event = engine.nextEvent() {
      switch event {
      case .incoming(let listener): accept(listener)
      case .opened(let id), .dataArrived(let id), .acknowledged(let id), .closing(let id),
        .urgent(let id), .finAcknowledged(let id):
        if let application = applications[id] {
          proceed(application, id)
        } else {
          tell(event, of: id)
        }
      case .terminated(let id, let reason):
        let isBusy = applications.removeValue(forKey: id) != nil
        tell([
          "event": "terminated", "id": id.rawValue, "reason": "\(reason)", "application": isBusy,
        ])
        if isBusy { try? engine.release(id, at: now) }
      case .userTimeout(let id), .deliveryProblem(let id): tell(event, of: id)
      case .icmpReport(let id, let report):
        tell(["event": "icmpReport", "id": id.rawValue, "type": "\(report.type)"])
      case .echoReply(let id, let roundTrip):
        tell(["event": "echoReply", "id": id.rawValue, "roundTrip": roundTrip])
      case .echoTimeout(let id): tell(["event": "echoTimeout", "id": id.rawValue])
      case .datagramArrived, .datagramReport, .addressConflict: break
      }
    }
  }

  private func tell(_ event: EngineEvent, of id: ConnectionID) {
    let name = "\(event)".prefix { $0 != "(" }
    tell(["event": String(name), "id": id.rawValue])
  }

  private func accept(_ listener: ConnectionID) {
    while let id = try? engine.accept(listener) {
      tell(["event": "incoming", "id": id.rawValue, "listener": listener.rawValue])
      guard let make = services[listener], let application = try? make() else { continue }
      applications[id] = application
      proceed(application, id)
    }
  }

  func proceed(_ application: any Application, _ id: ConnectionID) {
    do {
      try application.proceed(id, self)
    } catch {
      // The connection is lost: its end is an event of its own.
    }
  }

  private func handleCommands() -> Bool {
    guard let lines = commands.read() else { return false }
    for line in lines { obey(line) }
    return true
  }

  /// Tells the driver something, as one line.
  func tell(_ members: KeyValuePairs<String, any JSONValue>) {
    let line = members.json + "\n"
    var rest = Array(line.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
      guard count > 0 else { exit(1) }
      rest = rest.dropFirst(count)
    }
  }
}
