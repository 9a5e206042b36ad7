// Every system call of the host driver. Nothing else in it imports the platform's C library.
//
// A call either succeeds or gives its Errno; calls that a signal interrupted are made again, but for `poll`.
internal import CMacTCPSystem
internal import MacTCPWire
internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A descriptor that is closed when its last user lets go of it: a thread that sleeps on it keeps its number from being
/// used again.
final class Descriptor: Sendable {
  let number: Int32

  init(_ number: Int32) {
    self.number = number
  }

  deinit {
    _ = close(number)
  }
}

enum SystemCalls {
  // MARK: Sockets

  enum SocketKind {
    case tcp, udp, icmpDatagram, icmpRaw
  }

  static func socket(_ kind: SocketKind) throws(Errno) -> Descriptor {
    #if canImport(Darwin)
      let flags: Int32 = 0
      let stream = SOCK_STREAM
      let datagram = SOCK_DGRAM
      let raw = SOCK_RAW
    #else
      let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
      let stream = Int32(SOCK_STREAM.rawValue)
      let datagram = Int32(SOCK_DGRAM.rawValue)
      let raw = Int32(SOCK_RAW.rawValue)
    #endif
    let number =
      switch kind {
      case .tcp: systemSocket(AF_INET, stream | flags, Int32(IPPROTO_TCP))
      case .udp: systemSocket(AF_INET, datagram | flags, Int32(IPPROTO_UDP))
      case .icmpDatagram: systemSocket(AF_INET, datagram | flags, Int32(IPPROTO_ICMP))
      case .icmpRaw: systemSocket(AF_INET, raw | flags, Int32(IPPROTO_ICMP))
      }
    let descriptor = Descriptor(try valid(number))
    #if canImport(Darwin)
      _ = fcntl(number, F_SETFL, O_NONBLOCK)
      _ = fcntl(number, F_SETFD, FD_CLOEXEC)
      setOption(descriptor, .noSignal, 1)
    #endif
    return descriptor
  }

  static func bind(_ socket: Descriptor, _ local: Endpoint) throws(Errno) {
    try withAddress(local) { address, size in
      systemBind(socket.number, address, size)
    }
  }

  static func listen(_ socket: Descriptor, backlog: Int) throws(Errno) {
    _ = try valid(systemListen(socket.number, Int32(clamping: backlog)))
  }

  /// `EINPROGRESS` is the usual answer.
  static func connect(_ socket: Descriptor, _ remote: Endpoint) throws(Errno) {
    try withAddress(remote) { address, size in
      systemConnect(socket.number, address, size)
    }
  }

  static func accept(_ socket: Descriptor) throws(Errno) -> (Descriptor, Endpoint) {
    var storage = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let number = try withUnsafeMutablePointer(to: &storage) { pointer throws(Errno) in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address throws(Errno) in
        #if canImport(Darwin)
          try retried { systemAccept(socket.number, address, &size) }
        #else
          try retried {
            accept4(
              socket.number, address, &size, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
          }
        #endif
      }
    }
    let accepted = Descriptor(Int32(number))
    #if canImport(Darwin)
      _ = fcntl(accepted.number, F_SETFL, O_NONBLOCK)
      _ = fcntl(accepted.number, F_SETFD, FD_CLOEXEC)
      setOption(accepted, .noSignal, 1)
    #endif
    return (accepted, Endpoint(storage))
  }

