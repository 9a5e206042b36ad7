// Which stream has a UDP port: two steps for any port, and memory only for the ports that are taken.

/// A number for each port; 0 is nobody's.
struct PortTable: ~Copyable {
  /// For each 256 ports that follow each other, where in `owners` they begin; -1 as long as all are free.
  private var pages = PlainArray<Int32>(repeating: -1, count: 256)
  private var owners = PlainArray<UInt32>(repeating: 0, count: 0)

  init() {}

  @inline(__always)
  func owner(of port: UInt16) -> UInt32 {
    let page = pages[Int(port &>> 8)]
    return page < 0 ? 0 : owners[Int(page) &+ Int(port & 0xFF)]
  }

  /// Gives ports to an owner, or back with 0; `false`, and nothing is done, at the memory ceiling. A page
  /// that has been made stays.
  mutating func set(
    _ ports: ClosedRange<UInt16>, to owner: UInt32, _ context: inout Context
  ) -> Bool {
    var needed = 0
    for page in (ports.lowerBound &>> 8)...(ports.upperBound &>> 8) where pages[Int(page)] < 0 {
      needed &+= 1
    }
    let memory = needed &* 256 &* MemoryLayout<UInt32>.size
    guard context.memory.reserve(memory) else { return false }
    var next = owners.count
    owners.grow(to: next &+ needed &* 256, repeating: 0)
    for page in (ports.lowerBound &>> 8)...(ports.upperBound &>> 8) where pages[Int(page)] < 0 {
      pages[Int(page)] = Int32(truncatingIfNeeded: next)
      next &+= 256
    }
    for port in ports {
      owners[Int(pages[Int(port &>> 8)]) &+ Int(port & 0xFF)] = owner
    }
    return true
  }

  /// Whether nobody has any of the ports.
  func areFree(_ ports: ClosedRange<UInt16>) -> Bool {
    for port in ports where owner(of: port) != 0 { return false }
    return true
  }
}
