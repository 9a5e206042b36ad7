// ICMP echo from the host: the kernel's ping sockets where they are permitted, else a raw socket.
internal import MacTCPCore
internal import MacTCPWire
internal import SystemPackage

/// One echo request until its reply comes.
final class HostEcho: PollerClient, CommandOwner, @unchecked Sendable {
  // Sendable: every variable but `token` is touched with `lock` held only, or in `deinit`.
  private let lock = Lock()
  private let shared: HostShared
  /// Keeps the driver, and with it the poller, until the echo is over.
  private let driver: AnyObject
  private let host: IPAddress
  private let data: [UInt8]
  private let socket: Descriptor
  private let isRaw: Bool
  private let identifier: UInt16
  private var token: UInt64 = 0
  private var sentAt = MonotonicTime.now
  private let deadline: MonotonicTime
  private var pending: Command<EchoReply>?
  /// A request lives until it is answered or out of time, whoever still wants to know.
  private var itself: HostEcho?
  let outbox: Outbox

  /// The largest amount of data in an echo: what an IPv4 packet holds beside the two headers.
  static let mostData = 65_507
  /// So many datagrams are looked at before the poller turns to others.
  private static let mostReplies = 64

  static func issue(
    _ driver: AnyObject, _ shared: HostShared, to host: IPAddress, data: [UInt8], timeout: Duration
  ) -> Command<EchoReply> {
    do throws(MacTCPError) {
      guard data.count <= mostData else {
        throw MacTCPError(
          .invalidLength, "an echo carries at most \(mostData) bytes, \(data.count) were given")
      }
      return try HostEcho(driver, shared, host, data, timeout).start()
    } catch {
      return Command(.failure(error), lock: Lock())
    }
  }

  private init(
    _ driver: AnyObject, _ shared: HostShared, _ host: IPAddress, _ data: [UInt8],
    _ timeout: Duration
  ) throws(MacTCPError) {
    self.driver = driver
    self.shared = shared
    self.host = host
    self.data = data
    outbox = Outbox(lock: lock)
    deadline = .now + timeout
    do throws(Errno) {
      (socket, isRaw) = try HostEcho.openSocket()
      SystemCalls.enableErrorQueue(socket)
      // A ping socket's identifier is its port, which the kernel chooses.
      try SystemCalls.bind(socket, Endpoint(.any, 0))
      identifier =
        isRaw ? UInt16.random(in: 1...UInt16.max) : SystemCalls.localEndpoint(socket)?.port ?? 0
      if isRaw { SystemCalls.receiveEchoReplies(socket, to: identifier) }
    } catch {
      throw .opening("an ICMP socket to ping \(host)", error)
    }
    token = shared.poller.add(self)
  }

  deinit {
    shared.poller.remove(token, hadDeadline: true)
  }

  private static func openSocket() throws(Errno) -> (Descriptor, Bool) {
    do throws(Errno) {
      return (try SystemCalls.socket(.icmpDatagram), false)
    } catch {
      return (try SystemCalls.socket(.icmpRaw), true)
    }
  }

  private func start() throws(MacTCPError) -> Command<EchoReply> {
    let request = ICMPEcho(kind: .request, identifier: identifier, sequenceNumber: 1, payload: data)
    let command = Command<EchoReply>(lock: lock, owner: self)
    lock.lock()
    pending = command
    itself = self
    sentAt = .now
    lock.unlock()
    var output = [UInt8](repeating: 0, count: request.byteCount)
    do throws(Errno) {
      try output.withUnsafeMutableBufferPointer { buffer throws(Errno) in
        var span = OutputSpan(buffer: buffer, initializedCount: 0)
        try? request.write(to: &span)
        let count = span.finalize(for: buffer)
        let bytes = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: buffer[..<count]))
        try SystemCalls.sendDatagram(socket, [bytes], to: Endpoint(host, 0))
      }
    } catch {
      lock.withLock { itself = nil }
      throw .writing(to: "\(host)", data.count, error)
    }
    if let error = watch(isNew: true) {
      lock.withLock { itself = nil }
      throw .watching(error)
    }
    shared.poller.deadlineChanged(token, to: deadline)
    return command
  }

  private func watch(isNew: Bool) -> Errno? {
    shared.poller.watch(
      socket, Interest(readiness: .readable, repeats: true), token: token, isNew: isNew)
  }

  func pollerDeadline() -> MonotonicTime? {
    lock.withLock { pending == nil ? nil : deadline }
  }

  func pollerReports(_ readiness: Readiness) {
    if let reply = receive() {
      finish(.success(reply))
      return
    }
    if readiness.contains(.failed),
      // A raw socket is told of the errors of every echo on the host.
      let error = SystemCalls.takeErrors(socket).first(where: { $0.remote.address == host }),
      let type = ICMPReportType(type: error.type, code: error.code)
    {
      finish(
        .failure(
          MacTCPError(.ipDestDeadErr, "\(host) cannot be reached: \(type)", cause: .unreachable)))
    } else if MonotonicTime.now >= deadline {
      finish(
        .failure(
          MacTCPError(.icmpEchoTimeoutErr, "\(host) did not answer in time", cause: .timedOut)))
    }
  }

  /// The reply, if it is among what has come: without a filter a raw socket gets every ICMP message of the host.
  private func receive() -> EchoReply? {
    let size = 65_536
    return withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { buffer in
      // A flood of replies must not keep the poller here: it comes back for what is left.
      for _ in 0..<HostEcho.mostReplies {
        let (count, from): (Int, Endpoint)
        do throws(Errno) {
          (count, from) = try SystemCalls.receiveDatagram(socket, buffer)
        } catch {
          // An ICMP error, maybe another echo's, is given once in place of a packet, and is in the error queue.
          if error == .wouldBlock { return nil }
          continue
        }
        let now = MonotonicTime.now
        let packet = UnsafeRawBufferPointer(rebasing: buffer.prefix(min(count, size)))
        guard from.address == host || host == .any || host == .broadcast,
          let echo = parse(packet), echo.kind == .reply, echo.identifier == identifier,
          echo.sequenceNumber == 1, echo.payload == data
        else { continue }
        let sent = lock.withLock { sentAt }
        return EchoReply(from: from.address, data: echo.payload, roundTrip: now - sent)
      }
      // What came is reported once: registered anew, it is reported again.
      _ = watch(isNew: false)
      return nil
    }
  }

  private func parse(_ packet: UnsafeRawBufferPointer) -> ICMPEcho? {
    var message = packet[...]
    if isRaw {
      // The IPv4 header comes with it (RFC 791 §3.1): its length is in units of 4 bytes.
      guard let first = packet.first, packet.count >= Int(first & 0xF) * 4 else { return nil }
      message = packet[(Int(first & 0xF) * 4)...]
    }
    let bytes = UnsafeRawBufferPointer(rebasing: message)
    return try? ICMPEcho(parsing: bytes.bindMemory(to: UInt8.self).span, verifyingChecksum: isRaw)
  }

  func cancel(_ command: PendingCommand) {
    finish(.failure(MacTCPError(.abortErr, "the echo was cancelled", cause: .cancelled)))
  }

  private func finish(_ result: Result<EchoReply, MacTCPError>) {
    // Let go without the lock, which goes with it.
    let kept = lock.perform { effects in
      pending?.complete(result, &effects)
      pending = nil
      defer { itself = nil }
      return itself
    }
    _ = kept
  }
}
