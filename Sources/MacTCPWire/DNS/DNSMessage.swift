// Messages of the domain name system: RFC 1035 §4, RFC 6891.
//
// To ask: `DNSMessage(asking:identifier:edns:)`, `encoded()`. Of what comes, `DNSHeader(parsing:)` and
// `DNSQuestion(firstIn:)` tell whether it answers the question before the rest is looked at.

/// A question: which records of which name (RFC 1035 §4.1.2). Without the case of the name's letters.
package struct DNSQuestion: Hashable, Sendable {
  /// The name that is asked about.
  package var name: DomainName
  /// The type of records that are asked for.
  package var type: ResourceRecordType
  /// The name space.
  package var recordClass: ResourceRecordClass

  /// A question from its parts.
  package init(
    _ name: DomainName, _ type: ResourceRecordType, _ recordClass: ResourceRecordClass = .internet
  ) {
    self.name = name
    self.type = type
    self.recordClass = recordClass
  }

  /// Parses the question at `offset`, and moves `offset` behind it.
  init(parsing message: Span<UInt8>, at offset: inout Int) throws(WireError) {
    name = try DomainName(parsing: message, at: &offset)
    guard let type = message.networkUInt16(at: offset),
      let recordClass = message.networkUInt16(at: offset &+ 2)
    else { throw .truncated }
    self.type = ResourceRecordType(rawValue: type)
    self.recordClass = ResourceRecordClass(rawValue: recordClass)
    offset &+= 4
  }

  /// The first question of a message; `nil` if it has none.
  ///
  /// - Throws: ``WireError/truncated``, ``WireError/badName``.
  package init?(firstIn message: Span<UInt8>) throws(WireError) {
    guard let count = message.networkUInt16(at: 4) else { throw .truncated }
    guard count > 0 else { return nil }
    var offset = DNSHeader.byteCount
    self = try DNSQuestion(parsing: message, at: &offset)
  }
}

/// A query or a response (RFC 1035 §4.1).
package struct DNSMessage: Hashable, Sendable {
  /// The header.
  package var header: DNSHeader
  /// What is asked; one question in all messages of today.
  package var questions: [DNSQuestion]
  /// Records that answer the question.
  package var answers: [ResourceRecord]
  /// Records of the servers that are authorities for the name.
  package var authorities: [ResourceRecord]
  /// Records that may help; without the one of type OPT.
  package var additionals: [ResourceRecord]
  /// EDNS(0), if the sender knows it.
  package var edns: EDNS?

  /// So many questions are accepted; more than one is in no message of today.
  package static let mostQuestions = 16
  /// So many records are accepted, of all sections together: as many addresses as a message of 64 KB
  /// can hold.
  package static let mostRecords = 4096
  /// The largest message in bytes (RFC 1035 §4.2.2).
  package static let mostBytes = 65_535

  /// A message from its parts.
  package init(
    header: DNSHeader, questions: [DNSQuestion] = [], answers: [ResourceRecord] = [],
    authorities: [ResourceRecord] = [], additionals: [ResourceRecord] = [], edns: EDNS? = nil
  ) {
    self.header = header
    self.questions = questions
    self.answers = answers
    self.authorities = authorities
    self.additionals = additionals
    self.edns = edns
  }

  /// A query for one question, with recursion desired.
  package init(asking question: DNSQuestion, identifier: UInt16, edns: EDNS? = EDNS()) {
    self.init(header: DNSHeader(identifier: identifier), questions: [question], edns: edns)
  }

  /// Parses a message. What follows its last record is not looked at.
  ///
  /// - Throws: ``WireError/truncated`` when the bytes end before the message does,
  ///   ``WireError/badName``, ``WireError/badLength``, and ``WireError/tooMany`` for more than 16
  ///   questions, more than 4096 records or a second OPT record (RFC 6891 §6.1.1).
  package init(parsing message: Span<UInt8>) throws(WireError) {
    header = try DNSHeader(parsing: message)
    guard let questionCount = message.networkUInt16(at: 4),
      let answerCount = message.networkUInt16(at: 6),
      let authorityCount = message.networkUInt16(at: 8),
      let additionalCount = message.networkUInt16(at: 10)
    else { throw .truncated }
    let records = Int(answerCount) + Int(authorityCount) + Int(additionalCount)
    guard questionCount <= Self.mostQuestions, records <= Self.mostRecords else { throw .tooMany }
    var offset = DNSHeader.byteCount
    questions = []
    for _ in 0..<questionCount {
      questions.append(try DNSQuestion(parsing: message, at: &offset))
    }
    answers = try Self.records(answerCount, in: message, at: &offset)
    authorities = try Self.records(authorityCount, in: message, at: &offset)
    additionals = []
    for _ in 0..<additionalCount {
      let head = try ResourceRecord.Header(parsing: message, at: &offset)
      guard head.type == .opt else {
        additionals.append(try ResourceRecord(head, in: message))
        continue
      }
      guard edns == nil else { throw .tooMany }
      edns = try EDNS(head, in: message)
      header.responseCode = ResponseCode(
        rawValue: EDNS.upperResponseCode(head) << 4 | header.responseCode.rawValue)
    }
  }

  private static func records(_ count: UInt16, in message: Span<UInt8>, at offset: inout Int)
    throws(WireError) -> [ResourceRecord]
  {
    // Nothing is allocated for what the header only promises.
    var records: [ResourceRecord] = []
    for _ in 0..<count {
      let head = try ResourceRecord.Header(parsing: message, at: &offset)
      // EDNS is among the additional records or nowhere.
      if head.type == .opt { throw .wrongType }
      records.append(try ResourceRecord(head, in: message))
    }
    return records
  }

  /// The message as it goes on the wire, with names compressed.
  ///
  /// - Throws: ``WireError/noRoom`` if that is more than 65 535 bytes, ``WireError/badLength`` for a
  ///   value that does not fit its field: a string of more than 255 bytes, or a response code above 15
  ///   without EDNS; ``WireError/tooMany`` for more questions or records than are accepted.
  package func encoded() throws(WireError) -> [UInt8] {
    let records = answers.count + authorities.count + additionals.count
    guard questions.count <= Self.mostQuestions,
      records + (edns == nil ? 0 : 1) <= Self.mostRecords
    else { throw .tooMany }
    guard header.responseCode.rawValue <= (edns == nil ? 0xF : 0xFFF) else { throw .badLength }
    var writer = DNSWriter()
    writer.append(header.identifier)
    writer.append(header.flags)
    let counts = [
      questions.count, answers.count, authorities.count, additionals.count + (edns == nil ? 0 : 1),
    ]
    for count in counts { writer.append(UInt16(truncatingIfNeeded: count)) }
    for question in questions {
      writer.append(question.name)
      writer.append(question.type.rawValue)
      writer.append(question.recordClass.rawValue)
    }
    for record in answers + authorities + additionals { try record.write(to: &writer) }
    try edns?.write(to: &writer, header.responseCode)
    guard writer.bytes.count <= Self.mostBytes else { throw .noRoom }
    return writer.bytes
  }

  /// Appends the message to `output`, where it need not be the first thing: with a two-byte length
  /// before it, it goes over TCP (RFC 1035 §4.2.2).
  ///
  /// - Throws: ``WireError/noRoom`` if the output has no room for all of it; what ``encoded()`` throws.
  package func write(to output: inout OutputSpan<UInt8>) throws(WireError) {
    let bytes = try encoded()
    guard output.freeCapacity >= bytes.count else { throw .noRoom }
    for byte in bytes { output.append(byte) }
  }
}
