import MacTCPEngine
import Testing

@Suite("Moments")
struct InstantTests {
  @Test("No number makes a moment that arithmetic cannot bear")
  func extremes() {
    #expect(Instant(microseconds: .max) == .never)
    #expect(Instant.never.advanced(by: .max) == .never)
    #expect(Instant.zero.advanced(by: .min) == .zero)
    #expect(Instant.never.advanced(by: .min) == .zero)
    #expect(Instant.zero.microseconds(to: .never) == 1 << 62)
    #expect(Instant(microseconds: 5).advanced(by: 7) == Instant(microseconds: 12))
  }
}
