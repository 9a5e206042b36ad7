public import MacTCPWire

/// What a datagram is sent with besides its data.
public struct DatagramOptions: Sendable {
  /// Whether the datagram has a checksum (RFC 768).
  public var withChecksum = true
  /// Whether it must not be fragmented.
  public var dontFragment = false
  /// `nil` is the configuration's.
  public var timeToLive: UInt8?
  /// The byte of the type of service.
  public var typeOfService: UInt8 = 0
  /// The port it comes from, one of the stream's; `nil` is its first.
  public var sourcePort: UInt16?
  /// Options of the IP header, 40 bytes at most, as they stand there.
  public var ipOptions: [UInt8] = []

  /// The defaults.
  public init() {}
}

/// What is known of a datagram that was received.
public struct Datagram: Hashable, Sendable {
  /// Who sent it.
  public var source: Endpoint
  /// The address and port it was sent to.
  public var destination: Endpoint
  /// How many bytes it has; more than were received where the caller's memory was too short.
  public var length: Int
  /// The byte of the type of service that it came with.
  public var typeOfService: UInt8
  /// How many hops it could have gone on.
  public var timeToLive: UInt8
  /// The options of its IP header, as they stood there (RFC 1122 §4.1.3.2); mostly none.
  public var ipOptions: [UInt8]
}

/// What an echo is sent with.
public struct EchoOptions: Sendable {
  /// How long an answer is waited for, in microseconds.
  public var timeout = 2_000_000
  /// `nil` is the configuration's.
  public var timeToLive: UInt8?
  /// The byte of the type of service.
  public var typeOfService: UInt8 = 0
  /// Whether the request must not be fragmented.
  public var dontFragment = false
  /// Options of the IP header, 40 bytes at most, as they stand there.
  public var ipOptions: [UInt8] = []

  /// The defaults.
  public init() {}
}

/// An entry of the table of hardware addresses (MacTCP's LAP statistics show it).
public struct Neighbor: Hashable, Sendable {
  /// The neighbour's address.
  public var address: IPAddress
  /// `nil` while it is asked for.
  public var hardware: HardwareAddress?
}
