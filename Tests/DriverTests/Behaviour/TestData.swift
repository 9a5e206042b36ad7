// What the behaviour suite sends, and how it compares it.
import MacTCP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Text as the bytes that are sent.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension Received {
  /// The data as text.
  var text: String { String(decoding: data, as: UTF8.self) }
}

/// Bytes that do not repeat themselves: a piece that is missing, doubled or in the wrong place shows.
func pattern(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var generator = SeededGenerator(seed: seed)
  var words = [UInt64](repeating: 0, count: (count + 7) / 8)
  for index in words.indices { words[index] = generator.next() }
  return words.withUnsafeBytes { Array($0.prefix(count)) }
}

/// 8 MB: more than the kernel takes for a peer that does not read.
let tooMuch = pattern(8 << 20)

/// A receive buffer for a peer that does not read.
let smallBuffer: Int32 = 65_536

/// Whether two pieces of memory have the same content; `==` takes long over megabytes where nothing is optimised.
func same(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
  guard a.count == b.count else { return false }
  guard let first = a.baseAddress, let second = b.baseAddress else { return a.isEmpty }
  return memcmp(first, second, a.count) == 0
}

func same(_ a: some Sequence<UInt8>, _ b: some Sequence<UInt8>) -> Bool {
  func inMemory(_ a: some Sequence<UInt8>, _ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
    a.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) } ?? false
  }
  return inMemory(a) { a in inMemory(b) { b in same(a, b) } }
}

/// Random data without end, from a block whose size is a prime number.
struct EndlessData: Sendable {
  private let block: [UInt8]

  init(seed: UInt64) {
    block = pattern(1_048_573, seed: seed)
  }

  /// What stands from `offset` on, at most `count` bytes and to the end of the block.
  func piece(at offset: Int, upTo count: Int) -> ArraySlice<UInt8> {
    let start = offset % block.count
    return block[start..<min(block.count, start + count)]
  }

  /// Whether `data` is what stands from `offset` on.
  func matches(_ data: UnsafeRawBufferPointer, at offset: Int) -> Bool {
    var done = 0
    while done < data.count {
      let piece = piece(at: offset + done, upTo: data.count - done)
      let isEqual = piece.withUnsafeBytes {
        same($0, UnsafeRawBufferPointer(rebasing: data[done..<(done + $0.count)]))
      }
      if !isEqual { return false }
      done += piece.count
    }
    return true
  }
}
