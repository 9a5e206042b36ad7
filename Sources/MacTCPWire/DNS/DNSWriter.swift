// A message while it is written, and the names in it that later ones can point to: RFC 1035 §4.1.4.
//
// Names are compressed because a server's answer without compression hardly fits a datagram: the
// answer repeats the question's name in each record. A suffix that was written before is pointed to;
// only names that are the same byte for byte share one, so that the case of letters survives.

/// Collects the bytes of a message.
struct DNSWriter {
  private(set) var bytes: [UInt8] = []
  /// Where in the message the end of a name is, in wire form.
  private var suffixes: [[UInt8]: UInt16] = [:]

  mutating func append(_ value: UInt16) {
    bytes.append(UInt8(truncatingIfNeeded: value >> 8))
    bytes.append(UInt8(truncatingIfNeeded: value))
  }

  mutating func append(_ value: UInt32) {
    append(UInt16(truncatingIfNeeded: value >> 16))
    append(UInt16(truncatingIfNeeded: value))
  }

  mutating func append(_ more: [UInt8]) {
    bytes += more
  }

  /// A character string: a length byte and so many bytes (RFC 1035 §3.3).
  mutating func append(string: [UInt8]) throws(WireError) {
    guard let length = UInt8(exactly: string.count) else { throw .badLength }
    bytes.append(length)
    bytes += string
  }

  /// A name: its labels up to the first suffix that was written before, and a pointer to that.
  mutating func append(_ name: DomainName) {
    for start in name.labelStarts {
      let suffix = Array(name.wireForm[start...])
      if let target = suffixes[suffix] {
        append(0xC000 | target)
        return
      }
      // A pointer has 14 bits: what stands further behind cannot be pointed to.
      if bytes.count <= 0x3FFF {
        suffixes[suffix] = UInt16(truncatingIfNeeded: bytes.count)
      }
      bytes += suffix.prefix(1 + Int(suffix[0]))
    }
    bytes.append(0)
  }

  /// What `body` writes, with its length in two bytes before it.
  mutating func appendWithLength(_ body: (inout DNSWriter) throws(WireError) -> Void)
    throws(WireError)
  {
    let place = bytes.count
    append(UInt16(0))
    try body(&self)
    guard let length = UInt16(exactly: bytes.count - place - 2) else { throw .badLength }
    bytes[place] = UInt8(truncatingIfNeeded: length >> 8)
    bytes[place + 1] = UInt8(truncatingIfNeeded: length)
  }
}
