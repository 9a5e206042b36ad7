// The options of an IPv4 header: RFC 791 §3.1, "Options"; RFC 1122 §3.2.1.8.
//
// Order of calls: make `IPv4Options` of a header, and call `next(in:)` with the packet until it returns
// `nil`. A host that knows no option passes over all of them.

/// One option of an IPv4 header.
public struct IPv4Option: Hashable, Sendable {
  /// The whole type byte: copied flag, class and number.
  public let type: UInt8
  /// Where in the packet the option is, its type and length bytes included.
  public let range: Range<Int>

  /// Whether every fragment has the option.
  public var isCopied: Bool { type & 0x80 != 0 }
  /// 0 for control, 2 for debugging and measurement.
  public var optionClass: UInt8 { type >> 5 & 3 }
  /// The number in its class.
  public var number: UInt8 { type & 0x1F }
  /// Where in the packet the option's data are.
  public var dataRange: Range<Int> {
    min(range.lowerBound &+ 2, range.upperBound)..<range.upperBound
  }

  /// Types that a host has to do with.
  public enum Kind {
    /// End of the options.
    public static let end: UInt8 = 0
    /// Nothing, between two options.
    public static let noOperation: UInt8 = 1
    /// The packet's way is recorded.
    public static let recordRoute: UInt8 = 7
    /// Each hop's time is recorded.
    public static let timestamp: UInt8 = 68
    /// The packet goes by way of these hops, and others between them.
    public static let looseSourceRoute: UInt8 = 131
    /// Every router looks at the packet (RFC 2113).
    public static let routerAlert: UInt8 = 148
    /// The packet goes by way of these hops and no others.
    public static let strictSourceRoute: UInt8 = 137
  }
}

/// A walk through the options of a packet. It ends after 40 steps at most: each is a byte forward or more.
public struct IPv4Options: Sendable {
  private var offset: Int
  private var end: Int
  /// Where in the packet the option is that has an impossible length: the pointer of a parameter problem
  /// (RFC 1122 §3.2.2.5). `nil` as long as none was met. The walk ends there.
  public private(set) var malformedOffset: Int?

  /// The options of the packet with this header.
  public init(_ header: IPv4Header) {
    offset = header.optionRange.lowerBound
    end = header.optionRange.upperBound
  }

  /// Options without a header before them, as a user gives them.
  public init(of bytes: Span<UInt8>) {
    offset = 0
    end = bytes.count
  }

  /// The next option; "no operation" and what the end of the options is followed by are passed over.
  /// `nil` after the last one.
  ///
  /// - Parameter packet: the packet that the header was parsed from.
  public mutating func next(in packet: Span<UInt8>) -> IPv4Option? {
    let limit = min(end, packet.count)
    while offset < limit {
      let start = offset
      let type = packet[start]
      if type == IPv4Option.Kind.end { break }
      if type == IPv4Option.Kind.noOperation {
        offset &+= 1
        continue
      }
      // A length counts the type and itself.
      guard limit &- start >= 2, packet[start &+ 1] >= 2, Int(packet[start &+ 1]) <= limit &- start
      else {
        malformedOffset = start
        break
      }
      offset = start &+ Int(packet[start &+ 1])
      return IPv4Option(type: type, range: start..<offset)
    }
    offset = end
    return nil
  }
}
