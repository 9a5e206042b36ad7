import NIOCore
import NIOPosix

/// SwiftNIO as its authors write it for speed: handlers on event loops, no async/await between the bytes.
final class NIOSubject: Subject {
  private let loops: EventLoops

  init(_ options: Options) { loops = EventLoops(options) }

  func bulk(_ options: Options) async throws -> Sample {
    let (client, server) = try await open(
      1, receiving: FixedSizeRecvByteBufferAllocator(capacity: Pattern.size))[0]
    let received = server.eventLoop.makePromise(of: Void.self)
    try await add(SinkHandler(expecting: options.bytes, received), to: server)
    let stopwatch = Stopwatch()
    try await add(SourceHandler(sending: options.bytes), to: client)
    try await received.futureResult.get()
    return stopwatch.elapsed
  }

  func pingPong(_ options: Options) async throws -> [Sample] {
    let (client, server) = try await open(1)[0]
    try await add(EchoHandler(), to: server)
    var batches = Batches(options)
    while let rounds = batches.next() {
      let done = client.eventLoop.makePromise(of: Void.self)
      try await add(PingHandler(rounds: rounds, done), to: client)
      try await done.futureResult.get()
    }
    return batches.samples
  }

  func connections(_ options: Options) async throws -> Sample {
    let server = try await ServerBootstrap(group: loops.server)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(EchoHandler())
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let address = try server.boundAddress
    // Not Sendable, but complete once made: only `connect` is called from here on.
    nonisolated(unsafe) let client = ClientBootstrap(group: loops.client)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(OneByteHandler())
        }
      }
    // The next connection starts in the event loop, as soon as the last one is closed: no thread is woken for it.
    @Sendable func connect(_ remaining: Int, _ done: EventLoopPromise<Void>) {
      guard remaining > 0 else { return done.succeed() }
      client.connect(to: address).flatMap { $0.closeFuture }.whenComplete { result in
        switch result {
        case .success: connect(remaining - 1, done)
        case .failure(let error): done.fail(error)
        }
      }
    }
    let stopwatch = Stopwatch()
    let done = loops.client.next().makePromise(of: Void.self)
    connect(options.count, done)
    try await done.futureResult.get()
    return stopwatch.elapsed
  }

  func openIdlePairs(_ options: Options) async throws -> Any { try await open(options.pairs) }

  /// Connected channels without handlers of ours.
  private func open(
    _ count: Int,
    receiving allocator: any RecvByteBufferAllocator = AdaptiveRecvByteBufferAllocator()
  ) async throws -> [(client: any Channel, server: any Channel)] {
    let (accepted, continuation) = AsyncStream.makeStream(of: (any Channel).self)
    let listener = try await ServerBootstrap(group: loops.server)
      .childChannelOption(.recvAllocator, value: allocator)
      .childChannelInitializer { channel in
        continuation.yield(channel)
        return channel.eventLoop.makeSucceededVoidFuture()
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let client = ClientBootstrap(group: loops.client)
      // Room for four sends before the channel calls itself full: one being written, the next ones ready.
      .channelOption(.writeBufferWaterMark, value: .init(low: Pattern.size, high: 4 * Pattern.size))
    var pairs: [(client: any Channel, server: any Channel)] = []
    var iterator = accepted.makeAsyncIterator()
    for _ in 0..<count {
      let channel = try await client.connect(to: listener.boundAddress).get()
      guard let peer = await iterator.next() else { throw BenchmarkError.closedEarly }
      pairs.append((channel, peer))
    }
    try await listener.close()
    return pairs
  }

  private func add(
    _ handler: @autoclosure @escaping @Sendable () -> any ChannelHandler, to channel: any Channel
  ) async throws {
    try await channel.eventLoop.submit { try channel.pipeline.syncOperations.addHandler(handler()) }
      .get()
  }
}

/// The threads of both NIO subjects.
struct EventLoops: Sendable {
  let client: any EventLoopGroup
  let server: any EventLoopGroup

  init(_ options: Options) {
    client = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    server = options.loops == 1 ? client : MultiThreadedEventLoopGroup(numberOfThreads: 1)
  }
}

private final class EchoHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    context.writeAndFlush(data, promise: nil)
  }
}

/// Plays `rounds` rounds, and takes itself out.
private final class PingHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private var remaining: Int
  private let done: EventLoopPromise<Void>
  private let byte = ByteBuffer(bytes: [7])

  init(rounds: Int, _ done: EventLoopPromise<Void>) { (remaining, self.done) = (rounds, done) }

  func handlerAdded(context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(byte), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    remaining -= 1
    if remaining > 0 {
      context.writeAndFlush(wrapOutboundOut(byte), promise: nil)
    } else {
      context.pipeline.syncOperations.removeHandler(context: context).cascade(to: done)
    }
  }
}

private final class OneByteHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  func channelActive(context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: [7])), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.close(promise: nil) }
}

/// Sends as long as the channel is writable, and goes on when it becomes so again.
private final class SourceHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private var remaining: Int
  private let chunk = ByteBuffer(bytes: Pattern.bytes)
  private var isSending = false

  init(sending bytes: Int) { remaining = bytes }

  func handlerAdded(context: ChannelHandlerContext) { send(context) }

  func channelWritabilityChanged(context: ChannelHandlerContext) { send(context) }

  private func send(_ context: ChannelHandlerContext) {
    // A flush inside the loop may report writability: the loop sees it anyway, and must not be entered twice.
    guard !isSending else { return }
    isSending = true
    defer { isSending = false }
    while remaining > 0, context.channel.isWritable {
      let count = min(remaining, Pattern.size)
      remaining -= count
      context.writeAndFlush(wrapOutboundOut(chunk.prefix(count)), promise: nil)
    }
  }
}

private final class SinkHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let expected: Int
  private let received: EventLoopPromise<Void>
  private var offset = 0

  init(expecting bytes: Int, _ received: EventLoopPromise<Void>) {
    (expected, self.received) = (bytes, received)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = unwrapInboundIn(data)
    do {
      try buffer.checkPattern(at: offset)
      offset += buffer.readableBytes
      if offset == expected { received.succeed() }
    } catch {
      received.fail(error)
    }
  }

  func channelInactive(context: ChannelHandlerContext) { received.fail(BenchmarkError.closedEarly) }
}

extension Channel {
  var boundAddress: SocketAddress {
    get throws {
      guard let localAddress else { throw BenchmarkError.closedEarly }
      return localAddress
    }
  }
}

extension ByteBuffer {
  /// The first `count` bytes, which are not copied.
  func prefix(_ count: Int) -> ByteBuffer { getSlice(at: readerIndex, length: count) ?? self }

  func checkPattern(at offset: Int) throws(BenchmarkError) {
    let bytes = readableBytesView
    try Pattern.check(
      first: bytes[bytes.startIndex], last: bytes[bytes.endIndex - 1], count: bytes.count,
      at: offset)
  }
}
