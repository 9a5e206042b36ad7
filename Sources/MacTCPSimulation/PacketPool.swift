// The bytes of the packets that are on their way. Memory that has been used once is used again: there is as much of it
// as there were packets on their way at one time, and no more.

struct PacketPool {
  private var packets: [[UInt8]] = []
  private var free: [Int32] = []

  /// An empty packet.
  mutating func take() -> Int32 {
    if let index = free.popLast() { return index }
    packets.append([])
    return Int32(packets.count - 1)
  }

  mutating func giveBack(_ index: Int32) {
    free.append(index)
  }

  subscript(index: Int32) -> [UInt8] { packets[Int(index)] }

  /// How many packets there is memory for.
  var capacity: Int { packets.count }
  /// How many packets are on their way.
  var inUse: Int { packets.count - free.count }

  /// Gives an emptied packet, with room for `capacity` bytes, to `body`.
  @inline(__always)
  mutating func fill<R>(
    _ index: Int32, capacity: Int, _ body: (inout OutputSpan<UInt8>) -> R?
  ) -> R? {
    packets[Int(index)].removeAll(keepingCapacity: true)
    var result: R?
    packets[Int(index)].append(addingCapacity: capacity) { result = body(&$0) }
    return result
  }

  mutating func fill(_ index: Int32, with bytes: [UInt8]) {
    packets[Int(index)].removeAll(keepingCapacity: true)
    packets[Int(index)].append(contentsOf: bytes)
  }

  /// Another packet with the same bytes.
  mutating func copy(_ index: Int32) -> Int32 {
    let copy = take()
    fill(copy, with: packets[Int(index)])
    return copy
  }

  /// Changes one bit of a packet.
  mutating func flip(_ bit: Int, of index: Int32) {
    packets[Int(index)][bit / 8] ^= 0x80 >> UInt8(bit % 8)
  }
}
