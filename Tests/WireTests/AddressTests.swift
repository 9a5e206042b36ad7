import MacTCPWire
import Testing

/// Addresses and endpoints as text: dotted decimal (RFC 1123 §2.1) and nothing that looks like it.
@Suite("Addresses and endpoints") struct AddressTests {
  /// What no reader of dotted decimal may accept.
  static let refusedAddresses = [
    "", " ", ".", "...", "1", "1.2", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.",
    ".1.2.3.4", "256.0.0.1", "1.2.3.256", "999.0.0.0", "1.2.3.4294967296",
    "1.2.3.18446744073709551617", "01.2.3.4", "1.2.3.04", "00.0.0.0", "1.2.3.00", "127.000.0.1",
    "+1.2.3.4", "1.2.3.+4", "-1.2.3.4", "1.-0.3.4", " 1.2.3.4", "1.2.3.4 ", "1. 2.3.4", "1.2.3.4\n",
    "1.2.3.4\0", "\t1.2.3.4", "0x7f.0.0.1", "1.2.3.a", "1,2,3,4", "1.2.3.4/8", "localhost", "::1",
    "١.٢.٣.٤", "１.2.3.4", "1。2。3。4", "1.2.3.4\u{301}", "²5.1.1.1",
  ]

  /// What no reader of ports may accept.
  static let refusedPorts = [
    "", " ", "+1", "-1", " 80", "80 ", "65536", "99999999999999999999", "0x50", "8o", "８０", "٨٠",
    "80:", "80/tcp", "http", "1.5",
  ]

  @Test(
    "Golden texts",
    arguments: [
      ("0.0.0.0", 0 as UInt32), ("127.0.0.1", 0x7F00_0001), ("10.20.30.40", 0x0A14_1E28),
      ("192.168.0.199", 0xC0A8_00C7), ("255.255.255.255", 0xFFFF_FFFF),
    ])
  func golden(text: String, bits: UInt32) {
    #expect(IPAddress(text) == IPAddress(v4: bits))
    #expect(IPAddress(v4: bits).description == text)
  }

  @Test("Four octets stand as they are written; 127.0.0.1 is MacTCP's 0x7F000001")
  func octets() {
    #expect(IPAddress(1, 2, 3, 4).v4 == 0x0102_0304)
    #expect(IPAddress.loopback.v4 == 0x7F00_0001)
    #expect(IPAddress.any.v4 == 0)
    #expect(IPAddress.broadcast.v4 == 0xFFFF_FFFF)
  }

  @Test("Loopback is 127.0.0.0/8, multicast 224.0.0.0/4, up to their edges")
  func ranges() {
    #expect(IPAddress(127, 0, 0, 0).isLoopback && IPAddress(127, 255, 255, 255).isLoopback)
    #expect(!IPAddress(126, 255, 255, 255).isLoopback && !IPAddress(128, 0, 0, 0).isLoopback)
    #expect(IPAddress(224, 0, 0, 0).isMulticast && IPAddress(239, 255, 255, 255).isMulticast)
    #expect(!IPAddress(223, 255, 255, 255).isMulticast && !IPAddress(240, 0, 0, 0).isMulticast)
    #expect(!IPAddress.broadcast.isMulticast)
  }

  // In a loop, not as arguments: test runners print arguments, and these hold control characters.
  @Test("Not an address: wrong numbers, signs, spaces, leading zeros, other scripts' digits")
  func refusedAddress() {
    for text in Self.refusedAddresses {
      #expect(IPAddress(text) == nil, "\(text.debugDescription)")
      #expect(Endpoint(text + ":80") == nil, "\(text.debugDescription)")
    }
  }

  @Test("Every address is read back as it was printed: random addresses and the powers of two")
  func addressRoundTrip() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    let random = (0..<2000).map { _ in UInt32.random(in: .min ... .max, using: &generator) }
    for bits in random + (0..<32).map({ 1 << $0 }) {
      let address = IPAddress(v4: bits)
      #expect(IPAddress(address.description) == address, "seed \(seed) bits \(bits)")
    }
  }

  @Test("Each octet is read in full: every number to 999 in every place")
  func everyOctet() {
    for number in 0...999 {
      for place in 0..<4 {
        var parts = ["1", "1", "1", "1"]
        parts[place] = "\(number)"
        let address = IPAddress(parts.joined(separator: "."))
        let expected = UInt8(exactly: number).map {
          IPAddress(v4: 0x0101_0101 & ~(0xFF << (24 - 8 * place)) | UInt32($0) << (24 - 8 * place))
        }
        #expect(address == expected, "\(number) in place \(place)")
      }
    }
  }

  @Test("Random text never traps, and what is an address prints as it was read")
  func randomText() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    let alphabet = Array("0012345.....9: +-a٣")
    for _ in 0..<20_000 {
      let length = Int.random(in: 0...16, using: &generator)
      let text = String(
        (0..<length).map { _ in alphabet[.random(in: alphabet.indices, using: &generator)] })
      if let address = IPAddress(text) { #expect(address.description == text, "seed \(seed)") }
      if let endpoint = Endpoint(text) {
        #expect(Endpoint(endpoint.description) == endpoint, "seed \(seed)")
      }
    }
  }

  @Test("An endpoint is address:port, ports 0 to 65535")
  func endpoints() {
    #expect(Endpoint("127.0.0.1:80") == Endpoint(.loopback, 80))
    #expect(Endpoint("0.0.0.0:0") == Endpoint(.any, 0))
    #expect(Endpoint("255.255.255.255:65535") == Endpoint(.broadcast, 65535))
    #expect(Endpoint(.loopback, 7000).description == "127.0.0.1:7000")
  }

  @Test("Not a port", arguments: refusedPorts)
  func refusedPort(port: String) {
    #expect(Endpoint("127.0.0.1:" + port) == nil)
  }

  @Test(
    "Not an endpoint", arguments: ["", ":", ":80", "127.0.0.1", "80", "127.0.0.1::80", "[::1]:80"])
  func refusedEndpoint(endpoint: String) {
    #expect(Endpoint(endpoint) == nil)
  }

  @Test("Every port is read back as it was printed")
  func endpointRoundTrip() {
    for port in UInt16.min...UInt16.max {
      let endpoint = Endpoint(.loopback, port)
      #expect(Endpoint(endpoint.description) == endpoint)
    }
  }
}
