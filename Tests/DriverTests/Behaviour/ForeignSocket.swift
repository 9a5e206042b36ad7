// A peer that is no stream of ours: a plain socket, which can do what a stream never does.
import Glibc
import MacTCP
import Testing

/// A plain, blocking TCP or UDP socket on 127.0.0.1, whose calls give up after a generous time.
final class ForeignSocket: Sendable {
  struct Failure: Error, CustomStringConvertible {
    let call: String
    let number: Int32
    var description: String { "\(call): \(String(cString: strerror(number)))" }
  }

  let descriptor: Int32

  private init(adopting descriptor: Int32) {
    self.descriptor = descriptor
    var limit = timeval(tv_sec: 30, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
  }

  deinit {
    close(descriptor)
  }

  private static func checked(_ call: String, _ result: Int) throws -> Int {
    if result < 0 { throw Failure(call: call, number: errno) }
    return result
  }

  private static func make(_ type: __socket_type) throws -> ForeignSocket {
    let kind = Int32(type.rawValue | SOCK_CLOEXEC.rawValue)
    return ForeignSocket(adopting: Int32(try checked("socket", Int(socket(AF_INET, kind, 0)))))
  }

  // MARK: Making

  /// A socket that listens on a port of the kernel's choice, or on the one given.
  static func listening(on port: UInt16 = 0, backlog: Int32 = 16, receiveBuffer: Int32? = nil)
    throws
    -> ForeignSocket
  {
    let socket = try bound(to: port, receiveBuffer: receiveBuffer)
    _ = try checked("listen", Int(listen(socket.descriptor, backlog)))
    return socket
  }

  /// A socket that has a port and does nothing with it: whoever connects is refused, and nobody else gets the port.
  static func bound(
    to port: UInt16 = 0, at address: IPAddress = .loopback, receiveBuffer: Int32? = nil
  ) throws -> ForeignSocket {
    let socket = try make(SOCK_STREAM)
    socket.set(SOL_SOCKET, SO_REUSEADDR, 1)
    if let receiveBuffer { socket.set(SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
    try socket.bind(Endpoint(address, port))
    return socket
  }

  /// A socket that is connected to `remote`.
  static func connected(
    to remote: Endpoint, from local: Endpoint = Endpoint(.loopback, 0), receiveBuffer: Int32? = nil
  ) throws -> ForeignSocket {
    let socket = try bound(to: local.port, at: local.address, receiveBuffer: receiveBuffer)
    try socket.connect(to: remote)
    return socket
  }

  /// A UDP socket on a port of the kernel's choice.
  static func datagram() throws -> ForeignSocket {
    let socket = try make(SOCK_DGRAM)
    try socket.bind(Endpoint(.loopback, 0))
    return socket
  }

  private func bind(_ local: Endpoint) throws {
    _ = try ForeignSocket.checked(
      "bind", withAddress(local) { address, size in Int(Glibc.bind(descriptor, address, size)) })
  }

  /// Connects, and blocks until that is done; a socket that does not block only begins.
  func connect(to remote: Endpoint) throws {
    let result = withAddress(remote) { address, size in
      Int(Glibc.connect(descriptor, address, size))
    }
    if result < 0 && errno == EINPROGRESS { return }
    _ = try ForeignSocket.checked("connect", result)
  }

  func accept() throws -> ForeignSocket {
    ForeignSocket(
      adopting: Int32(try ForeignSocket.checked("accept", Int(Glibc.accept(descriptor, nil, nil)))))
  }

  // MARK: Data

  /// Sends everything; `urgent` by MSG_OOB.
  func send(_ data: [UInt8], urgent: Bool = false) throws {
    var offset = 0
    while offset < data.count {
      offset += try data.withUnsafeBytes {
        let flags = Int32(MSG_NOSIGNAL) | (urgent ? Int32(MSG_OOB) : 0)
        return try ForeignSocket.checked(
          "send",
          Glibc.send(descriptor, $0.baseAddress?.advanced(by: offset), data.count - offset, flags))
      }
    }
  }

  /// Sends a datagram.
  func send(_ data: [UInt8], to remote: Endpoint) throws {
    _ = try ForeignSocket.checked(
      "sendto",
      withAddress(remote) { address, size in
        data.withUnsafeBytes { sendto(descriptor, $0.baseAddress, $0.count, 0, address, size) }
      })
  }

  /// Receives what there is, at most `limit` bytes; nothing at the end of the stream's data.
  func receive(upTo limit: Int = 65_536) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = try buffer.withUnsafeMutableBytes {
      try ForeignSocket.checked("recv", recv(descriptor, $0.baseAddress, limit, 0))
    }
    return Array(buffer[..<count])
  }

  /// Receives `count` bytes.
  func receiveAll(_ count: Int) throws -> [UInt8] {
    var data: [UInt8] = []
    while data.count < count {
      let part = try receive(upTo: min(count - data.count, 262_144))
      if part.isEmpty { return data }
      data += part
    }
    return data
  }

  /// Receives until the stream has closed.
  func receiveToEnd() throws -> [UInt8] {
    var data: [UInt8] = []
    while true {
      let part = try receive()
      if part.isEmpty { return data }
      data += part
    }
  }

  /// The error number of the next receive; 0 when it succeeds.
  func receiveFailure() -> Int32 {
    do {
      _ = try receive()
      return 0
    } catch {
      return (error as? Failure)?.number ?? -1
    }
  }

  // MARK: Urgent data

  /// Urgent data is received in its place among the others.
  func keepUrgentInline() { set(SOL_SOCKET, SO_OOBINLINE, 1) }

  /// Whether the next byte is the one that the urgent mark stands before.
  var isAtMark: Bool { integer(UInt(SIOCATMARK)) != 0 }

  /// How many bytes wait.
  var unread: Int { Int(integer(UInt(FIONREAD))) }

  private func integer(_ request: UInt) -> Int32 {
    var value: Int32 = 0
    _ = ioctl(descriptor, request, &value)
    return value
  }

  // MARK: Ending

  /// Sends a FIN and goes on receiving.
  func closeSendSide() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Resets the connection at once; the socket stays, unconnected.
  func reset() {
    // What closing with SO_LINGER 0 does, without giving the descriptor's number to somebody else.
    var nowhere = sockaddr()
    nowhere.sa_family = sa_family_t(AF_UNSPEC)
    _ = Glibc.connect(descriptor, &nowhere, socklen_t(MemoryLayout<sockaddr>.size))
  }

  func stopBlocking() { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }

  // MARK: What it knows

  var local: Endpoint {
    var storage = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = getsockname(descriptor, $0, &size)
      }
    }
    return Endpoint(
      IPAddress(v4: UInt32(bigEndian: storage.sin_addr.s_addr)), UInt16(bigEndian: storage.sin_port)
    )
  }

  private func set(_ level: Int32, _ name: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  private func withAddress<R>(
    _ endpoint: Endpoint, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
  ) -> R {
    var storage = sockaddr_in()
    storage.sin_family = sa_family_t(AF_INET)
    storage.sin_port = endpoint.port.bigEndian
    storage.sin_addr.s_addr = endpoint.address.v4.bigEndian
    return withUnsafePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
