// What a stream needs of the TCP or UDP below it: the small protocol that each driver conforms to. The rules of the
// MacTCP interface are above it, in TCPStream and UDPStream, and are the same for every driver.
//
// Every call returns at once. Unless its documentation says otherwise a call is made with `lock` held.
package import MacTCPWire

/// What may be done on a transport without waiting, as its poller saw it.
///
/// Asked several times for each packet, from two modules: the operations are written out, because those of `OptionSet`
/// are generic calls across a module's border. Array literals cost 0.5 µs there, and stand in no fast path.
package struct Readiness: OptionSet, Sendable {
  package let rawValue: UInt8

  @inlinable @inline(__always)
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  @inlinable @inline(__always) package static var none: Readiness { Readiness(rawValue: 0) }
  /// Data, or the end of it, or an error can be received.
  @inlinable @inline(__always) package static var readable: Readiness { Readiness(rawValue: 1) }
  @inlinable @inline(__always) package static var writable: Readiness { Readiness(rawValue: 2) }
  /// Urgent data is known and its last byte has not been delivered.
  @inlinable @inline(__always) package static var urgent: Readiness { Readiness(rawValue: 4) }
  /// The peer's FIN has arrived.
  @inlinable @inline(__always) package static var peerClosed: Readiness { Readiness(rawValue: 8) }
  /// An error is pending, or the connection is gone.
  @inlinable @inline(__always) package static var failed: Readiness { Readiness(rawValue: 16) }
  /// Something was acknowledged that `watch` was asked to report.
  @inlinable @inline(__always) package static var acknowledged: Readiness {
    Readiness(rawValue: 32)
  }
  /// Whatever completes a receive, and the loss of the connection.
  @inlinable @inline(__always) package static var receivable: Readiness {
    Readiness(rawValue: 1 | 4 | 8 | 16)
  }

  @inlinable @inline(__always) package var isEmpty: Bool { rawValue == 0 }

  @inlinable @inline(__always)
  package func contains(_ other: Readiness) -> Bool { rawValue & other.rawValue == other.rawValue }

  @inlinable @inline(__always)
  package func intersects(_ other: Readiness) -> Bool { rawValue & other.rawValue != 0 }

  @inlinable @inline(__always)
  package mutating func insert(_ other: Readiness) {
    self = Readiness(rawValue: rawValue | other.rawValue)
  }
}

/// Where a call waits in its own thread, woken by the network.
package protocol Sleeper: AnyObject, Sendable {
  /// Sleeps until `readiness` may have changed, until woken or until `deadline`; called without the lock.
  /// Returns what it saw; empty when woken, out of time or interrupted. It does not ask `interruption` whether the
  /// call ends: the stream does.
  func sleep(
    for readiness: Readiness, until deadline: MonotonicTime?, _ interruption: (any Interruption)?
  ) -> Readiness
  /// Wakes the sleeper now, or the next time that it sleeps; called without the lock. A sleeper of a `TCPTransport`
  /// need not heed it: see `makeSleeper`.
  func wake()
}

/// What a thread that blocks in a call must see to meanwhile, such as the signals of an interpreter whose thread it is.
package protocol Interruption: AnyObject, Sendable {
  /// Becomes readable when the thread is to look. It looks too when a signal has ended its sleep; one that comes just
  /// before the sleep does not.
  var descriptor: Int32 { get }
  /// Looks; called without the lock, while the call keeps its place. Whether the call is to return, not completed.
  /// With `losesNothing` it can be called again as if it had not returned: nobody waits to take its place.
  func endsCall(losesNothing: Bool) -> Bool
}

/// Why a connection is gone, as the transport knows it.
package struct Loss: Error, Sendable {
  package var reason: TerminationReason
  /// What happened to "the connection with …": "was reset by the peer".
  package var message: String
  package var cause: MacTCPError.Cause
  /// For a connection attempt that an ICMP error ended.
  package var report: ICMPReportType?

  package init(
    _ reason: TerminationReason, _ message: String, cause: MacTCPError.Cause = .other,
    report: ICMPReportType? = nil
  ) {
    self.reason = reason
    self.message = message
    self.cause = cause
    self.report = report
  }
}

