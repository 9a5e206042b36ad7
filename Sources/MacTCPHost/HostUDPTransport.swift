// UDP for one stream over kernel sockets, one for each of its ports. Its lock is the stream's.
internal import MacTCPCore
internal import MacTCPWire
internal import SystemPackage

final class HostUDPTransport: UDPTransport, PollerClient, @unchecked Sendable {
  // Sendable: every variable but `token` is touched with `lock` held only, or in `deinit`.
  let lock = Lock()
  weak var client: (any TransportClient)?
  let ports: [UInt16]
  let address: IPAddress
  private let shared: HostShared
  private let receiveBuffer: Int
  private var token: UInt64 = 0
  private var hasDeadline = false
  private var sockets: [Descriptor] = []
  private var armed: Interest?
  /// How many of the sockets, from the first one on, the poller knows.
  private var registered = 0
  /// What the last look at the sockets saw, one for each.
  private var seen: [Int16] = []
  /// Which socket is looked at first by the next read, so that no port starves.
  private var turn = 0
  private var sendsChecksum = true

  init(
    _ shared: HostShared, receiveBuffer: Int, ports range: ClosedRange<UInt16>, address: IPAddress
  ) throws(MacTCPError) {
    self.shared = shared
    self.receiveBuffer = receiveBuffer
    self.address = address
    var bound: [UInt16] = []
    for port in range {
      let local = Endpoint(address, port)
      do throws(Errno) {
        let socket = try SystemCalls.socket(.udp)
        SystemCalls.setOption(socket, .receiveBuffer, Int32(clamping: receiveBuffer))
        SystemCalls.setOption(socket, .broadcast, 1)
        SystemCalls.enableErrorQueue(socket)
        try SystemCalls.bind(socket, local)
        bound.append(SystemCalls.localEndpoint(socket)?.port ?? port)
        sockets.append(socket)
      } catch {
        throw .opening(port == 0 ? "a UDP port" : "UDP port \(port)", error)
      }
    }
    ports = bound
    seen = bound.map { _ in 0 }
    token = shared.poller.add(self)
  }

  deinit {
    shared.poller.remove(token, hadDeadline: hasDeadline)
  }

  var now: MonotonicTime { .now }

  func readiness() -> Readiness {
    Readiness(
      poll: SystemCalls.poll(
        sockets, SystemCalls.pollReadable | SystemCalls.pollWritable, into: &seen))
  }

  func read(_ readiness: Readiness) -> Datagram? {
    guard readiness.contains(.readable) || readiness.contains(.failed) else { return nil }
    let readable = SystemCalls.pollReadable | SystemCalls.pollFailed
    let size = min(receiveBuffer, 65_536)
    return withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { buffer in
      for step in sockets.indices {
        let index = (turn + step) % sockets.count
        if seen[index] & readable != 0, let (count, from) = take(from: sockets[index], buffer) {
          turn = (index + 1) % sockets.count
          return Datagram(data: Array(buffer.prefix(count)), from: from, localPort: ports[index])
        }
      }
      return nil
    }
  }

  /// The oldest datagram of one socket that fits; larger ones are dropped.
  private func take(from socket: Descriptor, _ buffer: UnsafeMutableRawBufferPointer)
    -> (Int, Endpoint)?
  {
    // An ICMP error that came is given once in place of a datagram, and stays in the error queue.
    for _ in 0..<16 {
      do throws(Errno) {
        let (count, from) = try SystemCalls.receiveDatagram(socket, buffer)
        if count <= buffer.count { return (count, from) }
      } catch {
        if error == .wouldBlock { return nil }
      }
    }
    return nil
  }

  func write(_ buffers: [[UInt8]], to remote: Endpoint, from port: UInt16, checksum: Bool)
    -> WriteOutcome
  {
    guard let index = ports.firstIndex(of: port), index < sockets.count else { return .full }
    let socket = sockets[index]
    if checksum != sendsChecksum {
      for socket in sockets { SystemCalls.setChecksum(socket, checksum) }
      sendsChecksum = checksum
    }
    let data = buffers.count == 1 ? buffers[0] : Array(buffers.joined())
    return data.withUnsafeBytes { bytes in
      // An ICMP error for an earlier datagram is given once in place of the result.
      for isLast in [false, true] {
        do throws(Errno) {
          try SystemCalls.sendDatagram(socket, [bytes], to: remote)
          return .sent
        } catch {
          if error == .wouldBlock { return .full }
          if isLast { return .failed(.writing(to: "\(remote)", data.count, error)) }
        }
      }
      return .full
    }
  }

  func takeReports() -> [ICMPReport] {
    var reports: [ICMPReport] = []
    for (index, socket) in sockets.enumerated() where seen[index] & SystemCalls.pollFailed != 0 {
      for error in SystemCalls.takeErrors(socket) {
        guard let type = ICMPReportType(type: error.type, code: error.code) else { continue }
        let local = Endpoint(address == .any ? shared.address : address, ports[index])
        reports.append(
          ICMPReport(
            type: type, local: local, remote: error.remote,
            additionalInfo: type == .fragReqd ? error.info : 0,
            pointer: type == .parmProblem ? UInt8(truncatingIfNeeded: error.info) : 0))
      }
      _ = SystemCalls.takeError(of: socket)
    }
    return reports
  }

  func close() {
    sockets = []
    seen = []
    armed = nil
  }

  func watch(_ readiness: Readiness) -> MacTCPError? {
    let interest = Interest(readiness: readiness)
    if interest == armed || readiness.isEmpty || sockets.isEmpty { return nil }
    if let armed, interest.isCovered(by: armed) { return nil }
    for (index, socket) in sockets.enumerated() {
      let isNew = index >= registered
      if let error = shared.poller.watch(socket, interest, token: token, isNew: isNew) {
        return .watching(error)
      }
      if isNew { registered = index + 1 }
    }
    armed = interest
    return nil
  }

  func watchEnded() {
    armed = nil
  }

  func deadlineChanged(to deadline: MonotonicTime) {
    lock.withLock { hasDeadline = true }
    shared.poller.deadlineChanged(token, to: deadline)
  }

  func makeSleeper() -> (any Sleeper)? { sockets.isEmpty ? nil : HostSleeper(sockets) }

  func pollerReports(_ readiness: Readiness) {
    client?.transportIsReady(readiness)
  }

  func pollerDeadline() -> MonotonicTime? {
    client?.takeDeadline()
  }
}
