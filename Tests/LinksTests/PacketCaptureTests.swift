import MacTCPLinks
import Testing

/// The capture's bytes against the specification of pcapng, number by number.
@Suite("Captures")
struct PacketCaptureTests {
  @Test("A capture of two packets has the bytes that pcapng says")
  func golden() {
    var capture = PacketCapture(application: "test")
    let interface = capture.addInterface(.raw, name: "tun0")
    capture.record([1, 2, 3, 4, 5].span, on: interface, at: 0x1_0000_0002)
    capture.record([6].span, on: interface, at: 7, comment: "lost")
    let header: [UInt8] = [
      0x0A, 0x0D, 0x0D, 0x0A, 40, 0, 0, 0, 0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0,
      255, 255, 255, 255, 255, 255, 255, 255, 4, 0, 4, 0, 0x74, 0x65, 0x73, 0x74, 0, 0, 0, 0,
      40, 0, 0, 0,
    ]
    let description: [UInt8] = [
      1, 0, 0, 0, 40, 0, 0, 0, 101, 0, 0, 0, 0, 0, 0, 0,
      2, 0, 4, 0, 0x74, 0x75, 0x6E, 0x30, 9, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0,
    ]
    let first: [UInt8] = [
      6, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 5, 0, 0, 0,
      1, 2, 3, 4, 5, 0, 0, 0, 40, 0, 0, 0,
    ]
    let second: [UInt8] = [
      6, 0, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,
      6, 0, 0, 0, 1, 0, 4, 0, 0x6C, 0x6F, 0x73, 0x74, 0, 0, 0, 0, 48, 0, 0, 0,
    ]
    #expect(capture.bytes == header + description + first + second)
  }

  @Test("What was taken is not there any more")
  func taking() {
    var capture = PacketCapture()
    let interface = capture.addInterface(.ethernet)
    let head = capture.takeBytes()
    #expect(capture.bytes.isEmpty)
    capture.record([1].span, on: interface, at: 0)
    #expect(capture.takeBytes().count == 36)
    #expect(head.count.isMultiple(of: 4))
    #expect(capture.takeBytes().isEmpty)
  }

  @Test("A comment that is too long is cut, and the block keeps its form")
  func longComment() {
    var capture = PacketCapture()
    let interface = capture.addInterface(.raw)
    _ = capture.takeBytes()
    capture.record(Span(), on: interface, at: 0, comment: String(repeating: "x", count: 70_000))
    let bytes = capture.takeBytes()
    let length = 32 + 4 + 65_536 + 4
    #expect(bytes.count == length)
    #expect(Array(bytes[4..<7]) == [UInt8(length & 255), UInt8(length >> 8 & 255), 1])
    #expect(bytes[28..<32] == [1, 0, 255, 255])
  }
}
