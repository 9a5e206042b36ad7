// Where packets go: RFC 1122 §3.3.1, RFC 1812 §5.2.4.3 (the longest prefix wins).

internal import MacTCPWire

struct RouteTable: ~Copyable {
  struct Route: BitwiseCopyable {
    var network: UInt32
    var mask: UInt32
    /// The router; `any` where the destination is on the link itself.
    var gateway: IPAddress
  }

  /// Those with the longest prefix first, as far as they are equal in the order of the configuration.
  private var routes: PlainArray<Route>

  /// The networks of the host's addresses are on the link. A raw link has but one other end: where no route
  /// is given, everything is behind it.
  init(_ configuration: EngineConfiguration) {
    var all = configuration.addresses.map { EngineConfiguration.Route(to: $0) }
    all += configuration.routes
    if configuration.link == .rawIP, configuration.routes.isEmpty,
      let everything = IPv4Prefix(.any, length: 0)
    {
      all.append(EngineConfiguration.Route(to: everything))
    }
    // Swift's sort is stable.
    all.sort { $0.destination.length > $1.destination.length }
    routes = PlainArray(
      repeating: Route(network: 0, mask: 0, gateway: .any), count: all.count)
    for (index, route) in all.enumerated() {
      routes[index] = Route(
        network: route.destination.network.v4, mask: route.destination.mask.v4,
        gateway: route.gateway ?? .any)
    }
  }

  /// The host on the link that a packet to `destination` is given to: it or a router; `nil` without a route.
  func nextHop(to destination: IPAddress) -> IPAddress? {
    for index in 0..<routes.count
    where (destination.v4 ^ routes[index].network) & routes[index].mask == 0 {
      return routes[index].gateway == .any ? destination : routes[index].gateway
    }
    return nil
  }

  /// Whether a host is on the link.
  func isOnLink(_ address: IPAddress) -> Bool {
    nextHop(to: address) == address
  }
}
