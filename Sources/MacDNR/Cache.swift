// What was found out lately: RFC 1035 §7.4, RFC 2308 §5.
internal import DequeModule
internal import MacTCPCore
internal import MacTCPWire

/// Findings, each until its time to live has passed; when there are too many, the oldest goes.
struct Cache {
  private struct Entry {
    let finding: Finding
    let since: MonotonicTime
    let until: MonotonicTime
    let serial: UInt64
  }

  /// A name that does not exist has no records of any type: it is kept without one (RFC 2308 §5).
  private struct Key: Hashable {
    let name: DomainName
    let type: ResourceRecordType?
  }

  private var entries: [Key: Entry] = [:]
  /// Keys from the oldest entry to the newest; of those whose serial is not the entry's, the entry has
  /// been replaced since.
  private var order: Deque<(key: Key, serial: UInt64)> = []
  private var serial: UInt64 = 0
  private let capacity: Int
  private let longestTime: Duration
  private let longestNegativeTime: Duration

  init(_ configuration: ResolverConfiguration) {
    capacity = max(0, configuration.cacheCapacity)
    longestTime = configuration.longestTimeToLive
    longestNegativeTime = configuration.longestNegativeTimeToLive
  }

  /// How many entries there are, with those whose time has passed unnoticed.
  var count: Int { entries.count }

  /// Keeps a finding, if it may be kept.
  mutating func insert(_ finding: Finding, for question: DNSQuestion, at now: MonotonicTime) {
    guard let seconds = finding.timeToLive, question.recordClass == .internet else { return }
    var key = Key(name: question.name, type: question.type)
    let longest: Duration
    switch finding.outcome {
    case .records, .unfinished:
      longest = longestTime
    case .noSuchName:
      longest = longestNegativeTime
      if finding.aliases.isEmpty { key = Key(name: question.name, type: nil) }
    case .noData:
      longest = longestNegativeTime
    case .circle:
      return
    }
    let time = min(.seconds(Int64(seconds)), longest)
    guard time > .zero else { return }
    serial &+= 1
    entries[key] = Entry(finding: finding, since: now, until: now + time, serial: serial)
    order.append((key, serial))
    while entries.count > capacity, let oldest = order.popFirst() { remove(oldest) }
    // Names that are found out again and again leave keys behind.
    if order.count > 2 * capacity + 16 { order.removeAll { entries[$0.key]?.serial != $0.serial } }
  }

  private mutating func remove(_ place: (key: Key, serial: UInt64)) {
    if entries[place.key]?.serial == place.serial { entries[place.key] = nil }
  }

  /// What is known about a question, with what is left of its times to live.
  mutating func finding(for question: DNSQuestion, at now: MonotonicTime) -> Finding? {
    guard question.recordClass == .internet else { return nil }
    let keys = [
      Key(name: question.name, type: question.type), Key(name: question.name, type: nil),
    ]
    for key in keys {
      guard let entry = entries[key] else { continue }
      if now < entry.until { return entry.finding.aged(by: Self.seconds(since: entry.since, now)) }
      entries[key] = nil
    }
    return nil
  }

  /// Every record that is known, from the oldest finding to the newest, each once.
  func records(at now: MonotonicTime) -> [ResourceRecord] {
    var seen: Set<ResourceRecord> = []
    var records: [ResourceRecord] = []
    for place in order {
      guard let entry = entries[place.key], entry.serial == place.serial, now < entry.until else {
        continue
      }
      let finding = entry.finding.aged(by: Self.seconds(since: entry.since, now))
      var found = finding.aliases
      if case .records(let more) = finding.outcome { found += more }
      for record in found {
        var same = record
        same.timeToLive = 0
        if seen.insert(same).inserted { records.append(record) }
      }
    }
    return records
  }

  mutating func removeAll() {
    entries = [:]
    order = []
  }

  private static func seconds(since: MonotonicTime, _ now: MonotonicTime) -> UInt32 {
    UInt32(clamping: (now - since).components.seconds)
  }
}
