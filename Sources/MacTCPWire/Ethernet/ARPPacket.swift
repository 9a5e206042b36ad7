// Address resolution for IPv4 on Ethernet: RFC 826; probes and announcements: RFC 5227.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |       hardware type: 1        |     protocol type: 0x0800     |
// +---------------+---------------+-------------------------------+
// |   length: 6   |   length: 4   |           operation           |
// +---------------+---------------+-------------------------------+
// |                  sender's hardware address
// +                               +-------------------------------+
//                                 |       sender's address
// +-------------------------------+-------------------------------+
//                                 |   target's hardware address
// +-------------------------------+                               +
//                                                                 |
// +---------------------------------------------------------------+
// |                       target's address                        |
// +---------------------------------------------------------------+

/// An ARP packet, without its Ethernet header.
public struct ARPPacket: Hashable, Sendable, BitwiseCopyable {
  /// Its length in bytes.
  public static let byteCount = 28

  /// What the sender wants; the raw value is the number on the wire.
  public enum Operation: UInt16, Sendable, BitwiseCopyable {
    /// Who has the target's address?
    case request = 1
    /// The sender has the sender's address.
    case reply = 2
  }

  /// Request or reply.
  public var operation: Operation
  /// The sender's hardware address.
  public var senderHardware: HardwareAddress
  /// The sender's address; 0.0.0.0 in a probe.
  public var sender: IPAddress
  /// The target's hardware address; without meaning in a request.
  public var targetHardware: HardwareAddress
  /// The target's address.
  public var target: IPAddress

  /// A packet from its parts.
  public init(
    operation: Operation, senderHardware: HardwareAddress, sender: IPAddress,
    targetHardware: HardwareAddress = .zero, target: IPAddress
  ) {
    self.operation = operation
    self.senderHardware = senderHardware
    self.sender = sender
    self.targetHardware = targetHardware
    self.target = target
  }

  /// Asks whether anybody has `address`, without saying that the sender has it (RFC 5227 §2.1.1).
  public static func probe(for address: IPAddress, from hardware: HardwareAddress) -> ARPPacket {
    ARPPacket(operation: .request, senderHardware: hardware, sender: .any, target: address)
  }

  /// Says that the sender has `address` (RFC 5227 §2.3).
  public static func announcement(of address: IPAddress, from hardware: HardwareAddress)
    -> ARPPacket
  {
    ARPPacket(operation: .request, senderHardware: hardware, sender: address, target: address)
  }

  /// The reply to this request, from the host that has the target's address: sender and target exchanged
  /// (RFC 826, "Packet Reception").
  public func reply(from hardware: HardwareAddress) -> ARPPacket {
    ARPPacket(
      operation: .reply, senderHardware: hardware, sender: target, targetHardware: senderHardware,
      target: sender)
  }

  /// Whether it asks for an address that its sender wants to use and does not use yet: a request with
  /// the sender's address 0.0.0.0 (RFC 5227 §1.1).
  public var isProbe: Bool { operation == .request && sender == .any && target != .any }

  /// Whether it is a request in which the sender's address is the target's: the sender has it
  /// (RFC 5227 §1.1, §2.3).
  public var isAnnouncement: Bool { operation == .request && sender == target && sender != .any }

  /// Parses the bytes that follow the Ethernet header; a frame's padding may follow.
  ///
  /// - Throws: ``WireError/truncated`` below 28 bytes, ``WireError/wrongType`` for other hardware, another
  ///   protocol or another operation, ``WireError/badLength`` for addresses of another length.
  public init(parsing bytes: Span<UInt8>) throws(WireError) {
    guard let types = bytes.networkUInt32(at: 0), let lengths = bytes.networkUInt16(at: 4),
      let operation = bytes.networkUInt16(at: 6),
      let senderUpper = bytes.networkUInt16(at: 8), let senderLower = bytes.networkUInt32(at: 10),
      let sender = bytes.networkUInt32(at: 14),
      let targetUpper = bytes.networkUInt16(at: 18), let targetLower = bytes.networkUInt32(at: 20),
      let target = bytes.networkUInt32(at: 24)
    else { throw .truncated }
    guard types == Self.types else { throw .wrongType }
    guard lengths == Self.lengths else { throw .badLength }
    guard let operation = Operation(rawValue: operation) else { throw .wrongType }
    self.operation = operation
    senderHardware = HardwareAddress(senderUpper, senderLower)
    self.sender = IPAddress(v4: sender)
    targetHardware = HardwareAddress(targetUpper, targetLower)
    self.target = IPAddress(v4: target)
  }

  /// Appends the packet to `output`.
  ///
  /// - Throws: ``WireError/noRoom`` if fewer than 28 bytes are free.
  public func write(to output: inout OutputSpan<UInt8>) throws(WireError) {
    guard output.freeCapacity >= Self.byteCount else { throw .noRoom }
    output.append(networkOrder: Self.types)
    output.append(networkOrder: Self.lengths)
    output.append(networkOrder: operation.rawValue)
    output.append(senderHardware)
    output.append(networkOrder: sender.v4)
    output.append(targetHardware)
    output.append(networkOrder: target.v4)
  }

  /// Ethernet (RFC 1700, "Hardware Type") and IPv4.
  private static let types = UInt32(1, EtherType.ipv4.rawValue)
  /// Of a hardware address and of an IPv4 address.
  private static let lengths: UInt16 = 6 << 8 | 4
}
