// A point-to-point link with the kernel at one end and the test at the other: a TUN device.
import Glibc
import MacTCP
import MacTCPCore

/// Every packet that the kernel sends over the link is read by the test, and every packet that it receives was written
/// by it. So a test sees whole headers, is any number of hosts and routers, and loses what it does not answer.
///
/// Reading blocks the thread: for packets that commands, calls or the kernel cause, not for those of other tasks.
final class Tunnel {
  let name: String
  /// The network is 10.x.0.0/24, another one for each tunnel: nothing that the kernel has learnt of one is of use for the next.
  let network: UInt8
  /// This host's address, 10.x.0.1.
  var near: IPAddress { IPAddress(10, network, 0, 1) }
  /// A host's address, 10.x.0.2.
  var far: IPAddress { IPAddress(10, network, 0, 2) }
  /// A router's address, 10.x.0.254.
  var router: IPAddress { IPAddress(10, network, 0, 254) }

  private let descriptor: Int32

  nonisolated(unsafe) private static var count: UInt8 = 0
  // Safe: the tests run one at a time.

  init(mtu: Int = 1500) throws {
    Tunnel.count += 1
    network = Tunnel.count
    name = "wire\(network)"
    descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { throw Network.Failure(description: "no /dev/net/tun") }
    // struct ifreq: 16 bytes of name, then the flags IFF_TUN and IFF_NO_PI.
    var request = [UInt8](repeating: 0, count: 64)
    request.replaceSubrange(0..<name.utf8.count, with: name.utf8)
    request.withUnsafeMutableBytes { $0.storeBytes(of: 0x1001, toByteOffset: 16, as: Int16.self) }
    let attach: UInt = 0x4004_54CA  // TUNSETIFF
    guard ioctl(descriptor, attach, &request) == 0 else {
      throw Network.Failure(description: "TUNSETIFF: \(String(cString: strerror(errno)))")
    }
    try Network.ip("link set \(name) mtu \(mtu) up")
    try Network.ip("addr add \(near)/24 dev \(name)")
  }

  deinit {
    close(descriptor)
  }

  func send(_ packet: Packet) throws {
    let bytes = packet.bytes
    guard write(descriptor, bytes, bytes.count) == bytes.count else {
      throw Network.Failure(description: "the link takes no packet")
    }
  }

  /// The next packet that `isWanted`, which tells what it makes of it; the others are dropped.
  func receive<R>(
    _ what: String, within limit: Duration = .seconds(20), _ isWanted: (Packet) -> R?
  ) throws -> R {
    let deadline = ContinuousClock.now + limit
    while true {
      while let packet = read() {
        if let wanted = isWanted(packet) { return wanted }
      }
      let left = ContinuousClock.now.duration(to: deadline)
      guard left > .zero else { throw Network.Failure(description: "waited in vain for \(what)") }
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      _ = poll(&entry, 1, Int32(clamping: left.milliseconds + 1))
    }
  }

  /// All packets that wait.
  func receiveAll() -> [Packet] {
    var packets: [Packet] = []
    while let packet = read() { packets.append(packet) }
    return packets
  }

  /// The next IPv4 packet that waits.
  private func read() -> Packet? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0 { return nil }
      if let packet = Packet(Array(buffer[..<count])) { return packet }
    }
  }
}
