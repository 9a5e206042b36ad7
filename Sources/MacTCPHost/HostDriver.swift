public import Logging
public import MacTCPCore
public import MacTCPWire
internal import SystemPackage

/// What a driver's streams have in common.
final class HostShared: Sendable {
  let poller: Poller
  let ports: PortTable
  let counters = GlobalCounters()
  let interface: String
  let logger: Logger?

  init(interface: String, logger: Logger?) throws(Errno) {
    poller = try Poller()
    try poller.start()
    ports = PortTable(poller: poller)
    self.interface = interface
    self.logger = logger
  }

  /// The interface's address; 0.0.0.0 when it has lost it, or when there is no descriptor left to look with.
  var address: IPAddress { (try? SystemCalls.interfaceAddresses(interface))?.address ?? .any }
}

/// The driver over the host's own TCP/IP: kernel sockets, no privileges.
///
/// One thread serves all streams. What the kernel does not show is told
/// in the documentation of each figure: sequence numbers count from 0, the last round-trip time is the smoothed one,
/// data always counts as pushed, and ICMP errors of TCP connections are seen only where they end an attempt.
public final class HostDriver: Driver {
  private let shared: HostShared

  /// How the driver is opened.
  public struct Configuration: Sendable {
    /// The network interface that stands for the driver; `nil` takes the one that the environment variable
    /// `MACTCP_INTERFACE` names, else the default route's, else the loopback interface. Streams use every interface,
    /// whatever stands here.
    public var interface: String?
    /// Where the driver logs; `nil`, the default, keeps it silent.
    public var logger: Logger?

    /// A configuration; everything has a default.
    public init(interface: String? = nil, logger: Logger? = nil) {
      self.interface = interface
      self.logger = logger
    }
  }

  /// Opens the driver.
  ///
  /// - Throws: ``ResultCode/ipBadLapErr`` when the interface that was asked for does not exist,
  ///   ``ResultCode/insufficientResources`` when descriptors ran out.
  public init(_ configuration: Configuration = Configuration()) throws(MacTCPError) {
    let named = SystemCalls.environment("MACTCP_INTERFACE").flatMap { $0.isEmpty ? nil : $0 }
    let asked = configuration.interface ?? named
    if let asked { _ = try HostDriver.mtu(of: asked) }
    let interface = asked ?? HostInterface.ofDefaultRoute ?? HostInterface.loopback
    do throws(Errno) {
      shared = try HostShared(interface: interface, logger: configuration.logger)
    } catch {
      throw .opening("the driver's event queue", error)
    }
    configuration.logger?.debug("driver opened", metadata: ["interface": "\(interface)"])
  }

  deinit {
    shared.poller.stop()
  }

  /// "host".
  public var name: String { "host" }

  /// The name of the interface that stands for the driver.
  public var interfaceName: String { shared.interface }

  /// The interface's MTU in bytes.
  public var mtu: Int {
    get throws(MacTCPError) {
      try HostDriver.mtu(of: shared.interface)
    }
  }

  private static func mtu(of interface: String) throws(MacTCPError) -> Int {
    do throws(Errno) {
      return try SystemCalls.interfaceMTU(interface)
    } catch {
      if error == .tooManyOpenFiles || error == .tooManyOpenFilesInSystem {
        throw .looking(error)
      }
      throw MacTCPError(.ipBadLapErr, "there is no network interface named \"\(interface)\"")
    }
  }

  /// The interface's address.
  public var address: IPAddress {
    get throws(MacTCPError) { try addresses.address }
  }

  /// The interface's address mask.
  public var netMask: IPAddress {
    get throws(MacTCPError) { try addresses.mask }
  }

  private var addresses: (address: IPAddress, mask: IPAddress) {
    get throws(MacTCPError) {
      let addresses: (address: IPAddress, mask: IPAddress)?
      do throws(Errno) {
        addresses = try SystemCalls.interfaceAddresses(shared.interface)
      } catch {
        throw .looking(error)
      }
      guard let addresses else {
        throw MacTCPError(.ipBadAddr, "the network interface \(shared.interface) has no address")
      }
      return addresses
    }
  }

