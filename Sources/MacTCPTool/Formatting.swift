// Figures for people: amounts, rates, times, progress. Pure functions.

/// `value` with exactly `digits` decimals, rounded to nearest.
func fixed(_ value: Double, _ digits: Int) -> String {
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  guard value.isFinite, let scaled = Int(exactly: (value.magnitude * scale).rounded()) else {
    return "\(value)"
  }
  let unit = Int(scale)
  let sign = value < 0 && scaled > 0 ? "-" : ""
  guard digits > 0 else { return "\(sign)\(scaled)" }
  let decimals = String(scaled % unit)
  let zeros = String(repeating: "0", count: digits - decimals.count)
  return "\(sign)\(scaled / unit).\(zeros)\(decimals)"
}

/// An amount of bytes in the largest decimal unit that fits: `256.0 MB`, `17 bytes`.
func amount(_ bytes: Int) -> String {
  if bytes == 1 { return "1 byte" }
  if bytes < 1000 { return "\(bytes) bytes" }
  var value = Double(bytes) / 1000
  for unit in ["kB", "MB", "GB"] {
    if value < 999.95 { return "\(fixed(value, 1)) \(unit)" }
    value /= 1000
  }
  return "\(fixed(value, 1)) TB"
}

/// How fast `bytes` went in `seconds`: `1.2 GB/s`.
func rate(_ bytes: Int, in seconds: Double) -> String {
  guard seconds > 0 else { return "-" }
  let perSecond = Double(bytes) / seconds
  return "\(amount(Int(exactly: perSecond.rounded()) ?? .max))/s"
}

/// Bytes as hexadecimal digits.
func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// A hardware address as it is usually written: `02:42:ac:11:00:02`.
func hardwareAddress(_ bytes: [UInt8]) -> String {
  bytes.map { hexadecimal([$0]) }.joined(separator: ":")
}

/// `text`, filled with spaces up to `width`.
func padded(_ text: String, to width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}

/// `text`, with spaces before it up to `width`.
func rightAligned(_ text: String, to width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.count)) + text
}

/// A progress line: `[=====>    ]  52%  133.1 MB of 256.0 MB  1.2 GB/s`; without a known total there is no bar.
func progressLine(done: Int, of total: Int?, seconds: Double) -> String {
  guard let total, total > 0 else { return "\(amount(done))  \(rate(done, in: seconds))" }
  return "\(progressBar(done: done, of: total))  \(rate(done, in: seconds))"
}

/// The same without how fast it goes.
func progressBar(done: Int, of total: Int) -> String {
  let width = 30
  let part = total > 0 ? min(1, Double(done) / Double(total)) : 1
  let filled = Int(part * Double(width))
  let head = filled < width ? ">" : ""
  let bar =
    String(repeating: "=", count: filled) + head
    + String(repeating: " ", count: width - filled - head.count)
  let percent = rightAligned("\(Int(part * 100))%", to: 4)
  return "[\(bar)] \(percent)  \(amount(done)) of \(amount(total))"
}

/// A terminal's size in characters.
struct WindowSize {
  let columns: Int
  let rows: Int
}

/// What of `lines` a window shows without wrapping or scrolling: only that can be rubbed out again. The last column stays
/// free, because some terminals go to the next line as soon as it is filled.
func fitted(_ lines: [String], to window: WindowSize?) -> [String] {
  guard let window else { return lines }
  return lines.prefix(window.rows).map { String($0.prefix(max(1, window.columns - 1))) }
}

extension Duration {
  /// The duration in seconds.
  var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }

  /// The duration in milliseconds.
  var inMilliseconds: Double { inSeconds * 1000 }
}
