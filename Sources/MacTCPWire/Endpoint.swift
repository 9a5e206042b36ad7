/// One side of a connection, or the sender or receiver of a datagram: an address and a port.
public struct Endpoint: Hashable, Sendable, BitwiseCopyable {
  /// The host's address.
  public var address: IPAddress
  /// The port in host order; 0 means "any" in a filter and "let the driver choose" in a binding.
  public var port: UInt16

  /// The endpoint at `address` and `port`.
  @inlinable @inline(__always)
  public init(_ address: IPAddress, _ port: UInt16) {
    self.address = address
    self.port = port
  }

  /// Whether both are the same address and port.
  @inlinable @inline(__always)
  public static func == (a: Endpoint, b: Endpoint) -> Bool {
    a.address == b.address && a.port == b.port
  }
}

extension Endpoint: LosslessStringConvertible {
  /// `address:port`, as ``description`` prints it; the port is 0...65535 in decimal digits.
  public init?(_ description: String) {
    guard let colon = description.lastIndex(of: ":"),
      let address = IPAddress(String(description[..<colon]))
    else { return nil }
    let digits = description[description.index(after: colon)...]
    guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let port = UInt16(digits)
    else { return nil }
    self.init(address, port)
  }

  /// `address:port`, as `127.0.0.1:7000`.
  public var description: String { "\(address):\(port)" }
}
