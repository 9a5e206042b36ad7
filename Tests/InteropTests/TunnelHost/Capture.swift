import Glibc

/// A file of packets as tcpdump writes it: IP packets without a link's header, times in microseconds.
final class Capture {
  private let descriptor: Int32
  private var waiting: [UInt8] = []

  init(_ path: String) throws {
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Failure(description: "\(path) cannot be written") }
    // Magic number, version 2.4, two words that are zero, the longest packet, the link type LINKTYPE_RAW.
    for word: UInt32 in [0xA1B2_C3D4, 0x0004_0002, 0, 0, 65_535, 101] { append(word) }
  }

  func add(_ packet: UnsafeBufferPointer<UInt8>, at microseconds: UInt64) {
    append(UInt32(truncatingIfNeeded: microseconds / 1_000_000))
    append(UInt32(truncatingIfNeeded: microseconds % 1_000_000))
    append(UInt32(packet.count))
    append(UInt32(packet.count))
    waiting += packet
    if waiting.count > 1 << 18 { flush() }
  }

  /// Writes what waits; ends the program if the disk is full, for half a capture proves nothing.
  func flush() {
    var start = 0
    while start < waiting.count {
      let count = waiting.withUnsafeBytes {
        write(descriptor, $0.baseAddress?.advanced(by: start), $0.count - start)
      }
      guard count > 0 else { fatalError("the capture cannot be written") }
      start += count
    }
    waiting.removeAll(keepingCapacity: true)
  }

  private func append(_ word: UInt32) {
    withUnsafeBytes(of: word.littleEndian) { waiting += $0 }
  }
}
