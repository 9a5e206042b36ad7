// What was asked for at open, as options of a socket.
internal import MacTCPCore
internal import SystemPackage

/// Gives a socket what was asked for at open. With `replaces` it has other options already, from its listening socket.
func applyOptions(
  to socket: Descriptor, _ options: OpenOptions, receiveBuffer: Int, replaces: Bool = false
) throws(Errno) {
  SystemCalls.setOption(socket, .urgentInline, 1)
  SystemCalls.setOption(socket, .receiveBuffer, Int32(clamping: receiveBuffer))
  SystemCalls.setOption(socket, .timeToLive, Int32(options.timeToLive))
  let service = options.precedence << 5 | options.typeOfService.wireBits
  if service != 0 || replaces { SystemCalls.setOption(socket, .typeOfService, Int32(service)) }
  if options.dontFragment || replaces {
    SystemCalls.setDontFragment(socket, options.dontFragment)
  }
  if !options.ipOptions.isEmpty || replaces {
    try SystemCalls.setIPOptions(socket, options.ipOptions)
  }
}

extension TypeOfService {
  /// The bits in IP's type-of-service octet (RFC 791 §3.1).
  fileprivate var wireBits: UInt8 {
    (contains(.lowDelay) ? 0x10 : 0) | (contains(.throughput) ? 0x08 : 0)
      | (contains(.reliability) ? 0x04 : 0)
  }
}