/// What waits to be received.
package enum Arrival: Sendable {
  case nothing
  /// Pushed or urgent data, the end of the peer's data, or the loss of the connection: receive it now.
  case complete
  /// Data without a push, `bytes` of it, the oldest since a point in time.
  case accumulating(bytes: Int, since: MonotonicTime)
}

/// What one `receive` brought.
package enum Delivery: Sendable {
  case nothing
  /// `count` bytes, all urgent or none of them; `endsUrgent` when the last one is the last urgent byte.
  case bytes(count: Int, urgent: Bool, endsUrgent: Bool)
  /// The peer has closed and everything was received.
  case end
  case lost(Loss)
}

package enum SendOutcome: Sendable {
  /// So many bytes were taken; fewer than offered, or none, when there is no room for more.
  case accepted(Int)
  /// Nothing was taken, and waiting does not help: this send fails, the connection stands.
  case failed(MacTCPError)
  case lost(Loss)
}

package enum OpenProgress: Sendable {
  case pending
  case established
  case failed(MacTCPError, report: ICMPReportType?)
}

/// TCP for one stream: one connection at a time, any number in succession.
package protocol TCPTransport: AnyObject, Sendable {
  /// Guards the transport and the stream above it.
  var lock: Lock { get }
  /// The stream that is told of readiness.
  var client: (any TransportClient)? { get set }
  /// The driver's clock.
  var now: MonotonicTime { get }

  /// Waits for a connection. Called without the lock. The client is asked to adopt the connection when it comes.
  func startPassiveOpen(_ request: PassiveOpenRequest) throws(MacTCPError)
  /// Gives up a passive open that has not completed. Called without the lock.
  func cancelPassiveOpen(_ number: UInt64)
  /// Begins to connect; `openProgress` tells how far it is.
  func startActiveOpen(_ request: ActiveOpenRequest) throws(MacTCPError)
  func openProgress(_ readiness: Readiness) -> OpenProgress

  var localEndpoint: Endpoint? { get }
  var remoteEndpoint: Endpoint? { get }

  /// What can be done now.
  func readiness() -> Readiness
  func arrival(_ readiness: Readiness) -> Arrival
  /// Copies what waits into `buffer`: never urgent and other data together, never past the end of urgent data.
  func receive(into buffer: UnsafeMutableRawBufferPointer, _ readiness: Readiness) -> Delivery
  /// Bytes that can be received at once.
  var unread: Int { get }
  /// Offers the buffers, one behind the other. With `notify` the transport reports `.acknowledged` once all that it
  /// took has been acknowledged.
  func send(
    _ buffers: UnsafeBufferPointer<UnsafeRawBufferPointer>, push: Bool, urgent: Bool, notify: Bool
  ) -> SendOutcome
  /// Bytes taken and not yet acknowledged.
  var unacknowledged: Int { get }
  /// The loss behind `.failed`, or `nil` when the connection stands.
  func loss() -> Loss?

  /// Data that is left after the connection was lost, if it can still be had.
  func drain() -> [UInt8]

  /// Sends a FIN behind everything that was taken.
  func sendFIN()
  var isFINAcknowledged: Bool { get }
  /// Gives the connection up with a reset.
  func abort()
  /// Forgets a connection that is gone, or that both sides have closed.
  func finish()

  /// From now on reports `readiness` to the client, once; the client asks again. Empty reports nothing.
  /// Returns an error when nothing can be reported: nobody must wait for it then.
  func watch(_ readiness: Readiness) -> MacTCPError?
  /// What was watched for has been reported: nothing is watched now.
  func watchEnded()
  /// Reports to the client at `deadline` or soon after. Called without the lock; the client is asked for its
  /// deadline anew, so that calls may overtake each other.
  func deadlineChanged(to deadline: MonotonicTime)
  /// A place to sleep on this transport in the caller's thread, or `nil` where the driver has none.
  ///
  /// A transport with places to sleep never answers `.accumulating`. A sleeper wakes by itself when `abort` or `finish`
  /// is called. Nobody else completes the call of a thread that sleeps here,
  /// so that nobody need wake it.
  func makeSleeper() -> (any Sleeper)?
  /// The same for a thread that waits for `.acknowledged` after `sendFIN`. It wakes for the end of the connection too.
  func makeAcknowledgementSleeper() -> (any Sleeper)?

  func status() -> TransportStatus
  func statistics() -> ConnectionStatistics
  /// Called once when a connection has opened or ended, for the driver's global statistics.
  func count(_ milestone: ConnectionMilestone)
}

