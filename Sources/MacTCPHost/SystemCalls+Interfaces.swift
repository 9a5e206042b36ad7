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
  static func interfaceAddresses(_ name: String) -> (address: IPAddress, mask: IPAddress)? {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return nil }
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

  /// The MTU of an interface; `nil` when it does not exist.
  static func interfaceMTU(_ name: String) -> Int? {
    #if os(Linux)
      guard name.utf8.count < 16, let socket = try? socket(.udp) else { return nil }
      // struct ifreq: 16 bytes of name, then a union that holds the MTU as an int.
      return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { request in
        request.initializeMemory(as: UInt8.self, repeating: 0)
        request.copyBytes(from: name.utf8)
        guard let base = request.baseAddress,
          ioctl(socket.number, UInt(SIOCGIFMTU), base) == 0
        else { return nil }
        return Int(request.load(fromByteOffset: 16, as: Int32.self))
      }
    #else
      return interfaceAddresses(name) == nil ? nil : 1500
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
