// Packets that the script has byte for byte, made good as far as the script wants: seeds are real packets in this form.

internal import MacTCPWire

extension Play {
  /// What is made good of the bytes of a packet.
  private struct Repairs: OptionSet {
    let rawValue: UInt8
    /// Version and lengths of the IP header.
    static let lengths = Repairs(rawValue: 1)
    /// From the peer to the engine.
    static let addresses = Repairs(rawValue: 2)
    /// The ports of one of the streams.
    static let ports = Repairs(rawValue: 4)
    /// The sequence number counts from RCV.NXT, the acknowledgement from SND.NXT.
    static let numbers = Repairs(rawValue: 8)
    static let networkChecksum = Repairs(rawValue: 16)
    static let transportChecksum = Repairs(rawValue: 32)
    /// What the time stamps of an established connection echo is what the engine has sent last.
    static let echo = Repairs(rawValue: 64)
  }

  func arrivePacket() {
    let repairs = Repairs(rawValue: script.byte())
    var packet = script.bytes(script.length())
    guard packet.count >= 20 else {
      receive(packet)
      return
    }
    if repairs.contains(.lengths) {
      let words = max(5, min(Int(packet[0] & 15), packet.count / 4))
      packet[0] = 0x40 | UInt8(words)
      packet.set(UInt16(clamping: packet.count), at: 2)
    }
    if repairs.contains(.addresses) {
      packet.set(Self.peer.v4, at: 12)
      packet.set(Self.address.v4, at: 16)
    }
    repairTransport(&packet, repairs)
    if repairs.contains(.networkChecksum) {
      packet.set(0 as UInt16, at: 10)
      let header = packet.prefix(Int(packet[0] & 15) * 4)
      packet.set(InternetChecksum(of: header.span).value, at: 10)
    }
    receive(packet)
  }

  private func repairTransport(_ packet: inout [UInt8], _ repairs: Repairs) {
    let start = Int(packet[0] & 15) * 4
    let isFragment = packet[6] & 0x3F != 0 || packet[7] != 0
    guard packet.count >= start + 8 else { return }
    // With ICMP the rest is a message, in which nothing is relative.
    if packet[9] == 6, packet.count >= start + 20, packet[6] & 0x1F == 0, packet[7] == 0 {
      repairSegment(&packet, start, repairs)
    }
    let places: [UInt8: Int] = [1: 2, 6: 16, 17: 6]
    guard repairs.contains(.transportChecksum), !isFragment, let place = places[packet[9]],
      packet.count >= start + place + 2
    else { return }
    packet.set(0 as UInt16, at: start + place)
    let message = Array(packet[start...])
    var sum = InternetChecksum()
    if packet[9] != 1 {
      sum = InternetChecksum(
        pseudoHeaderFrom: Self.peer, to: Self.address, protocol: packet[9] == 6 ? .tcp : .udp,
        length: message.count)
    }
    sum.add(message.span)
    packet.set(sum.value, at: start + place)
  }

  private func repairSegment(_ packet: inout [UInt8], _ start: Int, _ repairs: Repairs) {
    guard !repairs.isDisjoint(with: [.ports, .numbers, .echo]), let id = stream(),
      let status = try? engine.status(of: id, at: now)
    else { return }
    if repairs.contains(.ports) {
      packet.set(status.remote.port == 0 ? 4_000 : status.remote.port, at: start)
      packet.set(status.local.port, at: start + 2)
    }
    if repairs.contains(.numbers) {
      packet.set(packet.uint32(at: start + 4) &+ status.receiveNext, at: start + 4)
      packet.set(packet.uint32(at: start + 8) &+ status.sendNext, at: start + 8)
    }
    let place = start + 28
    if repairs.contains(.echo), packet.count >= place + 4, packet[place - 5] == 10,
      packet[place - 6] == 8
    {
      packet.set(timestamps[status.remote.port] ?? 0, at: place)
    }
  }
}

/// A packet in one line.
func describe(_ packet: [UInt8]) -> String {
  guard let header = try? IPv4Header(parsing: packet.span), header.protocol == .tcp,
    let segment = try? TCPSegment(
      parsing: packet.span.extracting(header.payloadRange), from: header.source,
      to: header.destination)
  else { return "\(packet)" }
  let tcp = segment.header
  var text = "\(header.source):\(tcp.sourcePort) > \(header.destination):\(tcp.destinationPort)"
  text += " \(tcp.flags) \(tcp.sequenceNumber) (\(segment.payloadRange.count))"
  text += " ack \(tcp.acknowledgmentNumber) win \(tcp.window) urg \(tcp.urgentPointer)"
  let options = tcp.options
  if let size = options.maximumSegmentSize { text += " mss \(size)" }
  if let scale = options.windowScale { text += " scale \(scale)" }
  if let stamps = options.timestamps { text += " ts \(stamps.value) \(stamps.echoReply)" }
  for block in options.sackBlocks { text += " sack \(block.left)-\(block.right)" }
  return text
}

extension [UInt8] {
  fileprivate mutating func set(_ value: UInt16, at place: Int) {
    self[place] = UInt8(value >> 8)
    self[place + 1] = UInt8(value & 0xFF)
  }

  fileprivate mutating func set(_ value: UInt32, at place: Int) {
    set(UInt16(value >> 16), at: place)
    set(UInt16(value & 0xFFFF), at: place + 2)
  }

  fileprivate func uint32(at place: Int) -> UInt32 {
    self[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }
}
