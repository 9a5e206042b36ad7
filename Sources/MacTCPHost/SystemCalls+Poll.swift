// What can be done on sockets, asked and waited for.
internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension SystemCalls {
  static let pollReadable = Int16(POLLIN)
  static let pollWritable = Int16(POLLOUT)
  static let pollUrgent = Int16(POLLPRI)
  static let pollFailed = Int16(POLLERR | POLLHUP | POLLNVAL)
  #if os(Linux)
    static let pollPeerClosed = Int16(0x2000)  // POLLRDHUP, which glibc shows with _GNU_SOURCE only
  #else
    static let pollPeerClosed = Int16(0)
  #endif

  /// What can be done on a descriptor: sleeps until something can, until time runs out, or until a signal comes. A
  /// negative time-out sleeps for ever.
  static func poll(_ descriptor: Int32, _ events: Int16, milliseconds: Int32 = 0) -> Int16 {
    var entry = pollfd(fd: descriptor, events: events, revents: 0)
    return systemPoll(&entry, 1, milliseconds) > 0 ? entry.revents : 0
  }

  /// The same, and until `waker` is readable.
  static func poll(_ descriptor: Int32, _ events: Int16, waker: Int32, milliseconds: Int32) -> Int16
  {
    var entries = (
      pollfd(fd: descriptor, events: events, revents: 0),
      pollfd(fd: waker, events: pollReadable, revents: 0)
    )
    return withUnsafeMutableBytes(of: &entries) { bytes in
      let entries = bytes.bindMemory(to: pollfd.self)
      return systemPoll(entries.baseAddress, 2, milliseconds) > 0 ? entries[0].revents : 0
    }
  }

  /// What can be done on each of several descriptors now, in one look. Returns what can be done on any.
  static func poll(_ descriptors: [Descriptor], _ events: Int16, into seen: inout [Int16]) -> Int16
  {
    withUnsafeTemporaryAllocation(of: pollfd.self, capacity: descriptors.count) { entries in
      for index in descriptors.indices {
        entries[index] = pollfd(fd: descriptors[index].number, events: events, revents: 0)
      }
      let count = systemPoll(entries.baseAddress, .init(entries.count), 0)
      seen.removeAll(keepingCapacity: true)
      for entry in entries { seen.append(count > 0 ? entry.revents : 0) }
      return seen.reduce(0) { $0 | $1 }
    }
  }

  /// What can be done on any of several descriptors: sleeps as the first one does, and until `waker` is written to or
  /// `interruption` is readable.
  static func poll(
    _ descriptors: [Descriptor], _ events: Int16, waker: Descriptor, interruption: Int32?,
    milliseconds: Int32
  ) -> (events: Int16, woken: Bool) {
    withUnsafeTemporaryAllocation(of: pollfd.self, capacity: descriptors.count + 2) { entries in
      entries[0] = pollfd(fd: waker.number, events: pollReadable, revents: 0)
      // A negative number is passed over.
      entries[1] = pollfd(fd: interruption ?? -1, events: pollReadable, revents: 0)
      for index in descriptors.indices {
        entries[index + 2] = pollfd(fd: descriptors[index].number, events: events, revents: 0)
      }
      guard systemPoll(entries.baseAddress, .init(entries.count), milliseconds) > 0 else {
        return (0, false)
      }
      return (entries.dropFirst(2).reduce(0) { $0 | $1.revents }, entries[0].revents != 0)
    }
  }
}

private func systemPoll(_ entries: UnsafeMutablePointer<pollfd>?, _ n: nfds_t, _ timeout: Int32)
  -> Int32
{
  poll(entries, n, timeout)
}
