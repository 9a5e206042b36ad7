// UDP (RFC 768, RFC 1122 §4.1).

internal import MacTCPWire

struct UDPLayer: ~Copyable {
  init() {}

  mutating func nextEvent(_ context: inout Context) -> EngineEvent? { nil }
}
