public import MacTCPWire

/// The network interface's figures. MacTCP: ipctlLAPStats.
public struct LinkStatistics: Sendable, Hashable {
  /// The kind of interface: "loopback", "Ethernet", "point-to-point".
  public var interfaceType: String
  /// The interface's name.
  public var name: String
  /// The largest packet, in bytes.
  public var mtu: Int
  /// The speed in bits per second; 0 where the system does not say.
  public var speed: Int
  /// The hardware address; empty without one.
  public var hardwareAddress: [UInt8]
  /// The ARP table: which hardware address answers for which address.
  public var arpTable: [ARPEntry]

  /// One row of the ARP table.
  public struct ARPEntry: Sendable, Hashable {
    /// The neighbour's address.
    public var address: IPAddress
    /// Its hardware address.
    public var hardwareAddress: [UInt8]

    package init(address: IPAddress, hardwareAddress: [UInt8]) {
      self.address = address
      self.hardwareAddress = hardwareAddress
    }
  }

  package init(
    interfaceType: String, name: String, mtu: Int, speed: Int, hardwareAddress: [UInt8],
    arpTable: [ARPEntry]
  ) {
    self.interfaceType = interfaceType
    self.name = name
    self.mtu = mtu
    self.speed = speed
    self.hardwareAddress = hardwareAddress
    self.arpTable = arpTable
  }
}
