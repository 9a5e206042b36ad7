internal import MacTCPLinks

extension Simulation {
  /// Records all packets from now on. There is an interface for each host, `host 1` and so on in the order in which
  /// they were added. A packet is recorded when it is sent, by its sender's interface, once, and as it will
  /// arrive: with bits changed where it is corrupted. Where something else happens to it than that it arrives, a
  /// comment says what.
  ///
  /// The bytes are in memory until they are taken: ``takeCapturedBytes()``.
  public mutating func startCapture() {
    guard capture == nil else { return }
    capture = PacketCapture()
    for host in hosts { addInterface(of: host) }
  }

  /// Takes what was recorded since the last time; empty without a capture.
  public mutating func takeCapturedBytes() -> [UInt8] {
    capture?.takeBytes() ?? []
  }

  mutating func addInterface(of host: Host) {
    host.interface = capture?.addInterface(host.linkType, name: "host \(host.number + 1)")
  }
}
