// The two sides of the demonstration's transfer, a batch at a time, and how they run at once.
import MacTCP
import Synchronization

/// Makes, hashes and sends batches of bytes that no two are alike.
///
/// Sendable because one thread at a time has it: `together` hands it over and waits.
final class BatchSender: @unchecked Sendable {
  private let stream: TCPStream
  private let buffer: UnsafeMutableBufferPointer<UInt64>
  private var count = 0
  private var hash = SHA256()
  private var seed: UInt64 = 0x6D61_6354_4350

  /// The largest piece that is sent at once.
  private static let pieceSize = 262_144

  init(_ stream: TCPStream, size: Int) {
    self.stream = stream
    buffer = .allocate(capacity: (size + 7) / 8)
    buffer.initialize(repeating: 0)
  }

  deinit {
    buffer.deallocate()
  }

  /// The digest of everything prepared.
  var digest: [UInt8] { hash.finish() }

  /// Fills the next batch and hashes it.
  func prepare(_ count: Int) {
    self.count = count
    for index in 0..<(count + 7) / 8 {
      // SplitMix64.
      seed &+= 0x9E37_79B9_7F4A_7C15
      var z = seed
      z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
      buffer[index] = z ^ (z &>> 31)
    }
    hash.update(batch)
  }

  /// Sends the batch.
  func send() throws(MacTCPError) {
    var rest = batch
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(BatchSender.pieceSize))
      try stream.send(piece)
      rest = UnsafeRawBufferPointer(rebasing: rest[piece.count...])
    }
  }

  private var batch: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])
  }
}

/// Receives and hashes batches.
///
/// Sendable as ``BatchSender`` is.
final class BatchReceiver: @unchecked Sendable {
  private let stream: TCPStream
  private let counters: Counters
  private let buffer: UnsafeMutableRawBufferPointer
  private var count = 0
  private var hash = SHA256()

  private static let patience = Duration.seconds(30)

  init(_ stream: TCPStream, size: Int, counters: Counters) {
    self.stream = stream
    self.counters = counters
    buffer = .allocate(byteCount: size, alignment: 16)
    // Touched once, so that no page is missing when the clock runs.
    buffer.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit {
    buffer.deallocate()
  }

  /// The digest of everything hashed.
  var digest: [UInt8] { hash.finish() }

  /// Receives until `wanted` bytes are there.
  func receive(_ wanted: Int) throws(MacTCPError) {
    count = 0
    while count < wanted {
      let room = UnsafeMutableRawBufferPointer(rebasing: buffer[count..<wanted])
      let received = try stream.receive(into: room, timeout: BatchReceiver.patience)
      count += received.count
      counters.addReceived(received.count)
    }
  }

  /// Hashes the batch.
  func hashBatch() {
    hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
  }
}

/// Runs both at the same time, the second one on this thread, and waits for both.
///
/// - Parameter giveUp: Called when one has failed, to make the other one return.
/// - Throws: What the first of them to fail failed with.
func together(
  _ first: @escaping @Sendable () throws(MacTCPError) -> Void,
  _ second: () throws(MacTCPError) -> Void, giveUp: @escaping @Sendable () -> Void
) throws(MacTCPError) {
  let failure = FirstFailure()
  let worker = Worker("together") {
    do throws(MacTCPError) {
      try first()
    } catch {
      failure.set(error)
      giveUp()
    }
  }
  do throws(MacTCPError) {
    try second()
  } catch {
    failure.set(error)
    giveUp()
  }
  worker.join()
  if let error = failure.get() { throw error }
}

private final class FirstFailure: Sendable {
  private let error = Mutex<MacTCPError?>(nil)

  func set(_ new: MacTCPError) { error.withLock { if $0 == nil { $0 = new } } }
  func get() -> MacTCPError? { error.withLock { $0 } }
}
