import MacTCPWire
import Testing

/// The Internet checksum: RFC 1071.
@Suite("Internet checksum") struct ChecksumTests {
  @Test("The example of RFC 1071 §3: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2")
  func exampleOfTheRFC() {
    let bytes: [UInt8] = [0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]
    #expect(InternetChecksum(of: bytes.span).value == ~0xDDF2)
  }

  @Test("An IPv4 header as captured: its checksum field is b861, and with the field it is valid")
  func capturedHeader() {
    var header: [UInt8] = [
      0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
      0x00, 0x00, 0xC0, 0xA8, 0x00, 0x01, 0xC0, 0xA8, 0x00, 0xC7,
    ]
    #expect(InternetChecksum(of: header.span).value == 0xB861)
    header[10] = 0xB8
    header[11] = 0x61
    #expect(InternetChecksum(of: header.span).isValid)
  }

  @Test("The sum of nothing and of zeros is zero: their checksum is ffff, and they are not valid")
  func zeros() {
    #expect(InternetChecksum().value == 0xFFFF)
    for count in [0, 1, 2, 63, 64, 65, 200] {
      let checksum = InternetChecksum(of: [UInt8](repeating: 0, count: count).span)
      #expect(checksum.value == 0xFFFF)
      #expect(!checksum.isValid)
    }
  }

  @Test("Carries are never lost: bytes of all ones, at every length to 300 and at 1 MB")
  func allOnes() {
    for count in Array(0...300) + [1 << 20, 1 << 20 + 1] {
      let bytes = [UInt8](repeating: 0xFF, count: count)
      #expect(InternetChecksum(of: bytes.span).value == referenceChecksum(bytes))
    }
  }

  @Test("Every length to 200 at every alignment to 16 gives what one word at a time gives")
  func lengthsAndAlignments() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    let bytes = generator.bytes(216)
    for start in 0..<16 {
      for count in 0...200 {
        let part = bytes.span.extracting(start..<start + count)
        let expected = referenceChecksum(Array(bytes[start..<start + count]))
        #expect(
          InternetChecksum(of: part).value == expected, "seed \(seed) start \(start) count \(count)"
        )
      }
    }
  }

  @Test("However a message is cut into parts, odd ones too, the checksum is the same (RFC 1071 §2)")
  func parts() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      let count = Int.random(in: 0...400, using: &generator)
      let bytes = generator.bytes(count)
      var checksum = InternetChecksum()
      var offset = 0
      while offset < count {
        let next = Int.random(in: offset...min(count, offset + 90), using: &generator)
        checksum.add(bytes.span.extracting(offset..<next))
        offset = next
      }
      #expect(checksum.value == referenceChecksum(bytes), "seed \(seed)")
    }
  }

  @Test("Numbers are added as the bytes they are sent as, after odd lengths too")
  func words() {
    let message: [UInt8] = [0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC]
    var even = InternetChecksum()
    even.add(UInt16(0x1234))
    even.add(UInt32(0x5678_9ABC))
    #expect(even.value == referenceChecksum(message))

    var odd = InternetChecksum(of: [UInt8]([0xFE]).span)
    odd.add(UInt16(0x1234))
    odd.add(UInt32(0x5678_9ABC))
    odd.add([UInt8]([0x01]).span)
    #expect(odd.value == referenceChecksum([0xFE] + message + [0x01]))
  }

  @Test("Many parts of the largest word do not overflow the sum")
  func manyParts() {
    var checksum = InternetChecksum()
    for _ in 0..<200_000 { checksum.add(UInt16.max) }
    #expect(checksum.value == 0)
    checksum.add(UInt16(1))
    #expect(checksum.value == ~1)
  }

  @Test("A message with its checksum is valid, and with any one bit changed it is not")
  func oneBit() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    var message = generator.bytes(77) + [0, 0, 0]
    let checksum = InternetChecksum(of: message.span).value
    message[78] = UInt8(checksum >> 8)
    message[79] = UInt8(checksum & 0xFF)
    #expect(InternetChecksum(of: message.span).isValid, "seed \(seed)")
    for bit in 0..<message.count * 8 {
      message[bit / 8] ^= 1 << (bit % 8)
      #expect(!InternetChecksum(of: message.span).isValid, "seed \(seed) bit \(bit)")
      message[bit / 8] ^= 1 << (bit % 8)
    }
  }
}
