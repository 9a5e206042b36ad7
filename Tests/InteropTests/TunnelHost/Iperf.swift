import Glibc
import MacTCPEngine
import MacTCPWire

// The server of iperf3, as far as a client needs one that sends or takes TCP streams for some time. The first connection
// of a test is for control, the others carry data; each begins with the client's cookie of 37 bytes. On the control
// connection the server says by single bytes which state the test is in; parameters and results are JSON behind their
// length in four bytes.

enum IperfState: UInt8 {
  case testStart = 1
  case testRunning = 2
  case testEnd = 4
  case parameterExchange = 9
  case createStreams = 10
  case clientTerminates = 12
  case exchangeResults = 13
  case displayResults = 14
  case done = 16
}

/// One test after the other.
final class IperfServer {
  fileprivate var cookie: [UInt8] = []
  fileprivate var control: (id: ConnectionID, connection: IperfConnection)?
  fileprivate var streams: [(id: ConnectionID, connection: IperfConnection)] = []
  fileprivate var parallel = 1
  fileprivate var isReverse = false
  fileprivate var isRunning = false
}

final class IperfConnection: Application {
  private let server: IperfServer
  private var role = Role.unknown
  private var chunk = Chunk(131_072)
  private var input: [UInt8] = []
  private var count = 0

  private enum Role { case unknown, control(IperfState), stream }

  init(_ server: IperfServer) { self.server = server }

  deinit { chunk.free() }

  func proceed(_ id: ConnectionID, _ host: Host) throws {
    while true {
      let received = try chunk.receive(id, host)
      if case .stream = role {
        count += received.count
      } else {
        input += chunk.waiting
        chunk.drop(received.count)
      }
      if received.isEnd { return try end(id, host) }
      if received.count == 0 { break }
    }
    if case .unknown = role, input.count >= 37 { try begin(id, host) }
    if case .control = role { try control(id, host) }
    if case .stream = role, server.isRunning, server.isReverse { try send(id, host) }
  }

  private func begin(_ id: ConnectionID, _ host: Host) throws {
    let cookie = Array(input.prefix(37))
    input.removeFirst(37)
    if server.control == nil {
      server.cookie = cookie
      server.control = (id, self)
      try say(.parameterExchange, id, host)
    } else if cookie == server.cookie {
      role = .stream
      count = input.count
      input = []
      server.streams.append((id, self))
      try start(host)
    } else {
      try host.finish(id)
    }
  }

  /// All streams are there: the test runs.
  private func start(_ host: Host) throws {
    guard server.streams.count == server.parallel, let control = server.control else { return }
    try control.connection.say(.testStart, control.id, host)
    try control.connection.say(.testRunning, control.id, host)
    server.isRunning = true
    for stream in server.streams { host.proceed(stream.connection, stream.id) }
  }

  /// What the client may say depends on the state.
  private func control(_ id: ConnectionID, _ host: Host) throws {
    guard case .control(let state) = role else { return }
    switch state {
    case .parameterExchange:
      guard let parameters = takeJSON() else { return }
      server.parallel = number("parallel", in: parameters) ?? 1
      server.isReverse =
        parameters.contains("\"reverse\":true")
        || number("reverse", in: parameters) == 1
      try say(.createStreams, id, host)
    case .testRunning:
      guard input.first == IperfState.testEnd.rawValue else { return }
      input.removeFirst()
      server.isRunning = false
      try say(.exchangeResults, id, host)
      try control(id, host)
    case .exchangeResults:
      guard takeJSON() != nil else { return }
      let results = Array(self.results.utf8)
      try send(bigEndian(results.count) + results, id, host)
      try say(.displayResults, id, host)
    default:
      break
    }
  }

  private func end(_ id: ConnectionID, _ host: Host) throws {
    if case .control = role {
      server.control = nil
      server.streams = []
      server.isRunning = false
    }
    try host.finish(id)
  }

  // MARK: What is sent

  /// Data without end; what it is does not matter.
  private func send(_ id: ConnectionID, _ host: Host) throws {
    while true {
      if chunk.isEmpty {
        chunk.fill { buffer in
          buffer.update(repeating: 0x55)
          return buffer.count
        }
      }
      let before = chunk.waiting.count
      let isAllSent = try chunk.send(id, host)
      count += before - chunk.waiting.count
      if !isAllSent { return }
    }
  }

  private func say(_ state: IperfState, _ id: ConnectionID, _ host: Host) throws {
    role = .control(state)
    try send([state.rawValue], id, host)
  }

  /// Little is said: the send buffer has room for it.
  private func send(_ bytes: [UInt8], _ id: ConnectionID, _ host: Host) throws {
    guard try host.engine.send(id, bytes.span, at: host.now) == bytes.count else {
      throw Failure(description: "iperf3: no room for \(bytes.count) bytes")
    }
  }

  private var results: String {
    // iperf3 numbers streams 1, 3, 4, 5 ...
    let streams = server.streams.indices.map { index in
      """
      {"id":\(index == 0 ? 1 : index + 2),"bytes":\(server.streams[index].connection.count),\
      "retransmits":-1,"jitter":0,"errors":0,"packets":0,"start_time":0,"end_time":1}
      """
    }
    return """
      {"cpu_util_total":0,"cpu_util_user":0,"cpu_util_system":0,"sender_has_retransmits":0,\
      "streams":[\(streams.joined(separator: ","))]}
      """
  }

  // MARK: What is received

  private func takeJSON() -> String? {
    guard input.count >= 4 else { return nil }
    let length = input[..<4].reduce(0) { $0 << 8 | Int($1) }
    guard input.count >= 4 + length else { return nil }
    let text = String(decoding: input[4..<(4 + length)], as: UTF8.self)
    input.removeFirst(4 + length)
    return text
  }

  /// The number behind a key, in JSON without spaces as iperf3 writes it.
  private func number(_ key: String, in text: String) -> Int? {
    let parts = text.split(separator: "\"\(key)\":", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    return Int(parts[1].prefix { $0.isNumber })
  }

  private func bigEndian(_ number: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
  }
}
