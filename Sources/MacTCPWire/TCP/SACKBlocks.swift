/// Data that have arrived out of order: from `left` up to, and without, `right` (RFC 2018 §3).
public struct SACKBlock: Hashable, Sendable {
  /// The first sequence number of the block.
  public var left: SequenceNumber
  /// The sequence number behind the last of the block.
  public var right: SequenceNumber

  /// The block between two sequence numbers.
  @inlinable
  public init(left: SequenceNumber, right: SequenceNumber) {
    self.left = left
    self.right = right
  }
}

/// Up to four blocks, in their order and in no memory of their own: more do not fit into a header
/// (RFC 2018 §3).
public struct SACKBlocks: Sendable {
  /// The most blocks.
  @inlinable public static var most: Int { 4 }

  @usableFromInline var storage = InlineArray<4, SACKBlock>(
    repeating: SACKBlock(left: SequenceNumber(0), right: SequenceNumber(0)))
  /// How many blocks there are.
  public var count = 0

  /// No blocks.
  @inlinable @inline(__always)
  public init() {}

  /// The first four blocks of a sequence.
  public init(_ blocks: some Sequence<SACKBlock>) {
    for block in blocks { append(block) }
  }

  /// Appends a block; one for which there is no place is left out.
  @inlinable public mutating func append(_ block: SACKBlock) {
    guard count < Self.most else { return }
    storage[count] = block
    count &+= 1
  }
}

extension SACKBlocks: RandomAccessCollection {
  /// 0.
  @inlinable public var startIndex: Int { 0 }
  /// How many blocks there are.
  @inlinable public var endIndex: Int { count }
  /// Whether there are none.
  @inlinable public var isEmpty: Bool { count == 0 }

  /// The block at `position`, which must be one of the indices.
  @inlinable public subscript(position: Int) -> SACKBlock {
    precondition(position < count)
    return storage[position]
  }
}

extension SACKBlocks: Hashable {
  /// Whether both have the same blocks in the same order.
  public static func == (a: SACKBlocks, b: SACKBlocks) -> Bool { a.elementsEqual(b) }

  /// What is the same for the same blocks in the same order.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    for block in self { hasher.combine(block) }
  }
}
