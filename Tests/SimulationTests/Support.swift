import MacTCPEngine
import MacTCPSimulation
import MacTCPWire

extension EngineConfiguration {
  /// The host 10.0.0.`number`.
  static func host(_ number: UInt8) -> EngineConfiguration {
    EngineConfiguration(addresses: IPv4Prefix("10.0.0.\(number)/24").map { [$0] } ?? [])
  }

  /// The same on Ethernet.
  static func ethernetHost(_ number: UInt8) -> EngineConfiguration {
    var configuration = host(number)
    configuration.link = .ethernet(HardwareAddress(bits: 0x0200_0000_0000 | UInt64(number)))
    return configuration
  }
}

/// A packet of `length` bytes that hosts receive and drop without a word: it is for another host.
func packet(of length: Int, from source: UInt8, fill: UInt8 = 0) throws -> [UInt8] {
  let header = IPv4Header(
    source: IPAddress(10, 0, 0, source), destination: IPAddress(10, 0, 0, 99),
    protocol: IPProtocol(rawValue: 253), payloadLength: length - 20, typeOfService: 0,
    identification: 0, dontFragment: true, timeToLive: 64)
  return try [UInt8](capacity: length) { output in
    try header.write(to: &output)
    while output.count < length { output.append(fill) }
  }
}
