/// What a receive brought. MacTCP: TCPRcv's data and flags.
public struct Received: Sendable, Hashable {
  /// The data, never empty; all of it urgent or none of it.
  public var data: [UInt8]
  /// Whether this is the first receive that returns urgent data. MacTCP: urgentFlag.
  public var isUrgent: Bool
  /// Whether the last byte of the urgent data is in ``data``. MacTCP: markFlag.
  public var isMark: Bool

  package init(data: [UInt8], isUrgent: Bool, isMark: Bool) {
    self.data = data
    self.isUrgent = isUrgent
    self.isMark = isMark
  }
}

/// What a receive into the caller's own buffer brought.
public struct ReceivedCount: Sendable, Hashable {
  /// How many bytes were stored, at least 1.
  public var count: Int
  /// Whether this is the first receive that returns urgent data. MacTCP: urgentFlag.
  public var isUrgent: Bool
  /// Whether the last byte of the urgent data is among them. MacTCP: markFlag.
  public var isMark: Bool

  package init(count: Int, isUrgent: Bool, isMark: Bool) {
    self.count = count
    self.isUrgent = isUrgent
    self.isMark = isMark
  }
}

/// Received data in a buffer of the driver's, lent until the loan ends. MacTCP: what TCPNoCopyRcv stores in a read data
/// structure, and TCPRcvBfrReturn gives back.
///
/// A loan ends where its variable does, or earlier by ``giveBack()``; the compiler refuses to use one that has been
/// given back, so that MacTCP's `invalidRDS` cannot be written.
public struct ReceivedLoan: ~Copyable, Sendable {
  private let buffer: LoanBuffer
  /// How many bytes are lent, at least 1.
  public let count: Int
  /// Whether this is the first receive that returns urgent data. MacTCP: urgentFlag.
  public let isUrgent: Bool
  /// Whether the last byte of the urgent data is among them. MacTCP: markFlag.
  public let isMark: Bool

  init(buffer: LoanBuffer, count: Int, isUrgent: Bool, isMark: Bool) {
    self.buffer = buffer
    self.count = count
    self.isUrgent = isUrgent
    self.isMark = isMark
  }

  /// Calls `body` with the lent bytes, which are valid inside it only.
  public borrowing func withBytes<R: ~Copyable, E: Error>(_ body: (Span<UInt8>) throws(E) -> R)
    throws(E) -> R
  {
    try body(UnsafeBufferPointer(rebasing: buffer.bytes[..<count]).span)
  }

  /// Ends the loan. MacTCP: TCPRcvBfrReturn.
  public consuming func giveBack() {}

  deinit {
    LoanPool.shared.giveBack(buffer)
  }
}

/// A buffer that is lent to one receive at a time.
final class LoanBuffer: @unchecked Sendable {
  // Sendable: a buffer has one owner at a time, the pool, a receive or a loan.
  static let size = 65_536
  let bytes: UnsafeMutableBufferPointer<UInt8>

  init() {
    bytes = .allocate(capacity: LoanBuffer.size)
  }

  deinit {
    bytes.deallocate()
  }
}

/// Buffers between two loans, a few of them.
final class LoanPool: @unchecked Sendable {
  // Sendable: `free` is touched with `lock` held only.
  static let shared = LoanPool()
  private let lock = Lock()
  private var free: [LoanBuffer] = []
  private static let mostFree = 16

  func take() -> LoanBuffer {
    lock.withLock { free.popLast() } ?? LoanBuffer()
  }

  func giveBack(_ buffer: LoanBuffer) {
    lock.withLock {
      if free.count < LoanPool.mostFree { free.append(buffer) }
    }
  }
}
