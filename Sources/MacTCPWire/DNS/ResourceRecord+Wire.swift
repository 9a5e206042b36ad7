// Resource records in messages: RFC 1035 §4.1.3.
//
//  name | type (2) | class (2) | time to live (4) | length of the data (2) | data

extension ResourceRecord {
  /// What stands before a record's data, once it is known.
  struct Header {
    var name: DomainName
    var type: ResourceRecordType
    /// Usually a class; of an OPT record, the size of the sender's datagrams (RFC 6891 §6.1.2).
    var classField: UInt16
    /// Usually a time to live; of an OPT record, three fields (RFC 6891 §6.1.3).
    var timeField: UInt32
    /// Where in the message the data is; within it.
    var data: Range<Int>

    /// Parses the record's head at `offset`, and moves `offset` behind the whole record.
    init(parsing message: Span<UInt8>, at offset: inout Int) throws(WireError) {
      name = try DomainName(parsing: message, at: &offset)
      guard let type = message.networkUInt16(at: offset),
        let classField = message.networkUInt16(at: offset &+ 2),
        let timeField = message.networkUInt32(at: offset &+ 4),
        let length = message.networkUInt16(at: offset &+ 8),
        message.count &- offset &- 10 >= Int(length)
      else { throw .truncated }
      self.type = ResourceRecordType(rawValue: type)
      self.classField = classField
      self.timeField = timeField
      data = offset &+ 10..<offset &+ 10 &+ Int(length)
      offset = data.upperBound
    }
  }

  /// A record from its head and the message that its data is in.
  ///
  /// - Throws: ``WireError/badLength`` when the data does not end where its format does,
  ///   ``WireError/badName``, ``WireError/truncated``.
  init(_ header: Header, in message: Span<UInt8>) throws(WireError) {
    name = header.name
    recordClass = ResourceRecordClass(rawValue: header.classField)
    // RFC 2181 §8: a time with its highest bit set counts as 0.
    timeToLive = header.timeField >> 31 == 0 ? header.timeField : 0
    data = try Data(header, recordClass, in: message)
  }
}

extension ResourceRecord.Data {
  fileprivate init(
    _ header: ResourceRecord.Header, _ recordClass: ResourceRecordClass, in message: Span<UInt8>
  ) throws(WireError) {
    var offset = header.data.lowerBound
    let end = header.data.upperBound
    switch header.type {
    // Compressed names are in these types alone (RFC 3597 §4); all of them are alike in every class.
    case .ns: self = .ns(try DomainName(parsing: message, at: &offset))
    case .cname: self = .cname(try DomainName(parsing: message, at: &offset))
    case .ptr: self = .ptr(try DomainName(parsing: message, at: &offset))
    case .soa: self = .soa(try StartOfAuthority(parsing: message, at: &offset))
    case .mx:
      guard let preference = message.networkUInt16(at: offset) else { throw .truncated }
      offset &+= 2
      self = .mx(
        preference: preference, exchange: try DomainName(parsing: message, at: &offset))
    case .hinfo:
      self = .hinfo(
        cpu: try Self.string(in: message, at: &offset, end),
        os: try Self.string(in: message, at: &offset, end))
    case .txt:
      var strings: [[UInt8]] = []
      while offset < end { strings.append(try Self.string(in: message, at: &offset, end)) }
      self = .txt(strings)
    // Addresses have other formats in other classes (RFC 1035 §3.4.1).
    case .a where recordClass == .internet:
      guard header.data.count == 4, let bits = message.networkUInt32(at: offset) else {
        throw .badLength
      }
      offset &+= 4
      self = .a(IPAddress(v4: bits))
    case .aaaa where recordClass == .internet:
      guard header.data.count == 16 else { throw .badLength }
      offset = end
      self = .aaaa(Self.bytes(of: message, header.data))
    default:
      offset = end
      self = .unknown(header.type, Self.bytes(of: message, header.data))
    }
    guard offset == end else { throw .badLength }
  }

  static func bytes(of message: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    [UInt8](capacity: range.count) { output in
      for index in range { output.append(message[index]) }
    }
  }

  /// A character string (RFC 1035 §3.3): a length byte and so many bytes.
  private static func string(in message: Span<UInt8>, at offset: inout Int, _ end: Int)
    throws(WireError) -> [UInt8]
  {
    guard offset < end, offset < message.count else { throw .badLength }
    let start = offset &+ 1
    let next = start &+ Int(message[offset])
    guard next <= end else { throw .badLength }
    offset = next
    return bytes(of: message, start..<next)
  }

  /// Appends the data, without its length.
  ///
  /// - Throws: ``WireError/badLength`` for a string of more than 255 bytes and an IPv6 address that is
  ///   not 16 bytes.
  fileprivate func write(to writer: inout DNSWriter) throws(WireError) {
    switch self {
    case .a(let address): writer.append(address.v4)
    case .ns(let name), .cname(let name), .ptr(let name): writer.append(name)
    case .soa(let soa): soa.write(to: &writer)
    case .mx(let preference, let exchange):
      writer.append(preference)
      writer.append(exchange)
    case .hinfo(let cpu, let os):
      try writer.append(string: cpu)
      try writer.append(string: os)
    case .txt(let strings):
      for string in strings { try writer.append(string: string) }
    case .aaaa(let bytes):
      guard bytes.count == 16 else { throw .badLength }
      writer.append(bytes)
    case .unknown(_, let bytes): writer.append(bytes)
    }
  }
}

extension ResourceRecord {
  /// Appends the record.
  func write(to writer: inout DNSWriter) throws(WireError) {
    writer.append(name)
    writer.append(type.rawValue)
    writer.append(recordClass.rawValue)
    writer.append(timeToLive)
    try writer.appendWithLength { (writer) throws(WireError) in try data.write(to: &writer) }
  }
}

extension StartOfAuthority {
  fileprivate init(parsing message: Span<UInt8>, at offset: inout Int) throws(WireError) {
    primary = try DomainName(parsing: message, at: &offset)
    mailbox = try DomainName(parsing: message, at: &offset)
    guard let serial = message.networkUInt32(at: offset),
      let refresh = message.networkUInt32(at: offset &+ 4),
      let retry = message.networkUInt32(at: offset &+ 8),
      let expire = message.networkUInt32(at: offset &+ 12),
      let minimum = message.networkUInt32(at: offset &+ 16)
    else { throw .truncated }
    self.serial = serial
    self.refresh = refresh
    self.retry = retry
    self.expire = expire
    self.minimum = minimum
    offset &+= 20
  }

  fileprivate func write(to writer: inout DNSWriter) {
    writer.append(primary)
    writer.append(mailbox)
    for time in [serial, refresh, retry, expire, minimum] { writer.append(time) }
  }
}
