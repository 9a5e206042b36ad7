// Many threads on one stream: safe, and every command completes exactly once (section 2, §5).
import MacTCPCore
import MacTCPWire
import Testing

@Suite("5 Many threads on one stream")
struct HammerTests {
  /// Counts the completions of commands.
  private final class Tally: @unchecked Sendable {
    // Sendable: the variables are touched with `lock` held only.
    private let lock = Lock()
    private var issued = 0
    private var completed = 0
    private var bytes = 0

    func watch<Value>(_ command: Command<Value>) {
      lock.withLock { issued += 1 }
      command.onCompletion { [self] result in
        lock.withLock {
          completed += 1
          if let received = try? result.get() as? Received { bytes += received.data.count }
        }
      }
    }

    var counts: (issued: Int, completed: Int, bytes: Int) {
      lock.withLock { (issued, completed, bytes) }
    }
  }

  /// Calls at random, for as long as `steps`.
  private static func act(
    on stream: TCPStream, _ tally: Tally, seed: UInt64, steps: Int, ends: Bool
  ) {
    var random = SeededGenerator(seed: seed)
    var cancellable: [() -> Void] = []
    for _ in 0..<steps {
      switch Int.random(in: 0..<(ends ? 14 : 9), using: &random) {
      case 0, 1:
        let command = stream.issueReceive(upTo: Int.random(in: 1...50, using: &random))
        tally.watch(command)
        cancellable.append { command.cancel() }
      case 2: tally.watch(stream.issueReceive(timeout: .milliseconds(5)))
      case 3:
        let command = stream.issueSend([UInt8](repeating: 1, count: 20))
        tally.watch(command)
        cancellable.append { command.cancel() }
      case 4: tally.watch(stream.issueSend(gathering: [[1], [2, 3]], until: .acknowledged))
      case 5: cancellable.popLast()?()
      case 6: _ = try? stream.status()
      case 7: _ = stream.events
      case 8:
        if Bool.random(using: &random) { stream.onEvent = { _ in } } else { stream.onEvent = nil }
      case 9: tally.watch(stream.issueClose())
      case 10: try? stream.abort()
      case 11: tally.watch(stream.issuePassiveOpen(on: 7000, timeout: .milliseconds(20)))
      default: tally.watch(stream.issueActiveOpen(to: ScriptedTransport.peer))
      }
    }
  }

  /// What the network does at random.
  private static func play(_ script: ScriptedTransport, _ random: inout SeededGenerator, ends: Bool)
    -> Int
  {
    switch Int.random(in: 0..<(ends ? 12 : 6), using: &random) {
    case 0:
      script.arrive([1, 2, 3], push: Bool.random(using: &random))
      return 3
    case 1:
      script.arriveUrgent([4, 5])
      return 2
    case 2: script.makeRoom(30)
    case 3: script.acknowledge()
    case 4, 5: script.advance(by: .milliseconds(3))
    case 6: script.peerCloses()
    case 7: script.lose()
    case 8: script.connect()
    default: if script.read({ $0.state == .connecting }) { script.establish() }
    }
    return 0
  }

  @Test(
    "5 calls of many threads on a living connection: every byte is received once, every command completes once"
  )
  func living() async throws {
    let seed = UInt64.random(in: 0 ... .max)
    let it = try ScriptedStream.open(hears: false)
    it.script.lock.withLock {
      it.script.acknowledges = false
      it.script.room = 100
    }
    let tally = Tally()
    let threads = (0..<4).map { number in
      onThread { () throws(MacTCPError) in
        Self.act(on: it.stream, tally, seed: seed &+ UInt64(number), steps: 400, ends: false)
      }
    }
    var random = SeededGenerator(seed: seed &+ 99)
    var arrived = 0
    while !threads.allSatisfy(\.isDone) { arrived += Self.play(it.script, &random, ends: false) }
    let rest = it.stream.issueReceive(timeout: .zero)
    rest.cancel()
    let unread = it.script.read(\.unread)
    it.stream.release()
    await flush(it.stream.outbox, it.script.lock)
    let counts = tally.counts
    #expect(counts.issued == counts.completed, "seed \(seed)")
    let late = (try? rest.result?.get().data.count) ?? 0
    #expect(counts.bytes + unread + late == arrived, "seed \(seed)")
  }

  @Test(
    "5 opens, closes, aborts and losses from many threads: every command completes once, nothing is left"
  )
  func dying() async throws {
    let seed = UInt64.random(in: 0 ... .max)
    let it = try ScriptedStream()
    let tally = Tally()
    let threads = (0..<4).map { number in
      onThread { () throws(MacTCPError) in
        Self.act(on: it.stream, tally, seed: seed &+ UInt64(number), steps: 400, ends: true)
      }
    }
    var random = SeededGenerator(seed: seed &+ 99)
    while !threads.allSatisfy(\.isDone) { _ = Self.play(it.script, &random, ends: true) }
    it.stream.release()
    await flush(it.stream.outbox, it.script.lock)
    let counts = tally.counts
    #expect(counts.issued == counts.completed, "seed \(seed)")
    #expect(it.script.read { $0.state == .closed || $0.state == .listening }, "seed \(seed)")
    #expect(it.stream.issueSend([1]).code == .invalidStreamPtr)
  }

  @Test(
    "5 blocked threads, tasks and commands on one stream share what comes; a release ends them all",
    arguments: [true, false])
  func blocked(sleeps: Bool) async throws {
    let it = try ScriptedStream.open(hears: false)
    it.script.lock.withLock { it.script.hasSleepers = sleeps }
    let log = EventLog<Int>()
    let readers = (0..<3).map { _ in
      onThread { () throws(MacTCPError) in
        while true { log.add(try it.stream.receive(upTo: 5).data.count) }
      }
    }
    let tasks = (0..<3).map { _ in
      inTask { () async throws(MacTCPError) in
        while true { log.add(try await it.stream.receive(upTo: 5).data.count) }
      }
    }
    for _ in 0..<300 { it.script.arrive([1, 2, 3, 4, 5, 6, 7]) }
    it.stream.release()
    for end in readers + tasks {
      do {
        try await end.value
      } catch {
        #expect(error.code == .connectionTerminated || error.code == .invalidStreamPtr)
      }
    }
    #expect(log.all.reduce(0, +) + it.script.read(\.unread) <= 2100)
  }
}
