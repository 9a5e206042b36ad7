// An ICMP error as it comes, with the packet that it is about: RFC 792; RFC 1122 §3.2.2.
//
// Whoever acts on one checks first that the quoted packet is one of its own, and may have been sent
// just now (RFC 5927 §4).

/// An ICMP error message.
public struct ICMPError: Hashable, Sendable {
  /// What is wrong.
  public let problem: ICMPProblem
  /// The packet that was sent from here, as far as the message has it.
  public let packet: QuotedPacket

  /// Parses the data of an IP packet, to their end.
  ///
  /// - Parameters:
  ///   - message: the ICMP message, and nothing after it.
  ///   - verifyingChecksum: `false` where somebody else has verified it.
  /// - Throws: ``WireError/truncated`` if the header of the quoted packet has not come whole,
  ///   ``WireError/wrongType`` for a message that is no error or does not quote IPv4,
  ///   ``WireError/badLength`` for impossible lengths in the quoted header, ``WireError/badChecksum``.
  public init(parsing message: Span<UInt8>, verifyingChecksum: Bool = true) throws(WireError) {
    let header = try ICMPHeader(parsing: message, verifyingChecksum: verifyingChecksum)
    guard let problem = ICMPProblem(header) else { throw .wrongType }
    self.problem = problem
    packet = try QuotedPacket(
      parsing: message.extracting(droppingFirst: ICMPHeader.byteCount))
  }

  /// What MacTCP reports of it; `nil` for what is not reported.
  public var reportType: ICMPReportType? { problem.reportType }
}

/// The start of a packet in an ICMP error: its header, and 8 bytes of data or more (RFC 792).
public struct QuotedPacket: Hashable, Sendable {
  /// The packet's header. Its total length is the packet's, of which the error may have only a part.
  public let header: IPv4Header
  /// The first 8 bytes of the packet's data, the first one uppermost; `nil` if fewer have come.
  private let start: UInt64?

  /// Parses what an ICMP error has behind its header.
  ///
  /// - Throws: as ``IPv4Header/init(quotedIn:)``.
  public init(parsing quotation: Span<UInt8>) throws(WireError) {
    header = try IPv4Header(quotedIn: quotation)
    if let upper = quotation.networkUInt32(at: header.headerLength),
      let lower = quotation.networkUInt32(at: header.headerLength &+ 4)
    {
      start = UInt64(upper) << 32 | UInt64(lower)
    } else {
      start = nil
    }
  }

  /// The port it was sent from; `nil` without TCP, UDP or the bytes of their header, which only the
  /// first fragment has.
  public var sourcePort: UInt16? {
    hasPorts ? start.map { UInt16(truncatingIfNeeded: $0 >> 48) } : nil
  }

  /// The port it was sent to; `nil` as ``sourcePort``.
  public var destinationPort: UInt16? {
    hasPorts ? start.map { UInt16(truncatingIfNeeded: $0 >> 32) } : nil
  }

  /// The sequence number of a TCP segment; `nil` for everything else.
  public var sequenceNumber: SequenceNumber? {
    guard hasPorts, header.protocol == .tcp else { return nil }
    return start.map { SequenceNumber(UInt32(truncatingIfNeeded: $0)) }
  }

  /// The first 8 bytes of an ICMP message as its header; `nil` for everything else. No error is sent
  /// about an ICMP error, so that this is a query, or should be.
  public var icmpHeader: ICMPHeader? {
    guard header.protocol == .icmp, header.fragmentOffset == 0, let start else { return nil }
    var icmp = ICMPHeader(
      type: ICMPType(rawValue: UInt8(truncatingIfNeeded: start >> 56)),
      code: UInt8(truncatingIfNeeded: start >> 48), parameter: UInt32(truncatingIfNeeded: start))
    icmp.checksum = UInt16(truncatingIfNeeded: start >> 32)
    return icmp
  }

  private var hasPorts: Bool {
    header.fragmentOffset == 0 && (header.protocol == .tcp || header.protocol == .udp)
  }
}
