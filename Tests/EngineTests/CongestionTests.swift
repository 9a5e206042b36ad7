import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("Congestion control")
struct CongestionTests {
  private static let mss = 1000

  private func milliseconds(_ time: Int) -> Instant { Instant(microseconds: UInt64(time) * 1000) }

  /// The window after each round trip of 100 ms in congestion avoidance, in segments.
  private func avoid(
    _ control: inout some CongestionControl, _ window: inout CongestionWindow, rounds: Int,
    from start: Int, rtt: Int = 100
  ) -> [Double] {
    var windows: [Double] = []
    for round in 0..<rounds {
      let now = milliseconds(start + round * rtt)
      for _ in 0..<(window.cwnd / Self.mss) {
        control.avoidCongestion(
          &window, acknowledged: Self.mss, mss: Self.mss, srtt: rtt * 1000, now: now)
      }
      windows.append(Double(window.cwnd) / Double(Self.mss))
    }
    return windows
  }

  private func window(_ segments: Int, threshold: Int? = nil) -> CongestionWindow {
    var window = CongestionWindow(segments * Self.mss)
    window.ssthresh = (threshold ?? segments) * Self.mss
    return window
  }

  @Test("NewReno grows by a segment in a round trip and halves: RFC 5681 §3.1")
  func newReno() {
    var control = NewReno()
    var window = window(20)
    let windows = avoid(&control, &window, rounds: 10, from: 0)
    #expect(abs(windows[9] - 30) <= 1)
    let half = control.congestion(window, flight: 30_000, mss: Self.mss)
    #expect(half == 15_000)
    let least = control.congestion(window, flight: 1500, mss: Self.mss)
    #expect(least == 2000)
  }

  @Test(
    "Acknowledgements that cover many segments count for all of them, and not for more: RFC 3465")
  func byteCounting() {
    var control = NewReno()
    var window = window(10)
    control.avoidCongestion(&window, acknowledged: 10_000, mss: 1000, srtt: 1, now: .zero)
    #expect(window.cwnd == 11_000)
    control.avoidCongestion(&window, acknowledged: 1 << 30, mss: 1000, srtt: 1, now: .zero)
    #expect(window.cwnd == 12_000)
    // A peer that acknowledges byte by byte gains nothing.
    for _ in 0..<1000 {
      control.avoidCongestion(&window, acknowledged: 1, mss: 1000, srtt: 1, now: .zero)
    }
    #expect(window.cwnd == 12_000)
  }

  @Test("CUBIC's window follows W_cubic(t): RFC 9438 §4.2")
  func cubicCurve() {
    // A large window and a long round trip, so that it is not in the Reno-friendly region.
    var control = CUBIC()
    var window = window(1000)
    let ssthresh = control.congestion(window, flight: window.cwnd, mss: Self.mss)
    #expect(ssthresh == 700_000)
    (window.cwnd, window.ssthresh) = (ssthresh, ssthresh)
    let windows = avoid(&control, &window, rounds: 130, from: 0)
    // K is the cube root of 300 / 0.4: 9.086 s. The window of a round is the target for the one after it.
    for round in [10, 30, 50, 70, 90, 110, 129] {
      let t = Double(round + 1) / 10
      let distance = t - 9.0856
      let expected = 0.4 * distance * distance * distance + 1000
      #expect(abs(windows[round] - expected) < 5, "round \(round)")
    }
    #expect(windows[90] > 995 && windows[90] < 1005)
  }

  @Test("In the Reno-friendly region CUBIC grows like Reno with its own factors: RFC 9438 §4.3")
  func renoFriendly() {
    var control = CUBIC()
    var window = window(20)
    window.cwnd = control.congestion(window, flight: window.cwnd, mss: Self.mss)
    #expect(window.cwnd == 14_000)
    let windows = avoid(&control, &window, rounds: 24, from: 0, rtt: 20)
    // 0.529 segments in a round trip up to the window before, and one behind it.
    #expect(abs(windows[4] - (14 + 5 * 0.529)) < 0.3)
    let crossing = windows.firstIndex { $0 >= 20 } ?? 0
    #expect((11...14).contains(crossing))
    #expect(abs(windows[crossing + 8] - windows[crossing] - 8) < 1)
  }

  @Test("A window below the one before leaves room to others: RFC 9438 §4.7")
  func fastConvergence() {
    var control = CUBIC()
    var window = window(1000)
    window.cwnd = control.congestion(window, flight: window.cwnd, mss: Self.mss)
    #expect(window.cwnd == 700_000)
    window.cwnd = control.congestion(window, flight: window.cwnd, mss: Self.mss)
    #expect(abs(window.cwnd - 490_000) < 2)
    // W_max is 0.85 * 700 segments: the plateau is there after the cube root of (595 - 490) / 0.4.
    let windows = avoid(&control, &window, rounds: 64, from: 0)
    #expect(abs(windows[62] - 595) < 3)
  }

