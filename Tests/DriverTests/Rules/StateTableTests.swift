// Which call is legal in which state of a stream, and with which result code it is refused in the others
// (reference 2, 3, 5): one table, every state with every call.
import MacTCPCore
import MacTCPWire
import Testing

/// A state of a stream, and how it comes about.
enum StreamState: String, CaseIterable, Sendable {
  case idle, listening, connecting, established, peerClosed, finWait1, finWait2
  case closed, resetByPeer, aborted, ulpTimedOut, refused, released

  func reach() throws -> ScriptedStream {
    let it = try ScriptedStream()
    let (script, stream) = (it.script, it.stream)
    switch self {
    case .idle, .listening, .connecting, .refused: break
    default: it.open()
    }
    switch self {
    case .idle, .established: break
    case .listening: #expect(stream.issuePassiveOpen(on: 7000).code == .inProgress)
    case .connecting, .refused:
      #expect(stream.issueActiveOpen(to: ScriptedTransport.peer).code == .inProgress)
      if self == .refused { script.refuse() }
    case .peerClosed: script.peerCloses()
    case .finWait1:
      script.lock.withLock { script.acknowledges = false }
      #expect(stream.issueClose().code == .inProgress)
    case .finWait2: #expect(stream.issueClose().code == .noErr)
    case .closed:
      #expect(stream.issueClose().code == .noErr)
      script.peerCloses()
    case .resetByPeer: script.lose()
    case .aborted: try stream.abort()
    case .ulpTimedOut:
      script.lock.withLock { script.acknowledges = false }
      #expect(stream.issueSend([1]).code == .noErr)
      script.advance(by: .seconds(120))
      script.lock.withLock { script.acknowledges = true }
    case .released: stream.release()
    }
    return it
  }

  /// What each call gives, in the order of `StreamCall.allCases`.
  var codes: [ResultCode] {
    let exists = ResultCode.connectionExists
    let none = ResultCode.connectionDoesntExist
    let closing = ResultCode.connectionClosing
    let gone = ResultCode.connectionTerminated
    // passive open, active open, send, receive, close, abort, status, statistics
    return switch self {
    case .idle, .refused, .aborted:
      [.inProgress, .inProgress, none, none, none, none, .noErr, none]
    case .listening, .connecting: [exists, exists, none, none, none, .noErr, .noErr, none]
    case .established: [exists, exists, .noErr, .inProgress, .noErr, .noErr, .noErr, .noErr]
    case .peerClosed: [exists, exists, .noErr, closing, .noErr, .noErr, .noErr, .noErr]
    case .finWait1, .finWait2:
      [exists, exists, closing, .inProgress, closing, .noErr, .noErr, .noErr]
    case .closed: [.inProgress, .inProgress, closing, closing, closing, none, .noErr, none]
    case .resetByPeer, .ulpTimedOut:
      [.inProgress, .inProgress, gone, gone, gone, none, .noErr, none]
    case .released: [ResultCode](repeating: .invalidStreamPtr, count: StreamCall.allCases.count)
    }
  }

  var connectionState: ConnectionState? {
    switch self {
    case .idle, .refused, .aborted, .closed, .resetByPeer, .ulpTimedOut: .closed
    case .listening: .listen
    case .connecting: .synSent
    case .established: .established
    case .peerClosed: .closeWait
    case .finWait1: .finWait1
    case .finWait2: .finWait2
    case .released: nil
    }
  }
}

/// A call on a stream.
enum StreamCall: String, CaseIterable, Sendable {
  case passiveOpen, activeOpen, send, receive, close, abort, status, statistics

  func make(_ stream: TCPStream) -> ResultCode {
    switch self {
    case .passiveOpen: stream.issuePassiveOpen(on: 7000).code
    case .activeOpen: stream.issueActiveOpen(to: ScriptedTransport.peer).code
    case .send: stream.issueSend([1]).code
    case .receive: stream.issueReceive().code
    case .close: stream.issueClose().code
    case .abort: code { () throws(MacTCPError) in try stream.abort() }
    case .status: code { () throws(MacTCPError) in _ = try stream.status() }
    case .statistics: code { () throws(MacTCPError) in _ = try stream.statistics() }
    }
  }

