// The host driver's event queue takes nothing more. In a process of its own: its descriptor is put out of order.
import Glibc
import MacTCP
import Testing

@Suite("5 The event queue fails", .timeLimit(.minutes(2)))
struct EventQueueBehaviour {
  @Test(
    "5 what would wait fails with insufficientResources; threads that sleep themselves, and all later calls, work"
  )
  func fails() async {
    await #expect(processExitsWith: .success) {
      let driver = DriverUnderTest.host
      try await Descriptors.settle()
      let before = Descriptors.open
      let own = try driver.open()
      let queue = try #require(
        Descriptors.open.first { before[$0.key] == nil && $0.value.contains("eventpoll") }?.key)
      // Nothing of it is known to the queue before that is out of order: what is would be waited for.
      let (server, accepting, local) = try driver.waiting(own)
      let peer = try ForeignSocket.connected(to: local)
      _ = try await accepting.value
      let silent = try SilentPort()
      let udp = try own.createUDPStream(receiveBuffer: 2048, ports: 0...0, address: .loopback)
      let atUDP = Endpoint(.loopback, udp.port)

      let working = dup(queue)
      let nothing = open("/dev/null", O_RDWR | O_CLOEXEC)
      dup2(nothing, queue)
      let stream = try own.createTCPStream()
      let commands: [(String, Command<Void>)] = [
        ("passive open", stream.issuePassiveOpen(at: .loopback).asVoid),
        ("active open", stream.issueActiveOpen(to: silent.endpoint).asVoid),
        ("receive", server.issueReceive().asVoid),
        ("send", server.issueSend(tooMuch)),
        ("UDP read", udp.issueRead().asVoid),
      ]
      for (name, command) in commands {
        #expect(await command.completion == .insufficientResources, "\(name)")
      }
      let echo = await own.issueEcho(to: .loopback, data: [1], timeout: .seconds(30)).completion
      #expect(echo == .insufficientResources || echo == .openFailed)
      // What is there is there, and who sleeps on the network himself is woken.
      try peer.send(bytes("there"))
      try await server.arrived(5)
      #expect(try await server.receive().text == "there")
      let thread = blocking { try server.receive() }
      try peer.send(bytes("later"))
      #expect(try await thread.value.text == "later")

      dup2(working, queue)
      let open = stream.issuePassiveOpen(at: .loopback)
      let client = try own.createTCPStream()
      try await client.activeOpen(to: try #require(stream.localEndpoint))
      _ = try await open.value
      let receive = stream.issueReceive()
      try await client.send([1])
      #expect(try await receive.value.data == [1])
      let read = udp.issueRead()
      try await udp.write([8], to: atUDP)
      #expect(try await read.value.data == [8])
      for descriptor in [working, nothing] { close(descriptor) }
    }
  }
}

extension Command {
  /// The same command without its value.
  fileprivate var asVoid: Command<Void> {
    suspending { _ = try await self.value }
  }
}
