// The parsers of Ethernet, ARP, IPv4, ICMP, UDP and TCP against libFuzzer: no bytes may make them trap, loop or
// contradict themselves.
//
// The first byte of an input says which parser gets the rest; see `Parser`. Arguments are libFuzzer's: folders of
// inputs, -max_total_time=SECONDS, -runs=COUNT; see `Fuzz/run`.
internal import CFuzzer
internal import MacTCPWire

@main
enum FuzzPackets {
  static func main() {
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = CommandLine.unsafeArgv
    _ = LLVMFuzzerRunDriver(&count, &arguments, check)
  }
}

/// The parsers; the raw value is the first byte modulo their number.
private enum Parser: UInt8, CaseIterable {
  case frame, arp, packet, icmp, udp, tcp, tcpOptions
}

private func check(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: size))
  guard let first = bytes.first,
    let parser = Parser(rawValue: first % UInt8(Parser.allCases.count))
  else { return 0 }
  let rest = Array(bytes.dropFirst())
  switch parser {
  case .frame: checkFrame(rest)
  case .arp: checkARP(rest)
  case .packet: checkPacket(rest)
  case .icmp: checkICMP(rest)
  case .udp: checkUDP(rest)
  case .tcp: checkTCP(rest)
  case .tcpOptions: checkOptions(rest)
  }
  return 0
}

/// What `body` writes; it must find room.
private func written(_ body: (inout OutputSpan<UInt8>) throws(WireError) -> Void) -> [UInt8] {
  [UInt8](capacity: 70_000) { output in
    do { try body(&output) } catch {
      preconditionFailure("what was parsed cannot be written: \(error)")
    }
  }
}

// MARK: One function for each parser

private func checkFrame(_ bytes: [UInt8]) {
  guard let header = try? EthernetHeader(parsing: bytes.span) else { return }
  precondition(written(header.write) == Array(bytes[..<EthernetHeader.byteCount]))
  precondition(HardwareAddress(header.source.description) == header.source)
  let rest = Array(bytes[EthernetHeader.byteCount...])
  if header.etherType == .arp { checkARP(rest) }
  if header.etherType == .ipv4 { checkPacket(rest) }
}

private func checkARP(_ bytes: [UInt8]) {
  guard let packet = try? ARPPacket(parsing: bytes.span) else { return }
  precondition(written(packet.write) == Array(bytes[..<ARPPacket.byteCount]))
  precondition(!(packet.isProbe && packet.isAnnouncement))
}

/// With checksums ignored, because no fuzzer finds them; what is written has right ones.
private func checkPacket(_ bytes: [UInt8]) {
  let quoted = try? IPv4Header(quotedIn: bytes.span)
  guard var header = try? IPv4Header(parsing: bytes.span, verifyingChecksum: false) else { return }
  precondition(quoted == header)
  let range = header.payloadRange
  precondition(range.upperBound <= bytes.count && header.optionRange.upperBound == range.lowerBound)
  checkIPv4Options(header, bytes)
  let options = Array(bytes[header.optionRange])
  let again =
    written { (output) throws(WireError) in
      try header.write(to: &output, options: options.span)
    } + bytes[range]
  guard let parsed = try? IPv4Header(parsing: again.span) else {
    preconditionFailure("what was written cannot be parsed")
  }
  header.checksum = parsed.checksum
  precondition(parsed == header)
  let payload = Array(bytes[range])
  switch header.protocol {
  case .icmp: checkICMP(payload)
  case .udp: checkUDP(payload)
  case .tcp: checkTCP(payload)
  default: break
  }
}

private func checkIPv4Options(_ header: IPv4Header, _ bytes: [UInt8]) {
  var walk = IPv4Options(header)
  var end = header.optionRange.lowerBound
  while let option = walk.next(in: bytes.span) {
    precondition(option.range.lowerBound >= end && option.range.count >= 2)
    end = option.range.upperBound
  }
  precondition(end <= header.headerLength)
  if let offset = walk.malformedOffset {
    precondition((end..<header.headerLength).contains(offset))
  }
}

