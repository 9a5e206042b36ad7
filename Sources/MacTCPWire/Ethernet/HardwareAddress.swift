/// A 48-bit address of a network interface (IEEE 802-2014 §8.2).
public struct HardwareAddress: Hashable, Sendable, BitwiseCopyable {
  /// The address in the lower 48 bits, the byte that is sent first uppermost; the others are zero.
  public let bits: UInt64

  /// The address in the lower 48 of `bits`.
  @inlinable
  public init(bits: UInt64) {
    self.bits = bits & 0xFFFF_FFFF_FFFF
  }

  /// The address of two bytes and four that follow them.
  @inlinable
  init(_ upper: UInt16, _ lower: UInt32) {
    bits = UInt64(upper) << 32 | UInt64(lower)
  }

  /// The group address of an IPv4 multicast: 01:00:5e and its lower 23 bits (RFC 1112 §6.4).
  public init(multicast address: IPAddress) {
    bits = 0x0100_5E00_0000 | UInt64(address.v4 & 0x7F_FFFF)
  }

  /// All zeros: nobody's, and in ARP the one that is asked for.
  @inlinable public static var zero: HardwareAddress { HardwareAddress(bits: 0) }
  /// All ones: every interface on the link.
  @inlinable public static var broadcast: HardwareAddress {
    HardwareAddress(bits: 0xFFFF_FFFF_FFFF)
  }

  /// Whether it is every interface's.
  @inlinable public var isBroadcast: Bool { bits == 0xFFFF_FFFF_FFFF }
  /// Whether it is a group's: the lowest bit of the first byte is set, as it is in the broadcast.
  @inlinable public var isMulticast: Bool { bits & 0x0100_0000_0000 != 0 }
  /// Whether the address was given locally and not by a manufacturer.
  @inlinable public var isLocal: Bool { bits & 0x0200_0000_0000 != 0 }
}

extension HardwareAddress: LosslessStringConvertible {
  /// Six pairs of hexadecimal digits, small or capital, with colons between them.
  public init?(_ description: String) {
    let pairs = description.utf8.split(
      separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard pairs.count == 6 else { return nil }
    var bits: UInt64 = 0
    for pair in pairs {
      guard pair.count == 2 else { return nil }
      for digit in pair {
        guard let value = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
        bits = bits << 4 | UInt64(value)
      }
    }
    self.bits = bits
  }

  /// Six pairs of hexadecimal digits, as `02:00:5e:10:00:01`.
  public var description: String {
    (0..<6).map { index in
      let byte = UInt8(truncatingIfNeeded: bits >> (40 - 8 * index))
      return (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined(separator: ":")
  }
}

extension OutputSpan<UInt8> {
  /// Appends the six bytes of `address`. The caller has checked `freeCapacity`.
  @inlinable @inline(__always)
  mutating func append(_ address: HardwareAddress) {
    append(networkOrder: UInt16(truncatingIfNeeded: address.bits >> 32))
    append(networkOrder: UInt32(truncatingIfNeeded: address.bits))
  }
}
