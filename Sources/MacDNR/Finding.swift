// What a server's message says about a question: RFC 1034 §5.3.3, RFC 2308.
//
// Only the answer section is believed, along the chain of aliases that begins at the question's name,
// and of the authority section the SOA record: nothing that a server volunteers gets into the cache
// (RFC 5452 §6).
internal import MacTCPWire

/// What is known of a question after one message.
struct Finding {
  enum Outcome {
    /// The records that were asked for, at least one.
    case records([ResourceRecord])
    /// The message ends with an alias, and says nothing of the name that it stands for.
    case unfinished
    /// There is no such name (NXDOMAIN; of an alias's target too, RFC 6604 §3).
    case noSuchName
    /// The name has no records of this type (RFC 2308 §2.2).
    case noData
    /// The aliases go round in a circle, or there are too many of them.
    case circle
  }

  /// The aliases that lead from the question's name to ``name``.
  var aliases: [ResourceRecord] = []
  /// The last name.
  var name: DomainName
  var outcome = Outcome.noData
  /// How long this may be kept, in seconds; `nil` if it may not.
  var timeToLive: UInt32?

  /// So many aliases of one name are followed.
  static let mostAliases = 16

  /// Takes from `message` what answers `question`; `nil` for a message that only points to other
  /// servers (RFC 1034 §4.3.1), which is the fault of a server that does not ask them itself.
  init?(_ message: DNSMessage, about question: DNSQuestion) {
    name = question.name
    guard let records = followAliases(message, question) else {
      outcome = .circle
      return
    }
    let times = (aliases + records).map(\.timeToLive)
    if !records.isEmpty {
      outcome = .records(records)
      timeToLive = times.min()
      return
    }
    let authority = Self.authority(in: message, for: name)
    if message.header.responseCode == .nameError {
      outcome = .noSuchName
    } else if authority == nil {
      let refers = message.authorities.contains { $0.type == .ns }
      if !aliases.isEmpty {
        outcome = .unfinished
        timeToLive = times.min()
        return
      }
      if refers && !message.header.isAuthoritative { return nil }
    }
    // RFC 2308 §5: without an SOA record nothing negative is kept.
    if let authority { timeToLive = (times + [authority]).min() }
  }

  /// Follows the aliases in the answer, and returns the records at their end; `nil` for a circle.
  private mutating func followAliases(_ message: DNSMessage, _ question: DNSQuestion)
    -> [ResourceRecord]?
  {
    var seen: Set = [name]
    while true {
      let here = message.answers.filter {
        $0.name == name && $0.recordClass == question.recordClass
      }
      let records = here.filter { question.type == .any || $0.type == question.type }
      if !records.isEmpty { return Self.distinct(records) }
      guard question.type != .cname, let alias = here.first(where: { $0.type == .cname }),
        case .cname(let target) = alias.data
      else { return [] }
      aliases.append(alias)
      guard seen.insert(target).inserted, aliases.count <= Self.mostAliases else { return nil }
      name = target
    }
  }

  /// The records without those that say the same again (RFC 2181 §5).
  private static func distinct(_ records: [ResourceRecord]) -> [ResourceRecord] {
    var seen: Set<ResourceRecord.Data> = []
    return records.filter { seen.insert($0.data).inserted }
  }

  /// How long it may be kept that something does not exist: the smaller one of the SOA record's time
  /// to live and its minimum (RFC 2308 §5). The record must be of a zone that `name` is in.
  private static func authority(in message: DNSMessage, for name: DomainName) -> UInt32? {
    for record in message.authorities where name.isSubdomain(of: record.name) {
      if case .soa(let soa) = record.data { return min(soa.minimum, record.timeToLive) }
    }
    return nil
  }

  /// The same after `elapsed` seconds: times to live are what is left of them.
  func aged(by elapsed: UInt32) -> Finding {
    func aged(_ record: ResourceRecord) -> ResourceRecord {
      var record = record
      record.timeToLive -= min(elapsed, record.timeToLive)
      return record
    }
    var finding = self
    finding.aliases = aliases.map(aged)
    if case .records(let records) = outcome { finding.outcome = .records(records.map(aged)) }
    return finding
  }
}
