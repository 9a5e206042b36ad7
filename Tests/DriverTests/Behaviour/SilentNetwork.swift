// A network on which nobody answers: for tests in processes of their own, with the privilege to make one.
import Glibc
import MacTCP

/// Not in the C library's headers without its extensions.
@_silgen_name("unshare")
private func systemUnshare(_ flags: Int32) -> Int32

enum SilentNetwork {
  /// Gives this thread a network of its own, which has a loopback interface that answers no echo.
  ///
  /// - Returns: `false` where that is not permitted.
  static func enter() -> Bool {
    let newNetwork: Int32 = 0x4000_0000  // CLONE_NEWNET
    guard systemUnshare(newNetwork) == 0 else { return false }
    return bringLoopbackUp() && write("1", to: "/proc/sys/net/ipv4/icmp_echo_ignore_all")
  }

  private static func bringLoopbackUp() -> Bool {
    let socket = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    guard socket >= 0 else { return false }
    defer { close(socket) }
    // struct ifreq: 16 bytes of name, then the flags.
    var request = [UInt8](repeating: 0, count: 64)
    request.replaceSubrange(0..<2, with: Array("lo".utf8))
    request[16] = 1  // IFF_UP
    return request.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return false }
      return ioctl(socket, UInt(SIOCSIFFLAGS), base) == 0
    }
  }

  private static func write(_ text: String, to path: String) -> Bool {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    return Glibc.write(file, text, text.utf8.count) == text.utf8.count
  }
}
