// Source routes: RFC 791 §3.1 ("Loose Source and Record Route"), RFC 1122 §3.2.1.8 (c) and §3.3.5;
// for TCP RFC 9293 §3.9.2.1 (MUST-51 to MUST-53).
//
// A user gives a route as BSD and Linux take it: the routers in the order of the way, the destination not
// among them. On the wire the packet is addressed to the first router, and the option has the others and the
// destination. A route that has come is given back in the user's form, turned round.

internal import MacTCPWire

/// The options of a packet that goes out, as they stand on the wire.
struct SourceRoute {
  /// Where the packet is addressed to: its destination, or the first router.
  private(set) var firstHop: IPAddress
  private(set) var bytes = InlineArray<40, UInt8>(repeating: 0)
  /// How many of the bytes there are.
  private(set) var count: Int

  /// The options of a user who was told by `isValid` that they can be sent.
  init(_ options: Span<UInt8>, to destination: IPAddress) {
    firstHop = destination
    count = min(options.count, 40)
    guard count > 0 else { return }
    for index in 0..<count { bytes[index] = options[index] }
    var walk = IPv4Options(of: options)
    while let option = walk.next(in: options) {
      guard Self.isSourceRoute(option.type) else { continue }
      let first = option.range.lowerBound &+ 3
      let last = option.range.upperBound &- 4
      guard last >= first, last &+ 4 <= count, let hop = options.networkUInt32(at: first) else {
        break
      }
      firstHop = IPAddress(v4: hop)
      for index in first..<last { bytes[index] = bytes[index &+ 4] }
      for index in 0..<4 {
        bytes[last &+ index] = UInt8(
          truncatingIfNeeded: destination.v4 &>> UInt32(24 &- 8 &* index))
      }
      break
    }
  }

  /// Leaves only the options that every fragment has (RFC 791 §3.1, "Copied Flag").
  mutating func keepCopied() {
    let all = bytes
    let span = all.span.extracting(first: count)
    var walk = IPv4Options(of: span)
    count = 0
    while let option = walk.next(in: span) {
      guard option.isCopied else { continue }
      for index in option.range {
        bytes[count] = all[index]
        count &+= 1
      }
    }
  }

  static func isSourceRoute(_ type: UInt8) -> Bool {
    type == IPv4Option.Kind.looseSourceRoute || type == IPv4Option.Kind.strictSourceRoute
  }

  /// How much longer options make a header.
  static func paddedLength(of count: Int) -> Int { (min(count, 40) &+ 3) & ~3 }

  /// Whether a user may give these options: 40 bytes at most, each of a length that fits, one source route at
  /// most (RFC 1122 §3.2.1.8 c), with whole addresses, which points to the first of them.
  static func isValid(_ options: Span<UInt8>) -> Bool {
    guard !options.isEmpty else { return true }
    guard options.count <= 40 else { return false }
    var routes = 0
    var walk = IPv4Options(of: options)
    while let option = walk.next(in: options) {
      guard isSourceRoute(option.type) else { continue }
      routes &+= 1
      guard option.range.count >= 7, option.range.count & 3 == 3,
        options[option.range.lowerBound &+ 2] == 4
      else { return false }
    }
    return walk.malformedOffset == nil && routes <= 1
  }
}

/// The source route of a packet that has come, turned round: the option with which an answer goes the same
/// way back. It has as many bytes as it had in the packet, and at most 39.
struct ReceivedRoute {
  private(set) var bytes = InlineArray<40, UInt8>(repeating: 0)
  /// 0 for none.
  private(set) var count = 0

  init() {}

  /// The way back of an option that has come to its end; `nil` if its addresses are no whole ones.
  init?(reversing option: IPv4Option, in packet: Span<UInt8>) {
    let length = option.range.count
    guard length >= 7, length & 3 == 3, length <= 39 else { return nil }
    let start = option.range.lowerBound
    bytes[0] = option.type
    bytes[1] = UInt8(truncatingIfNeeded: length)
    bytes[2] = 4
    count = length
    var from = start &+ length &- 4
    var to = 3
    while to < length {
      for index in 0..<4 { bytes[to &+ index] = packet[from &+ index] }
      from &-= 4
      to &+= 4
    }
  }
}
