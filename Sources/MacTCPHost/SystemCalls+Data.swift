// What goes through a socket: data, datagrams and the errors that come back.
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

extension SystemCalls {
  /// Receives what there is; 0 at the end of the peer's data.
  static func receive(_ socket: Descriptor, _ buffer: UnsafeMutableRawBufferPointer) throws(Errno)
    -> Int
  {
    try retried { recv(socket.number, buffer.baseAddress, buffer.count, Int32(messageDontWait)) }
  }

  /// Receives one datagram: its whole size, of which what fits is stored, and its sender.
  static func receiveDatagram(_ socket: Descriptor, _ buffer: UnsafeMutableRawBufferPointer)
    throws(Errno) -> (size: Int, from: Endpoint)
  {
    var storage = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let count = try withUnsafeMutablePointer(to: &storage) { pointer throws(Errno) in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address throws(Errno) in
        try retried {
          recvfrom(
            socket.number, buffer.baseAddress, buffer.count,
            Int32(messageDontWait) | messageTruncate, address, &size)
        }
      }
    }
    return (count, Endpoint(storage))
  }

  /// Sends as much of the buffers as there is room for.
  ///
  /// With `notify` the error queue tells when the last byte is acknowledged (Linux only).
  static func send(
    _ socket: Descriptor, _ buffers: UnsafeBufferPointer<UnsafeRawBufferPointer>, urgent: Bool,
    notify: Bool
  ) throws(Errno) -> Int {
    let flags = Int32(messageDontWait) | messageNoSignal | (urgent ? Int32(messageUrgent) : 0)
    if buffers.count == 1 && !notify {
      return try retried {
        systemSend(socket.number, buffers[0].baseAddress, buffers[0].count, flags)
      }
    }
    return try withVectors(buffers) { vectors throws(Errno) in
      var message = msghdr()
      message.msg_iov = vectors.baseAddress
      message.msg_iovlen = .init(vectors.count)
      return try withControl(notify) { control throws(Errno) in
        message.msg_control = control.baseAddress
        message.msg_controllen = .init(control.count)
        return try retried { sendmsg(socket.number, &message, flags) }
      }
    }
  }

  static func sendDatagram(
    _ socket: Descriptor, _ buffers: [UnsafeRawBufferPointer], to remote: Endpoint
  )
    throws(Errno)
  {
    try buffers.withUnsafeBufferPointer { buffers throws(Errno) in
      try withVectors(buffers) { vectors throws(Errno) in
        var storage = remote.socketAddress
        _ = try withUnsafeMutablePointer(to: &storage) { address throws(Errno) in
          var message = msghdr()
          message.msg_name = UnsafeMutableRawPointer(address)
          message.msg_namelen = socklen_t(MemoryLayout<sockaddr_in>.size)
          message.msg_iov = vectors.baseAddress
          message.msg_iovlen = .init(vectors.count)
          return try retried {
            sendmsg(socket.number, &message, Int32(messageDontWait) | messageNoSignal)
          }
        }
      }
    }
  }

  /// One ICMP error for something that was sent on a socket.
  struct ICMPError {
    var type: UInt8
    var code: UInt8
    var info: UInt32
    var remote: Endpoint
  }

  /// Empties the socket's error queue.
  static func takeErrors(_ socket: Descriptor) -> [ICMPError] {
    #if os(Linux)
      var errors: [ICMPError] = []
      // A flood of errors must not keep the caller here.
      for _ in 0..<256 {
        guard let error = takeError(socket) else { break }
        if case .icmp(let icmp) = error { errors.append(icmp) }
      }
      return errors
    #else
      return []
    #endif
  }

  #if os(Linux)
    private enum QueuedError {
      case icmp(ICMPError)
      case other
    }

    private static func takeError(_ socket: Descriptor) -> QueuedError? {
      withUnsafeTemporaryAllocation(byteCount: 512, alignment: 16) { control in
        var name = sockaddr_in()
        return withUnsafeMutablePointer(to: &name) { address -> QueuedError? in
          var message = msghdr()
          message.msg_name = UnsafeMutableRawPointer(address)
          message.msg_namelen = socklen_t(MemoryLayout<sockaddr_in>.size)
          message.msg_control = control.baseAddress
          message.msg_controllen = control.count
          let flags = Int32(MSG_ERRQUEUE) | Int32(messageDontWait)
          guard recvmsg(socket.number, &message, flags) >= 0 else { return nil }
          var error = mactcp_icmp_error()
          guard mactcp_icmp_error_of(&message, &error) != 0, error.origin == mactcp_ORIGIN_ICMP
          else { return .other }
          return .icmp(
            ICMPError(
              type: error.type, code: error.code, info: error.info,
              remote: Endpoint(address.pointee)
            ))
        }
      }
    }
  #endif
}

private func withVectors<R>(
  _ buffers: UnsafeBufferPointer<UnsafeRawBufferPointer>,
  _ body: (UnsafeMutableBufferPointer<iovec>) throws(Errno) -> R
) throws(Errno) -> R {
  try withUnsafeTemporaryAllocation(of: iovec.self, capacity: buffers.count) {
    vectors throws(Errno) in
    for (index, buffer) in buffers.enumerated() {
      vectors[index] = iovec(
        iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress), iov_len: buffer.count)
    }
    return try body(vectors)
  }
}

/// The control message that asks for the acknowledgement of one send, or none.
private func withControl<R>(
  _ notify: Bool, _ body: (UnsafeMutableRawBufferPointer) throws(Errno) -> R
) throws(Errno) -> R {
  #if os(Linux)
    if notify {
      return try withUnsafeTemporaryAllocation(byteCount: 64, alignment: 16) {
        buffer throws(Errno) in
        let size = mactcp_control_message(
          buffer.baseAddress, buffer.count, SOL_SOCKET, SO_TIMESTAMPING, mactcp_TIMESTAMPING_SEND)
        return try body(UnsafeMutableRawBufferPointer(rebasing: buffer[..<size]))
      }
    }
  #endif
  return try body(UnsafeMutableRawBufferPointer(start: nil, count: 0))
}
