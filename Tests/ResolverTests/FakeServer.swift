// A name server that does what a test wants, over the package's own streams.
import MacDNR
import MacTCP
import MacTCPCore
import MacTCPWire
import Synchronization
import Testing

/// A name server on 127.0.0.1, over UDP and TCP on one port.
///
/// With an answer routine it serves by itself; without one the test takes each query and replies to it.
final class FakeServer: Sendable {
  /// A query that came.
  struct Query: Sendable {
    let message: DNSMessage
    let from: Endpoint
    let isOverTCP: Bool

    var question: DNSQuestion { message.questions[0] }
    var name: String { "\(question.name)" }
  }

  /// What goes back.
  enum Reply: Sendable {
    case message(DNSMessage)
    case bytes([UInt8])
    /// From another port than the one that was asked.
    case elsewhere(DNSMessage)
    /// Nothing; a connection is kept until the resolver ends it.
    case silence
  }

  typealias Answer = @Sendable (Query) -> [Reply]

  let endpoint: Endpoint
  private let stream: UDPStream
  private let listener: TCPListener
  private let other: UDPStream
  private let answer: Answer?
  private let seen = Mutex<[Query]>([])
  /// Yields whenever a connection has ended.
  let endedConnections = AsyncStream<Void>.makeStream()

  init(_ driver: any Driver, answer: Answer? = nil) throws {
    (stream, listener) = try FakeServer.ports(driver)
    other = try driver.createUDPStream(receiveBuffer: 4096, ports: 0...0, address: .loopback)
    endpoint = Endpoint(.loopback, stream.port)
    self.answer = answer
    guard answer != nil else { return }
    // On threads of its own, because the tests' threads may all be busy while a time-out runs. They end
    // when the streams are released.
    let (stream, listener) = (stream, listener)
    _ = startDetachedThread { [weak self] in
      while let datagram = try? stream.read() { try? self?.serve(datagram) }
    }
    _ = startDetachedThread { [weak self] in
      while let connection = try? listener.accept() {
        _ = startDetachedThread { [weak self] in try? self?.serve(connection) }
      }
    }
  }

  deinit {
    stream.release()
    listener.close()
  }

  /// The same port for both.
  private static func ports(_ driver: any Driver) throws -> (UDPStream, TCPListener) {
    while true {
      let stream = try driver.createUDPStream(
        receiveBuffer: 262_144, ports: 0...0, address: .loopback)
      do throws(MacTCPError) {
        return (stream, try TCPListener(driver, on: stream.port, at: .loopback))
      } catch {
        guard error.code == .duplicateSocket else { throw error }
      }
    }
  }

  /// Every query so far.
  var queries: [Query] { seen.withLock { $0 } }
  /// The names that were asked for so far.
  var names: [String] { queries.map(\.name) }

  /// The next query over UDP, for servers without an answer routine.
  func next() async throws -> Query {
    try note(try await stream.read(timeout: .seconds(90)))
  }

  /// Whether a query waits that nobody has taken.
  func hasNext() async -> Bool {
    guard let datagram = try? await stream.read(timeout: .milliseconds(100)) else { return false }
    _ = try? note(datagram)
    return true
  }

  /// How many queries wait that nobody has taken; takes them.
  func waitingQueries() async -> Int {
    var count = 0
    while await hasNext() { count += 1 }
    return count
  }

  func send(_ reply: Reply, to query: Query) throws {
    switch reply {
    case .message(let message): try stream.write(try message.encoded(), to: query.from)
    case .bytes(let bytes): try stream.write(bytes, to: query.from)
    case .elsewhere(let message): try other.write(try message.encoded(), to: query.from)
    case .silence: break
    }
  }

  private func note(_ datagram: ReceivedDatagram) throws -> Query {
    let query = Query(
      message: try DNSMessage(parsing: datagram.data.span), from: datagram.from, isOverTCP: false)
    seen.withLock { $0.append(query) }
    return query
  }

  private func serve(_ datagram: ReceivedDatagram) throws {
    let query = try note(datagram)
    for reply in answer?(query) ?? [] { try send(reply, to: query) }
  }

