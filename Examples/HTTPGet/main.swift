// Fetches a page over HTTP and writes its body to standard output. Uses the calls that block.
//
//   HTTPGet ADDRESS [PORT [PATH]]
import Foundation
import MacTCP

/// The bytes of the page's body; throws when the connection breaks before its end.
func get(_ path: String, from server: Endpoint) throws -> ArraySlice<UInt8> {
  let stream = try MacTCP.open().createTCPStream()
  try stream.activeOpen(to: server)
  try stream.send(
    Array("GET \(path) HTTP/1.0\r\nHost: \(server)\r\nConnection: close\r\n\r\n".utf8))

  var response: [UInt8] = []
  do {
    while true { response += try stream.receive(timeout: .seconds(30)).data }
  } catch {
    // The server has closed and everything it sent was received; anything else is a failure.
    guard error.code == .connectionClosing else { throw error }
  }
  try stream.close()

  // The header ends with an empty line; its first line holds the status: HTTP/1.1 200 OK.
  let end = Data(response).range(of: Data("\r\n\r\n".utf8))?.upperBound ?? response.count
  let status = String(decoding: response.prefix { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
  guard status.split(separator: " ").dropFirst().first == "200" else {
    throw HTTPFailure(status: status)
  }
  return response[end...]
}

struct HTTPFailure: Error, CustomStringConvertible {
  let status: String
  var description: String { "the server answered: \(status)" }
}

let arguments = CommandLine.arguments
guard arguments.count >= 2, let address = IPAddress(arguments[1]),
  let port = UInt16(arguments.count > 2 ? arguments[2] : "80")
else {
  FileHandle.standardError.write(Data("usage: HTTPGet ADDRESS [PORT [PATH]]\n".utf8))
  exit(64)
}
do {
  let body = try get(arguments.count > 3 ? arguments[3] : "/", from: Endpoint(address, port))
  FileHandle.standardOutput.write(Data(body))
} catch {
  FileHandle.standardError.write(Data("HTTPGet: \(error)\n".utf8))
  exit(1)
}
