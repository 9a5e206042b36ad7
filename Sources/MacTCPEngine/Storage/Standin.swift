internal import MacTCPWire
extension IPLayer {
  mutating func lowerPathMTU(to: IPAddress, to mtu: Int, packetLength: Int, _ context: inout Context) {}
}
extension IPLayer {
  mutating func blackHole(to: IPAddress, _ context: inout Context) {}
}