  /// The same call in a task; `nil` where there is none or where it would wait.
  func makeInTask(_ stream: TCPStream) async -> ResultCode? {
    do throws(MacTCPError) {
      switch self {
      case .passiveOpen: try await stream.passiveOpen(on: 7000)
      case .activeOpen: try await stream.activeOpen(to: ScriptedTransport.peer)
      case .send: try await stream.send([1])
      case .receive:
        var buffer: [UInt8] = [0]
        _ = try await stream.receive(into: &buffer)
      case .close: try await stream.close()
      case .abort, .status, .statistics: return nil
      }
      return .noErr
    } catch {
      return error.code
    }
  }
}

@Suite("3, 5 Every call in every state")
struct StateTableTests {
  static let cells = StreamState.allCases.flatMap { state in
    zip(StreamCall.allCases, state.codes).map { (state, $0.0, $0.1) }
  }

  @Test("3, 5 the result code of each call in each state", arguments: cells)
  func table(state: StreamState, call: StreamCall, expected: ResultCode) throws {
    let it = try state.reach()
    #expect(call.make(it.stream) == expected)
  }

  @Test(
    "3, 5 calls in tasks and on threads give the same codes",
    arguments: cells.filter { $0.2 != .inProgress })
  func forms(state: StreamState, call: StreamCall, expected: ResultCode) async throws {
    if let code = await call.makeInTask(try state.reach().stream) { #expect(code == expected) }
    let stream = try state.reach().stream
    switch call {
    case .send:
      #expect(
        code { () throws(MacTCPError) in try stream.send(gathering: [[1], [2]]) } == expected)
    case .receive:
      #expect(code { () throws(MacTCPError) in _ = try stream.receive() } == expected)
      #expect(
        code { () throws(MacTCPError) in _ = try stream.receiveWithoutCopying() } == expected)
    default: break
    }
  }

  @Test("4.2 the status in each state", arguments: StreamState.allCases)
  func status(state: StreamState) throws {
    let it = try state.reach()
    guard let expected = state.connectionState else { return }
    let status = try it.stream.status()
    #expect(status.connectionState == expected)
    #expect((status.local.port != 0) == (expected != .closed))
    #expect((status.remote.port != 0) == (expected != .closed && expected != .listen))
    #expect((it.stream.localEndpoint != nil) == (expected != .closed))
    let isConnected = ![.closed, .listen, .synSent].contains(expected)
    #expect((it.stream.remoteEndpoint != nil) == isConnected)
  }

  @Test(
    "2 a refused call changes nothing: the state's other calls give what they gave",
    arguments: StreamState.allCases)
  func refusalsChangeNothing(state: StreamState) async throws {
    for (call, code) in zip(StreamCall.allCases, state.codes)
    where code != .noErr && code != .inProgress {
      let it = try state.reach()
      let events = state == .released ? [] : await it.newEvents()
      _ = events
      #expect(call.make(it.stream) == code)
      #expect(call.make(it.stream) == code)
      if let expected = state.connectionState {
        #expect(try it.stream.status().connectionState == expected)
        #expect(await it.newEvents() == [])
      }
    }
  }

  @Test("5 an error says what happened, to whom, with the code's name and number")
  func sentences() throws {
    let it = try StreamState.established.reach()
    guard case .failure(let error) = it.stream.issueActiveOpen(to: ScriptedTransport.peer).result
    else {
      Issue.record("a second open was not refused")
      return
    }
    #expect("\(error)".hasSuffix("(connectionExists, -23007)"))
    #expect("\(error)".contains("10.0.0.2:7000"))
    // The peer is named after the connection is gone, too.
    it.script.lose(.networkFailure)
    let lost = try #require(throws: MacTCPError.self) { try it.stream.issueReceive().result?.get() }
    #expect(
      lost.description
        == "the connection with 10.0.0.2:7000 is gone: network failure (connectionTerminated, -23012)"
    )
    #expect(ResultCode.allCases.count == Set(ResultCode.allCases.map(\.rawValue)).count)
  }
}
