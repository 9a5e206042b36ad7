// How large packets may be on their way: RFC 1191. Only lower numbers than the link's are kept, by
// destination, for ten minutes (§6.3): then larger packets are tried.

internal import MacTCPWire

struct PathMTUTable: ~Copyable {
  struct Path: BitwiseCopyable {
    var mtu: Int
    var expires: Instant
  }

  /// RFC 1191 §7, table 7-1; the least is every link's.
  static let plateaus: InlineArray<11, Int> = [
    65_535, 32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, 68,
  ]
  /// RFC 1191 §6.3: "ten minutes".
  static let lifetime = 600_000_000

  private var table: AgingAddressTable
  private var paths: PlainArray<Path>
  private let linkMTU: Int
  /// Changes when any path's number does: a connection that sees it unchanged need not look again.
  private(set) var changes: UInt32 = 0

  init(linkMTU: Int, key: UInt64) {
    table = AgingAddressTable(capacity: 256, key: key)
    paths = PlainArray(repeating: Path(mtu: 0, expires: .never), count: table.capacity)
    self.linkMTU = linkMTU
  }

  /// The largest packet that gets to `destination` in one piece, as far as is known.
  func mtu(to destination: IPAddress) -> Int {
    guard let place = table.find(destination) else { return linkMTU }
    return min(linkMTU, paths[place].mtu)
  }

  /// Keeps that packets to `destination` may have `mtu` bytes at most.
  mutating func set(_ mtu: Int, to destination: IPAddress, now: Instant) {
    guard let place = table.note(destination) else { return }
    paths[place] = Path(mtu: mtu, expires: now.advanced(by: Self.lifetime))
    changes &+= 1
  }

  /// The first plateau below a length; 68 at least.
  static func plateau(below length: Int) -> Int {
    for index in plateaus.indices where plateaus[index] < length { return plateaus[index] }
    return 68
  }

  @inline(__always) var nextDeadline: Instant { table.oldest.map { paths[$0].expires } ?? .never }

  /// Forgets what is old.
  mutating func advance(to now: Instant) {
    while let oldest = table.oldest, paths[oldest].expires <= now {
      table.remove(oldest)
      changes &+= 1
    }
  }
}

extension IPLayer {
  /// The largest packet in bytes that reaches `destination` whole (RFC 1191).
  func pathMTU(to destination: IPAddress) -> Int { paths.mtu(to: destination) }

  /// The same for TCP, which does not believe less than 576 (RFC 5927 §7.3). The path may have been lowered by a report
  /// about a datagram, and who forges one of those has no sequence number to guess.
  func tcpPathMTU(to destination: IPAddress) -> Int {
    max(pathMTU(to: destination), min(mtu, 576))
  }

  /// Changes whenever the path MTU of any destination does.
  var pathMTUChanges: UInt32 { paths.changes }

  /// Heeds "fragmentation needed" (RFC 1191 §3, §5). The caller has checked that the packet is one of its own
  /// and may be on its way (RFC 5927 §7); here only a number that can be true is taken: below the length of
  /// the packet that did not get through, and below what is known.
  ///
  /// - Parameters:
  ///   - mtu: the next hop's as in the report; 0 from old routers, for which the next plateau is taken.
  ///   - packetLength: of the packet that the report quotes.
  ///   - floor: the least that is believed: 576 for TCP, so that nobody makes it send crumbs (RFC 5927 §7.3).
  /// - Returns: whether the path MTU is lower now.
  @discardableResult
  mutating func lowerPathMTU(
    to destination: IPAddress, to mtu: Int, packetLength: Int, floor: Int = 576,
    _ context: inout Context
  ) -> Bool {
    let known = pathMTU(to: destination)
    let reported = mtu == 0 ? PathMTUTable.plateau(below: min(packetLength, known)) : mtu
    let believed = max(reported, max(68, floor))
    guard reported < packetLength, believed < known else { return false }
    paths.set(believed, to: destination, now: context.now)
    return true
  }

  /// Packets vanish and no report comes: lowers the path MTU to the next plateau (RFC 2923 §2.1), not below
  /// `floor`.
  ///
  /// - Returns: the path MTU from now on.
  @discardableResult
  mutating func blackHole(
    to destination: IPAddress, floor: Int = 576, _ context: inout Context
  ) -> Int {
    let known = pathMTU(to: destination)
    let mtu = max(PathMTUTable.plateau(below: known), floor)
    if mtu < known { paths.set(mtu, to: destination, now: context.now) }
    return pathMTU(to: destination)
  }
}
