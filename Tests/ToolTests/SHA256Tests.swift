import Testing

@testable import MacTCPTool

/// The vectors of FIPS 180-4's examples and of NIST's SHAVS.
@Suite struct SHA256Tests {
  private func digest(_ pieces: [[UInt8]]) -> String {
    var hash = SHA256()
    for piece in pieces { hash.update(piece) }
    return hexadecimal(hash.finish())
  }

  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
        + "mnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
  ])
  func standardVectors(text: String, expected: String) {
    #expect(digest([Array(text.utf8)]) == expected)
  }

  @Test func oneByteOfSHAVS() {
    #expect(
      digest([[0xBD]]) == "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b")
  }

  @Test func aMillionTimesA() {
    let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 1000)
    #expect(
      digest(Array(repeating: piece, count: 1000))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  /// Lengths around the block size, where the padding takes one block or two.
  @Test(arguments: [
    (55, "463eb28e72f82e0a96c0a4cc53690c571281131f672aa229e0d45ae59b598b59"),
    (56, "da2ae4d6b36748f2a318f23e7ab1dfdf45acdc9d049bd80e59de82a60895f562"),
    (63, "29af2686fd53374a36b0846694cc342177e428d1647515f078784d69cdb9e488"),
    (64, "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108"),
    (65, "4bfd2c8b6f1eec7a2afeb48b934ee4b2694182027e6d0fc075074f2fabb31781"),
  ])
  func paddingAtTheBlocksEdge(count: Int, expected: String) {
    let message = (0..<count).map { UInt8($0) }
    #expect(digest([message]) == expected)
  }

  /// However a message is cut, the digest is the same.
  @Test(arguments: [1, 3, 63, 64, 65, 127, 128, 1000])
  func piecesOfEverySize(size: Int) {
    let message = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let pieces = stride(from: 0, to: message.count, by: size).map {
      Array(message[$0..<min($0 + size, message.count)])
    }
    #expect(digest(pieces) == digest([message]))
  }
}
