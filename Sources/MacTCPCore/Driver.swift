public import MacTCPWire

/// A TCP/IP driver: what streams are created on, and what is known of its network interface.
///
/// MacTCP's `.IPP`. Programs are written against this protocol and run on any driver.
public protocol Driver: AnyObject, Sendable {
  /// The driver's kind, for people: "host".
  var name: String { get }
  /// The packet size of the network interface, in bytes. `MTU()` in the Python module.
  var mtu: Int { get throws(MacTCPError) }
  /// The address of the network interface. MacTCP: ipctlGetAddr.
  var address: IPAddress { get throws(MacTCPError) }
  /// The address mask of the network interface. MacTCP: ipctlGetAddr.
  var netMask: IPAddress { get throws(MacTCPError) }
  /// The name of the network interface.
  var interfaceName: String { get }

  /// Creates a TCP stream. MacTCP: TCPCreate.
  ///
  /// - Parameter receiveBuffer: The size of the receive buffer in bytes, at least 4096; the window offered to the
  ///   peer follows from it. 8192 and up suits character-oriented use, 16 KB and up block transfer.
  /// - Throws: ``ResultCode/invalidLength`` for a buffer that is too small.
  func createTCPStream(receiveBuffer: Int) throws(MacTCPError) -> TCPStream

  /// Creates a UDP stream on a range of ports. MacTCP: UDPCreate and UDPMultiCreate.
  ///
  /// - Parameters:
  ///   - receiveBuffer: The size of the receive buffer in bytes, at least 2048. It bounds the largest datagram
  ///     that can be received; 2N + 256 suits datagrams of N bytes.
  ///   - ports: The local ports; `0...0` lets the driver choose one.
  ///   - address: The local address, or ``IPAddress/any`` for all of them.
  /// - Throws: ``ResultCode/invalidLength`` for a buffer that is too small, ``ResultCode/duplicateSocket`` for a
  ///   port in use, ``ResultCode/openFailed`` for an address that is not this host's or a port that the system does not
  ///   permit, ``ResultCode/insufficientResources`` when descriptors ran out.
  func createUDPStream(receiveBuffer: Int, ports: ClosedRange<UInt16>, address: IPAddress)
    throws(MacTCPError) -> UDPStream

  /// Keeps a local port listening while no passive open is pending on it, so that connections wait instead of being
  /// refused. ``TCPListener`` holds one.
  ///
  /// - Parameters:
  ///   - local: The local address and port; 0 in either stands for all addresses, and for a port of the driver's choice.
  ///   - backlog: How many connections may wait.
  ///   - receiveBuffer: The receive buffer of the streams to come, in bytes, at least 4096.
  ///   - options: What will be asked for of the connections.
  /// - Throws: ``ResultCode/duplicateSocket`` for a port in use, ``ResultCode/invalidLength`` for a buffer that is too
  ///   small, ``ResultCode/openFailed`` for an address or options that cannot be,
  ///   ``ResultCode/insufficientResources`` when descriptors ran out.
  func reservePort(
    _ local: Endpoint, backlog: Int, receiveBuffer: Int, options: OpenOptions
  ) throws(MacTCPError) -> any PortReservation

  /// The driver's parameters and its statistics since it was opened. MacTCP: TCPGlobalInfo.
  func globalInfo() throws(MacTCPError) -> GlobalInfo
  /// The largest datagram, in bytes of data, that reaches `host` without fragmentation. MacTCP: UDPMaxMTUSize.
  func maxDatagramSize(to host: IPAddress) throws(MacTCPError) -> Int
  /// Asks `host` for an ICMP echo. MacTCP: ipctlEchoICMP.
  ///
  /// - Parameters:
  ///   - data: What is sent and comes back, at most 65 507 bytes.
  ///   - timeout: How long to wait for the reply.
  /// - Returns: A command that completes with the reply. It fails with ``ResultCode/icmpEchoTimeoutErr``,
  ///   ``ResultCode/ipDestDeadErr`` (reported unreachable), ``ResultCode/ipRouteErr``, ``ResultCode/ipDontFragErr``,
  ///   ``ResultCode/invalidLength``, ``ResultCode/insufficientResources``, or ``ResultCode/openFailed`` where the
  ///   system does not permit it.
  func issueEcho(to host: IPAddress, data: [UInt8], timeout: Duration) -> Command<EchoReply>
  /// The network interface's figures. MacTCP: ipctlLAPStats.
  func linkStatistics() throws(MacTCPError) -> LinkStatistics
}

/// A local port that listens until it is cancelled, or for as long as this object lives.
public protocol PortReservation: AnyObject, Sendable {
  /// Stops listening, once no passive open is pending on the port.
  func cancel()
  /// The address and port; the port is the driver's choice when 0 was asked for.
  var local: Endpoint { get }
}

/// An answer to an ICMP echo.
public struct EchoReply: Sendable, Hashable {
  /// Who answered.
  public var from: IPAddress
  /// The data that came back.
  public var data: [UInt8]
  /// The time between request and reply.
  public var roundTrip: Duration

  package init(from: IPAddress, data: [UInt8], roundTrip: Duration) {
    self.from = from
    self.data = data
    self.roundTrip = roundTrip
  }
}

/// The smallest receive buffers, in bytes.
package enum SmallestReceiveBuffer {
  package static let tcp = 4096
  package static let udp = 2048

  /// Refuses a TCP receive buffer that is too small.
  package static func checkTCP(_ size: Int) throws(MacTCPError) {
    guard size >= tcp else {
      throw MacTCPError(
        .invalidLength,
        "a TCP stream's receive buffer takes at least \(tcp) bytes, \(size) were given")
    }
  }
}

extension Driver {
  /// Keeps a local port listening, with a backlog of 128 connections and the defaults of a stream.
  public func reservePort(_ local: Endpoint) throws(MacTCPError) -> any PortReservation {
    try reservePort(local, backlog: 128, receiveBuffer: 262_144, options: OpenOptions())
  }

  /// A TCP stream with a receive buffer of 256 KiB.
  public func createTCPStream() throws(MacTCPError) -> TCPStream {
    try createTCPStream(receiveBuffer: 262_144)
  }

  /// A UDP stream on one port of every local address. MacTCP: UDPCreate.
  ///
  /// - Parameters:
  ///   - receiveBuffer: The size of the receive buffer in bytes, at least 2048; it bounds the largest datagram.
  ///   - port: The local port, or 0 to let the driver choose.
  public func createUDPStream(receiveBuffer: Int = 131_072, port: UInt16 = 0) throws(MacTCPError)
    -> UDPStream
  {
    try createUDPStream(receiveBuffer: receiveBuffer, ports: port...port, address: .any)
  }

  /// Asks `host` for an ICMP echo, and suspends until the reply. MacTCP: ipctlEchoICMP.
  public func echo(to host: IPAddress, data: [UInt8] = [], timeout: Duration = .seconds(5))
    async throws(MacTCPError) -> EchoReply
  {
    try await issueEcho(to: host, data: data, timeout: timeout).value
  }

  /// Asks `host` for an ICMP echo, and blocks until the reply. MacTCP: ipctlEchoICMP.
  public func echo(to host: IPAddress, data: [UInt8] = [], timeout: Duration = .seconds(5))
    throws(MacTCPError) -> EchoReply
  {
    try issueEcho(to: host, data: data, timeout: timeout).wait()
  }
}
