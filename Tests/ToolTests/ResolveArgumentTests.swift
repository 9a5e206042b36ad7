import MacTCP
import Testing

@testable import MacTCPTool

/// What `mactcp resolve` takes.
@Suite("Arguments of resolve") struct ResolveArgumentTests {
  @Test("A server is an address, at port 53 unless another one is given")
  func servers() {
    let address = IPAddress(192, 0, 2, 53)
    #expect(NameServer(argument: "192.0.2.53")?.endpoint == Endpoint(address, 53))
    #expect(NameServer(argument: "192.0.2.53:5353")?.endpoint == Endpoint(address, 5353))
    for text in ["", "name", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", ":53"] {
      #expect(NameServer(argument: text) == nil, "\(text)")
    }
  }

  @Test("A type is a name or a number")
  func types() {
    #expect(RecordType(argument: "txt")?.type == .txt)
    #expect(RecordType(argument: "33")?.type.rawValue == 33)
    #expect(RecordType(argument: "nonsense") == nil)
  }

  @Test("The kinds of look-up exclude each other, and --reverse takes an address")
  func kinds() throws {
    for arguments in [
      ["a.test", "--mx", "--hinfo"], ["192.0.2.1", "--reverse", "--mx"],
      ["a.test", "--type", "A", "--mx"], ["a.test", "--reverse"], ["--mx"],
    ] {
      #expect(throws: (any Error).self) { try ResolveCommand.parse(arguments) }
    }
    let command = try ResolveCommand.parse(
      ["192.0.2.1", "--reverse", "--server", "192.0.2.53", "--server", "192.0.2.54:5353", "--json"])
    #expect(command.reverse && command.json && command.server.count == 2)
  }
}
