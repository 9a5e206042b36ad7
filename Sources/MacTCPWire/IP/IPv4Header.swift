// The IPv4 header: RFC 791 §3.1; RFC 2474 and RFC 3168 for the second byte; RFC 1122 §3.2.1.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------+-------+-----------+---+-------------------------------+
// |version|  IHL  |   DSCP    |ECN|         total length          |
// +-------+-------+-----------+---+-+-+-+-------------------------+
// |        identification         |0|D|M|     fragment offset     |
// +---------------+---------------+-+-+-+-------------------------+
// | time to live  |   protocol    |        header checksum        |
// +---------------+---------------+-------------------------------+
// |                        source address                         |
// +---------------------------------------------------------------+
// |                      destination address                      |
// +---------------------------------------------------------------+
// |           options, padded with zeros to 32 bits ...

/// The header of an IPv4 packet; the options are found by ``optionRange``.
public struct IPv4Header: Hashable, Sendable {
  /// Its length in bytes without options, the least there is.
  @inlinable public static var leastLength: Int { 20 }
  /// Its length in bytes with as many options as fit.
  @inlinable public static var mostLength: Int { 60 }

  /// IHL, in bytes: 20...60, a multiple of 4.
  public var headerLength: Int
  /// The length of the packet in bytes, its header included.
  public var totalLength: Int
  /// The byte of the type of service: DSCP and ECN.
  public var typeOfService: UInt8
  /// Tells the fragments of one packet from those of others (RFC 6864).
  public var identification: UInt16
  /// The bit before DF, which must be zero.
  public var reservedFlag: Bool
  /// DF: no router may fragment the packet.
  public var dontFragment: Bool
  /// MF: this is not the last fragment.
  public var moreFragments: Bool
  /// Where in the whole packet's data these begin, in bytes: a multiple of 8, at most 65,528.
  public var fragmentOffset: Int
  /// The number of hops that are left (RFC 1122 §3.2.1.7).
  public var timeToLive: UInt8
  /// What the packet carries.
  public var `protocol`: IPProtocol
  /// The checksum as it came; ``write(to:options:)`` computes it anew.
  public var checksum: UInt16
  /// Who sent the packet.
  public var source: IPAddress
  /// Whom it is for.
  public var destination: IPAddress

  /// The header of a packet that is to be sent, and not a fragment.
  ///
  /// - Parameters:
  ///   - payloadLength: the bytes behind the header.
  ///   - optionLength: the bytes of options, not padded.
  @inlinable @inline(__always)
  public init(
    source: IPAddress, destination: IPAddress, protocol: IPProtocol, payloadLength: Int,
    optionLength: Int = 0, typeOfService: UInt8 = 0, identification: UInt16 = 0,
    dontFragment: Bool = false, timeToLive: UInt8 = 64
  ) {
    headerLength = Self.leastLength &+ (optionLength &+ 3) & ~3
    totalLength = headerLength &+ payloadLength
    self.typeOfService = typeOfService
    self.identification = identification
    reservedFlag = false
    self.dontFragment = dontFragment
    moreFragments = false
    fragmentOffset = 0
    self.timeToLive = timeToLive
    self.protocol = `protocol`
    checksum = 0
    self.source = source
    self.destination = destination
  }

  /// Parses the header at the start of `packet`. Bytes behind the total length, such as the padding of
  /// a short Ethernet frame, are not the packet's.
  ///
  /// - Parameter verifyingChecksum: `false` where somebody else has verified it.
  /// - Throws: ``WireError/truncated`` if the header or the packet has not come whole,
  ///   ``WireError/wrongType`` for another version, ``WireError/badLength`` for an IHL below 5 or above
  ///   the total length, ``WireError/badChecksum`` (RFC 1122 §3.2.1.2).
  @inlinable @inline(__always)
  public init(parsing packet: Span<UInt8>, verifyingChecksum: Bool = true) throws(WireError) {
    try self.init(fieldsOf: packet)
    guard totalLength <= packet.count else { throw .truncated }
    guard verifyingChecksum else { return }
    if headerLength == Self.leastLength {
      guard Self.hasValidChecksum(packet) else { throw .badChecksum }
    } else if !InternetChecksum(of: packet.extracting(first: headerLength)).isValid {
      throw .badChecksum
    }
  }

  /// Whether the first 20 bytes, which are there, add up as a header without options must: five words that
  /// have just been loaded are added faster than memory is walked through.
  @inlinable @inline(__always)
  static func hasValidChecksum(_ packet: Span<UInt8>) -> Bool {
    var sum = InternetChecksum()
    sum.add(packet.networkUInt32(at: 0) ?? 0)
    sum.add(packet.networkUInt32(at: 4) ?? 0)
    sum.add(packet.networkUInt32(at: 8) ?? 0)
    sum.add(packet.networkUInt32(at: 12) ?? 0)
    sum.add(packet.networkUInt32(at: 16) ?? 0)
    return sum.isValid
  }

  /// Parses the header of a packet of which only the start is there, as an ICMP error quotes it. Routers
  /// change the quoted header in ways that leave its checksum wrong: it is not verified.
  ///
  /// - Throws: as ``init(parsing:verifyingChecksum:)``; ``WireError/truncated`` only for the header.
  public init(quotedIn quotation: Span<UInt8>) throws(WireError) {
    try self.init(fieldsOf: quotation)
  }

