#if canImport(MacTCP)
  import MacTCP

  // The ends of streams are caught by `catch { guard … else { throw error } }`: Swift 6.3.1's compiler crashes on
  // `catch where` after calls with typed throws.

  /// What both MacTCP subjects share: the host driver and connected streams.
  struct Streams: Sendable {
    let driver: any Driver

    init() throws { driver = try MacTCP.open() }

    /// The first called activeOpen, the second passiveOpen.
    func connectedPair() throws -> (client: TCPStream, server: TCPStream) {
      let (client, server) = (try driver.createTCPStream(), try driver.createTCPStream())
      let open = server.issuePassiveOpen(at: .loopback)
      try client.activeOpen(to: Endpoint(.loopback, server.localEndpoint?.port ?? 0))
      try open.wait()
      return (client, server)
    }

    func openPairs(_ count: Int) throws -> [(client: TCPStream, server: TCPStream)] {
      try (0..<count).map { _ in try connectedPair() }
    }

    func listen() throws -> TCPListener { try TCPListener(driver, at: .loopback) }
  }

  /// MacTCP with calls that block: a thread for each side, as in C. Sends from and receives into memory of its own.
  ///
  /// No function here is async, so that each call is the form that blocks.
  struct MacTCPSubject: Subject {
    private let streams: Streams

    init() throws { streams = try Streams() }

    func bulk(_ options: Options) throws -> Sample {
      let (client, server) = try streams.connectedPair()
      let stopwatch = Stopwatch()
      let receiver = PeerThread { try receive(options.bytes, from: server) }
      try Pattern.bytes.withUnsafeBytes { pattern in
        for start in stride(from: 0, to: options.bytes, by: Pattern.size) {
          try client.send(UnsafeRawBufferPointer(rebasing: pattern.prefix(options.bytes - start)))
        }
      }
      try receiver.join()
      return stopwatch.elapsed
    }

    private func receive(_ bytes: Int, from server: TCPStream) throws {
      let buffer = Buffer(Pattern.size)
      var offset = 0
      while offset < bytes {
        let count = try server.receive(into: buffer.bytes).count
        try Pattern.check(
          first: buffer.bytes[0], last: buffer.bytes[count - 1], count: count, at: offset)
        offset += count
      }
    }

    func pingPong(_ options: Options) throws -> [Sample] {
      let (client, server) = try streams.connectedPair()
      let echoing = PeerThread { try echo(server) }
      let byte = Buffer(1)
      var batches = Batches(options)
      while let rounds = batches.next() {
        for _ in 0..<rounds { try roundTrip(client, byte) }
      }
      try client.close()
      try echoing.join()
      return batches.samples
    }

    func connections(_ options: Options) throws -> Sample {
      let listener = try streams.listen()
      let stopwatch = Stopwatch()
      let accepting = PeerThread {
        for _ in 0..<options.count { try echo(listener.accept()) }
      }
      let byte = Buffer(1)
      for _ in 0..<options.count {
        let client = try streams.driver.createTCPStream()
        try client.activeOpen(to: listener.localEndpoint)
        try roundTrip(client, byte)
        try client.close()
        // A stream that goes before its peer has closed resets the connection: wait for that, too.
        do {
          _ = try client.receive(into: byte.bytes)
        } catch {
          guard error.code == .connectionClosing else { throw error }
        }
      }
      try accepting.join()
      return stopwatch.elapsed
    }

    func openIdlePairs(_ options: Options) throws -> Any { try streams.openPairs(options.pairs) }

    private func roundTrip(_ client: TCPStream, _ byte: Buffer) throws {
      try client.send(UnsafeRawBufferPointer(byte.bytes))
      _ = try client.receive(into: byte.bytes)
    }

    private func echo(_ stream: TCPStream) throws {
      let byte = Buffer(1)
      do {
        while true {
          _ = try stream.receive(into: byte.bytes)
          try stream.send(UnsafeRawBufferPointer(byte.bytes))
        }
      } catch {
        guard error.code == .connectionClosing else { throw error }
      }
      try stream.close()
    }
  }

  /// Memory that a blocking call reads or writes, freed with its last reference.
  private final class Buffer {
    let bytes: UnsafeMutableRawBufferPointer

    init(_ size: Int) {
      bytes = .allocate(byteCount: size, alignment: 1)
      bytes.initializeMemory(as: UInt8.self, repeating: 7)
    }

    deinit { bytes.deallocate() }
  }

  /// MacTCP with async calls: a task for each side.
  struct MacTCPAsyncSubject: Subject {
    private let streams: Streams

    init() throws { streams = try Streams() }

    func bulk(_ options: Options) async throws -> Sample {
      let (client, server) = try streams.connectedPair()
      let stopwatch = Stopwatch()
      let receiving = Task {
        var buffer = [UInt8](repeating: 0, count: Pattern.size)
        var offset = 0
        while offset < options.bytes {
          let count = try await server.receive(into: &buffer).count
          try Pattern.check(first: buffer[0], last: buffer[count - 1], count: count, at: offset)
          offset += count
        }
      }
      for start in stride(from: 0, to: options.bytes, by: Pattern.size) {
        let rest = options.bytes - start
        try await client.send(
          rest >= Pattern.size ? Pattern.bytes : Array(Pattern.bytes.prefix(rest)))
      }
      try await receiving.value
      return stopwatch.elapsed
    }

    func pingPong(_ options: Options) async throws -> [Sample] {
      let (client, server) = try streams.connectedPair()
      let echoing = Task { try await echo(server) }
      var byte: [UInt8] = [7]
      var batches = Batches(options)
      while let rounds = batches.next() {
        for _ in 0..<rounds {
          try await client.send(byte)
          _ = try await client.receive(into: &byte)
        }
      }
      try await client.close()
      try await echoing.value
      return batches.samples
    }

    func connections(_ options: Options) async throws -> Sample {
      let listener = try streams.listen()
      let stopwatch = Stopwatch()
      let accepting = Task {
        for _ in 0..<options.count { try await echo(listener.accept()) }
      }
      var byte: [UInt8] = [7]
      for _ in 0..<options.count {
        let client = try streams.driver.createTCPStream()
        try await client.activeOpen(to: listener.localEndpoint)
        try await client.send(byte)
        _ = try await client.receive(into: &byte)
        try await client.close()
        do {
          _ = try await client.receive(into: &byte)
        } catch {
          guard error.code == .connectionClosing else { throw error }
        }
      }
      try await accepting.value
      return stopwatch.elapsed
    }

    func openIdlePairs(_ options: Options) throws -> Any { try streams.openPairs(options.pairs) }

    private func echo(_ stream: TCPStream) async throws {
      var byte: [UInt8] = [0]
      do {
        while true {
          _ = try await stream.receive(into: &byte)
          try await stream.send(byte)
        }
      } catch {
        guard error.code == .connectionClosing else { throw error }
      }
      try await stream.close()
    }
  }
#endif
