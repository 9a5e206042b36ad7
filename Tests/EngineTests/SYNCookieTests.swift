import MacTCPWire
import Testing

@testable import MacTCPEngine

@Suite("SYN cookies")
struct SYNCookieTests {
  private static let local = Endpoint(IPAddress(10, 0, 0, 1), 80)
  private static let remote = Endpoint(IPAddress(10, 0, 0, 2), 50_000)

  @Test("A cookie gives the segment size back for 64 seconds at least, 128 at most")
  func life() {
    SeededGenerator.forSeeds { generator in
      let cookies = SYNCookies(key: SipHash.Key(generator.next(), generator.next()))
      let made = Instant(microseconds: UInt64(generator.number(0...1 << 45)))
      let peerISN = SequenceNumber(UInt32(truncatingIfNeeded: generator.next()))
      let mss = UInt16(generator.number(0...65_535))
      let cookie = cookies.make(
        local: Self.local, remote: Self.remote, sequence: peerISN, mss: mss, now: made)
      func checked(after microseconds: Int) -> UInt16? {
        cookies.check(
          cookie, local: Self.local, remote: Self.remote, sequence: peerISN,
          now: made.advanced(by: microseconds))
      }
      for time in [0, 1, 3_000_000, 64_000_000] {
        guard let size = checked(after: time) else { throw Violation("dead after \(time) µs") }
        try check(size <= max(mss, 64) && (mss < 128 || size >= mss / 8), "\(size) of \(mss)")
      }
      for time in [128_000_000, 64_000_000 * 32, 64_000_000 * 64 + 1, -128_000_000] {
        let present = made.advanced(by: time)
        try check(present == .zero || checked(after: time) == nil, "alive after \(time) µs")
      }
    }
  }

  @Test("The sizes of usual links come back exactly", arguments: [536, 1460, 1440, 8960])
  func sizes(mss: UInt16) {
    let cookies = SYNCookies(key: SipHash.Key(1, 2))
    let cookie = cookies.make(
      local: Self.local, remote: Self.remote, sequence: SequenceNumber(9), mss: mss, now: .zero)
    #expect(
      cookies.check(
        cookie, local: Self.local, remote: Self.remote, sequence: SequenceNumber(9), now: .zero)
        == mss)
  }

  @Test("No other number, four-tuple, peer's number or secret makes a cookie valid")
  func forgery() {
    let cookies = SYNCookies(key: SipHash.Key(1, 2))
    let peerISN = SequenceNumber(77)
    let now = Instant(microseconds: 5_000_000_000)
    let cookie = cookies.make(
      local: Self.local, remote: Self.remote, sequence: peerISN, mss: 1460, now: now)
    func isValid(
      _ cookie: SequenceNumber, _ remote: Endpoint, _ peerISN: SequenceNumber,
      _ cookies: SYNCookies
    ) -> Bool {
      cookies.check(cookie, local: Self.local, remote: remote, sequence: peerISN, now: now) != nil
    }
    #expect(isValid(cookie, Self.remote, peerISN, cookies))
    #expect(!isValid(cookie, Self.remote, SequenceNumber(78), cookies))
    #expect(!isValid(cookie, Endpoint(Self.remote.address, 50_001), peerISN, cookies))
    #expect(!isValid(cookie, Self.remote, peerISN, SYNCookies(key: SipHash.Key(1, 3))))
    for bit in 0..<32 as Range<UInt32> {
      let changed = SequenceNumber(cookie.rawValue ^ 1 << bit)
      #expect(!isValid(changed, Self.remote, peerISN, cookies), "bit \(bit)")
    }
  }

  @Test("Options come back from a time stamp that is not later than the clock, nor 32 earlier")
  func options() {
    SeededGenerator.forSeeds { generator in
      let cookies = SYNCookies(key: SipHash.Key(generator.next(), generator.next()))
      let scale = generator.number(-1...14)
      let windowScale = scale < 0 ? nil : UInt8(scale)
      let permitted = generator.number(0...1) == 0
      var before: UInt32?
      let start = generator.number(0...1 << 50)
      for millisecond in 0..<100 {
        let now = Instant(microseconds: UInt64(start + millisecond * 1000))
        let stamp = cookies.timestamp(
          windowScale: windowScale, sackPermitted: permitted, now: now)
        let options = cookies.options(of: stamp)
        try check(
          options.windowScale == windowScale && options.sackPermitted == permitted, "\(options)")
        // It goes by steps of 32 with a clock of milliseconds.
        if let before { try check(stamp == before || stamp == before &+ 32, "\(stamp)") }
        before = stamp
        let latest = (0...14).flatMap { scale in
          [true, false].map {
            cookies.timestamp(windowScale: UInt8(scale), sackPermitted: $0, now: now)
          }
        }
        try check(latest.allSatisfy { abs($0.distance(to: stamp)) < 32 }, "far apart")
      }
    }
    let cookies = SYNCookies(key: SipHash.Key(1, 2))
    let stamp = cookies.timestamp(windowScale: 255, sackPermitted: true, now: .never)
    #expect(cookies.options(of: stamp) == (14, true))
  }
}

extension UInt32 {
  /// The way to a time stamp on the circle of 2^32.
  fileprivate func distance(to other: UInt32) -> Int { Int(Int32(bitPattern: other &- self)) }
}