package enum ConnectionMilestone: Sendable {
  case attempted, opened, accepted, closed, aborted
}

package struct PassiveOpenRequest: Sendable {
  /// Tells the opens of one stream apart.
  package var number: UInt64
  package var local: Endpoint
  package var remote: Endpoint
  package var options: OpenOptions
  package var receiveBuffer: Int
}

package struct ActiveOpenRequest: Sendable {
  package var local: Endpoint
  package var remote: Endpoint
  package var options: OpenOptions
  package var receiveBuffer: Int
}

/// What a stream is to its transport. Every call is made without the lock.
package protocol TransportClient: AnyObject, Sendable {
  /// Something watched for has come, or a deadline may have passed.
  func transportIsReady(_ readiness: Readiness)
  /// A connection has come for the passive open: `adopt` is called with the lock held if the open is still wanted.
  /// Returns whether it was.
  func transportAccepted(_ number: UInt64, _ adopt: () throws(MacTCPError) -> Void) -> Bool
  /// The passive open cannot go on.
  func transportFailedPassiveOpen(_ number: UInt64, _ error: MacTCPError)
  /// The next point in time at which `transportIsReady` must be called; the caller promises to do so.
  func takeDeadline() -> MonotonicTime?
}

/// The part of a Status block that the transport knows.
package struct TransportStatus: Sendable {
  package var connectionState: ConnectionState = .closed
  package var typeOfService: TypeOfService = []
  package var precedence: UInt8 = 0
  package var sendWindow = 0
  package var receiveWindow = 0
  package var unacknowledged = 0
  package var unread = 0
  package var sendUnacknowledged: UInt32 = 0
  package var sendNext: UInt32 = 0
  package var congestionWindow = 0
  package var receiveNext: UInt32 = 0
  package var smoothedRoundTrip: Duration = .zero
  package var lastRoundTrip: Duration = .zero
  package var maximumSegmentSize = 0
  package init() {}
}

// MARK: UDP

package struct Datagram: Sendable {
  package var data: [UInt8]
  package var from: Endpoint
  package var localPort: UInt16
  package init(data: [UInt8], from: Endpoint, localPort: UInt16) {
    self.data = data
    self.from = from
    self.localPort = localPort
  }
}

package enum WriteOutcome: Sendable {
  case sent
  case full
  case failed(MacTCPError)
}

package protocol UDPTransport: AnyObject, Sendable {
  var lock: Lock { get }
  var client: (any TransportClient)? { get set }
  var now: MonotonicTime { get }

  /// The ports that the stream is bound to, in rising order.
  var ports: [UInt16] { get }
  var address: IPAddress { get }
  func readiness() -> Readiness
  /// The oldest datagram, or `nil`; those larger than the stream's receive buffer are dropped. Called right after
  /// `readiness`, as `takeReports` is: both may go by what it saw.
  func read(_ readiness: Readiness) -> Datagram?
  func write(
    _ buffers: [[UInt8]], to remote: Endpoint, from port: UInt16, checksum: Bool
  ) -> WriteOutcome
  /// ICMP errors that have come for datagrams sent from here.
  func takeReports() -> [ICMPReport]
  func close()

  /// As that of `TCPTransport`.
  func watch(_ readiness: Readiness) -> MacTCPError?
  func watchEnded()
  func deadlineChanged(to deadline: MonotonicTime)
  func makeSleeper() -> (any Sleeper)?
}
