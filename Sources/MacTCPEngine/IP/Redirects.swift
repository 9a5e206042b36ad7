// ICMP redirects (RFC 792; RFC 1122 §3.2.2.2 and §3.3.1.2): another router of the link is the better one for a
// destination. They are followed only where the configuration says so, because whoever can forge one leads a
// connection past himself.

internal import MacTCPWire

/// The routers to which redirects have pointed, by destination.
struct RedirectTable: ~Copyable {
  struct Way: BitwiseCopyable {
    var gateway: IPAddress
    var expires: Instant
  }

  /// After ten minutes the way of the configuration is tried again, as with path MTUs.
  static let lifetime = 600_000_000

  private var table: AgingAddressTable
  private var ways: PlainArray<Way>

  init(key: UInt64, isUsed: Bool) {
    table = AgingAddressTable(capacity: isUsed ? 64 : 1, key: key)
    ways = PlainArray(repeating: Way(gateway: .any, expires: .never), count: table.capacity)
  }

  /// The router for a destination, and until when it is.
  @inline(__always)
  func way(to destination: IPAddress, now: Instant) -> Way? {
    guard let place = table.find(destination), now < ways[place].expires else { return nil }
    return ways[place]
  }

  /// The oldest gives way to a new one.
  mutating func set(_ gateway: IPAddress, to destination: IPAddress, now: Instant) {
    guard let place = table.note(destination) else { return }
    ways[place] = Way(gateway: gateway, expires: now.advanced(by: Self.lifetime))
  }

  /// The router does not answer: what was led to it goes its first way again (RFC 1122 §3.3.1.4).
  mutating func forget(gateway: IPAddress) {
    for place in 0..<ways.count where table.isTaken(place) && ways[place].gateway == gateway {
      table.remove(place)
    }
  }
}

extension IPLayer {
  /// The host on the link that a packet goes to first, and until when: by the routes, and by redirects where the
  /// routes lead to a router.
  func firstHop(to destination: IPAddress, now: Instant) -> (host: IPAddress, until: Instant)? {
    guard let host = routes.nextHop(to: destination) else { return nil }
    if host != destination, let way = redirects.way(to: destination, now: now) {
      return (way.gateway, way.expires)
    }
    return (host, .never)
  }

  /// Follows a redirect about a packet that was sent from here just now, as the caller has checked.
  ///
  /// RFC 1122 §3.2.2.2: it comes from the router that packets to the destination go to now, and points to another
  /// one of the same network. All are taken for the destination alone: it does not say which network it means.
  mutating func follow(
    redirectTo gateway: IPAddress, of destination: IPAddress, from sender: IPAddress,
    _ context: inout Context
  ) {
    guard link.hardware != nil, let current = firstHop(to: destination, now: context.now)?.host,
      current == sender, current != destination, gateway != current, gateway.isUnicast,
      !isLocal(gateway), !isGroup(gateway), routes.isOnLink(gateway)
    else {
      context.counters.drop(.unrelatedICMP)
      return
    }
    redirects.set(gateway, to: destination, now: context.now)
    context.counters.icmp.redirectsFollowed &+= 1
    hop = Hop()
  }
}

extension Engine {
  /// Takes a redirect. As other ICMP errors it must be about something that may have been sent just now (RFC 5927 §4.1).
  mutating func receiveRedirect(
    to gateway: IPAddress, about packet: QuotedPacket, from sender: IPAddress
  ) {
    context.counters.icmp.redirectsReceived &+= 1
    guard context.configuration.followsRedirects else { return }
    let isOwn =
      switch packet.header.protocol {
      case .tcp: tcp.origin(of: packet) != nil
      case .udp: packet.sourcePort.map { udp.owner(of: $0) != nil } ?? false
      default: false
      }
    guard isOwn, ip.isLocal(packet.header.source) else {
      context.counters.drop(.unrelatedICMP)
      return
    }
    ip.follow(redirectTo: gateway, of: packet.header.destination, from: sender, &context)
  }
}
