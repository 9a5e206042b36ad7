// What the system tells of network interfaces and limits.
internal import MacTCPWire
internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension SystemCalls {
  /// The IPv4 address and mask of an interface; `nil` when it has none or does not exist.
  static func interfaceAddresses(_ name: String) throws(Errno)
    -> (address: IPAddress, mask: IPAddress)?
  {
    var list: UnsafeMutablePointer<ifaddrs>?
    _ = try valid(getifaddrs(&list))
    defer { freeifaddrs(list) }
    var next = list
    while let entry = next?.pointee {
      next = entry.ifa_next
      guard String(cString: entry.ifa_name) == name,
        let address = ipv4(entry.ifa_addr), let mask = ipv4(entry.ifa_netmask)
      else { continue }
      return (address, mask)
    }
    return nil
  }

  private static func ipv4(_ address: UnsafeMutablePointer<sockaddr>?) -> IPAddress? {
    guard let address, address.pointee.sa_family == sa_family_t(AF_INET) else { return nil }
    return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
      IPAddress(v4: UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
    }
  }

  /// The MTU of an interface.
  static func interfaceMTU(_ name: String) throws(Errno) -> Int {
    #if os(Linux)
      guard !name.isEmpty, name.utf8.count < 16 else { throw .noSuchAddressOrDevice }
      let socket = try socket(.udp)
      // struct ifreq: 16 bytes of name, then a union that holds the MTU as an int.
      var request = [UInt8](repeating: 0, count: 64)
      request.replaceSubrange(0..<name.utf8.count, with: name.utf8)
      let result = request.withUnsafeMutableBytes { buffer -> Int32 in
        guard let base = buffer.baseAddress else { return -1 }
        return ioctl(socket.number, UInt(SIOCGIFMTU), base)
      }
      _ = try valid(result)
      return request.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: 16, as: Int32.self)) }
    #else
      if try interfaceAddresses(name) == nil { throw .noSuchAddressOrDevice }
      return 1500
    #endif
  }

  /// How many descriptors this process may have.
  static var descriptorLimit: Int {
    var limit = rlimit()
    #if canImport(Darwin)
      guard getrlimit(RLIMIT_NOFILE, &limit) == 0 else { return 0 }
    #else
      guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else {
        return 0
      }
    #endif
    return Int(clamping: limit.rlim_cur)
  }
}
