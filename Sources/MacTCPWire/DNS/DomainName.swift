// Domain names as values: RFC 1035 §2.3, §3.1 and §5.1; comparison RFC 4343.
//
// A name is kept as it goes on the wire without compression: each label with its length before it,
// and the root's empty label at the end. `DomainName+Text.swift` reads and writes names as text,
// `DomainName+Wire.swift` in messages.

/// A name of the domain name system, from the host's label to the root: `www.example.com`.
///
/// A name has labels of 1 to 63 bytes and takes at most 255 bytes with the lengths of its labels
/// (RFC 1035 §2.3.4). Labels may hold any bytes; two names are equal when they differ in the case of
/// ASCII letters only (RFC 4343 §3). Every value is a complete name: whether text was meant to be
/// completed by a search list is a matter of whoever read it.
public struct DomainName: Sendable {
  /// The largest number of bytes in a label (RFC 1035 §2.3.4).
  public static let longestLabel = 63
  /// The largest number of bytes in a name, the lengths of its labels and the root's included
  /// (RFC 1035 §2.3.4).
  public static let longestName = 255

  /// The name as it goes on the wire without compression. Never empty.
  package let wireForm: [UInt8]

  /// The name of the root, which has no labels.
  public static let root = DomainName(trusted: [0])

  /// A name from bytes that are known to be in wire form.
  init(trusted wireForm: [UInt8]) {
    self.wireForm = wireForm
  }

  /// A name from its labels, the host's first.
  ///
  /// - Throws: ``WireError/badName`` for an empty label or one of more than 63 bytes, and when the
  ///   whole takes more than 255 bytes.
  package init(labels: [[UInt8]]) throws(WireError) {
    var bytes: [UInt8] = []
    for label in labels {
      guard !label.isEmpty, label.count <= Self.longestLabel,
        bytes.count + label.count + 2 <= Self.longestName
      else { throw .badName }
      bytes.append(UInt8(truncatingIfNeeded: label.count))
      bytes += label
    }
    bytes.append(0)
    wireForm = bytes
  }

  /// Whether this is the root.
  public var isRoot: Bool { wireForm.count == 1 }

  /// The labels, the host's first; the root has none.
  public var labels: [[UInt8]] {
    labelStarts.map { start in Array(wireForm[(start + 1)...].prefix(Int(wireForm[start]))) }
  }

  /// Where in ``wireForm`` each label's length stands, the root's excepted.
  var labelStarts: [Int] {
    var starts: [Int] = []
    var position = 0
    while position < wireForm.count, wireForm[position] != 0 {
      starts.append(position)
      position += 1 + Int(wireForm[position])
    }
    return starts
  }

  /// Whether this is `ancestor` or a name below it: `www.example.com` is in `example.com`, in `com`
  /// and in the root.
  public func isSubdomain(of ancestor: DomainName) -> Bool {
    let start = wireForm.count - ancestor.wireForm.count
    guard start >= 0, start == wireForm.count - 1 || labelStarts.contains(start) else {
      return false
    }
    return zip(wireForm[start...], ancestor.wireForm).allSatisfy {
      Self.folded($0) == Self.folded($1)
    }
  }

  /// This name with `suffix` behind it: `www` and `example.com` make `www.example.com`; `nil` if that
  /// is too long.
  public func appending(_ suffix: DomainName) -> DomainName? {
    let bytes = wireForm.dropLast() + suffix.wireForm
    return bytes.count <= Self.longestName ? DomainName(trusted: Array(bytes)) : nil
  }

  /// The name under which the domain name system keeps the name of the host at `address`:
  /// `1.0.0.127.in-addr.arpa` for 127.0.0.1 (RFC 1035 §3.5).
  public static func reverse(of address: IPAddress) -> DomainName {
    var bytes: [UInt8] = []
    func append(_ label: some Sequence<UInt8>) {
      let label = Array(label)
      bytes.append(UInt8(truncatingIfNeeded: label.count))
      bytes += label
    }
    for shift in [UInt32(0), 8, 16, 24] { append("\(address.v4 >> shift & 0xFF)".utf8) }
    append("in-addr".utf8)
    append("arpa".utf8)
    return DomainName(trusted: bytes + [0])
  }

  /// A byte with ASCII capitals made small. The length of a label is below every letter, so that
  /// whole names can be folded byte by byte.
  @inline(__always)
  fileprivate static func folded(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }
}

extension DomainName: Hashable {
  /// Whether the names differ in the case of ASCII letters at most (RFC 4343 §3).
  public static func == (a: DomainName, b: DomainName) -> Bool {
    guard a.wireForm.count == b.wireForm.count else { return false }
    return zip(a.wireForm, b.wireForm).allSatisfy { folded($0) == folded($1) }
  }

  /// Hashes the name without the case of its ASCII letters.
  public func hash(into hasher: inout Hasher) {
    for byte in wireForm { hasher.combine(Self.folded(byte)) }
  }
}
