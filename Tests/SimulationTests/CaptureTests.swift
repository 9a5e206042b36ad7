import Foundation
import MacTCPEngine
import MacTCPSimulation
import Testing

/// What a simulation records.
@Suite("Captures of a simulation")
struct CaptureTests {
  /// Sends a packet of each kind of accident.
  private func capture() throws -> [UInt8] {
    var network = Simulation(seed: 4, start: Instant(microseconds: 0x2_0000_0000))
    let a = try network.addHost(.host(1))
    network.startCapture()
    let b = try network.addHost(.host(2))
    try network.connect(a, b)
    var wires: [Wire] = Array(repeating: Wire(rate: 8_000_000), count: 6)
    wires[1].loss = .random(.always)
    wires[2].duplication = .always
    wires[3].reordering = .always
    wires[3].reorderingDelay = 400
    wires[4].corruption = .always
    wires[5].queue = .packets(0)
    for (number, wire) in wires.enumerated() {
      try network.setWire(from: a, wire)
      if number == 5 { network.send(try packet(of: 100, from: 1), from: a) }
      network.send(try packet(of: 40 + number, from: 1), from: a)
      try network.run(until: network.now.advanced(by: 5_000))
    }
    network.send(try packet(of: 77, from: 2), from: b)
    return network.takeCapturedBytes()
  }

  @Test("Each packet is there once, with its moment, its sender and what happened to it")
  func contents() throws {
    let packets = try CapturedPacket.all(in: capture()).filter { $0.protocol == 253 }
    #expect(packets.map(\.bytes.count) == [40, 41, 42, 43, 44, 100, 45, 77])
    #expect(packets.map(\.interface) == [0, 0, 0, 0, 0, 0, 0, 1])
    #expect(
      packets.map { $0.time - 0x2_0000_0000 } == [0, 5, 10, 15, 20, 25, 25, 30].map { $0 * 1_000 })
    #expect(
      packets.map { $0.comment.hasPrefix("reordered by ") ? "late" : $0.comment }
        == ["", "lost", "duplicated", "late", "corrupted", "", "dropped: queue full", ""])
  }

  @Test("Interfaces have the hosts' names and links")
  func interfaces() throws {
    var network = Simulation(seed: 1)
    network.startCapture()
    _ = try network.addHost(.host(1))
    _ = try network.addHost(.ethernetHost(2))
    let interfaces = try CapturedInterface.all(in: network.takeCapturedBytes())
    #expect(
      interfaces == [
        CapturedInterface(linkType: 101, name: "host 1"),
        CapturedInterface(linkType: 1, name: "host 2"),
      ])
  }

  private static let tsharkPath = ["/usr/bin/tshark", "/usr/local/bin/tshark"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  @Test("tshark reads it", .enabled(if: tsharkPath != nil, "needs tshark"))
  func readByTshark() throws {
    let path = FileManager.default.temporaryDirectory.appending(
      path: "mactcp-capture-\(UUID().uuidString).pcapng")
    defer { try? FileManager.default.removeItem(at: path) }
    try Data(try capture()).write(to: path)
    let process = Process()
    process.executableURL = URL(filePath: try #require(Self.tsharkPath))
    process.arguments =
      ["-r", path.path, "-Y", "ip.proto == 253 or frame.comment", "-T", "fields"]
      + ["frame.time_epoch", "frame.interface_name", "frame.len", "frame.comment"]
      .flatMap { ["-e", $0] }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let lines = text.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
    #expect(lines.count == 8)
    #expect(lines.first == ["8589.934592000", "host 1", "40"])
    #expect(lines.last == ["8589.964592000", "host 2", "77"])
    #expect(lines.compactMap { $0.count > 3 ? $0[3] : nil }.contains("dropped: queue full"))
  }
}

/// A packet in a capture.
struct CapturedPacket {
  var interface: Int
  var time: UInt64
  var bytes: [UInt8]
  var comment = ""

  /// The IP protocol of a packet on a raw link.
  var `protocol`: UInt8 { bytes.count > 9 ? bytes[9] : 0 }

  /// All packets of a capture, in their order.
  static func all(in capture: [UInt8]) throws -> [CapturedPacket] {
    try blocks(of: capture).filter { $0.type == 6 }.map { block in
      let length = block.number(at: 12)
      try #require(length == block.number(at: 16))
      var packet = CapturedPacket(
        interface: block.number(at: 0),
        time: UInt64(block.number(at: 4)) << 32 | UInt64(block.number(at: 8)),
        bytes: Array(block.body[20..<(20 + length)]))
      packet.comment = block.options(from: 20 + (length + 3) / 4 * 4)[1] ?? ""
      return packet
    }
  }
}

/// An interface in a capture.
struct CapturedInterface: Equatable {
  var linkType: Int
  var name: String

  static func all(in capture: [UInt8]) throws -> [CapturedInterface] {
    try blocks(of: capture).filter { $0.type == 1 }.map { block in
      let options = block.options(from: 8)
      #expect(options[9] == "\u{6}")
      return CapturedInterface(linkType: block.number(at: 0) & 0xFFFF, name: options[2] ?? "")
    }
  }
}

private struct Block {
  var type: Int
  var body: [UInt8]

  func number(at offset: Int) -> Int {
    (0..<4).reduce(0) { $0 | Int(body[offset + $1]) << (8 * $1) }
  }

  func options(from start: Int) -> [Int: String] {
    var options: [Int: String] = [:]
    var offset = start
    while offset + 4 <= body.count {
      let code = number(at: offset) & 0xFFFF
      let length = number(at: offset) >> 16
      guard code != 0 else { break }
      options[code] = String(decoding: body[(offset + 4)..<(offset + 4 + length)], as: UTF8.self)
      offset += 4 + (length + 3) / 4 * 4
    }
    return options
  }
}

private func blocks(of capture: [UInt8]) throws -> [Block] {
  var blocks: [Block] = []
  var offset = 0
  while offset < capture.count {
    let rest = Block(type: 0, body: Array(capture[offset...].prefix(8)))
    let length = rest.number(at: 4)
    try #require(length >= 12 && length.isMultiple(of: 4) && offset + length <= capture.count)
    let whole = Block(type: 0, body: Array(capture[offset..<(offset + length)]))
    try #require(whole.number(at: length - 4) == length)
    blocks.append(Block(type: rest.number(at: 0), body: Array(whole.body[8..<(length - 4)])))
    offset += length
  }
  try #require(blocks.first?.type == 0x0A0D_0D0A)
  return blocks
}
