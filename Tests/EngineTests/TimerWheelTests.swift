import Testing

@testable import MacTCPEngine

@Suite("Timer wheel")
struct TimerWheelTests {
  @Test("Timers come at their moments, in their order, and equal ones as they were armed")
  func order() throws {
    var wheel = TimerWheel()
    wheel.arm(3, at: Instant(microseconds: 5_000_000))
    wheel.arm(1, at: Instant(microseconds: 200))
    wheel.arm(2, at: Instant(microseconds: 5_000_000))
    wheel.arm(0, at: Instant(microseconds: 201))
    try check(wheel.nextExpired(at: Instant(microseconds: 199)) == nil)
    try check(wheel.nextDeadline == Instant(microseconds: 200))
    try check(wheel.nextExpired(at: Instant(microseconds: 200)) == 1)
    try check(wheel.nextExpired(at: Instant(microseconds: 200)) == nil)
    try check(wheel.nextExpired(at: Instant(microseconds: 9_000_000)) == 0)
    try check(wheel.nextExpired(at: Instant(microseconds: 9_000_000)) == 3)
    try check(wheel.nextExpired(at: Instant(microseconds: 9_000_000)) == 2)
    try check(wheel.nextExpired(at: .never) == nil)
  }

  @Test("A timer for a past moment comes at the next call, also one with an earlier present")
  func past() throws {
    var wheel = TimerWheel()
    try check(wheel.nextExpired(at: Instant(microseconds: 1_000_000)) == nil)
    wheel.arm(5, at: .zero)
    try check(wheel.deadline(of: 5) == .zero)
    try check(wheel.nextDeadline == Instant(microseconds: 1_000_000))
    try check(wheel.nextExpired(at: .zero) == 5)
    try check(wheel.deadline(of: 5) == nil)
  }

  @Test("No moment traps, and never is no timer")
  func extremes() throws {
    var wheel = TimerWheel()
    let last = Instant(microseconds: Instant.never.microseconds - 1)
    wheel.arm(0, at: last)
    wheel.arm(1, at: .never)
    try check(wheel.deadline(of: 1) == nil && wheel.deadline(of: 9999) == nil)
    wheel.cancel(1)
    wheel.cancel(9999)
    var turns = 0
    while wheel.deadline(of: 0) != nil, let next = wheel.nextDeadline {
      if let index = wheel.nextExpired(at: next) { try check(index == 0 && next == last) }
      turns += 1
    }
    try check(turns <= 11, "\(turns) turns")
    wheel.arm(0, at: last)
    wheel.arm(0, at: .never)
    try check(wheel.nextDeadline == nil)
    try check(wheel.nextExpired(at: .never) == nil)
    wheel.arm(0, at: .zero)
    try check(wheel.nextExpired(at: .zero) == 0)
  }

  @Test("Arming, cancelling and letting time pass at random against a sorted list")
  func model() {
    SeededGenerator.forSeeds { generator in
      var wheel = TimerWheel()
      var model: [Int: (deadline: UInt64, due: UInt64, order: Int)] = [:]
      var now = UInt64(generator.number(0...1 << generator.number(1...60)))
      _ = wheel.nextExpired(at: Instant(microseconds: now))
      for turn in 0..<3000 {
        let index = generator.number(0...150)
        switch generator.number(0...3) {
        case 0, 1:
          let after = UInt64(generator.number(0...1 << generator.number(0...40)))
          let deadline = generator.number(0...20) == 0 ? now - min(now, after) : now + after
          wheel.arm(index, at: Instant(microseconds: deadline))
          model[index] = (deadline, max(deadline, now), turn)
        case 2:
          wheel.cancel(index)
          model[index] = nil
        default:
          now += UInt64(generator.number(0...1 << generator.number(0...34)))
          var before: (UInt64, Int) = (0, -1)
          while let expired = wheel.nextExpired(at: Instant(microseconds: now)) {
            guard let timer = model.removeValue(forKey: expired) else {
              throw Violation("\(expired) was not armed")
            }
            try check(timer.deadline <= now, "too early")
            try check(before < (timer.due, timer.order), "order")
            before = (timer.due, timer.order)
          }
          try check(model.values.allSatisfy { $0.deadline > now }, "too late")
        }
        try check(
          wheel.deadline(of: index)?.microseconds == model[index]?.deadline, "deadline")
        let first = model.values.map(\.due).min().map { max($0, now) }
        guard let next = wheel.nextDeadline?.microseconds, let first else {
          try check(first == nil && wheel.nextDeadline == nil, "none")
          continue
        }
        try check(next <= first && next >= now, "next deadline \(next), \(first)")
      }
    }
  }

  @Test("Who calls at every next deadline and never else misses no timer by a microsecond")
  func sleeping() {
    SeededGenerator.forSeeds { generator in
      var wheel = TimerWheel()
      var deadlines: [UInt64] = []
      for index in 0..<100 {
        let deadline = UInt64(generator.number(0...1 << generator.number(0...45)))
        wheel.arm(index, at: Instant(microseconds: deadline))
        deadlines.append(deadline)
      }
      var wakes = 0
      var fired = 0
      while let next = wheel.nextDeadline {
        wakes += 1
        while let index = wheel.nextExpired(at: next) {
          try check(deadlines[index] == next.microseconds, "\(index)")
          fired += 1
        }
      }
      try check(fired == 100 && wakes <= 100 * 11, "\(fired) timers, \(wakes) wakes")
    }
  }
}