  static func localEndpoint(_ socket: Descriptor) -> Endpoint? {
    var storage = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket.number, $0, &size) }
    }
    return result == 0 ? Endpoint(storage) : nil
  }

  static func sendFIN(_ socket: Descriptor) {
    _ = shutdown(socket.number, Int32(SHUT_WR))
  }

  /// Resets the connection at once (RFC 9293 §3.10.5), although threads sleep on the socket: they wake.
  static func reset(_ socket: Descriptor) {
    var unspecified = sockaddr()
    unspecified.sa_family = sa_family_t(AF_UNSPEC)
    if systemConnect(socket.number, &unspecified, socklen_t(MemoryLayout<sockaddr>.size)) != 0 {
      resetOnClose(socket)
    }
  }

  /// From now on closing the socket resets its connection.
  static func resetOnClose(_ socket: Descriptor) {
    var value = linger(l_onoff: 1, l_linger: 0)
    _ = setsockopt(
      socket.number, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
  }

  // MARK: What the socket knows

  /// The number of bytes that can be received.
  static func unread(_ socket: Descriptor) -> Int {
    integer(socket, UInt(FIONREAD))
  }

  /// The number of bytes, and FINs, that are not acknowledged.
  static func unacknowledged(_ socket: Descriptor) -> Int {
    #if os(Linux)
      return integer(socket, UInt(mactcp_SIOCOUTQ))
    #else
      return Int(option(socket, .unacknowledged) ?? 0)
    #endif
  }

  /// Whether the next byte to be received is the last urgent one.
  static func isAtMark(_ socket: Descriptor) -> Bool {
    integer(socket, UInt(SIOCATMARK)) != 0
  }

  private static func integer(_ socket: Descriptor, _ request: UInt) -> Int {
    var value: Int32 = 0
    return ioctl(socket.number, request, &value) == 0 ? Int(value) : 0
  }

  /// The error that is pending on the socket; it is no longer pending then.
  static func takeError(of socket: Descriptor) -> Errno? {
    option(socket, .error).flatMap { $0 == 0 ? nil : Errno(rawValue: $0) }
  }

  /// TCP_INFO, as many bytes as this kernel fills.
  static func tcpInformation(_ socket: Descriptor) -> TCPInformation? {
    #if os(Linux)
      withUnsafeTemporaryAllocation(byteCount: TCPInformation.size, alignment: 8) { buffer in
        var size = socklen_t(buffer.count)
        guard
          getsockopt(socket.number, Int32(IPPROTO_TCP), TCP_INFO, buffer.baseAddress, &size) == 0
        else { return nil }
        return TCPInformation(UnsafeRawBufferPointer(rebasing: buffer[..<Int(size)]))
      }
    #else
      nil
    #endif
  }

  // MARK: Files

  /// The whole of a small file, such as those in /proc; `nil` when it cannot be read.
  static func contents(of path: String) -> String? {
    guard let file = try? FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
    else { return nil }
    defer { try? file.close() }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while let count = try? buffer.withUnsafeMutableBytes({ try file.read(into: $0) }), count > 0 {
      bytes += buffer[..<count]
      if bytes.count > 1 << 20 { break }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }

  // MARK: Errors

  /// Makes a call again when a signal interrupted it.
  static func retried(_ call: () -> Int) throws(Errno) -> Int {
    while true {
      let result = call()
      if result >= 0 { return result }
      let error = Errno(rawValue: errno)
      if error != .interrupted { throw error }
    }
  }

  static func retried(_ call: () -> Int32) throws(Errno) -> Int {
    try retried { Int(call()) }
  }

  static func valid(_ result: Int32) throws(Errno) -> Int32 {
    if result < 0 { throw Errno(rawValue: errno) }
    return result
  }
}

// MARK: Calls whose names the functions above have

private func systemSocket(_ domain: Int32, _ type: Int32, _ protocolNumber: Int32) -> Int32 {
  socket(domain, type, protocolNumber)
}
private func systemBind(_ d: Int32, _ a: UnsafePointer<sockaddr>, _ s: socklen_t) -> Int32 {
  bind(d, a, s)
}
private func systemListen(_ d: Int32, _ backlog: Int32) -> Int32 { listen(d, backlog) }
private func systemConnect(_ d: Int32, _ a: UnsafePointer<sockaddr>, _ s: socklen_t) -> Int32 {
  connect(d, a, s)
}
func systemSend(_ d: Int32, _ p: UnsafeRawPointer?, _ n: Int, _ flags: Int32) -> Int {
  send(d, p, n, flags)
}
#if canImport(Darwin)
  private func systemAccept(
    _ d: Int32, _ a: UnsafeMutablePointer<sockaddr>, _ s: UnsafeMutablePointer<socklen_t>
  ) -> Int32 {
    accept(d, a, s)
  }
  let messageDontWait = MSG_DONTWAIT
  let messageUrgent = MSG_OOB
  let messageNoSignal: Int32 = 0  // SO_NOSIGPIPE is set on every socket instead
  let messageTruncate: Int32 = 0
#else
  let messageDontWait = MSG_DONTWAIT
  let messageUrgent = MSG_OOB
  let messageNoSignal = Int32(MSG_NOSIGNAL)
  let messageTruncate = Int32(MSG_TRUNC)
#endif

private func withAddress(
  _ endpoint: Endpoint, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) throws(Errno) {
  var storage = endpoint.socketAddress
  let result = withUnsafePointer(to: &storage) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  _ = try SystemCalls.valid(result)
}

extension Endpoint {
  init(_ address: sockaddr_in) {
    self.init(
      IPAddress(v4: UInt32(bigEndian: address.sin_addr.s_addr)), UInt16(bigEndian: address.sin_port)
    )
  }

  var socketAddress: sockaddr_in {
    var storage = sockaddr_in()
    storage.sin_family = sa_family_t(AF_INET)
    storage.sin_port = port.bigEndian
    storage.sin_addr = in_addr(s_addr: address.v4.bigEndian)
    #if canImport(Darwin)
      storage.sin_len = UInt8(MemoryLayout<sockaddr_in>.size)
    #endif
    return storage
  }
}
