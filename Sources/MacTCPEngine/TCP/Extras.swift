// What few connections have is apart from their control blocks, and counted under the memory ceiling while it is there:
// a peer can bring it about, by a source route or with who forges an ICMP error.

internal import MacTCPWire

/// What few connections have.
final class Extras {
  var report: ICMPReport?
  var ipOptions: [UInt8] = []
  var keepalive: (idle: Int, interval: Int, probes: Int)?
  /// What a passive open returns to when it fails half-way (RFC 9293 §3.10.7.4, MUST-11): its endpoints, and the user's IP
  /// options, which a SYN's source route may have taken the place of.
  var listen: (local: Endpoint, remote: Endpoint, ipOptions: [UInt8])?

  /// What it takes of the memory ceiling: the object, and an array of up to 40 bytes of options.
  static var footprint: Int { 256 }
}

extension ControlBlock {
  /// `extras`, made now if there is none; `nil` at the memory ceiling.
  mutating func makeExtras(_ context: inout Context) -> Extras? {
    if let extras { return extras }
    guard context.memory.reserve(Extras.footprint) else { return nil }
    let made = Extras()
    extras = made
    return made
  }

  mutating func freeExtras(_ context: inout Context) {
    guard extras != nil else { return }
    extras = nil
    context.memory.unreserve(Extras.footprint)
  }
}