  @Test("After an interruption the curve goes on where it was left: RFC 9438 §5.8")
  func interruption() {
    var control = CUBIC()
    var window = window(1000)
    window.cwnd = control.congestion(window, flight: window.cwnd, mss: Self.mss)
    _ = avoid(&control, &window, rounds: 100, from: 0)
    let before = window.cwnd
    control.interrupted()
    // An hour later.
    let windows = avoid(&control, &window, rounds: 10, from: 3_600_000)
    #expect(window.cwnd - before < 40_000)
    #expect(windows[9] > Double(before) / 1000)
  }

  @Test("A reaction that is taken back leaves W_max as it was: RFC 9438 §4.9")
  func undo() {
    var control = CUBIC()
    var window = window(1000)
    window.cwnd = control.congestion(window, flight: window.cwnd, mss: Self.mss)
    _ = avoid(&control, &window, rounds: 20, from: 0)
    let before = window.cwnd
    _ = control.congestion(window, flight: window.cwnd, mss: Self.mss)
    control.undo()
    let windows = avoid(&control, &window, rounds: 100, from: 2000)
    #expect(Double(before) / 1000 < windows[0])
    #expect(windows[60] > 990)
  }

  @Test("No numbers break CUBIC, and its window stays between bounds")
  func nonsense() {
    SeededGenerator.forSeeds(20) { generator in
      var control = CUBIC()
      var window = CongestionWindow(generator.number(1...1 << 30))
      var now = Instant(microseconds: generator.next())
      for _ in 0..<2000 {
        now = now.advanced(by: generator.number(0...1 << generator.number(0...45)))
        let mss = generator.number(1...65_535)
        switch generator.number(0...20) {
        case 0:
          window.cwnd = control.congestion(
            window, flight: generator.number(0...1 << 30), mss: mss)
        case 1: _ = control.timeout(window, flight: window.cwnd, mss: mss)
        case 2: control.interrupted()
        case 3: control.undo()
        default:
          let before = window.cwnd
          control.avoidCongestion(
            &window, acknowledged: generator.number(0...1 << generator.number(0...40)), mss: mss,
            srtt: generator.number(0...1 << generator.number(0...40)), now: now)
          try check(window.cwnd >= before || before == CongestionWindow.greatest)
        }
        try check((1...CongestionWindow.greatest).contains(max(1, window.cwnd)))
        if window.cwnd == 0 { window.cwnd = 1 }
      }
    }
  }

  @Test("The cube root is one")
  func cubeRoot() {
    for value in [0, 1, 8, 27, 0.001, 1e12, 1e-9, 750, -27] as [Double] {
      let root = CUBIC.cubeRoot(value)
      #expect(abs(root * root * root - value) <= abs(value) * 1e-12)
    }
    #expect(CUBIC.cubeRoot(.infinity) == 0)
    #expect(CUBIC.cubeRoot(.nan) == 0)
  }

  // MARK: HyStart++

  @Test("A rising delay makes slow start careful, and after five rounds ends it: RFC 9406 §4.2")
  func hystart() {
    var hystart = HyStart()
    var ends = hystart.beginRound()
    for _ in 0..<8 { hystart.sample(20_000) }
    ends = ends || hystart.beginRound()
    #expect(!ends)
    for _ in 0..<7 { hystart.sample(25_000) }
    #expect(!hystart.isConservative)
    #expect(hystart.growth(acknowledged: 4000, mss: 1000) == 4000)
    hystart.sample(24_000)
    #expect(hystart.isConservative)
    #expect(hystart.growth(acknowledged: 4000, mss: 1000) == 1000)
    for _ in 0..<4 {
      ends = hystart.beginRound()
      #expect(!ends)
      for _ in 0..<8 { hystart.sample(25_000) }
    }
    ends = hystart.beginRound()
    #expect(ends)
  }

  @Test("A delay that goes away was no queue: back to slow start")
  func hystartReturns() {
    var hystart = HyStart()
    _ = hystart.beginRound()
    for _ in 0..<8 { hystart.sample(20_000) }
    _ = hystart.beginRound()
    for _ in 0..<8 { hystart.sample(30_000) }
    #expect(hystart.isConservative)
    _ = hystart.beginRound()
    for _ in 0..<8 { hystart.sample(21_000) }
    #expect(!hystart.isConservative)
    // One acknowledgement lets it grow by eight segments at most.
    #expect(hystart.growth(acknowledged: 1 << 20, mss: 1000) == 8000)
  }

  @Test("A round without samples, and the largest samples, are borne")
  func hystartExtremes() {
    var hystart = HyStart()
    for _ in 0..<1000 {
      let ends = hystart.beginRound()
      #expect(!ends)
    }
    for _ in 0..<1000 { hystart.sample(.max) }
    _ = hystart.beginRound()
    for _ in 0..<1000 { hystart.sample(.max) }
    #expect(hystart.growth(acknowledged: 0, mss: 1000) == 0)
  }
}
