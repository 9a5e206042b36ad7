// What all layers share: the present, memory, randomness, counters. A layer's methods take it `inout`.

struct Context: ~Copyable {
  /// The present; it never goes back.
  private(set) var now = Instant.zero
  let configuration: EngineConfiguration
  /// What of it every connection begins with.
  let recovery: LossRecovery.Configuration
  var counters = Counters()
  var memory: MemoryPool
  /// What connections have counted (`ControlBlock.figures`).
  var figures = Slab<ConnectionStatistics>()
  /// For what must differ but need not be secret.
  var random: RandomGenerator
  /// From which the key of each purpose is derived. The generator is seeded from it too: who found out its
  /// state would learn no key.
  let secret: SipHash.Key

  /// What the secret is for.
  enum Purpose: UInt64 {
    case random, connectionTable, initialSequenceNumbers, ephemeralPorts, synCookies, datagramPorts
  }

  init(_ configuration: EngineConfiguration) {
    self.configuration = configuration
    recovery = LossRecovery.Configuration(configuration)
    memory = MemoryPool(ceiling: configuration.memoryCeiling)
    secret = SipHash.Key(configuration.seed, ~configuration.seed)
    random = RandomGenerator(seed: secret.derived(for: Purpose.random.rawValue).k0)
  }

  /// The key of a purpose.
  func key(for purpose: Purpose) -> SipHash.Key { secret.derived(for: purpose.rawValue) }

  /// Takes the caller's present. It is before ``Instant/never``, however late it is: what waits for no moment
  /// must not be due.
  @inline(__always)
  mutating func update(_ now: Instant) {
    if self.now < now { self.now = min(now, Instant(microseconds: Instant.greatest - 1)) }
  }
}