  private func serve(_ connection: TCPStream) throws {
    defer { endedConnections.continuation.yield() }
    var bytes: [UInt8] = []
    while bytes.count < 2 || bytes.count < 2 + Int(bytes[0]) << 8 + Int(bytes[1]) {
      bytes += try connection.receive().data
    }
    let message = try DNSMessage(parsing: bytes.span.extracting(droppingFirst: 2))
    let query = Query(
      message: message, from: connection.remoteEndpoint ?? endpoint, isOverTCP: true)
    seen.withLock { $0.append(query) }
    for reply in answer?(query) ?? [] {
      switch reply {
      case .message(let message):
        let answer = try message.encoded()
        let framed = [UInt8(answer.count >> 8), UInt8(answer.count & 0xFF)] + answer
        // In pieces: no reader may count on whole messages.
        try connection.send(Array(framed[..<1]))
        try connection.send(Array(framed[1..<5]))
        try connection.send(Array(framed[5...]), until: .acknowledged)
      case .bytes(let bytes):
        try connection.send(bytes)
      case .elsewhere:
        break
      case .silence:
        _ = try connection.receive()
      }
    }
    try connection.close()
  }
}

extension FakeServer.Query {
  /// A response to the query.
  func response(
    _ code: ResponseCode = .noError, _ answers: [ResourceRecord] = [],
    authorities: [ResourceRecord] = []
  ) -> DNSMessage {
    DNSMessage(
      header: DNSHeader(
        identifier: message.header.identifier, isResponse: true, recursionAvailable: true,
        responseCode: code),
      questions: message.questions, answers: answers, authorities: authorities,
      edns: message.edns.map { _ in EDNS() })
  }

  /// A response with one address of the name that is asked for.
  func address(_ last: UInt8 = 1, timeToLive: UInt32 = 300) -> FakeServer.Reply {
    .message(
      response(
        .noError,
        [
          ResourceRecord(
            name: question.name, timeToLive: timeToLive, data: .a(IPAddress(192, 0, 2, last)))
        ]))
  }
}

/// A record.
func record(_ name: String, _ data: ResourceRecord.Data, timeToLive: UInt32 = 300) -> ResourceRecord
{
  ResourceRecord(name: domain(name), timeToLive: timeToLive, data: data)
}

/// A name that is known to be one.
func domain(_ text: String) -> DomainName {
  guard let name = DomainName(text) else { preconditionFailure("\(text) is no name") }
  return name
}

/// The SOA record of a zone.
func authority(_ zone: String, minimum: UInt32, timeToLive: UInt32 = 3600) -> ResourceRecord {
  record(
    zone,
    .soa(
      StartOfAuthority(
        primary: domain("ns.test"), mailbox: domain("keeper.test"), serial: 1, refresh: 1, retry: 1,
        expire: 1, minimum: minimum)), timeToLive: timeToLive)
}

/// A clock that stands still until the test moves it.
final class TestClock: Sendable {
  private let time = Mutex(MonotonicTime(nanoseconds: 1_000_000_000))

  var now: MonotonicTime { time.withLock { $0 } }

  func advance(by duration: Duration) {
    time.withLock { $0 = $0 + duration }
  }
}

/// A driver of the host's on the loopback interface.
func openDriver() throws -> any Driver {
  try HostDriver(HostDriver.Configuration(interface: "lo"))
}

extension ResolverConfiguration {
  /// A configuration that reads no files.
  init(
    asking servers: [Endpoint], search: [String] = [], ndots: Int? = nil,
    timeout: Duration = .seconds(90), attempts: Int = 1
  ) {
    self.init(
      servers: servers, searchDomains: search, ndots: ndots, timeout: timeout, attempts: attempts,
      resolvConfPath: nil, hostsFile: nil)
  }
}

extension Resolver {
  /// A resolver that asks these servers and reads no files.
  convenience init(
    _ driver: any Driver, asking servers: Endpoint..., search: [String] = [], ndots: Int? = nil,
    timeout: Duration = .seconds(90), attempts: Int = 1
  ) {
    self.init(
      driver: driver,
      configuration: ResolverConfiguration(
        asking: servers, search: search, ndots: ndots, timeout: timeout, attempts: attempts))
  }
}

/// What a look-up failed with; `nil` when it did not.
func failure<R>(_ body: () async throws -> R) async -> MacTCPError? {
  do {
    _ = try await body()
    return nil
  } catch {
    return error as? MacTCPError
  }
}
