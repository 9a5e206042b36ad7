import MacTCPWire
import Testing

/// The checksum of what is copied meanwhile, and of pseudo-headers: RFC 1071 §4, RFC 9293 §3.1.
@Suite("Internet checksum: copies and pseudo-headers") struct ChecksumCopyTests {
  @Test("Every length to 200 at every alignment to 8 is copied whole, and summed as without a copy")
  func lengthsAndAlignments() throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    let source = generator.bytes(208)
    for start in 0..<8 {
      for count in 0...200 {
        let expected = Array(source[start..<start + count])
        var appended = InternetChecksum()
        let output = try written(capacity: count + 8 - start) { (output) throws(WireError) in
          // Another alignment than the source's.
          for _ in start..<8 { output.append(0xEE) }
          try appended.add(source.span.extracting(start..<start + count), appendingTo: &output)
        }
        #expect(output == [UInt8](repeating: 0xEE, count: 8 - start) + expected, "seed \(seed)")
        #expect(appended.value == referenceChecksum(expected), "seed \(seed) \(start) \(count)")

        var memory = [UInt8](repeating: 0x55, count: count + 2 * start)
        var copied = InternetChecksum()
        var span = memory.mutableSpan
        try copied.add(
          source.span.extracting(start..<start + count), copyingTo: &span, at: start)
        let frame = [UInt8](repeating: 0x55, count: start)
        #expect(memory == frame + expected + frame, "seed \(seed)")
        #expect(copied.value == appended.value, "seed \(seed) \(start) \(count)")
      }
    }
  }

  @Test("Large pieces and pieces of all ones are copied and summed without a lost carry")
  func large() throws {
    for count in [1447, 1460, 8192, 65_495, 65_535, 1 << 17] {
      for bytes in [
        [UInt8](repeating: 0xFF, count: count), (0..<count).map { UInt8($0 * 7 & 0xFF) },
      ] {
        var checksum = InternetChecksum()
        let copy = try written(capacity: count) { (output) throws(WireError) in
          try checksum.add(bytes.span, appendingTo: &output)
        }
        #expect(copy == bytes)
        #expect(checksum.value == referenceChecksum(bytes), "\(count)")
      }
    }
  }

  @Test("Parts of odd length, copied or not, fields between them: the sum of the whole message")
  func mixedParts() throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<300 {
      var checksum = InternetChecksum()
      let message = try written { (output) throws(WireError) in
        for _ in 0..<Int.random(in: 0...8, using: &generator) {
          let part = generator.bytes(.random(in: 0...150, using: &generator))
          switch Int.random(in: 0...2, using: &generator) {
          case 0:
            try checksum.add(part.span, appendingTo: &output)
          case 1:
            checksum.add(part.span)
            for byte in part { output.append(byte) }
          default:
            checksum.add(UInt32(0xFFFF_0102), appendingTo: &output)
          }
        }
      }
      #expect(checksum.value == referenceChecksum(message), "seed \(seed)")
    }
  }

  @Test("A copy for which there is no room does nothing")
  func noRoom() throws {
    let bytes: [UInt8] = [1, 2, 3, 4, 5]
    for room in 0..<5 {
      var checksum = InternetChecksum()
      let output = [UInt8](capacity: room) { output in
        #expect(throws: WireError.noRoom) {
          try checksum.add(bytes.span, appendingTo: &output)
        }
      }
      #expect(output.isEmpty && checksum.value == 0xFFFF)
    }
    for offset in [-1, 1, 2, 5, 6, .max, .min] {
      var checksum = InternetChecksum()
      var memory = [UInt8](repeating: 0, count: 5)
      var span = memory.mutableSpan
      #expect(throws: WireError.noRoom) {
        try checksum.add(bytes.span, copyingTo: &span, at: offset)
      }
      #expect(memory == [0, 0, 0, 0, 0] && checksum.value == 0xFFFF)
    }
  }

  @Test("The pseudo-header is both addresses, zero, the protocol and the length")
  func pseudoHeader() {
    let checksum = InternetChecksum(
      pseudoHeaderFrom: IPAddress(192, 0, 2, 1), to: IPAddress(198, 51, 100, 7), protocol: .tcp,
      length: 0xABCD)
    #expect(checksum.value == referenceChecksum(hex("c0000201 c6336407 0006 abcd")))
    // As IPv6 has it: 32 bits of length. The upper ones count too.
    let long = InternetChecksum(
      pseudoHeaderFrom: .any, to: .any, protocol: .udp, length: 0x1_2345)
    #expect(long.value == referenceChecksum(hex("00012345 00000011")))
  }

  @Test("A number is written over two bytes that are there, and over nothing else")
  func overwrite() throws {
    let bytes = try written { (output) throws(WireError) in
      output.append(networkOrder: UInt32(0x0102_0304))
      for offset in [-1, 3, 4, 5, .max, .min] {
        output.overwrite(networkOrder: 0xFFFF, at: offset)
      }
      output.overwrite(networkOrder: 0xABCD, at: 2)
    }
    #expect(bytes == [1, 2, 0xAB, 0xCD])
  }
}
