import NIOCore
import NIOPosix

private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

/// SwiftNIO with async/await: NIOAsyncChannel, each side in a task of its own. What MacTCP's async calls compare to.
final class NIOAsyncSubject: Subject {
  private let client: any EventLoopGroup
  private let server: any EventLoopGroup

  init(_ options: Options) throws {
    if options.executor == "loop" {
      guard NIOSingletons.unsafeTryInstallSingletonPosixEventLoopGroupAsConcurrencyGlobalExecutor()
      else {
        throw BenchmarkError.usage("NIO cannot become the task executor here")
      }
      client = MultiThreadedEventLoopGroup.singleton
      server = client
    } else {
      let loops = EventLoops(options)
      (client, server) = (loops.client, loops.server)
    }
  }

  func bulk(_ options: Options) async throws -> Sample {
    let (client, server) = try await open(
      1, receiving: FixedSizeRecvByteBufferAllocator(capacity: Pattern.size))[0]
    let receiving = Task { try await receive(options.bytes, from: server) }
    return try await client.executeThenClose { _, outbound in
      let chunk = ByteBuffer(bytes: Pattern.bytes)
      let stopwatch = Stopwatch()
      for start in stride(from: 0, to: options.bytes, by: Pattern.size) {
        try await outbound.write(
          chunk.prefix(min(Pattern.size, options.bytes - start)))
      }
      try await receiving.value
      return stopwatch.elapsed
    }
  }

  private func receive(_ bytes: Int, from connection: Connection) async throws {
    try await connection.executeThenClose { inbound, _ in
      var offset = 0
      for try await buffer in inbound {
        try buffer.checkPattern(at: offset)
        offset += buffer.readableBytes
        if offset == bytes { return }
      }
      throw BenchmarkError.closedEarly
    }
  }

  func pingPong(_ options: Options) async throws -> [Sample] {
    let (client, server) = try await open(1)[0]
    async let echoing: Void = echo(server)
    let samples = try await client.executeThenClose { inbound, outbound in
      var replies = inbound.makeAsyncIterator()
      let byte = ByteBuffer(bytes: [7])
      var batches = Batches(options)
      while let rounds = batches.next() {
        for _ in 0..<rounds {
          try await outbound.write(byte)
          guard try await replies.next() != nil else { throw BenchmarkError.closedEarly }
        }
      }
      return batches.samples
    }
    try await echoing
    return samples
  }

  func connections(_ options: Options) async throws -> Sample {
    let listener = try await listen()
    let accepting = Task {
      try await withThrowingDiscardingTaskGroup { group in
        try await listener.executeThenClose { inbound in
          for try await connection in inbound { group.addTask { try await self.echo(connection) } }
        }
      }
    }
    defer { accepting.cancel() }
    let bootstrap = ClientBootstrap(group: client)
    let stopwatch = Stopwatch()
    for _ in 0..<options.count {
      let connection = try await bootstrap.connect(
        to: listener.channel.boundAddress, channelInitializer: wrap)
      try await connection.executeThenClose { inbound, outbound in
        try await outbound.write(ByteBuffer(bytes: [7]))
        var replies = inbound.makeAsyncIterator()
        guard try await replies.next() != nil else { throw BenchmarkError.closedEarly }
      }
    }
    return stopwatch.elapsed
  }

  func openIdlePairs(_ options: Options) async throws -> Any { try await open(options.pairs) }

  private func listen(
    receiving allocator: any RecvByteBufferAllocator = AdaptiveRecvByteBufferAllocator()
  ) async throws -> NIOAsyncChannel<Connection, Never> {
    try await ServerBootstrap(group: server)
      .childChannelOption(.recvAllocator, value: allocator)
      .bind(host: "127.0.0.1", port: 0, childChannelInitializer: wrap)
  }

  private func open(
    _ count: Int,
    receiving allocator: any RecvByteBufferAllocator = AdaptiveRecvByteBufferAllocator()
  ) async throws -> [(client: Connection, server: Connection)] {
    let listener = try await listen(receiving: allocator)
    let bootstrap = ClientBootstrap(group: client)
      .channelOption(.writeBufferWaterMark, value: .init(low: Pattern.size, high: 4 * Pattern.size))
    return try await listener.executeThenClose { inbound in
      var accepted = inbound.makeAsyncIterator()
      var pairs: [(client: Connection, server: Connection)] = []
      for _ in 0..<count {
        let connection = try await bootstrap.connect(
          to: listener.channel.boundAddress, channelInitializer: wrap)
        guard let peer = try await accepted.next() else { throw BenchmarkError.closedEarly }
        pairs.append((connection, peer))
      }
      return pairs
    }
  }

  /// Until the client closes.
  private func echo(_ connection: Connection) async throws {
    try await connection.executeThenClose { inbound, outbound in
      for try await buffer in inbound { try await outbound.write(buffer) }
    }
  }
}

@Sendable private func wrap(_ channel: any Channel) -> EventLoopFuture<Connection> {
  channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
}
