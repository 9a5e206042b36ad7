/// Data that have arrived out of order: from `left` up to, and without, `right` (RFC 2018 §3).
package struct SACKBlock: Hashable, Sendable {
  /// The first sequence number of the block.
  package var left: SequenceNumber
  /// The sequence number behind the last of the block.
  package var right: SequenceNumber

  /// The block between two sequence numbers.
  @inlinable
  package init(left: SequenceNumber, right: SequenceNumber) {
    self.left = left
    self.right = right
  }
}

/// Up to four blocks, in their order and in no memory of their own: more do not fit into a header
/// (RFC 2018 §3).
package struct SACKBlocks: Sendable {
  /// The most blocks.
  package static let most = 4

  private var storage = InlineArray<4, SACKBlock>(
    repeating: SACKBlock(left: SequenceNumber(0), right: SequenceNumber(0)))
  /// How many blocks there are.
  package private(set) var count = 0

  /// No blocks.
  @inline(__always)
  package init() {}

  /// The first four blocks of a sequence.
  package init(_ blocks: some Sequence<SACKBlock>) {
    for block in blocks { append(block) }
  }

  /// Appends a block; one for which there is no place is left out.
  package mutating func append(_ block: SACKBlock) {
    guard count < Self.most else { return }
    storage[count] = block
    count &+= 1
  }
}

extension SACKBlocks: RandomAccessCollection {
  package var startIndex: Int { 0 }
  package var endIndex: Int { count }

  /// The block at `position`, which must be one of the indices.
  package subscript(position: Int) -> SACKBlock {
    precondition(position < count)
    return storage[position]
  }
}

extension SACKBlocks: Hashable {
  package static func == (a: SACKBlocks, b: SACKBlocks) -> Bool { a.elementsEqual(b) }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    for block in self { hasher.combine(block) }
  }
}
