// TCP options: RFC 9293 §3.1 and §3.2; window scale and timestamps: RFC 7323 §2 and §3; selective
// acknowledgment: RFC 2018 §2 and §3.
//
// Which options mean anything in which segment is for whoever has a connection to say: MSS, window scale
// and SACK-permitted only with SYN, timestamps and SACK only where they were agreed on.

/// The time stamps of a segment (RFC 7323 §3.2).
public struct TCPTimestamps: Hashable, Sendable {
  /// TSval: the sender's clock.
  public var value: UInt32
  /// TSecr: the time stamp that it echoes; without meaning where ACK is not set.
  public var echoReply: UInt32

  /// The two time stamps.
  @inlinable
  public init(value: UInt32, echoReply: UInt32) {
    self.value = value
    self.echoReply = echoReply
  }

  /// Kind and length behind two "no operation", by which the numbers are aligned (RFC 7323, appendix A).
  @inlinable @inline(__always) static var kindAndLength: UInt32 { 0x0101_080A }

  /// The option as it is sent.
  @inlinable @inline(__always) var words: InlineArray<3, UInt32> {
    [Self.kindAndLength, value, echoReply]
  }
}

/// The options of a segment. Of an option that came twice, the later one.
public struct TCPOptions: Hashable, Sendable {
  /// The most bytes that fit into a header.
  @inlinable public static var mostBytes: Int { 40 }
  /// The greatest window scale (RFC 7323 §2.3).
  @inlinable public static var greatestWindowScale: UInt8 { 14 }

  /// Kind 2: the largest segment that the sender can receive, in bytes of data.
  public var maximumSegmentSize: UInt16?
  /// Kind 3: by how many bits the sender's window fields are shifted; 14 for anything greater (RFC 7323
  /// §2.3).
  public var windowScale: UInt8?
  /// Kind 4: the sender can use selective acknowledgments.
  public var isSACKPermitted = false
  /// Kind 5: what has arrived out of order.
  public var sackBlocks = SACKBlocks()
  /// Kind 8.
  public var timestamps: TCPTimestamps?
  /// Whether something had an illegal length: an option whose length is below 2 or goes beyond the header,
  /// where parsing ends, or a known one of another length than it must have, which is passed over
  /// (RFC 9293 §3.1, MUST-7). What was parsed is good.
  public var isMalformed = false

  /// No options.
  @inlinable @inline(__always)
  public init() {}

  /// Parses the bytes between a header's fixed part and its end.
  ///
  /// Unknown options are passed over by their length (RFC 9293 §3.1, MUST-6 and MUST-68), and nothing
  /// need be aligned (MUST-64). What follows the end of the options is not looked at.
  public init(parsing bytes: Span<UInt8>) {
    parse(bytes)
  }

  /// Takes the options of `bytes` where this value is: to move it afterwards costs more than to parse.
  mutating func parse(_ bytes: Span<UInt8>) {
    // What nearly every segment has: two NOPs and the time stamps (RFC 7323, appendix A).
    if bytes.count == 12, bytes.networkUInt32(at: 0) == TCPTimestamps.kindAndLength,
      let value = bytes.networkUInt32(at: 4), let echoReply = bytes.networkUInt32(at: 8)
    {
      timestamps = TCPTimestamps(value: value, echoReply: echoReply)
      return
    }
    var offset = 0
    while offset < bytes.count {
      let kind = bytes[offset]
      if kind == Kind.end { return }
      if kind == Kind.noOperation {
        offset &+= 1
        continue
      }
      let left = bytes.count &- offset
      guard left >= 2, bytes[offset &+ 1] >= 2, Int(bytes[offset &+ 1]) <= left else {
        isMalformed = true
        return
      }
      let length = Int(bytes[offset &+ 1])
      if !parse(kind, in: bytes, at: offset &+ 2, length: length) { isMalformed = true }
      offset &+= length
    }
  }

