// The behaviour suite: the rules of the interface, tested over real drivers. Every test takes the driver as its
// argument, knows only the public interface, and meets it on the loopback address; one that needs a peer which is no
// stream of ours (because it misbehaves) takes plain sockets.
import MacTCP
import Testing

/// A driver that the suite is run on.
struct DriverUnderTest: Sendable, CustomTestStringConvertible {
  let name: String
  /// Whether its streams cost file descriptors, which are counted then.
  let usesDescriptors: Bool
  /// Whether plain sockets of this machine reach its streams at ``address``, and its streams them.
  let meetsForeignPeers: Bool
  /// The address at which its streams reach each other.
  let address: IPAddress
  /// Opens a driver, for one test alone.
  let open: @Sendable () throws(MacTCPError) -> any Driver

  var testDescription: String { name }

  static let host = DriverUnderTest(
    name: "host", usesDescriptors: true, meetsForeignPeers: true, address: .loopback,
    open: { () throws(MacTCPError) in try HostDriver(HostDriver.Configuration(interface: "lo")) })

  static let all = [host]
  /// Those on which tests with foreign peers can be run.
  static let foreign = all.filter(\.meetsForeignPeers)
}

/// Two streams of one driver, connected with each other.
struct Pair: Sendable {
  let driver: any Driver
  /// The side that opened actively.
  let client: TCPStream
  /// The side that opened passively.
  let server: TCPStream

  /// Both sides, one side's view first.
  func seen(from side: Side) -> (near: TCPStream, far: TCPStream) {
    side == .client ? (client, server) : (server, client)
  }
}

/// Which side of a connection a test looks from.
enum Side: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case client, server
  var testDescription: String { rawValue }
}

/// A stream and the plain socket that it is connected with.
struct ForeignPair: Sendable {
  let driver: any Driver
  let stream: TCPStream
  let peer: ForeignSocket
}

extension DriverUnderTest {
  /// Two connected streams.
  func pair(
    of driver: (any Driver)? = nil, receiveBuffer: Int = 65_536,
    client clientOptions: OpenOptions = OpenOptions(),
    server serverOptions: OpenOptions = OpenOptions()
  ) async throws -> Pair {
    let driver = try driver ?? open()
    let client = try driver.createTCPStream(receiveBuffer: receiveBuffer)
    let server = try driver.createTCPStream(receiveBuffer: receiveBuffer)
    let pair = Pair(driver: driver, client: client, server: server)
    try await connect(pair, clientOptions, serverOptions)
    return pair
  }

  /// Connects two streams with each other.
  func connect(
    _ pair: Pair, _ client: OpenOptions = OpenOptions(), _ server: OpenOptions = OpenOptions()
  ) async throws {
    let passive = pair.server.issuePassiveOpen(at: address, options: server)
    let local = try #require(pair.server.localEndpoint)
    try await pair.client.activeOpen(to: local, options: client)
    _ = try await passive.value
  }

  /// A stream that has opened actively, and the plain socket that it met.
  func foreignPair(
    receiveBuffer: Int = 65_536, peerBuffer: Int32? = nil, options: OpenOptions = OpenOptions()
  ) async throws -> ForeignPair {
    let driver = try open()
    let listener = try ForeignSocket.listening(receiveBuffer: peerBuffer)
    let stream = try driver.createTCPStream(receiveBuffer: receiveBuffer)
    try await stream.activeOpen(to: listener.local, options: options)
    return ForeignPair(driver: driver, stream: stream, peer: try listener.accept())
  }

  /// A stream that waits for a connection, its command, and where.
  func waiting(_ driver: any Driver, on port: UInt16 = 0, from remote: Endpoint = Endpoint(.any, 0))
    throws -> (stream: TCPStream, open: Command<Endpoint>, local: Endpoint)
  {
    let stream = try driver.createTCPStream(receiveBuffer: 8192)
    let open = stream.issuePassiveOpen(on: port, at: address, from: remote)
    return (stream, open, try #require(stream.localEndpoint))
  }
}
