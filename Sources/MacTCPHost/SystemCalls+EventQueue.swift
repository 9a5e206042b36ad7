// The kernel's event queue: epoll on Linux, kqueue on Darwin. And the events by which threads wake each other.
internal import CMacTCPSystem
internal import MacTCPCore
internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A descriptor that one thread writes to and another sleeps on.
package final class WakeEvent: Sendable {
  /// What the sleeper polls.
  let descriptor: Descriptor
  #if canImport(Darwin)
    private let writeEnd: Descriptor
  #endif

  init() throws(Errno) {
    #if canImport(Darwin)
      var ends: (Int32, Int32) = (0, 0)
      let result = withUnsafeMutableBytes(of: &ends) {
        pipe($0.bindMemory(to: Int32.self).baseAddress)
      }
      _ = try SystemCalls.valid(result)
      descriptor = Descriptor(ends.0)
      writeEnd = Descriptor(ends.1)
      for end in [ends.0, ends.1] {
        _ = fcntl(end, F_SETFL, O_NONBLOCK)
        _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      }
    #else
      descriptor = Descriptor(try SystemCalls.valid(eventfd(0, mactcp_EFD_FLAGS)))
    #endif
  }

  /// `nil` when descriptors ran out.
  package static func make() -> WakeEvent? { try? WakeEvent() }

  /// What an `Interruption` is polled for.
  package var number: Int32 { descriptor.number }

  /// Sleeps until woken, until a signal comes or until time runs out.
  package func sleep(milliseconds: Int32) {
    _ = SystemCalls.poll(number, SystemCalls.pollReadable, milliseconds: milliseconds)
  }

  package func wake() {
    var one: UInt64 = 1
    #if canImport(Darwin)
      _ = write(writeEnd.number, &one, 1)
    #else
      _ = write(descriptor.number, &one, 8)
    #endif
  }

  /// Forgets wakes that have come.
  package func reset() {
    var value: (UInt64, UInt64) = (0, 0)
    _ = read(descriptor.number, &value, 16)
  }
}

/// What is registered with the event queue for one descriptor.
struct Interest: Equatable {
  var readiness = Readiness.none
  /// Reported each time that something happens on the descriptor, until changed; else once.
  var repeats = false

  /// Whether nothing would be reported that `other` would not report too.
  func isCovered(by other: Interest) -> Bool {
    repeats == other.repeats && other.readiness.contains(readiness) && !other.readiness.isEmpty
  }
}

struct EventQueue {
  private let queue: Descriptor

  var number: Int32 { queue.number }

  struct Event {
    var token: UInt64
    var readiness: Readiness
  }

  #if os(Linux)
    init() throws(Errno) {
      queue = Descriptor(try SystemCalls.valid(epoll_create1(mactcp_EPOLL_CLOEXEC)))
    }

    /// Registers a descriptor, or changes what it is registered for.
    func set(_ descriptor: Descriptor, _ interest: Interest, token: UInt64, isNew: Bool) -> Errno? {
      var events = interest.repeats ? mactcp_EPOLLET : mactcp_EPOLLONESHOT
      let readiness = interest.readiness
      if readiness.contains(.readable) { events |= mactcp_EPOLLIN }
      if readiness.contains(.writable) { events |= mactcp_EPOLLOUT }
      if readiness.contains(.urgent) { events |= mactcp_EPOLLPRI }
      if readiness.contains(.peerClosed) { events |= mactcp_EPOLLRDHUP }
      // With a shut down or idle send side the socket is always writable, so that edge-triggered "writable" reports
      // whatever wakes the socket: an acknowledged FIN changes its state, an acknowledged send its error queue.
      if readiness.contains(.acknowledged) { events |= mactcp_EPOLLOUT }
      let operation = isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD
      return mactcp_epoll_ctl(queue.number, operation, descriptor.number, events, token) == 0
        ? nil : Errno(rawValue: errno)
    }

    func remove(_ descriptor: Descriptor) {
      _ = mactcp_epoll_ctl(queue.number, EPOLL_CTL_DEL, descriptor.number, 0, 0)
    }

