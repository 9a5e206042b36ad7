struct RandomGenerator { init(seed: UInt64) {} }
