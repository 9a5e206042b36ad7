// The parser of DNS messages against libFuzzer: no bytes may make it trap, loop or contradict itself.
//
// Arguments are libFuzzer's: folders of inputs, -max_total_time=SECONDS, -runs=COUNT; see `Fuzz/run`.
internal import CFuzzer
internal import MacTCPWire

@main
enum FuzzDNS {
  static func main() {
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = CommandLine.unsafeArgv
    _ = LLVMFuzzerRunDriver(&count, &arguments, check)
  }
}

/// One input: parsed as a message, as a question, and as the text of a name.
private func check(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: size))
  checkMessage(bytes)
  checkName(bytes)
  return 0
}

private func checkMessage(_ bytes: [UInt8]) {
  let header = try? DNSHeader(parsing: bytes.span)
  let question = try? DNSQuestion(firstIn: bytes.span)
  guard let message = try? DNSMessage(parsing: bytes.span) else { return }
  precondition(header?.identifier == message.header.identifier)
  precondition(question == message.questions.first)
  for record in message.answers + message.authorities + message.additionals {
    precondition(record.description.utf8.allSatisfy { (0x20...0x7E).contains($0) })
    precondition(record.name.wireForm.count <= DomainName.longestName)
    precondition(DomainName(record.name.description) == record.name)
    for parent in message.questions.map(\.name) { _ = record.name.isSubdomain(of: parent) }
  }
  // What was parsed can be written, unless it is longer without the sender's compression, and is the same then.
  guard let written = try? message.encoded() else {
    precondition(bytes.count > 512, "a small message could not be written")
    return
  }
  guard let again = try? DNSMessage(parsing: written.span) else {
    preconditionFailure("what was written cannot be parsed")
  }
  precondition(again == message)
}

private func checkName(_ bytes: [UInt8]) {
  guard let name = DomainName(String(decoding: bytes, as: UTF8.self)) else { return }
  precondition(DomainName(name.description)?.wireForm == name.wireForm)
  precondition(name.labels.allSatisfy { (1...DomainName.longestLabel).contains($0.count) })
}