    func wait(_ events: inout [Event], milliseconds: Int32) {
      events.removeAll(keepingCapacity: true)
      withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 64) { buffer in
        let count = epoll_wait(queue.number, buffer.baseAddress, 64, milliseconds)
        for event in buffer.prefix(Int(max(0, count))) {
          var readiness = Readiness.none
          let bits = event.events
          if bits & mactcp_EPOLLIN != 0 { readiness.insert(.readable) }
          if bits & mactcp_EPOLLOUT != 0 { readiness.insert(.writable) }
          if bits & mactcp_EPOLLPRI != 0 { readiness.insert(.urgent) }
          if bits & mactcp_EPOLLRDHUP != 0 { readiness.insert(.peerClosed) }
          if bits & (mactcp_EPOLLERR | mactcp_EPOLLHUP) != 0 { readiness.insert(.failed) }
          events.append(Event(token: event.data.u64, readiness: readiness))
        }
      }
    }
  #else
    init() throws(Errno) {
      queue = Descriptor(try SystemCalls.valid(kqueue()))
    }

    func set(_ descriptor: Descriptor, _ interest: Interest, token: UInt64, isNew: Bool) -> Errno? {
      let readiness = interest.readiness
      let once = UInt16(interest.repeats ? EV_CLEAR : EV_ONESHOT)
      let reads = readiness.intersects(.receivable)
      let writes = readiness.contains(.writable) || readiness.contains(.acknowledged)
      for (filter, isWanted) in [(EVFILT_READ, reads), (EVFILT_WRITE, writes)] {
        var change = kevent(
          ident: UInt(descriptor.number), filter: Int16(filter),
          flags: isWanted ? UInt16(EV_ADD) | once : UInt16(EV_DELETE), fflags: 0, data: 0,
          udata: UnsafeMutableRawPointer(bitPattern: UInt(token)))
        if kevent(queue.number, &change, 1, nil, 0, nil) < 0 && isWanted {
          return Errno(rawValue: errno)
        }
      }
      return nil
    }

    func wait(_ events: inout [Event], milliseconds: Int32) {
      events.removeAll(keepingCapacity: true)
      var limit = timespec(
        tv_sec: Int(milliseconds / 1000), tv_nsec: Int(milliseconds % 1000) * 1_000_000)
      withUnsafeTemporaryAllocation(of: kevent.self, capacity: 64) { buffer in
        let count = kevent(
          queue.number, nil, 0, buffer.baseAddress, 64, milliseconds < 0 ? nil : &limit)
        for event in buffer.prefix(Int(max(0, count))) {
          var readiness: Readiness = event.filter == EVFILT_READ ? .readable : .writable
          if event.flags & UInt16(EV_EOF) != 0 { readiness.insert(.peerClosed) }
          if event.flags & UInt16(EV_ERROR) != 0 { readiness.insert(.failed) }
          events.append(Event(token: UInt64(UInt(bitPattern: event.udata)), readiness: readiness))
        }
      }
    }
  #endif
}

/// One object for each thread that asks for it, until the thread ends.
struct ThreadLocal<Object: AnyObject>: Sendable {
  private let key: pthread_key_t

  init() {
    var key = pthread_key_t()
    pthread_key_create(&key) { pointer in
      #if canImport(Darwin)
        Unmanaged<AnyObject>.fromOpaque(pointer).release()
      #else
        if let pointer { Unmanaged<AnyObject>.fromOpaque(pointer).release() }
      #endif
    }
    self.key = key
  }

  /// This thread's object; `nil` when `make` gives none.
  func object(_ make: () -> Object?) -> Object? {
    if let pointer = pthread_getspecific(key) {
      return Unmanaged<Object>.fromOpaque(pointer).takeUnretainedValue()
    }
    guard let object = make() else { return nil }
    pthread_setspecific(key, Unmanaged.passRetained(object).toOpaque())
    return object
  }
}

/// The event by which this thread is woken. Each thread that ever blocks in a call has one, until it ends.
enum ThreadWake {
  private static let local = ThreadLocal<WakeEvent>()

  /// `nil` when descriptors ran out.
  static var current: WakeEvent? { local.object { try? WakeEvent() } }
}

#if os(Linux)
  /// This thread's own event queue, where it waits for acknowledgements.
  final class ThreadQueue {
    // Used by its thread only.
    let queue: EventQueue
    private var interruption: Int32 = -1

    private static let local = ThreadLocal<ThreadQueue>()

    /// `nil` when descriptors ran out.
    static var current: ThreadQueue? {
      local.object { (try? EventQueue()).map { ThreadQueue($0) } }
    }

    private init(_ queue: EventQueue) {
      self.queue = queue
    }

    /// Wakes for `descriptor` too, from now on.
    func watchInterruption(_ descriptor: Int32) {
      guard descriptor != interruption else { return }
      interruption = descriptor
      _ = mactcp_epoll_ctl(
        queue.number, EPOLL_CTL_ADD, descriptor, mactcp_EPOLLIN | mactcp_EPOLLET, 0)
    }
  }
#endif
