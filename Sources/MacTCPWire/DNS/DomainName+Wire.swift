// Domain names in messages, with compression: RFC 1035 §4.1.4.

extension DomainName {
  /// How many compression pointers are followed in one name: no sensible sender needs more than one
  /// for each of the 127 labels that a name can have.
  package static let mostPointers = 127

  /// Parses the name at `offset` of `message`, and moves `offset` behind it.
  ///
  /// A compression pointer must point to before the labels that it ends, as RFC 1035 §4.1.4 has it
  /// ("a prior occurance"): positions only fall, so that nothing can go round in a circle.
  ///
  /// - Parameters:
  ///   - message: The whole message, from its header on.
  ///   - offset: Where the name begins.
  /// - Throws: ``WireError/truncated``, or ``WireError/badName`` for a label of an unknown kind, a
  ///   name of more than 255 bytes, and a pointer into the header, forwards, to itself, or too many
  ///   of them.
  package init(parsing message: Span<UInt8>, at offset: inout Int) throws(WireError) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(32)
    var position = offset
    /// Where the labels begin that are being read.
    var start = offset
    /// Where the name ends, once a pointer has ended it.
    var end: Int?
    var pointers = 0
    while true {
      guard position >= 0, position < message.count else { throw .truncated }
      let length = message[position]
      switch length >> 6 {
      case 0 where length == 0:
        bytes.append(0)
        offset = end ?? position &+ 1
        wireForm = bytes
        return
      case 0:
        let next = position &+ 1 &+ Int(length)
        guard next <= message.count else { throw .truncated }
        // One byte is left for the root.
        guard bytes.count &+ Int(length) &+ 2 <= Self.longestName else { throw .badName }
        for index in position..<next { bytes.append(message[index]) }
        position = next
      case 3:
        guard let pointer = message.networkUInt16(at: position) else { throw .truncated }
        let target = Int(pointer & 0x3FFF)
        guard target >= DNSHeader.byteCount, target < start, pointers < Self.mostPointers else {
          throw .badName
        }
        if end == nil { end = position &+ 2 }
        pointers &+= 1
        start = target
        position = target
      default:
        // 01 and 10 are labels of kinds that were never put to use (RFC 6891 §5).
        throw .badName
      }
    }
  }
}