  // Inlined, because to copy the fields out of a result costs more than to parse them.
  @inlinable @inline(__always)
  init(fieldsOf packet: Span<UInt8>) throws(WireError) {
    guard let first = packet.networkUInt32(at: 0), let second = packet.networkUInt32(at: 4),
      let third = packet.networkUInt32(at: 8), let source = packet.networkUInt32(at: 12),
      let destination = packet.networkUInt32(at: 16)
    else { throw .truncated }
    guard first >> 28 == 4 else { throw .wrongType }
    headerLength = Int(first >> 24 & 0xF) &* 4
    totalLength = Int(first.lowerHalf)
    guard headerLength >= Self.leastLength, totalLength >= headerLength else { throw .badLength }
    guard headerLength <= packet.count else { throw .truncated }
    typeOfService = UInt8(truncatingIfNeeded: first >> 16)
    identification = second.upperHalf
    reservedFlag = second & 0x8000 != 0
    dontFragment = second & 0x4000 != 0
    moreFragments = second & 0x2000 != 0
    fragmentOffset = Int(second & 0x1FFF) &* 8
    timeToLive = UInt8(truncatingIfNeeded: third >> 24)
    self.protocol = IPProtocol(rawValue: UInt8(truncatingIfNeeded: third >> 16))
    checksum = third.lowerHalf
    self.source = IPAddress(v4: source)
    self.destination = IPAddress(v4: destination)
  }

  /// Appends the header with its checksum to `output`.
  ///
  /// - Parameter options: the options, as many bytes as the header was made for; zeros, which are
  ///   "end of options", pad them to a multiple of 4 (RFC 791 §3.1, "Padding").
  /// - Throws: ``WireError/noRoom`` if fewer than ``headerLength`` bytes are free;
  ///   ``WireError/badLength`` if a length does not fit its field, or the options the header.
  @inlinable @inline(__always)
  public func write(to output: inout OutputSpan<UInt8>, options: Span<UInt8> = Span())
    throws(WireError)
  {
    guard headerLength == Self.leastLength, options.isEmpty, fragmentOffset == 0 else {
      return try writeAll(to: &output, options: options)
    }
    guard output.freeCapacity >= Self.leastLength else { throw .noRoom }
    guard let total = UInt16(exactly: totalLength), totalLength >= Self.leastLength else {
      throw .badLength
    }
    let first = UInt32(0x4500 | UInt16(typeOfService), total)
    let second = UInt32(identification, flags)
    let third = UInt16(timeToLive) &<< 8 | UInt16(`protocol`.rawValue)
    var words: InlineArray<5, UInt32> = [
      first, second, UInt32(third, 0), source.v4, destination.v4,
    ]
    var checksum = InternetChecksum()
    checksum.add(words)
    words[2] = UInt32(third, checksum.value)
    output.append(networkOrder: words)
  }

  /// The same for a header with options, and a fragment's.
  @usableFromInline
  func writeAll(to output: inout OutputSpan<UInt8>, options: Span<UInt8>) throws(WireError) {
    guard output.freeCapacity >= headerLength else { throw .noRoom }
    guard let total = UInt16(exactly: totalLength), totalLength >= headerLength,
      headerLength <= Self.mostLength, headerLength & 3 == 0,
      headerLength &- Self.leastLength == (options.count &+ 3) & ~3,
      fragmentOffset & 7 == 0, let offset = UInt16(exactly: fragmentOffset)
    else { throw .badLength }
    let versionAndLength = UInt16(0x4000) | UInt16(truncatingIfNeeded: headerLength) << 6
    let first = UInt32(versionAndLength | UInt16(typeOfService), total)
    let second = UInt32(identification, flags | offset >> 3)
    let third = UInt16(timeToLive) << 8 | UInt16(`protocol`.rawValue)
    var checksum = InternetChecksum()
    checksum.add(first)
    checksum.add(second)
    checksum.add(third)
    checksum.add(source)
    checksum.add(destination)
    checksum.add(options)
    output.append(networkOrder: first)
    output.append(networkOrder: second)
    output.append(networkOrder: UInt32(third, checksum.value))
    output.append(networkOrder: source.v4)
    output.append(networkOrder: destination.v4)
    for index in options.indices { output.append(options[index]) }
    let padding = headerLength &- Self.leastLength &- options.count
    for _ in 0..<padding { output.append(0) }
  }

  @inlinable var flags: UInt16 {
    (reservedFlag ? 0x8000 : 0) | (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0)
  }
}

extension IPv4Header {
  /// Where in the packet its options are.
  @inlinable
  public var optionRange: Range<Int> { Self.leastLength..<max(Self.leastLength, headerLength) }

  /// Where in the packet its data are.
  @inlinable
  public var payloadRange: Range<Int> { headerLength..<max(headerLength, totalLength) }

  /// Whether the packet is a part of a larger one (RFC 791 §3.2).
  @inlinable
  public var isFragment: Bool { moreFragments || fragmentOffset != 0 }

  /// The differentiated services code point, 0...63 (RFC 2474 §3).
  @inlinable
  public var differentiatedServices: UInt8 { typeOfService >> 2 }

  /// The congestion notification field (RFC 3168 §5).
  @inlinable
  public var congestionNotification: ECN {
    get { ECN(rawValue: typeOfService & 3) ?? .notCapable }
    set { typeOfService = typeOfService & ~3 | newValue.rawValue }
  }

  /// What a packet says of congestion on its way (RFC 3168 §5).
  public enum ECN: UInt8, Sendable {
    /// Not-ECT: routers drop the packet.
    case notCapable = 0
    /// ECT(1).
    case capable1 = 1
    /// ECT(0): routers may mark the packet in place of dropping it.
    case capable0 = 2
    /// CE: a router has marked the packet.
    case congestionExperienced = 3
  }
}
