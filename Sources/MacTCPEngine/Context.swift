// What all layers share: the present, memory, randomness, counters. A layer's methods take it `inout`.

struct Context: ~Copyable {
  /// The present; it never goes back.
  private(set) var now = Instant.zero
  let configuration: EngineConfiguration
  var counters = Counters()
  var memory: MemoryPool
  /// For what must differ but need not be secret.
  var random: RandomGenerator

  init(_ configuration: EngineConfiguration) {
    self.configuration = configuration
    memory = MemoryPool(ceiling: configuration.memoryCeiling)
    random = RandomGenerator(seed: configuration.seed)
  }

  @inline(__always)
  mutating func update(_ now: Instant) {
    if self.now < now { self.now = now }
  }
}
