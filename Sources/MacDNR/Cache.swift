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
    let weight: Int
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
  /// About how many bytes of memory the entries take.
  private var weight = 0
  private let capacity: Int
  private let longestTime: Duration
  private let longestNegativeTime: Duration

  init(_ configuration: ResolverConfiguration) {
    capacity = min(max(0, configuration.cacheCapacity), Self.largestCapacity)
    longestTime = configuration.longestTimeToLive
    longestNegativeTime = configuration.longestNegativeTimeToLive
  }

  /// More than anybody has memory for, and few enough to calculate with.
  private static let largestCapacity = 1 << 24
  /// What there is room for, for each of the entries.
  private static let weightPerEntry = 4096
  /// Answers above this size are not worth their place.
  private static let largestKept = 8192

  /// Keeps a finding, if it may be kept.
  ///
  /// - Parameters:
  ///   - finding: What was found out.
  ///   - question: What was asked.
  ///   - byteCount: How long the message was that said so.
  ///   - now: When it came.
  mutating func insert(
    _ finding: Finding, for question: DNSQuestion, byteCount: Int, at now: MonotonicTime
  ) {
    guard byteCount <= Self.largestKept else { return }
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
    remove(key)
    let entry = Entry(
      finding: finding, since: now, until: now + time, serial: serial,
      weight: Self.weight(of: finding, byteCount))
    entries[key] = entry
    weight += entry.weight
    order.append((key, serial))
    while entries.count > capacity || weight > capacity * Self.weightPerEntry,
      let oldest = order.popFirst()
    {
      if entries[oldest.key]?.serial == oldest.serial { remove(oldest.key) }
    }
    // Names that are found out again and again leave keys behind.
    if order.count > 2 * capacity + 16 { order.removeAll { entries[$0.key]?.serial != $0.serial } }
  }

  private mutating func remove(_ key: Key) {
    if let entry = entries.removeValue(forKey: key) { weight -= entry.weight }
  }

  /// At most what a finding takes: in a message the names are compressed, each down to two bytes, and
  /// in memory a record has two of up to 255 bytes.
  private static func weight(of finding: Finding, _ byteCount: Int) -> Int {
    var count = finding.aliases.count
    if case .records(let records) = finding.outcome { count += records.count }
    return byteCount + 640 * count
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
      remove(key)
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
    weight = 0
  }

  private static func seconds(since: MonotonicTime, _ now: MonotonicTime) -> UInt32 {
    UInt32(clamping: (now - since).components.seconds)
  }
}
