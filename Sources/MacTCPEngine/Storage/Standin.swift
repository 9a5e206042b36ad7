struct MemoryPool: ~Copyable {
  let ceiling: Int
  var bytesInUse = 0
  init(ceiling: Int) { self.ceiling = ceiling }
}
struct RandomGenerator { init(seed: UInt64) {} }