private func checkICMP(_ bytes: [UInt8]) {
  _ = try? ICMPEcho(parsing: bytes.span, verifyingChecksum: false)
  guard let header = try? ICMPHeader(parsing: bytes.span, verifyingChecksum: false) else { return }
  guard let error = try? ICMPError(parsing: bytes.span, verifyingChecksum: false) else { return }
  precondition(header.type.isError)
  let quotation = Array(bytes[ICMPHeader.byteCount...])
  let again = written { (output) throws(WireError) in
    try error.problem.write(to: &output, quoting: quotation.span)
  }
  precondition(again.count <= ICMPProblem.mostPacketLength - IPv4Header.leastLength)
  guard let parsed = try? ICMPError(parsing: again.span) else {
    preconditionFailure("what was written cannot be parsed")
  }
  precondition(parsed == error && parsed.reportType == error.reportType)
  let packet = error.packet
  precondition((packet.sourcePort == nil) == (packet.destinationPort == nil))
  precondition(packet.sequenceNumber == nil || packet.sourcePort != nil)
}

private func checkUDP(_ bytes: [UInt8]) {
  let address = IPAddress(192, 0, 2, 1)
  _ = try? UDPHeader(parsing: bytes.span, from: address, to: address)
  guard
    var header = try? UDPHeader(
      parsing: bytes.span, from: address, to: address, verifyingChecksum: false)
  else { return }
  let payload = Array(bytes[header.payloadRange])
  let again = written { (output) throws(WireError) in
    try header.write(to: &output, from: address, to: address, payload: payload.span)
  }
  guard let parsed = try? UDPHeader(parsing: again.span, from: address, to: address) else {
    preconditionFailure("what was written cannot be parsed")
  }
  header.checksum = parsed.checksum
  precondition(parsed == header && Array(again[parsed.payloadRange]) == payload)
}

private func checkTCP(_ bytes: [UInt8]) {
  let address = IPAddress(192, 0, 2, 1)
  _ = try? TCPSegment(parsing: bytes.span, from: address, to: address)
  guard
    let segment = try? TCPSegment(
      parsing: bytes.span, from: address, to: address, verifyingChecksum: false)
  else { return }
  precondition(segment.payloadRange.upperBound == bytes.count)
  let payload = Array(bytes[segment.payloadRange])
  let half = payload.count / 2
  let again = written { (output) throws(WireError) in
    try segment.header.write(
      to: &output, from: address, to: address, payload: payload.span.extracting(first: half),
      payload.span.extracting(droppingFirst: half))
  }
  guard let parsed = try? TCPSegment(parsing: again.span, from: address, to: address) else {
    preconditionFailure("what was written cannot be parsed")
  }
  var header = segment.header
  header.checksum = parsed.header.checksum
  header.options = readable(header.options)
  precondition(parsed.header == header && Array(again[parsed.payloadRange]) == payload)
  precondition(parsed.length == segment.length)
}

private func checkOptions(_ bytes: [UInt8]) {
  let bytes = Array(bytes.prefix(TCPOptions.mostBytes))
  var options = TCPOptions(parsing: bytes.span)
  precondition(options.byteCount <= TCPOptions.mostBytes && options.byteCount % 4 == 0)
  let header = TCPHeader(
    sourcePort: 1, destinationPort: 2, sequenceNumber: SequenceNumber(3), options: options)
  let again = written { (output) throws(WireError) in
    try header.write(to: &output, from: .any, to: .any)
  }
  guard let parsed = try? TCPSegment(parsing: again.span, from: .any, to: .any) else {
    preconditionFailure("what was written cannot be parsed")
  }
  options = readable(options)
  precondition(parsed.header.options == options)
}

/// The options that were parsed, as they are when they were written and read again: well formed, and without
/// the SACK blocks that have no room any more where the sender put no NOPs between options.
private func readable(_ options: TCPOptions) -> TCPOptions {
  var options = options
  options.isMalformed = false
  let blocks = options.sackBlocks
  options.sackBlocks = SACKBlocks()
  let room = (TCPOptions.mostBytes - options.byteCount - 4) / 8
  options.sackBlocks = SACKBlocks(blocks.prefix(room))
  return options
}
