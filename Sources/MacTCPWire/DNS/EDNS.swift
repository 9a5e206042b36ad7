// Extension mechanisms, EDNS(0): RFC 6891.
//
// They travel as a record of type OPT among the additional ones, whose class is the size of the
// sender's datagrams and whose time to live is made of the upper bits of the response code, the
// version and flags. A message keeps them apart from its records.

/// What the sender of a message can do beyond RFC 1035 (RFC 6891 §6.1).
package struct EDNS: Hashable, Sendable {
  /// The largest datagram that the sender can receive, in bytes; values below 512 count as 512.
  package var payloadSize: UInt16
  /// The version; 0 is the only one.
  package var version: UInt8
  /// The DO bit: whether the sender wants the records of DNSSEC (RFC 3225).
  package var wantsDNSSEC: Bool
  /// Options, in the order in which they stand.
  package var options: [Option]

  /// An option: a number and data (RFC 6891 §6.1.2).
  package struct Option: Hashable, Sendable {
    /// The option's number.
    package var code: UInt16
    /// Its data, of at most 65 535 bytes.
    package var data: [UInt8]

    /// An option from its parts.
    package init(code: UInt16, data: [UInt8]) {
      self.code = code
      self.data = data
    }
  }

  /// The size that fits into one packet on every path of today: 1280 bytes, the smallest MTU of IPv6,
  /// less the headers of IPv6 and UDP.
  package static let safePayloadSize: UInt16 = 1232

  /// Extensions from their parts.
  package init(
    payloadSize: UInt16 = EDNS.safePayloadSize, version: UInt8 = 0, wantsDNSSEC: Bool = false,
    options: [Option] = []
  ) {
    self.payloadSize = payloadSize
    self.version = version
    self.wantsDNSSEC = wantsDNSSEC
    self.options = options
  }

  /// From an OPT record.
  ///
  /// - Throws: ``WireError/badName`` unless its name is the root's (RFC 6891 §6.1.2),
  ///   ``WireError/badLength`` when its options do not fill its data.
  init(_ header: ResourceRecord.Header, in message: Span<UInt8>) throws(WireError) {
    guard header.name.isRoot else { throw .badName }
    payloadSize = header.classField
    version = UInt8(truncatingIfNeeded: header.timeField >> 16)
    wantsDNSSEC = header.timeField & 0x8000 != 0
    options = []
    var offset = header.data.lowerBound
    while offset < header.data.upperBound {
      guard let code = message.networkUInt16(at: offset),
        let length = message.networkUInt16(at: offset &+ 2),
        header.data.upperBound &- offset &- 4 >= Int(length)
      else { throw .badLength }
      let start = offset &+ 4
      offset = start &+ Int(length)
      options.append(
        Option(code: code, data: ResourceRecord.Data.bytes(of: message, start..<offset)))
    }
  }

  /// The upper 8 bits of the response code, from an OPT record's head.
  static func upperResponseCode(_ header: ResourceRecord.Header) -> UInt16 {
    UInt16(truncatingIfNeeded: header.timeField >> 24)
  }

  /// Appends the OPT record.
  func write(to writer: inout DNSWriter, _ responseCode: ResponseCode) throws(WireError) {
    writer.append(DomainName.root)
    writer.append(ResourceRecordType.opt.rawValue)
    writer.append(payloadSize)
    writer.append(
      UInt32(responseCode.rawValue >> 4) << 24 | UInt32(version) << 16
        | (wantsDNSSEC ? 0x8000 : 0))
    try writer.appendWithLength { (writer) throws(WireError) in
      for option in options {
        writer.append(option.code)
        try writer.appendWithLength { (writer) throws(WireError) in writer.append(option.data) }
      }
    }
  }
}
