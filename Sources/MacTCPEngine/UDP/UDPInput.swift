// A datagram that comes: RFC 768, RFC 1122 §4.1.3.

internal import MacTCPWire

extension Engine {
  mutating func receiveUDP(
    _ datagram: Span<UInt8>, in packet: Span<UInt8>, _ header: IPv4Header,
    _ information: PacketInformation
  ) {
    let udpHeader: UDPHeader
    do {
      udpHeader = try UDPHeader(
        parsing: datagram, from: header.source, to: header.destination)
    } catch {
      context.counters.drop(error == .badChecksum ? .badUDPChecksum : .badUDPHeader)
      return
    }
    guard let place = udp.owner(of: udpHeader.destinationPort) else {
      context.counters.drop(.noUDPPort)
      if context.configuration.answersClosedPorts && !information.isGroup {
        ip.sendError(
          .destinationUnreachable(code: ICMPProblem.Unreachable.port), about: packet, &context)
      }
      return
    }
    let options = packet.extracting(header.optionRange)
    let note = ReceivedDatagram(
      source: Endpoint(header.source, udpHeader.sourcePort),
      destination: Endpoint(header.destination, udpHeader.destinationPort),
      typeOfService: header.typeOfService, timeToLive: header.timeToLive,
      optionCount: options.count)
    udp.keep(
      datagram.extracting(udpHeader.payloadRange), options: options, note, at: place, &context)
  }
}
