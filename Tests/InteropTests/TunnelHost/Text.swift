import Glibc

/// What can stand in a line for the driver.
protocol JSONValue {
  var json: String { get }
}

extension Int: JSONValue { var json: String { description } }
extension Int64: JSONValue { var json: String { description } }
extension UInt64: JSONValue { var json: String { description } }
extension Bool: JSONValue { var json: String { description } }
/// Names and hexadecimal digits only: nothing needs an escape.
extension String: JSONValue { var json: String { "\"\(self)\"" } }
extension KeyValuePairs: JSONValue where Key == String, Value == any JSONValue {
  var json: String { "{" + map { "\($0.json): \($1.json)" }.joined(separator: ", ") + "}" }
}

/// Lines from standard input.
struct LineReader {
  private var waiting: [UInt8] = []

  /// The lines that are complete by now; `nil` at the end of the input.
  mutating func read() -> [String]? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = Glibc.read(0, &buffer, buffer.count)
    guard count > 0 else { return nil }
    waiting += buffer[..<count]
    var lines = waiting.split(separator: 10, omittingEmptySubsequences: false)
    waiting = lines.popLast().map { Array($0) } ?? []
    return lines.map { String(decoding: $0, as: UTF8.self) }
  }
}

/// Bytes as pairs of hexadecimal digits.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// The bytes of pairs of hexadecimal digits; `nil` for anything else.
func bytes(of digits: Substring) -> [UInt8]? {
  let values = digits.compactMap { $0.hexDigitValue }
  guard values.count == digits.count, values.count % 2 == 0 else { return nil }
  return stride(from: 0, to: values.count, by: 2).map { UInt8(values[$0] * 16 + values[$0 + 1]) }
}
