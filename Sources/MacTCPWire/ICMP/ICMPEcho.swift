// The ICMP echo message and its reply: RFC 792, page 14; RFC 1122 §3.2.2.6.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------+---------------+-------------------------------+
// |     type      |     code      |           checksum            |
// +---------------+---------------+-------------------------------+
// |          identifier           |        sequence number        |
// +-------------------------------+-------------------------------+
// |     data ...

/// An ICMP echo request or echo reply, without its IP header (RFC 792, "Echo or Echo Reply
/// Message").
public struct ICMPEcho: Hashable, Sendable {
  /// Which of the two messages it is; the raw value is the ICMP type.
  public enum Kind: UInt8, Sendable {
    /// Type 0: the answer, with the data of the request.
    case reply = 0
    /// Type 8: the question.
    case request = 8
  }

  /// The bytes before the data.
  public static let headerLength = 8

  /// Request or reply.
  public var kind: Kind
  /// Tells the requests of one sender from those of others; the same in the reply.
  public var identifier: UInt16
  /// Tells the requests of one sender apart; the same in the reply.
  public var sequenceNumber: UInt16
  /// The data, which a reply returns whole (RFC 1122 §3.2.2.6).
  public var payload: [UInt8]

  /// A message from its parts.
  public init(kind: Kind, identifier: UInt16, sequenceNumber: UInt16, payload: [UInt8] = []) {
    self.kind = kind
    self.identifier = identifier
    self.sequenceNumber = sequenceNumber
    self.payload = payload
  }

  /// The reply that answers this message with the same identifier, sequence number and data.
  public var reply: ICMPEcho {
    ICMPEcho(
      kind: .reply, identifier: identifier, sequenceNumber: sequenceNumber, payload: payload)
  }

  /// Parses the bytes that follow the IP header, to their end.
  ///
  /// The code is 0 in every echo message; as on other systems, another one is not looked at.
  ///
  /// - Parameters:
  ///   - bytes: the ICMP message, and nothing after it.
  ///   - verifyingChecksum: `false` where somebody else has verified it, as a kernel does for its
  ///     ICMP sockets.
  /// - Throws: ``WireError/truncated`` below 8 bytes, ``WireError/wrongType`` for every other ICMP
  ///   message, ``WireError/badChecksum``.
  public init(parsing bytes: Span<UInt8>, verifyingChecksum: Bool = true) throws(WireError) {
    guard bytes.count >= Self.headerLength,
      let identifier = bytes.networkUInt16(at: 4),
      let sequenceNumber = bytes.networkUInt16(at: 6)
    else { throw .truncated }
    guard let kind = Kind(rawValue: bytes[0]) else { throw .wrongType }
    if verifyingChecksum && !InternetChecksum(of: bytes).isValid { throw .badChecksum }
    self.kind = kind
    self.identifier = identifier
    self.sequenceNumber = sequenceNumber
    let data = bytes.extracting(droppingFirst: Self.headerLength)
    payload = [UInt8](capacity: data.count) { output in
      for index in data.indices { output.append(data[index]) }
    }
  }

  /// The length of the message in bytes.
  public var byteCount: Int { Self.headerLength + payload.count }

  /// Appends the message with its checksum to `output`.
  ///
  /// - Throws: ``WireError/noRoom`` if fewer than ``byteCount`` bytes are free.
  public func write(to output: inout OutputSpan<UInt8>) throws(WireError) {
    guard output.freeCapacity >= byteCount else { throw .noRoom }
    let typeAndCode = UInt16(kind.rawValue) << 8
    var checksum = InternetChecksum()
    checksum.add(typeAndCode)
    checksum.add(identifier)
    checksum.add(sequenceNumber)
    checksum.add(payload.span)
    output.append(networkOrder: typeAndCode)
    output.append(networkOrder: checksum.value)
    output.append(networkOrder: identifier)
    output.append(networkOrder: sequenceNumber)
    for byte in payload { output.append(byte) }
  }
}
