/// An address and how many of its first bits are the network's (RFC 4632 §3.1; the subnet mask of
/// RFC 1122 §3.3.1.1).
public struct IPv4Prefix: Hashable, Sendable, BitwiseCopyable {
  /// An address in the network: a host's own, or the network's.
  public let address: IPAddress
  /// The number of bits, 0...32.
  public let length: Int

  /// The prefix of `length` bits; `nil` if that is not 0...32.
  public init?(_ address: IPAddress, length: Int) {
    guard (0...32).contains(length) else { return nil }
    self.address = address
    self.length = length
  }

  /// The network's bits: 255.255.255.0 for a length of 24.
  public var mask: IPAddress { IPAddress(v4: bits) }
  /// The first address of the network.
  public var network: IPAddress { IPAddress(v4: address.v4 & bits) }

  /// The address of all hosts of the network (RFC 1122 §3.2.1.3 d and e). None where the network has one
  /// address or two: both belong to hosts then (RFC 3021 §2.1).
  public var directedBroadcast: IPAddress? {
    length < 31 ? IPAddress(v4: address.v4 | ~bits) : nil
  }

  /// Whether `address` is in the network.
  public func contains(_ address: IPAddress) -> Bool {
    (address.v4 ^ self.address.v4) & bits == 0
  }

  /// Whether a packet to `address` is meant for all hosts of the network: the directed broadcast, and the
  /// network's own address, which old hosts take for it (RFC 1122 §3.3.6).
  public func isBroadcast(_ address: IPAddress) -> Bool {
    length < 31 && contains(address) && (address.v4 & ~bits == 0 || address.v4 | bits == .max)
  }

  private var bits: UInt32 { UInt32.max << (32 - length) }
}

extension IPv4Prefix: LosslessStringConvertible {
  /// `192.0.2.1/24`, as ``description`` prints it; the length in decimal digits without a leading zero.
  public init?(_ description: String) {
    guard let slash = description.lastIndex(of: "/"),
      let address = IPAddress(String(description[..<slash]))
    else { return nil }
    let digits = description[description.index(after: slash)...]
    guard let length = Int(digits), String(length) == digits else { return nil }
    self.init(address, length: length)
  }

  /// Address and length, as `192.0.2.1/24`.
  public var description: String { "\(address)/\(length)" }
}