  /// Takes one option, whose data begin at `offset`; `false` if its whole length is not one that it may
  /// have.
  private mutating func parse(_ kind: UInt8, in bytes: Span<UInt8>, at offset: Int, length: Int)
    -> Bool
  {
    switch kind {
    case Kind.maximumSegmentSize:
      guard length == 4, let size = bytes.networkUInt16(at: offset) else { return false }
      maximumSegmentSize = size
    case Kind.windowScale:
      guard length == 3 else { return false }
      windowScale = min(bytes[offset], Self.greatestWindowScale)
    case Kind.sackPermitted:
      guard length == 2 else { return false }
      isSACKPermitted = true
    case Kind.sack:
      guard length >= 10, length & 7 == 2 else { return false }
      sackBlocks = SACKBlocks()
      for block in 0..<(length &- 2) / 8 {
        let place = offset &+ 8 &* block
        guard let left = bytes.networkUInt32(at: place),
          let right = bytes.networkUInt32(at: place &+ 4)
        else { return false }
        sackBlocks.append(SACKBlock(left: SequenceNumber(left), right: SequenceNumber(right)))
      }
    case Kind.timestamps:
      guard length == 10, let value = bytes.networkUInt32(at: offset),
        let echoReply = bytes.networkUInt32(at: offset &+ 4)
      else { return false }
      timestamps = TCPTimestamps(value: value, echoReply: echoReply)
    default: break
    }
    return true
  }

  /// The kinds of option that are known here.
  private enum Kind {
    static let end: UInt8 = 0
    static let noOperation: UInt8 = 1
    static let maximumSegmentSize: UInt8 = 2
    static let windowScale: UInt8 = 3
    static let sackPermitted: UInt8 = 4
    static let sack: UInt8 = 5
    static let timestamps: UInt8 = 8
  }
}

// MARK: Writing

extension TCPOptions {
  /// How many bytes the options take when they are written: a multiple of 4, at most 40.
  @inlinable public var byteCount: Int {
    byteCountWithoutSACK &+ (sackCount == 0 ? 0 : 4 &+ 8 &* sackCount)
  }

  @usableFromInline var byteCountWithoutSACK: Int {
    (maximumSegmentSize == nil ? 0 : 4) &+ (windowScale == nil ? 0 : 4)
      &+ (timestamps == nil ? (isSACKPermitted ? 4 : 0) : 12)
  }

  /// How many blocks are written: those that fit, the first ones first (RFC 2018 §4). Three with time
  /// stamps, else four.
  @usableFromInline var sackCount: Int {
    min(sackBlocks.count, (Self.mostBytes &- byteCountWithoutSACK &- 4) / 8)
  }

  /// Appends the options to `output`, which has room for ``byteCount`` bytes, and adds them to `sum`.
  ///
  /// Each begins with so many "no operation" that its numbers are aligned (RFC 7323, appendix A; RFC 2018
  /// §3), in the order that everybody uses, and that fits best: "SACK permitted" takes the place of the
  /// two before the time stamps. So the end is always aligned too, and needs no padding.
  func write(to output: inout OutputSpan<UInt8>, addingTo sum: inout InternetChecksum) {
    if let size = maximumSegmentSize {
      sum.add(UInt32(0x0204, size), appendingTo: &output)
    }
    if let timestamps {
      sum.add(
        isSACKPermitted ? 0x0402_080A : TCPTimestamps.kindAndLength, appendingTo: &output)
      sum.add(timestamps.value, appendingTo: &output)
      sum.add(timestamps.echoReply, appendingTo: &output)
    } else if isSACKPermitted {
      sum.add(0x0101_0402, appendingTo: &output)
    }
    if let windowScale {
      let shift = min(windowScale, Self.greatestWindowScale)
      sum.add(0x0103_0300 | UInt32(shift), appendingTo: &output)
    }
    let count = sackCount
    guard count > 0 else { return }
    sum.add(0x0101_0502 &+ UInt32(truncatingIfNeeded: 8 &* count), appendingTo: &output)
    for index in 0..<count {
      sum.add(sackBlocks[index].left.rawValue, appendingTo: &output)
      sum.add(sackBlocks[index].right.rawValue, appendingTo: &output)
    }
  }
}