  /// A TCP stream over kernel sockets. It takes a descriptor once it is opened.
  public func createTCPStream(receiveBuffer: Int) throws(MacTCPError) -> TCPStream {
    try TCPStream(
      driver: self, transport: HostTCPTransport(shared), receiveBuffer: receiveBuffer)
  }

  /// A UDP stream over kernel sockets, a descriptor for each port.
  public func createUDPStream(
    receiveBuffer: Int, ports: ClosedRange<UInt16>, address: IPAddress
  ) throws(MacTCPError) -> UDPStream {
    guard ports.lowerBound > 0 || ports.upperBound == 0 else {
      throw MacTCPError(
        .invalidLength, "a range of ports begins at 1 or above; 0 alone lets the driver choose one")
    }
    guard receiveBuffer >= SmallestReceiveBuffer.udp else {
      throw MacTCPError(
        .invalidLength,
        "a UDP stream's receive buffer takes at least \(SmallestReceiveBuffer.udp) bytes, \(receiveBuffer) were given"
      )
    }
    let transport = try HostUDPTransport(
      shared, receiveBuffer: receiveBuffer, ports: ports, address: address)
    return UDPStream(driver: self, transport: transport, receiveBuffer: receiveBuffer)
  }

  /// Opens a listening socket that passive opens on the same address and port share.
  public func reservePort(
    _ local: Endpoint, backlog: Int, receiveBuffer: Int, options: OpenOptions
  ) throws(MacTCPError) -> any PortReservation {
    try SmallestReceiveBuffer.checkTCP(receiveBuffer)
    let ports = shared.ports
    return HostPortReservation(
      ports,
      try ports.reserve(
        local, options.validated(), receiveBuffer: receiveBuffer, backlog: max(1, backlog)))
  }

  /// Counts of this driver's streams, and the parameters of the kernel's TCP.
  public func globalInfo() throws(MacTCPError) -> GlobalInfo {
    // The totals are read last: a connection that ends meanwhile counts twice for once, but never not at all.
    let live = shared.poller.everyone.compactMap { ($0 as? HostTCPTransport)?.statisticsNow }
    var info = shared.counters.info
    for connection in live { info.add(connection) }
    HostInterface.addParameters(&info)
    info.streamsSupported = SystemCalls.descriptorLimit
    info.largestSegmentReceived = max(0, (try? mtu).map { $0 - 40 } ?? 0)
    return info
  }

  /// The path MTU that the kernel knows for `host`, without the headers.
  public func maxDatagramSize(to host: IPAddress) throws(MacTCPError) -> Int {
    do throws(Errno) {
      let socket = try SystemCalls.socket(.udp)
      SystemCalls.setOption(socket, .broadcast, 1)
      try SystemCalls.connect(socket, Endpoint(host, 9))
      let mtu = SystemCalls.pathMTU(socket) ?? 1500
      // Without the headers of IPv4 and UDP.
      return min(mtu - 28, UDPStream.largestDatagram)
    } catch {
      throw error.isExhaustion
        ? .opening("a look at the path to \(host)", error) : .writing(to: "\(host)", 0, error)
    }
  }

  /// An ICMP echo by the kernel's ping sockets, or by a raw socket where those are not permitted.
  public func issueEcho(to host: IPAddress, data: [UInt8], timeout: Duration) -> Command<EchoReply>
  {
    HostEcho.issue(self, shared, to: host, data: data, timeout: timeout)
  }

  /// What /sys and /proc tell of the interface.
  public func linkStatistics() throws(MacTCPError) -> LinkStatistics {
    HostInterface.linkStatistics(shared.interface, mtu: try mtu)
  }
}

private final class HostPortReservation: PortReservation, @unchecked Sendable {
  // Sendable: `isCancelled` is touched with `lock` held only.
  let local: Endpoint
  private let ports: PortTable
  private let lock = Lock()
  private var isCancelled = false

  init(_ ports: PortTable, _ local: Endpoint) {
    self.ports = ports
    self.local = local
  }

  deinit {
    cancel()
  }

  func cancel() {
    let cancels = lock.withLock {
      defer { isCancelled = true }
      return !isCancelled
    }
    if cancels { ports.cancelReservation(local) }
  }
}
