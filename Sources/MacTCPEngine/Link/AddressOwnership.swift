// Which host has an address: probes, announcements, conflicts and defence (RFC 5227).
//
//   probing (if wanted): a random wait below 1 s, three probes 1 to 2 s apart, 2 s more; then
//   announcing: two announcements 2 s apart; then nothing, until another host says that it has the address.

internal import MacTCPWire

struct AddressOwnership: ~Copyable {
  enum Step: Equatable {
    case probing(sent: Int)
    case announcing(sent: Int)
    case settled
  }

  struct Conflict: BitwiseCopyable {
    /// Who has the address as well, to be told; nobody is all zeros.
    var hardware = HardwareAddress.zero
    /// The next defence may be then.
    var quietUntil = Instant.zero
    /// Another host had the address before it was used here.
    var isRefused = false
  }

  // RFC 5227 §1.1, in microseconds.
  static let probeWait = 1_000_000
  static let probeCount = 3
  static let leastProbeInterval = 1_000_000
  static let mostProbeInterval = 2_000_000
  static let announceWait = 2_000_000
  static let announceCount = 2
  static let announceInterval = 2_000_000
  static let defendInterval = 10_000_000

  private(set) var step: Step
  /// When the next step is due; at once in the beginning, when the present is not known yet.
  private(set) var nextDeadline: Instant
  private var conflicts: PlainArray<Conflict>
  private var untold = 0

  init(_ configuration: EngineConfiguration) {
    let isNeeded = configuration.link != .rawIP && !configuration.addresses.isEmpty
    step = configuration.probesAddresses ? .probing(sent: -1) : .announcing(sent: 0)
    nextDeadline = isNeeded ? .zero : .never
    if !isNeeded { step = .settled }
    conflicts = PlainArray(repeating: Conflict(), count: configuration.addresses.count)
  }

  /// Whether the addresses may not be used yet.
  var isProbing: Bool {
    if case .probing = step { true } else { false }
  }

  /// Goes on to a step that is due at a moment.
  mutating func proceed(to step: Step, at deadline: Instant) {
    self.step = step
    nextDeadline = deadline
  }

  /// Notes a conflict that is to be told; `true` if it is the first one for ten seconds (RFC 5227 §2.4, b).
  mutating func note(_ hardware: HardwareAddress, at index: Int, now: Instant) -> Bool {
    guard conflicts[index].quietUntil <= now else { return false }
    conflicts[index].quietUntil = now.advanced(by: Self.defendInterval)
    if conflicts[index].hardware == .zero { untold &+= 1 }
    conflicts[index].hardware = hardware
    return true
  }

  /// Gives an address up before it was used.
  mutating func refuse(_ index: Int) { conflicts[index].isRefused = true }

  func isRefused(_ index: Int) -> Bool { conflicts[index].isRefused }

  @inline(__always) var hasEvents: Bool { untold > 0 }

  /// The next conflict that was not told yet.
  mutating func nextConflict() -> (index: Int, hardware: HardwareAddress)? {
    guard untold > 0 else { return nil }
    for index in 0..<conflicts.count where conflicts[index].hardware != .zero {
      let hardware = conflicts[index].hardware
      conflicts[index].hardware = .zero
      untold &-= 1
      return (index, hardware)
    }
    return nil
  }
}

extension IPLayer {
  /// Another host says that it has one of our addresses, or wants it while we do.
  ///
  /// In use, the address is defended with an announcement, once in ten seconds (RFC 5227 §2.4, b and c);
  /// connections go on. Before its use it is given up (§2.1.1), and the engine never uses it.
  mutating func conflict(
    at index: Int, with other: HardwareAddress, _ context: inout Context
  ) {
    let isFirst = link.ownership.note(other, at: index, now: context.now)
    if link.ownership.isProbing {
      link.ownership.refuse(index)
    } else if isFirst && addresses.isUsable(at: index) {
      announce(index, &context)
    }
  }

  /// Does the step of probing or announcing that is due.
  mutating func advanceOwnership(_ context: inout Context) {
    while link.ownership.nextDeadline <= context.now {
      let now = context.now
      switch link.ownership.step {
      case .probing(-1):
        let wait = random(below: AddressOwnership.probeWait, &context)
        link.ownership.proceed(to: .probing(sent: 0), at: now.advanced(by: wait))
      case .probing(AddressOwnership.probeCount):
        for index in 0..<addresses.count where !link.ownership.isRefused(index) {
          addresses.setUsable(true, at: index)
        }
        link.ownership.proceed(to: .announcing(sent: 0), at: now)
      case .probing(let sent):
        for index in 0..<addresses.count where !link.ownership.isRefused(index) {
          probe(index, &context)
        }
        let spread = AddressOwnership.mostProbeInterval - AddressOwnership.leastProbeInterval
        let wait =
          sent + 1 == AddressOwnership.probeCount
          ? AddressOwnership.announceWait
          : AddressOwnership.leastProbeInterval + random(below: spread, &context)
        link.ownership.proceed(to: .probing(sent: sent + 1), at: now.advanced(by: wait))
      case .announcing(AddressOwnership.announceCount), .settled:
        link.ownership.proceed(to: .settled, at: .never)
      case .announcing(let sent):
        for index in 0..<addresses.count where addresses.isUsable(at: index) {
          announce(index, &context)
        }
        link.ownership.proceed(
          to: .announcing(sent: sent + 1),
          at: now.advanced(by: AddressOwnership.announceInterval))
      }
    }
  }

  private mutating func announce(_ index: Int, _ context: inout Context) {
    guard let hardware = link.hardware else { return }
    link.outgoing.append(
      .announcement(of: addresses.address(at: index), from: hardware), to: .broadcast, &context)
  }

  private mutating func probe(_ index: Int, _ context: inout Context) {
    guard let hardware = link.hardware else { return }
    link.outgoing.append(
      .probe(for: addresses.address(at: index), from: hardware), to: .broadcast, &context)
  }

  /// A number from 0 on.
  private func random(below limit: Int, _ context: inout Context) -> Int {
    Int(truncatingIfNeeded: context.random.next() % UInt64(max(1, limit)))
  }
}
