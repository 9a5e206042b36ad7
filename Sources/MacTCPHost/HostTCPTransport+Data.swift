// What goes through the socket of a TCP stream, both ways. Called with the stream's lock held.
internal import MacTCPCore
internal import SystemPackage

extension HostTCPTransport {
  func readiness() -> Readiness {
    guard let socket else { return .none }
    return Readiness(
      poll: SystemCalls.poll(
        socket.number,
        SystemCalls.pollReadable | SystemCalls.pollWritable | SystemCalls.pollUrgent
          | SystemCalls.pollPeerClosed))
  }

  /// The kernel keeps no push marks: whatever has come counts as pushed.
  func arrival(_ readiness: Readiness) -> Arrival {
    readiness.intersects(.receivable) ? .complete : .nothing
  }

  func receive(into buffer: UnsafeMutableRawBufferPointer, _ readiness: Readiness) -> Delivery {
    guard let socket else { return .nothing }
    do throws(Errno) {
      if readiness.contains(.urgent) { return try receiveUrgent(socket, buffer) }
      let count = try SystemCalls.receive(socket, buffer)
      if count > 0 { return .bytes(count: count, urgent: false, endsUrgent: false) }
      endSeen = true
      return .end
    } catch {
      return error == .wouldBlock ? .nothing : .lost(lost(error))
    }
  }

  /// The kernel's mark stands before the last urgent byte, and a read stops there: the urgent data are what comes up to
  /// the mark, and one byte more.
  private func receiveUrgent(_ socket: Descriptor, _ buffer: UnsafeMutableRawBufferPointer)
    throws(Errno) -> Delivery
  {
    var count = 0
    if !SystemCalls.isAtMark(socket) {
      count = try SystemCalls.receive(socket, buffer)
      if count == 0 { return .end }
      guard count < buffer.count, SystemCalls.isAtMark(socket) else {
        return .bytes(count: count, urgent: true, endsUrgent: false)
      }
    }
    do throws(Errno) {
      let last = UnsafeMutableRawBufferPointer(rebasing: buffer[count..<(count + 1)])
      let ends = try SystemCalls.receive(socket, last) == 1
      if !ends && count == 0 { return .end }
      return .bytes(count: ends ? count + 1 : count, urgent: true, endsUrgent: ends)
    } catch {
      if count == 0 { throw error }
      return .bytes(count: count, urgent: true, endsUrgent: false)
    }
  }

  var unread: Int { socket.map { SystemCalls.unread($0) } ?? 0 }

  func send(
    _ buffers: UnsafeBufferPointer<UnsafeRawBufferPointer>, push: Bool, urgent: Bool, notify: Bool
  ) -> SendOutcome {
    guard let socket else { return .accepted(0) }
    if push != noDelay {
      // Setting it sends what Nagle's algorithm holds back; the kernel has no push of its own.
      SystemCalls.setOption(socket, .noDelay, push ? 1 : 0)
      noDelay = push
    }
    if notify && !reportsAcknowledgements {
      SystemCalls.enableAcknowledgementReports(socket)
      reportsAcknowledgements = true
    }
    do throws(Errno) {
      return .accepted(try SystemCalls.send(socket, buffers, urgent: urgent, notify: notify))
    } catch {
      switch error {
      case .wouldBlock: return .accepted(0)
      // The kernel calls the socket writable all the same: who waited would be woken at once, again and again.
      case .noMemory, .noBufferSpace: return .failed(.opening("a send", error))
      default: return .lost(lost(error))
      }
    }
  }

  var unacknowledged: Int {
    guard let socket else { return 0 }
    return max(0, SystemCalls.unacknowledged(socket) - (finSent ? 1 : 0))
  }
}
