// JSON (RFC 8259), written only. Members keep their order.

/// A JSON value.
enum JSON {
  case string(String)
  case number(Int)
  /// A number that is not whole, with so many decimals.
  case decimal(Double, digits: Int)
  case bool(Bool)
  case null
  case array([JSON])
  case object([(name: String, value: JSON)])
}

extension JSON: CustomStringConvertible {
  /// The value as text, on one line.
  var description: String {
    switch self {
    case .string(let text): JSON.quoted(text)
    case .number(let number): "\(number)"
    case .decimal(let number, let digits): number.isFinite ? fixed(number, digits) : "null"
    case .bool(let flag): "\(flag)"
    case .null: "null"
    case .array(let values): "[\(values.map(\.description).joined(separator: ","))]"
    case .object(let members):
      "{\(members.map { "\(JSON.quoted($0.name)):\($0.value)" }.joined(separator: ","))}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{0}"..<"\u{20}": result += "\\u00" + hexadecimal([UInt8(scalar.value)])
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
