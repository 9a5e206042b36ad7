/// A complete IPv4 host: ARP, IP, ICMP, UDP and TCP as one value.
///
/// The engine does nothing by itself. It has no thread, lock, clock, source of randomness or device: packets, the
/// time and the user's calls go into it, and packets and events come out. Every call returns at once.
/// There are four kinds of method:
///
/// 1. **Packets in**: ``receive(_:at:)``, for each packet that comes from the link.
/// 2. **Packets out**: ``transmit(into:at:)``, again and again until it returns `false`, after each call of the
///    other kinds, or after a few of them. Only here packets are made: what is never transmitted takes no more
///    memory than a flag.
/// 3. **Time**: ``nextDeadline`` is when ``advance(to:)`` must be called at the latest. Too early a call does
///    nothing.
/// 4. **User calls**: those of RFC 9293 §3.10 for TCP (``activeOpen(_:to:from:options:at:)`` and
///    ``passiveOpen(_:on:from:options:at:)``, ``send(_:_:push:urgent:at:)``, ``receive(_:into:at:)``,
///    ``close(_:at:)``, ``abort(_:at:)``, ``status(of:at:)``), those of RFC 768 for UDP, and an echo.
///
/// What happens meanwhile is told by ``nextEvent()``; poll it until it returns `nil` after the calls of kinds
/// 1 and 3. A loop around an engine is therefore:
///
/// ```swift
/// while true {
///   while let event = engine.nextEvent() { handle(event) }          // makes user calls
///   while engine.transmit(into: &packet, at: now) { send(packet) }
///   wait(for: link, until: engine.nextDeadline)
///   while let packet = link.read() { engine.receive(packet, at: now) }   // all of them before time passes
///   engine.advance(to: now)
/// }
/// ```
///
/// Nothing that comes from the network can stop the program, and the memory of all streams and queues together
/// stays below ``EngineConfiguration/memoryCeiling``: what does not fit is dropped, and ``counters`` say
/// what and why.
public struct Engine: ~Copyable {
  var context: Context
  var ip: IPLayer
  var udp: UDPLayer
  var tcp: TCPLayer

  /// An engine at the caller's zero.
  ///
  /// - Throws: ``EngineError/invalidLength`` if a number in the configuration is outside of its range,
  ///   ``EngineError/badAddress`` for an address that no host can have.
  public init(_ configuration: EngineConfiguration) throws(EngineError) {
    try configuration.validate()
    context = Context(configuration)
    ip = IPLayer(configuration, &context.random)
    udp = UDPLayer(key: context.key(for: .datagramPorts))
    tcp = TCPLayer(configuration, &context)
  }

  // MARK: Packets and time

  /// Takes a packet from the link: an Ethernet frame, or an IP packet (``EngineConfiguration/link``).
  /// It is not kept; what must be is copied.
  public mutating func receive(_ packet: Span<UInt8>, at now: Instant) {
    context.update(now)
    receiveFromLink(packet)
  }

  /// Appends the next packet for the link to `packet`, which is empty and has room for the MTU, and for 14
  /// bytes more on Ethernet.
  ///
  /// - Returns: `false` if there is none now.
  public mutating func transmit(into packet: inout OutputSpan<UInt8>, at now: Instant) -> Bool {
    context.update(now)
    return (tcp.hasOutput || ip.hasOutput) && transmitToLink(&packet)
  }

  /// When ``advance(to:)`` must be called at the latest; `nil` if nothing waits for time to pass. It may be
  /// before the first thing that is due: then the call does nothing but find the next moment.
  public var nextDeadline: Instant? {
    let deadline = min(tcp.nextDeadline, ip.nextDeadline)
    return deadline == .never ? nil : deadline
  }

  /// Does what is due: retransmissions, probes, delayed acknowledgements, time-outs, ageing.
  public mutating func advance(to now: Instant) {
    context.update(now)
    if ip.nextDeadline <= context.now { ip.advance(&context) }
    tcp.advance(&context)
  }

  /// What has happened next; `nil` if all was told.
  public mutating func nextEvent() -> EngineEvent? {
    if !tcp.eventful.isEmpty, let event = tcp.nextEvent(&context) { return event }
    if !udp.eventful.isEmpty, let event = udp.nextEvent(&context) { return event }
    return ip.hasEvents ? ip.nextEvent(&context) : nil
  }

  /// What the engine has counted so far.
  public var counters: Counters { context.counters }

  /// The bytes that connections, buffers and queues take now; never more than the ceiling.
  public var memoryInUse: Int { context.memory.bytesInUse }

  /// What the engine was told when it was made.
  public var configuration: EngineConfiguration { context.configuration }
}
