// SHA-256 (FIPS 180-4), for showing that what arrived is what was sent.
//
// swift-crypto does this too and is faster, but costs some 90 s of build time in each configuration, for one function
// of one command. Order of calls: `init`, `update` any number of times, `finish` once.

/// A hash under way.
struct SHA256 {
  private var state: State = (
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a,
    0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19
  )
  /// The bytes that do not fill a block yet.
  private var partial: [UInt8] = []
  /// How many bytes were given.
  private var total: UInt64 = 0

  private typealias State = (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32)
  private static let blockSize = 64

  /// Takes the next bytes of the message.
  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    total &+= UInt64(bytes.count)
    var rest = bytes[...]
    if !partial.isEmpty {
      let missing = rest.prefix(SHA256.blockSize - partial.count)
      partial.append(contentsOf: missing)
      rest = rest.dropFirst(missing.count)
      guard partial.count == SHA256.blockSize else { return }
      partial.withUnsafeBytes { compress($0) }
      partial.removeAll(keepingCapacity: true)
    }
    let whole = rest.count / SHA256.blockSize * SHA256.blockSize
    compress(UnsafeRawBufferPointer(rebasing: rest.prefix(whole)))
    partial.append(contentsOf: rest.dropFirst(whole))
  }

  /// Takes the next bytes of the message.
  mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { update($0) }
  }

  /// Ends the message and gives its digest, 32 bytes (§5.1.1, §6.2.2).
  consuming func finish() -> [UInt8] {
    let bits = total &* 8
    let zeros = (2 * SHA256.blockSize - 9 - partial.count) % SHA256.blockSize
    update([0x80] + [UInt8](repeating: 0, count: zeros))
    update((0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * UInt64($0))) })
    let s = state
    return [s.0, s.1, s.2, s.3, s.4, s.5, s.6, s.7].flatMap { word in
      (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * UInt32($0))) }
    }
  }

  /// Runs the compression function over whole blocks (§6.2.2).
  private mutating func compress(_ blocks: UnsafeRawBufferPointer) {
    var s = state
    var offset = 0
    while offset < blocks.count {
      var w = Schedule(blocks, offset)
      var (a, b, c, d, e, f, g, h) = s
      var t = 0
      while true {
        // Sixteen rounds; the working variables change their roles instead of their places.
        SHA256.round(a, b, c, &d, e, f, g, &h, w.w0 &+ roundConstants[t])
        SHA256.round(h, a, b, &c, d, e, f, &g, w.w1 &+ roundConstants[t &+ 1])
        SHA256.round(g, h, a, &b, c, d, e, &f, w.w2 &+ roundConstants[t &+ 2])
        SHA256.round(f, g, h, &a, b, c, d, &e, w.w3 &+ roundConstants[t &+ 3])
        SHA256.round(e, f, g, &h, a, b, c, &d, w.w4 &+ roundConstants[t &+ 4])
        SHA256.round(d, e, f, &g, h, a, b, &c, w.w5 &+ roundConstants[t &+ 5])
        SHA256.round(c, d, e, &f, g, h, a, &b, w.w6 &+ roundConstants[t &+ 6])
        SHA256.round(b, c, d, &e, f, g, h, &a, w.w7 &+ roundConstants[t &+ 7])
        SHA256.round(a, b, c, &d, e, f, g, &h, w.w8 &+ roundConstants[t &+ 8])
        SHA256.round(h, a, b, &c, d, e, f, &g, w.w9 &+ roundConstants[t &+ 9])
        SHA256.round(g, h, a, &b, c, d, e, &f, w.w10 &+ roundConstants[t &+ 10])
        SHA256.round(f, g, h, &a, b, c, d, &e, w.w11 &+ roundConstants[t &+ 11])
        SHA256.round(e, f, g, &h, a, b, c, &d, w.w12 &+ roundConstants[t &+ 12])
        SHA256.round(d, e, f, &g, h, a, b, &c, w.w13 &+ roundConstants[t &+ 13])
        SHA256.round(c, d, e, &f, g, h, a, &b, w.w14 &+ roundConstants[t &+ 14])
        SHA256.round(b, c, d, &e, f, g, h, &a, w.w15 &+ roundConstants[t &+ 15])
        t &+= 16
        if t == 64 { break }
        w.advance()
      }
      s = (
        s.0 &+ a, s.1 &+ b, s.2 &+ c, s.3 &+ d, s.4 &+ e, s.5 &+ f, s.6 &+ g, s.7 &+ h
      )
      offset &+= SHA256.blockSize
    }
    state = s
  }

  @inline(__always)
  private static func round(
    _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: inout UInt32,
    _ e: UInt32, _ f: UInt32, _ g: UInt32, _ h: inout UInt32, _ input: UInt32
  ) {
    let sum1 = rotate(e ^ rotate(e ^ rotate(e, 14), 5), 6)
    let choice = g ^ (e & (f ^ g))
    let t1 = h &+ sum1 &+ choice &+ input
    let sum0 = rotate(a ^ rotate(a ^ rotate(a, 9), 11), 2)
    let majority = (a & b) | (c & (a | b))
    d = d &+ t1
    h = t1 &+ sum0 &+ majority
  }

  @inline(__always)
  private static func rotate(_ x: UInt32, _ n: UInt32) -> UInt32 { x &>> n | x &<< (32 &- n) }

  /// Sixteen words of the message schedule (§6.2.2, 1), in variables of their own: they stay in registers.
  private struct Schedule {
    var w0, w1, w2, w3, w4, w5, w6, w7: UInt32
    var w8, w9, w10, w11, w12, w13, w14, w15: UInt32

    @inline(__always)
    init(_ block: UnsafeRawBufferPointer, _ offset: Int) {
      func word(_ index: Int) -> UInt32 {
        UInt32(
          bigEndian: block.loadUnaligned(fromByteOffset: offset &+ index &* 4, as: UInt32.self))
      }
      (w0, w1, w2, w3) = (word(0), word(1), word(2), word(3))
      (w4, w5, w6, w7) = (word(4), word(5), word(6), word(7))
      (w8, w9, w10, w11) = (word(8), word(9), word(10), word(11))
      (w12, w13, w14, w15) = (word(12), word(13), word(14), word(15))
    }

    /// The next sixteen words.
    @inline(__always)
    mutating func advance() {
      w0 = w0 &+ sigma0(w1) &+ w9 &+ sigma1(w14)
      w1 = w1 &+ sigma0(w2) &+ w10 &+ sigma1(w15)
      w2 = w2 &+ sigma0(w3) &+ w11 &+ sigma1(w0)
      w3 = w3 &+ sigma0(w4) &+ w12 &+ sigma1(w1)
      w4 = w4 &+ sigma0(w5) &+ w13 &+ sigma1(w2)
      w5 = w5 &+ sigma0(w6) &+ w14 &+ sigma1(w3)
      w6 = w6 &+ sigma0(w7) &+ w15 &+ sigma1(w4)
      w7 = w7 &+ sigma0(w8) &+ w0 &+ sigma1(w5)
      w8 = w8 &+ sigma0(w9) &+ w1 &+ sigma1(w6)
      w9 = w9 &+ sigma0(w10) &+ w2 &+ sigma1(w7)
      w10 = w10 &+ sigma0(w11) &+ w3 &+ sigma1(w8)
      w11 = w11 &+ sigma0(w12) &+ w4 &+ sigma1(w9)
      w12 = w12 &+ sigma0(w13) &+ w5 &+ sigma1(w10)
      w13 = w13 &+ sigma0(w14) &+ w6 &+ sigma1(w11)
      w14 = w14 &+ sigma0(w15) &+ w7 &+ sigma1(w12)
      w15 = w15 &+ sigma0(w0) &+ w8 &+ sigma1(w13)
    }

    @inline(__always)
    private func sigma0(_ x: UInt32) -> UInt32 { rotate(x, 7) ^ rotate(x, 18) ^ x &>> 3 }
    @inline(__always)
    private func sigma1(_ x: UInt32) -> UInt32 { rotate(x, 17) ^ rotate(x, 19) ^ x &>> 10 }
  }
}

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (§4.2.2).
private let roundConstants: InlineArray<64, UInt32> = [
  0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4,
  0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe,
  0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f,
  0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da, 0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7,
  0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc,
  0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
  0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070, 0x19a4_c116,
  0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
  0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7,
  0xc671_78f2,
]
