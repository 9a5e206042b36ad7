// The network interface that stands for the driver, and what the system tells of it.
internal import MacTCPCore
internal import MacTCPWire

#if canImport(Glibc) || canImport(Musl)

  enum HostInterface {
    static let loopback = "lo"

    /// The interface of the default route with the lowest metric.
    static var ofDefaultRoute: String? {
      guard let table = SystemCalls.contents(of: "/proc/net/route") else { return nil }
      let rows = table.split(separator: "\n").dropFirst().map { $0.split(separator: "\t") }
      let defaults = rows.filter { row in
        // Destination and mask 0, and the flag for "up".
        row.count > 7 && UInt32(row[1], radix: 16) == 0 && UInt32(row[7], radix: 16) == 0
          && (UInt32(row[3], radix: 16) ?? 0) & 1 != 0
      }
      return defaults.min { (Int($0[6]) ?? 0) < (Int($1[6]) ?? 0) }.map { String($0[0]) }
    }

    static func linkStatistics(_ name: String, mtu: Int) -> LinkStatistics {
      let path = "/sys/class/net/\(name)/"
      func file(_ file: String) -> String? {
        SystemCalls.contents(of: path + file)?.split(separator: "\n").first.map { String($0) }
      }
      // The numbers of <linux/if_arp.h>.
      let type =
        switch file("type").flatMap({ Int($0) }) {
        case 1: "Ethernet"
        case 772: "loopback"
        case 512, 65534: "point-to-point"
        default: "other"
        }
      let megabits = file("speed").flatMap { Int($0) } ?? 0
      let hardware = file("address").map { hardwareAddress($0) } ?? []
      return LinkStatistics(
        interfaceType: type, name: name, mtu: mtu, speed: max(0, megabits) * 1_000_000,
        hardwareAddress: type == "loopback" ? [] : hardware, arpTable: arpTable(name))
    }

    private static func hardwareAddress(_ text: some StringProtocol) -> [UInt8] {
      text.split(separator: ":").compactMap { UInt8($0, radix: 16) }
    }

    private static func arpTable(_ name: String) -> [LinkStatistics.ARPEntry] {
      let rows = (SystemCalls.contents(of: "/proc/net/arp") ?? "").split(separator: "\n")
        .dropFirst()
      return rows.compactMap { row in
        let columns = row.split(separator: " ")
        // Address, type, flags (ATF_COM, 2: resolved), hardware address, mask, device.
        guard columns.count >= 6, columns[5] == name,
          (UInt32(columns[2].dropFirst(2), radix: 16) ?? 0) & 2 != 0,
          let address = IPAddress(String(columns[0]))
        else { return nil }
        return LinkStatistics.ARPEntry(
          address: address, hardwareAddress: hardwareAddress(columns[3]))
      }
    }

    /// The parameters of the kernel's TCP.
    static func addParameters(_ info: inout GlobalInfo) {
      let lines = (SystemCalls.contents(of: "/proc/net/snmp") ?? "").split(separator: "\n")
        .filter { $0.hasPrefix("Tcp:") }.map { $0.split(separator: " ") }
      if lines.count >= 2 {
        let values = Dictionary(zip(lines[0], lines[1])) { first, _ in first }
        func number(_ name: Substring) -> Int { values[name].flatMap { Int($0) } ?? 0 }
        info.smallestRTO = .milliseconds(number("RtoMin"))
        info.largestRTO = .milliseconds(number("RtoMax"))
      }
      let buffers = SystemCalls.contents(of: "/proc/sys/net/ipv4/tcp_rmem") ?? ""
      info.largestWindow =
        buffers.split { $0 == "\t" || $0 == "\n" || $0 == " " }.last.flatMap { Int($0) } ?? 0
    }
  }

#else

  enum HostInterface {
    static let loopback = "lo0"
    /// Not looked up here: the configuration names the interface.
    static var ofDefaultRoute: String? { nil }

    static func linkStatistics(_ name: String, mtu: Int) -> LinkStatistics {
      LinkStatistics(
        interfaceType: name == loopback ? "loopback" : "other", name: name, mtu: mtu, speed: 0,
        hardwareAddress: [], arpTable: [])
    }

    static func addParameters(_ info: inout GlobalInfo) {}
  }

#endif
