/// The control bits of a TCP segment (RFC 9293 §3.1, "Control bits").
package struct TCPFlags: OptionSet, Hashable, Sendable {
  /// The eight bits, as they stand in the header.
  package let rawValue: UInt8
  /// The flags of the given bits.
  @inlinable
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// No more data from the sender.
  @inlinable package static var fin: TCPFlags { TCPFlags(rawValue: 0x01) }
  /// Synchronize sequence numbers.
  @inlinable package static var syn: TCPFlags { TCPFlags(rawValue: 0x02) }
  /// Reset the connection.
  @inlinable package static var rst: TCPFlags { TCPFlags(rawValue: 0x04) }
  /// Push function.
  @inlinable package static var psh: TCPFlags { TCPFlags(rawValue: 0x08) }
  /// The acknowledgment field is significant.
  @inlinable package static var ack: TCPFlags { TCPFlags(rawValue: 0x10) }
  /// The urgent pointer field is significant.
  @inlinable package static var urg: TCPFlags { TCPFlags(rawValue: 0x20) }
  /// ECN-Echo (RFC 3168 §6.1).
  @inlinable package static var ece: TCPFlags { TCPFlags(rawValue: 0x40) }
  /// Congestion window reduced (RFC 3168 §6.1).
  @inlinable package static var cwr: TCPFlags { TCPFlags(rawValue: 0x80) }
}

extension TCPFlags: CustomStringConvertible {
  /// The names of RFC 9293 with commas between them, as `SYN,ACK`; empty for none.
  package var description: String {
    let names: [(TCPFlags, String)] = [
      (.cwr, "CWR"), (.ece, "ECE"), (.urg, "URG"), (.syn, "SYN"), (.fin, "FIN"), (.rst, "RST"),
      (.psh, "PSH"), (.ack, "ACK"),
    ]
    return names.filter { contains($0.0) }.map(\.1).joined(separator: ",")
  }
}
