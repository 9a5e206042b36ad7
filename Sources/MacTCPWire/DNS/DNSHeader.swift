// The header of a message: RFC 1035 §4.1.1, RFC 2535 §6.1 for AD and CD.
//
//  0  1  2  3  4  5  6  7  8  9  0  1  2  3  4  5
// +-----------------------------------------------+
// |                  identifier                   |
// +--+-----------+--+--+--+--+--+--+--+-----------+
// |QR|  opcode   |AA|TC|RD|RA| Z|AD|CD|   rcode   |
// +--+-----------+--+--+--+--+--+--+--+-----------+
// | number of questions, of answers, of authority |
// | records, of additional records: 16 bits each  |
// +-----------------------------------------------+

/// The header of a message without its four counts, which follow from what the message holds.
package struct DNSHeader: Hashable, Sendable {
  /// Its length in bytes, with the counts.
  package static let byteCount = 12

  /// What kind of query it is (RFC 1035 §4.1.1).
  package enum Opcode {
    /// A standard query, the only one that is asked here.
    package static let query: UInt8 = 0
  }

  /// Chosen by whoever asks, and repeated in the response.
  package var identifier: UInt16
  /// QR: whether this is a response.
  package var isResponse: Bool
  /// The kind of query, 0...15.
  package var opcode: UInt8
  /// AA: the server is an authority for the name.
  package var isAuthoritative: Bool
  /// TC: the message was cut to fit.
  package var isTruncated: Bool
  /// RD: the server shall ask others if it must.
  package var recursionDesired: Bool
  /// RA: the server does so.
  package var recursionAvailable: Bool
  /// AD: the server has verified the data (RFC 4035 §3.2.3).
  package var isAuthentic: Bool
  /// CD: the server shall not verify it (RFC 4035 §3.2.2).
  package var checkingDisabled: Bool
  /// What became of the query; of a message with EDNS, all 12 bits.
  package var responseCode: ResponseCode

  /// A header from its parts.
  package init(
    identifier: UInt16, isResponse: Bool = false, opcode: UInt8 = Opcode.query,
    isAuthoritative: Bool = false, isTruncated: Bool = false, recursionDesired: Bool = true,
    recursionAvailable: Bool = false, isAuthentic: Bool = false, checkingDisabled: Bool = false,
    responseCode: ResponseCode = .noError
  ) {
    self.identifier = identifier
    self.isResponse = isResponse
    self.opcode = opcode
    self.isAuthoritative = isAuthoritative
    self.isTruncated = isTruncated
    self.recursionDesired = recursionDesired
    self.recursionAvailable = recursionAvailable
    self.isAuthentic = isAuthentic
    self.checkingDisabled = checkingDisabled
    self.responseCode = responseCode
  }

  /// Parses the header at the start of `message`; of the response code, the lower 4 bits.
  ///
  /// - Throws: ``WireError/truncated`` below 12 bytes.
  package init(parsing message: Span<UInt8>) throws(WireError) {
    guard message.count >= Self.byteCount, let identifier = message.networkUInt16(at: 0),
      let flags = message.networkUInt16(at: 2)
    else { throw .truncated }
    self.identifier = identifier
    isResponse = flags & 0x8000 != 0
    opcode = UInt8(truncatingIfNeeded: flags >> 11 & 0xF)
    isAuthoritative = flags & 0x0400 != 0
    isTruncated = flags & 0x0200 != 0
    recursionDesired = flags & 0x0100 != 0
    recursionAvailable = flags & 0x0080 != 0
    isAuthentic = flags & 0x0020 != 0
    checkingDisabled = flags & 0x0010 != 0
    responseCode = ResponseCode(rawValue: flags & 0xF)
  }

  /// The second 16 bits.
  var flags: UInt16 {
    (isResponse ? 0x8000 : 0) | UInt16(opcode & 0xF) << 11 | (isAuthoritative ? 0x0400 : 0)
      | (isTruncated ? 0x0200 : 0) | (recursionDesired ? 0x0100 : 0)
      | (recursionAvailable ? 0x0080 : 0) | (isAuthentic ? 0x0020 : 0)
      | (checkingDisabled ? 0x0010 : 0) | responseCode.rawValue & 0xF
  }
}
