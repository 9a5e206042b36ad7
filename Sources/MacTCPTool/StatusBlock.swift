// The Status block as text and as JSON, under MacTCP's names and in its units.
import MacTCP

extension Status {
  /// The block as a JSON object with the keys of MacTCP's status block.
  var json: JSON {
    .object(
      members.map { name, value in
        switch value {
        case .number(let number): (name, JSON.number(number))
        case .host(let address): (name, JSON.string("\(address)"))
        }
      })
  }

  /// The members' values as text, with what the numbers mean.
  fileprivate var texts: [String] {
    members.map { name, value in
      switch value {
      case .host(let address): "\(address)"
      case .number(let number): annotated(number, of: name)
      }
    }
  }

  private func annotated(_ number: Int, of name: String) -> String {
    switch name {
    case "connectionState": "\(number) \(connectionState)"
    case "ulpTimeoutAction": "\(number) \(ulpTimeoutAction)"
    case "srtt", "lastRTT": "\(number) ms"
    case "ulpTimeoutValue": "\(number) s"
    default: "\(number)"
    }
  }
}

/// Status blocks side by side, a line per member, each under its title.
func statusLines(_ blocks: [(title: String, status: Status)]) -> [String] {
  guard let first = blocks.first else { return [] }
  let names = first.status.members.map(\.name)
  let columns = blocks.map { [$0.title] + $0.status.texts }
  let nameWidth = names.reduce(0) { max($0, $1.count) }
  let widths = columns.map { $0.reduce(0) { max($0, $1.count) } }
  return (0...names.count).map { row in
    let cells = zip(columns, widths).map { padded($0[row], to: $1) }
    let name = padded(row == 0 ? "" : names[row - 1], to: nameWidth)
    let line = "  \(name)  \(cells.joined(separator: "  "))"
    return String(line.reversed().drop { $0 == " " }.reversed())
  }
}
