import MacTCPCore
import MacTCPWire

/// A driver whose streams are on scripted transports: as much of one as a listener needs.
final class ScriptedDriver: Driver, @unchecked Sendable {
  // Sendable: the variables are touched with `lock` held only.
  private let lock = Lock()
  private var transports: [ScriptedTransport] = []
  private var storedCreateError: MacTCPError?
  private var storedStartError: MacTCPError?
  private var reservations = 0

  let name = "scripted"
  let interfaceName = "script0"
  let mtu = 1500
  let address = IPAddress.loopback
  let netMask = IPAddress(255, 0, 0, 0)

  /// What the creation of a stream fails with.
  var createError: MacTCPError? {
    get { lock.withLock { storedCreateError } }
    set { lock.withLock { storedCreateError = newValue } }
  }

  /// What the passive opens of streams that are created from now on fail with.
  var startError: MacTCPError? {
    get { lock.withLock { storedStartError } }
    set { lock.withLock { storedStartError = newValue } }
  }

  func createTCPStream(receiveBuffer: Int) throws(MacTCPError) -> TCPStream {
    if let createError { throw createError }
    let transport = ScriptedTransport()
    transport.startError = startError
    lock.withLock { transports.append(transport) }
    return try TCPStream(driver: self, transport: transport, receiveBuffer: receiveBuffer)
  }

  func createUDPStream(receiveBuffer: Int, ports: ClosedRange<UInt16>, address: IPAddress)
    throws(MacTCPError) -> UDPStream
  {
    UDPStream(
      driver: self, transport: ScriptedUDPTransport(ports: Array(ports)),
      receiveBuffer: receiveBuffer)
  }

  func reservePort(
    _ local: Endpoint, backlog: Int, receiveBuffer: Int, options: OpenOptions
  ) throws(MacTCPError) -> any PortReservation {
    lock.withLock { reservations += 1 }
    return Reservation(self, Endpoint(.loopback, local.port == 0 ? 50_000 : local.port))
  }

  func globalInfo() throws(MacTCPError) -> GlobalInfo { GlobalInfo() }
  func maxDatagramSize(to host: IPAddress) throws(MacTCPError) -> Int { 1472 }

  func issueEcho(to host: IPAddress, data: [UInt8], timeout: Duration) -> Command<EchoReply> {
    Command(.failure(MacTCPError(.icmpEchoTimeoutErr, "no echo in a script")), lock: lock)
  }

  func linkStatistics() throws(MacTCPError) -> LinkStatistics {
    LinkStatistics(
      interfaceType: "script", name: interfaceName, mtu: mtu, speed: 0, hardwareAddress: [],
      arpTable: [])
  }

  // MARK: What a test says and sees

  /// A port that is held.
  final class Reservation: PortReservation {
    private let driver: ScriptedDriver
    private let isHeld = EventLog<Bool>()
    let local: Endpoint

    init(_ driver: ScriptedDriver, _ local: Endpoint) {
      self.driver = driver
      self.local = local
    }

    func cancel() {
      if isHeld.addFirst(true) { driver.lock.withLock { driver.reservations -= 1 } }
    }

    deinit { cancel() }
  }

  /// How many ports are held.
  var heldPorts: Int { lock.withLock { reservations } }

  /// The passive opens that wait, oldest first.
  var listening: [ScriptedTransport] {
    lock.withLock { transports }.filter { $0.read { $0.state == .listening } }
  }

  /// How many streams were ever created.
  var created: Int { lock.withLock { transports.count } }

  /// How many connections were reset.
  var aborts: Int { lock.withLock { transports }.reduce(0) { $0 + $1.read(\.aborts) } }

  /// A connection comes, for the oldest passive open; `false` when none is pending.
  @discardableResult
  func connect(from port: UInt16) -> Bool {
    listening.first?.connect(from: Endpoint(.loopback, port)) ?? false
  }
}
