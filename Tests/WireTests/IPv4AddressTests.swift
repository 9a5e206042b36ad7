import MacTCPWire
import Testing

/// Classes of IPv4 addresses, RFC 1122 §3.2.1.3, and prefixes, RFC 4632.
@Suite("IPv4 addresses and prefixes") struct IPv4AddressTests {
  private static func prefix(_ text: String) throws -> IPv4Prefix {
    try #require(IPv4Prefix(text))
  }

  @Test("Each class of addresses ends at its edges")
  func classes() {
    #expect(IPAddress(169, 254, 0, 0).isLinkLocal && IPAddress(169, 254, 255, 255).isLinkLocal)
    #expect(!IPAddress(169, 253, 255, 255).isLinkLocal && !IPAddress(169, 255, 0, 0).isLinkLocal)
    #expect(IPAddress.broadcast.isLimitedBroadcast)
    #expect(!IPAddress(255, 255, 255, 254).isLimitedBroadcast)
    #expect(IPAddress.any.isThisNetwork && IPAddress(0, 255, 255, 255).isThisNetwork)
    #expect(!IPAddress(1, 0, 0, 0).isThisNetwork)
    #expect(IPAddress(240, 0, 0, 0).isReserved && IPAddress(255, 255, 255, 254).isReserved)
    #expect(!IPAddress(239, 255, 255, 255).isReserved && !IPAddress.broadcast.isReserved)
  }

  @Test("One host's: neither this network's, nor a group's, nor a broadcast, nor reserved")
  func unicast() {
    for address in [
      IPAddress(1, 0, 0, 0), IPAddress(10, 0, 0, 1), .loopback, IPAddress(169, 254, 1, 1),
      IPAddress(191, 255, 255, 255), IPAddress(192, 0, 2, 1), IPAddress(223, 255, 255, 255),
    ] {
      #expect(address.isUnicast, "\(address)")
    }
    for address in [
      .any, IPAddress(0, 1, 2, 3), IPAddress(224, 0, 0, 0), IPAddress(239, 255, 255, 255),
      IPAddress(240, 0, 0, 0), .broadcast,
    ] {
      #expect(!address.isUnicast, "\(address)")
    }
  }

  @Test("A prefix's mask, network and directed broadcast, for every length")
  func everyLength() throws {
    let address = IPAddress(v4: 0xC0A8_5A5A)
    for length in 0...32 {
      let prefix = try #require(IPv4Prefix(address, length: length))
      var mask: UInt32 = 0
      for bit in 0..<length { mask |= 0x8000_0000 >> UInt32(bit) }
      #expect(prefix.mask.v4 == mask)
      #expect(prefix.network.v4 == address.v4 & mask)
      let broadcast = length < 31 ? IPAddress(v4: address.v4 | ~mask) : nil
      #expect(prefix.directedBroadcast == broadcast)
      #expect(prefix.contains(address))
      #expect(prefix.contains(prefix.network) && prefix.contains(IPAddress(v4: address.v4 | ~mask)))
      if length > 0 {
        // The last bit of the network changed.
        #expect(!prefix.contains(IPAddress(v4: address.v4 ^ (1 << UInt32(32 - length)))))
      }
    }
    #expect(IPv4Prefix(address, length: -1) == nil && IPv4Prefix(address, length: 33) == nil)
  }

  @Test("Broadcasts of a network are its last address and its first; of two addresses neither is")
  func broadcasts() throws {
    let prefix = try Self.prefix("192.0.2.77/26")
    #expect(prefix.directedBroadcast == IPAddress(192, 0, 2, 127))
    #expect(prefix.isBroadcast(IPAddress(192, 0, 2, 127)))
    #expect(prefix.isBroadcast(IPAddress(192, 0, 2, 64)))
    for last: UInt8 in [0, 63, 65, 77, 126, 128, 255] {
      #expect(!prefix.isBroadcast(IPAddress(192, 0, 2, last)), "\(last)")
    }
    let pair = try Self.prefix("192.0.2.2/31")
    #expect(
      !pair.isBroadcast(IPAddress(192, 0, 2, 2)) && !pair.isBroadcast(IPAddress(192, 0, 2, 3)))
    #expect(!(try Self.prefix("192.0.2.2/32").isBroadcast(IPAddress(192, 0, 2, 2))))
    #expect(try Self.prefix("0.0.0.0/0").isBroadcast(.broadcast))
  }

  @Test("Prefixes are read as they are printed, and nothing else is one")
  func text() throws {
    for text in ["0.0.0.0/0", "10.1.2.3/8", "192.0.2.1/24", "255.255.255.255/32"] {
      #expect(try Self.prefix(text).description == text)
    }
    for text in [
      "", "/", "10.0.0.1", "10.0.0.1/", "/8", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/08",
      "10.0.0.1/+8", "10.0.0.1/ 8", "10.0.0.1/8 ", "10.0.0/8", "10.0.0.1/8/8",
      "10.0.0.1/255.0.0.0", "10.0.0.1/99999999999999999999",
    ] {
      #expect(IPv4Prefix(text) == nil, "\(text)")
    }
  }
}
