/// Why a packet could not be parsed or written.
///
/// It stays inside the package: the layers above count it or turn it into their own errors.
public enum WireError: Error, Hashable, Sendable {
  /// The bytes end before the format does.
  case truncated
  /// The packet is of a type that this format does not describe.
  case wrongType
  /// The checksum does not match the bytes (RFC 1071).
  case badChecksum
  /// The output has no room for the packet; nothing has been written.
  case noRoom
  /// A name breaks the rules of the domain name system: a label's kind or length, the length of the
  /// whole, or a compression pointer that does not point backwards (RFC 1035 §2.3.4, §4.1.4).
  case badName
  /// A length field does not fit what it measures, or a value does not fit its field.
  case badLength
  /// The packet has more parts than are accepted.
  case tooMany
}
