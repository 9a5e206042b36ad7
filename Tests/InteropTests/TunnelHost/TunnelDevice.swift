import Glibc

/// One packet's place, used again and again.
struct PacketBuffer {
  let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 65_536)
  var count = 0

  /// What is in it, as long as nothing else is put there.
  var packet: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: bytes[..<count]) }
}

/// A TUN device: the kernel is at the other end.
struct TunnelDevice {
  let descriptor: Int32

  /// Takes a device that exists: whoever made it has given it its address.
  init(_ name: String) throws {
    descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(description: "no /dev/net/tun") }
    // struct ifreq: 16 bytes of name, then the flags IFF_TUN and IFF_NO_PI.
    var request = [UInt8](repeating: 0, count: 64)
    request.replaceSubrange(0..<min(15, name.utf8.count), with: name.utf8.prefix(15))
    request.withUnsafeMutableBytes { $0.storeBytes(of: 0x1001, toByteOffset: 16, as: Int16.self) }
    let attach: UInt = 0x4004_54CA  // TUNSETIFF
    guard ioctl(descriptor, attach, &request) == 0 else {
      throw Failure(description: "TUNSETIFF \(name): \(String(cString: strerror(errno)))")
    }
  }

  /// Reads one packet; `false` if none waits.
  func read(into buffer: inout PacketBuffer) -> Bool {
    buffer.count = max(0, Glibc.read(descriptor, buffer.bytes.baseAddress, buffer.bytes.count))
    return buffer.count > 0
  }

  /// Hands a packet to the kernel; `false` if it does not take it.
  func write(_ packet: UnsafeBufferPointer<UInt8>) -> Bool {
    Glibc.write(descriptor, packet.baseAddress, packet.count) == packet.count
  }
}
