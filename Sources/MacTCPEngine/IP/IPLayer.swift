// IPv4 as a host has it (RFC 791, RFC 1122 §3), on a link of its own kind.
//
// Order of calls for a packet that goes out: `writeHeaders`, then the caller appends the packet's data, then
// `finish` with what `writeHeaders` returned.

internal import MacTCPWire

struct IPLayer: ~Copyable {
  let addresses: [IPv4Prefix]
  let mtu: Int
  private var nextIdentification: UInt16 = 0

  init(_ configuration: EngineConfiguration) {
    addresses = configuration.addresses
    mtu = configuration.mtu
  }

  /// Where a packet goes.
  enum Disposition: Equatable {
    /// To the link, as it is.
    case link
    /// Nowhere: the destination cannot be reached.
    case noRoute
  }

  /// The first moment at which something is due.
  var nextDeadline: Instant { .never }
  mutating func advance(_ context: inout Context) {}
  mutating func nextEvent(_ context: inout Context) -> EngineEvent? { nil }

  /// Whether a packet to `address` is for this host alone.
  func isLocal(_ address: IPAddress) -> Bool {
    addresses.contains { $0.address == address }
  }

  /// Whether `address` is one that several hosts have: broadcast or multicast.
  func isGroup(_ address: IPAddress) -> Bool {
    address.isLimitedBroadcast || address.isMulticast
      || addresses.contains { $0.isBroadcast(address) }
  }

  /// The address that packets to `destination` come from (RFC 1122 §3.3.4.3); `nil` without a route.
  func sourceAddress(for destination: IPAddress) -> IPAddress? {
    addresses.first { $0.contains(destination) }?.address ?? addresses.first?.address
  }

  /// The largest packet in bytes that reaches `destination` whole (RFC 1191).
  func pathMTU(to destination: IPAddress) -> Int { mtu }

  /// Appends the link's header and the IP header of a packet whose data, `payloadLength` bytes, are
  /// appended next.
  @inline(__always)
  mutating func writeHeaders(
    into packet: inout OutputSpan<UInt8>, from source: IPAddress, to destination: IPAddress,
    protocol: IPProtocol, payloadLength: Int, typeOfService: UInt8, timeToLive: UInt8,
    dontFragment: Bool, options: [UInt8], _ context: inout Context
  ) -> Disposition {
    let header = IPv4Header(
      source: source, destination: destination, protocol: `protocol`, payloadLength: payloadLength,
      typeOfService: typeOfService, identification: nextIdentification, dontFragment: dontFragment,
      timeToLive: timeToLive)
    nextIdentification &+= 1
    do { try header.write(to: &packet) } catch { return .noRoute }
    return .link
  }

  /// Sends the finished packet on its way.
  ///
  /// - Returns: `true` if what is in `packet` is for the link; otherwise it is empty.
  mutating func finish(
    _ disposition: Disposition, _ packet: inout OutputSpan<UInt8>, _ context: inout Context
  ) -> Bool {
    switch disposition {
    case .link: return true
    case .noRoute:
      context.counters.drop(.noRoute)
      packet.removeAll()
      return false
    }
  }
}

/// What of an IP packet matters to those above.
struct PacketInformation {
  /// The byte of the type of service, with the ECN field in the lowest bits.
  var typeOfService: UInt8 = 0
  var timeToLive: UInt8 = 0
  /// The packet, or its frame, was for several hosts.
  var isGroup = false
}

extension Engine {
  mutating func receiveFromLink(_ packet: Span<UInt8>) {
    context.counters.ip.received &+= 1
    let header: IPv4Header
    do { header = try IPv4Header(parsing: packet) } catch {
      context.counters.drop(error == .badChecksum ? .badIPChecksum : .badIPHeader)
      return
    }
    guard ip.isLocal(header.destination) else {
      context.counters.drop(.packetForAnother)
      return
    }
    let data = packet.extracting(header.payloadRange)
    switch header.protocol {
    case .tcp:
      tcp.receive(
        data, from: header.source, to: header.destination,
        PacketInformation(typeOfService: header.typeOfService, timeToLive: header.timeToLive),
        &ip, &context)
    default: context.counters.drop(.unknownProtocol)
    }
  }

  mutating func transmitToLink(_ packet: inout OutputSpan<UInt8>) -> Bool {
    while let disposition = tcp.transmit(into: &packet, &ip, &context) {
      if ip.finish(disposition, &packet, &context) { return true }
    }
    return false
  }
}
