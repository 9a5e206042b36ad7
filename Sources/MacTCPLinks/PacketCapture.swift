// Captures of packets in the pcapng format (draft-ietf-opsawg-pcapng): a section header, a description of each
// interface, a block for each packet.

/// Writes packets in the format that Wireshark, tshark and tcpdump read.
///
/// It makes bytes and no files, so that it can be used where there are none: take what is there with ``takeBytes()`` from
/// time to time and write it where you want. All that was taken, in order, is the capture.
public struct PacketCapture: Sendable {
  /// What the packets of an interface begin with; the raw values are those of pcapng.
  public enum LinkType: UInt16, Hashable, Sendable {
    /// Ethernet II frames.
    case ethernet = 1
    /// IP packets without anything around them.
    case raw = 101
  }

  /// An interface of the capture.
  public struct Interface: Hashable, Sendable {
    fileprivate let number: UInt32
  }

  private enum BlockType {
    static let sectionHeader: UInt32 = 0x0A0D_0D0A
    static let interfaceDescription: UInt32 = 1
    static let enhancedPacket: UInt32 = 6
  }

  private enum OptionCode {
    static let comment: UInt16 = 1
    static let interfaceName: UInt16 = 2
    static let userApplication: UInt16 = 4
    static let timeResolution: UInt16 = 9
  }

  /// The bytes that were not taken yet. They stay until they are.
  public private(set) var bytes: [UInt8] = []
  private var interfaces: UInt32 = 0

  /// A capture without interfaces yet. Its numbers have the byte order of little-endian machines, on all machines.
  public init(application: String = "mactcp") {
    writeBlock(BlockType.sectionHeader) {
      $0.append(UInt32(0x1A2B_3C4D))
      $0.append(UInt16(1))
      $0.append(UInt16(0))
      $0.append(UInt64.max)  // The length of the section is not said.
      $0.writeOption(OptionCode.userApplication, application.utf8)
      $0.endOptions()
    }
  }

  /// Takes what was written since the last time.
  public mutating func takeBytes() -> [UInt8] {
    let taken = bytes
    bytes.removeAll()
    return taken
  }

  /// Adds an interface, at any time.
  public mutating func addInterface(_ type: LinkType, name: String = "") -> Interface {
    writeBlock(BlockType.interfaceDescription) {
      $0.append(type.rawValue)
      $0.append(UInt16(0))
      $0.append(UInt32(0))  // Packets are not cut.
      if !name.isEmpty { $0.writeOption(OptionCode.interfaceName, name.utf8) }
      $0.writeOption(OptionCode.timeResolution, CollectionOfOne(6))  // 10^-6 s
      $0.endOptions()
    }
    defer { interfaces &+= 1 }
    return Interface(number: interfaces)
  }

  /// Adds a packet.
  ///
  /// - Parameters:
  ///   - microseconds: since 1970, or since any other zero.
  ///   - comment: what there is to say about the packet, 65,535 bytes of UTF-8 at most; empty for nothing.
  public mutating func record(
    _ packet: Span<UInt8>, on interface: Interface, at microseconds: UInt64, comment: String = ""
  ) {
    writeBlock(BlockType.enhancedPacket) {
      $0.append(interface.number)
      $0.append(UInt32(truncatingIfNeeded: microseconds >> 32))
      $0.append(UInt32(truncatingIfNeeded: microseconds))
      let length = UInt32(truncatingIfNeeded: packet.count)
      $0.append(length)
      $0.append(length)
      $0.append(packet)
      if !comment.isEmpty {
        $0.writeOption(OptionCode.comment, comment.utf8)
        $0.endOptions()
      }
    }
  }

  /// Writes a block, whose length stands before and behind it.
  @inline(__always)
  private mutating func writeBlock(_ type: UInt32, _ body: (inout Self) -> Void) {
    append(type)
    let start = bytes.count
    append(UInt32(0))
    body(&self)
    let length = UInt32(truncatingIfNeeded: bytes.count - start + 8)
    for index in 0..<4 {
      bytes[start + index] = UInt8(truncatingIfNeeded: length >> UInt32(8 * index))
    }
    append(length)
  }

  private mutating func writeOption(_ code: UInt16, _ value: some Collection<UInt8>) {
    let value = value.prefix(Int(UInt16.max))
    append(code)
    append(UInt16(value.count))
    bytes.append(contentsOf: value)
    pad()
  }

  private mutating func endOptions() {
    append(UInt32(0))
  }

  private mutating func append(_ packet: Span<UInt8>) {
    bytes.append(addingCapacity: packet.count) { room in
      for index in packet.indices { room.append(packet[index]) }
    }
    pad()
  }

  /// Everything begins at a multiple of four bytes.
  private mutating func pad() {
    while !bytes.count.isMultiple(of: 4) { bytes.append(0) }
  }

  private mutating func append(_ number: some FixedWidthInteger & UnsignedInteger) {
    for index in 0..<(number.bitWidth / 8) {
      bytes.append(UInt8(truncatingIfNeeded: number >> (8 * index)))
    }
  }
}
