// Domain names as text: the master file format's rules, RFC 1035 §5.1.

extension DomainName: LosslessStringConvertible {
  /// A name from text, with a dot between labels and one at the end or none: `www.example.com`; `.`
  /// is the root.
  ///
  /// `\.` is a dot inside a label and `\DDD` the byte of that decimal value (RFC 1035 §5.1). `nil` for
  /// an empty label, for labels and names that are too long, and for spaces, control characters and
  /// everything outside of ASCII: internationalised names come in their ASCII form (RFC 5891), as
  /// `xn--bcher-kva.example`.
  public init?(_ description: String) {
    if description == "." {
      self = .root
      return
    }
    var labels: [[UInt8]] = []
    var label: [UInt8] = []
    var bytes = description.utf8.makeIterator()
    while let byte = bytes.next() {
      switch byte {
      case UInt8(ascii: "."):
        labels.append(label)
        label = []
      case UInt8(ascii: "\\"):
        guard let escaped = Self.unescape(&bytes) else { return nil }
        label.append(escaped)
      case 0x21...0x7E:
        label.append(byte)
      default:
        return nil
      }
    }
    // A dot at the end leaves nothing behind it.
    if !label.isEmpty { labels.append(label) }
    guard !labels.isEmpty, let name = try? DomainName(labels: labels) else { return nil }
    self = name
  }

  /// The byte behind a backslash: three digits, or the character itself.
  private static func unescape(_ bytes: inout String.UTF8View.Iterator) -> UInt8? {
    guard let first = bytes.next(), (0x21...0x7E).contains(first) else { return nil }
    guard let hundreds = digit(first) else { return first }
    guard let tens = bytes.next().flatMap(digit), let units = bytes.next().flatMap(digit) else {
      return nil
    }
    return UInt8(exactly: hundreds * 100 + tens * 10 + units)
  }

  private static func digit(_ byte: UInt8) -> Int? {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      ? Int(byte) - Int(UInt8(ascii: "0")) : nil
  }

  /// The name as text without a dot at its end; `.` for the root. A dot or backslash inside a label is
  /// written with a backslash before it, and bytes that are no visible ASCII characters as `\DDD`.
  public var description: String {
    if isRoot { return "." }
    return labels.map { label in
      var text = ""
      for byte in label {
        switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "\\"):
          text += "\\"
          text.unicodeScalars.append(Unicode.Scalar(byte))
        case 0x21...0x7E:
          text.unicodeScalars.append(Unicode.Scalar(byte))
        default:
          text += "\\" + Self.threeDigits(byte)
        }
      }
      return text
    }.joined(separator: ".")
  }

  /// `byte` as three decimal digits.
  static func threeDigits(_ byte: UInt8) -> String {
    let digits = String(byte)
    return String(repeating: "0", count: 3 - digits.utf8.count) + digits
  }
}
