// Socket options by what they are for.
internal import CMacTCPSystem
internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension SystemCalls {
  struct Option {
    let level: Int32
    let name: Int32

    static let error = Option(level: SOL_SOCKET, name: SO_ERROR)
    static let receiveBuffer = Option(level: SOL_SOCKET, name: SO_RCVBUF)
    static let reuseAddress = Option(level: SOL_SOCKET, name: SO_REUSEADDR)
    static let broadcast = Option(level: SOL_SOCKET, name: SO_BROADCAST)
    static let urgentInline = Option(level: SOL_SOCKET, name: SO_OOBINLINE)
    static let noDelay = Option(level: Int32(IPPROTO_TCP), name: TCP_NODELAY)
    static let typeOfService = Option(level: Int32(IPPROTO_IP), name: IP_TOS)
    static let timeToLive = Option(level: Int32(IPPROTO_IP), name: IP_TTL)
    #if os(Linux)
      static let noChecksum = Option(level: SOL_SOCKET, name: SO_NO_CHECK)
      static let mtuDiscovery = Option(level: Int32(IPPROTO_IP), name: IP_MTU_DISCOVER)
      static let pathMTU = Option(level: Int32(IPPROTO_IP), name: IP_MTU)
      static let errorQueue = Option(level: Int32(IPPROTO_IP), name: IP_RECVERR)
      static let timestamping = Option(level: SOL_SOCKET, name: SO_TIMESTAMPING)
    #else
      static let noSignal = Option(level: SOL_SOCKET, name: SO_NOSIGPIPE)
      static let unacknowledged = Option(level: SOL_SOCKET, name: SO_NWRITE)
      static let dontFragment = Option(level: Int32(IPPROTO_IP), name: IP_DONTFRAG)
    #endif
  }

  @discardableResult
  static func setOption(_ socket: Descriptor, _ option: Option, _ value: Int32) -> Errno? {
    var value = value
    let size = socklen_t(MemoryLayout<Int32>.size)
    return setsockopt(socket.number, option.level, option.name, &value, size) == 0
      ? nil : Errno(rawValue: errno)
  }

  static func option(_ socket: Descriptor, _ option: Option) -> Int32? {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(socket.number, option.level, option.name, &value, &size) == 0 ? value : nil
  }

  static func setIPOptions(_ socket: Descriptor, _ options: [UInt8]) throws(Errno) {
    let result = options.withUnsafeBytes {
      setsockopt(
        socket.number, Int32(IPPROTO_IP), IP_OPTIONS, $0.baseAddress, socklen_t($0.count))
    }
    _ = try valid(result)
  }

  /// Whether packets may never be fragmented on the way. Where they may, the kernel still discovers the path MTU.
  static func setDontFragment(_ socket: Descriptor, _ isOn: Bool) {
    #if os(Linux)
      setOption(socket, .mtuDiscovery, isOn ? IP_PMTUDISC_DO : IP_PMTUDISC_WANT)
    #else
      setOption(socket, .dontFragment, isOn ? 1 : 0)
    #endif
  }

  /// From now on sends that ask for it report their acknowledgement on the error queue.
  static func enableAcknowledgementReports(_ socket: Descriptor) {
    #if os(Linux)
      setOption(socket, .timestamping, Int32(mactcp_TIMESTAMPING_SOCKET))
    #endif
  }

  /// Puts ICMP errors into the error queue.
  static func enableErrorQueue(_ socket: Descriptor) {
    #if os(Linux)
      setOption(socket, .errorQueue, 1)
    #endif
  }

  /// A raw ICMP socket gets a copy of every ICMP message of the host, and what its buffer cannot hold is lost: from now on
  /// nothing but the replies to one identifier takes room in it.
  static func receiveEchoReplies(_ socket: Descriptor, to identifier: UInt16) {
    #if os(Linux)
      _ = mactcp_filter_echo_replies(socket.number, identifier)
    #endif
  }

  static func setChecksum(_ socket: Descriptor, _ isOn: Bool) {
    #if os(Linux)
      setOption(socket, .noChecksum, isOn ? 0 : 1)
    #endif
  }

  /// The MTU of the path that a connected socket takes.
  static func pathMTU(_ socket: Descriptor) -> Int? {
    #if os(Linux)
      option(socket, .pathMTU).map { Int($0) }
    #else
      nil
    #endif
  }
}
