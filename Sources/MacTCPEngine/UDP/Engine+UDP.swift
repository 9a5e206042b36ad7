public import MacTCPWire

// UDP's calls (RFC 768, "User Interface"; RFC 1122 §4.1.4).

extension Engine {
  /// A UDP stream on a port, or on a range of them (MacTCP's UDPCreate and UDPMultiCreate).
  ///
  /// - Parameters:
  ///   - port: the first port; 0 lets the engine choose one.
  ///   - endingPort: the last port; `nil` for one port.
  ///   - receiveBuffer: how many bytes of datagrams wait to be received, 2,048...1 GiB; each counts for the memory
  ///     that it takes, 256 bytes at least. What does not fit is dropped, and what is there stays.
  /// - Throws: ``EngineError/duplicateSocket`` if a port is taken, ``EngineError/invalidLength`` for a buffer or a
  ///   range that is none, ``EngineError/insufficientResources``.
  public mutating func createUDPStream(
    on port: UInt16, through endingPort: UInt16? = nil, receiveBuffer: Int = 65_536, at now: Instant
  ) throws(EngineError) -> UDPStreamID {
    context.update(now)
    return try udp.create(port, through: endingPort, receiveBuffer: receiveBuffer, &context)
  }

  /// The first port of a stream.
  ///
  /// - Throws: ``EngineError/invalidStream``.
  public func port(of id: UDPStreamID) throws(EngineError) -> UInt16 {
    udp.ports(at: try udp.place(of: id)).lowerBound
  }

  /// Sends a datagram of 0...65,507 bytes (MacTCP's UDPWrite). To a broadcast address it goes to all hosts of
  /// the network. It waits in the engine until it is transmitted.
  ///
  /// - Throws: ``EngineError/invalidLength`` above that, for options that cannot be, or a time to live of 0;
  ///   ``EngineError/noRoute``, ``EngineError/dontFragment`` if it is too large for its path and must not be
  ///   fragmented, ``EngineError/badAddress`` for a destination that nobody has or a source port that is not
  ///   the stream's, ``EngineError/insufficientResources`` if too many datagrams wait,
  ///   ``EngineError/invalidStream``.
  public mutating func send(
    _ id: UDPStreamID, to destination: Endpoint, _ bytes: Span<UInt8>,
    options: DatagramOptions = DatagramOptions(), at now: Instant
  ) throws(EngineError) {
    context.update(now)
    let ports = udp.ports(at: try udp.place(of: id))
    let port = options.sourcePort ?? ports.lowerBound
    guard destination.port > 0, ports.contains(port) else { throw .badAddress }
    let length = UDPHeader.byteCount &+ min(bytes.count, 1 << 20)
    let packet = try ip.prepare(
      to: destination.address, protocol: .udp, payloadLength: length,
      options: options.ipOptions.span, dontFragment: options.dontFragment,
      typeOfService: options.typeOfService, timeToLive: options.timeToLive)
    let header = UDPHeader(
      sourcePort: port, destinationPort: destination.port, payloadLength: bytes.count)
    let refused = ip.enqueue(
      packet, payloadLength: length, options: options.ipOptions.span, &context
    ) { output in
      // The lengths are those that `prepare` has found right, and there is room for them.
      do {
        try header.write(
          to: &output, from: packet.source, to: packet.destination, payload: bytes,
          withChecksum: options.withChecksum)
      } catch {}
    }
    guard refused == nil else { throw .insufficientResources }
    context.counters.udp.sent &+= 1
  }

  /// Appends the next datagram's data to `output`, as far as there is room (MacTCP's UDPRead); the rest of
  /// it is lost.
  ///
  /// - Returns: `nil` if none has come.
  /// - Throws: ``EngineError/invalidStream``.
  public mutating func receive(
    _ id: UDPStreamID, into output: inout OutputSpan<UInt8>, at now: Instant
  ) throws(EngineError) -> Datagram? {
    context.update(now)
    let place = try udp.place(of: id)
    guard let packet = udp.removeFirst(at: place) else { return nil }
    defer { packet.release(to: &context.memory) }
    let note = packet.note
    return packet.withBytes { bytes in
      output.append(bytes.extracting(droppingFirst: note.optionCount))
      return Datagram(
        source: note.source, destination: note.destination, length: bytes.count &- note.optionCount,
        typeOfService: note.typeOfService, timeToLive: note.timeToLive,
        ipOptions: (0..<note.optionCount).map { bytes[$0] })
    }
  }

  /// Gives the stream's ports and buffers back (MacTCP's UDPRelease). What it has sent goes out still; no event of
  /// it follows.
  ///
  /// - Throws: ``EngineError/invalidStream``.
  public mutating func release(_ id: UDPStreamID, at now: Instant) throws(EngineError) {
    context.update(now)
    udp.release(try udp.place(of: id), &context)
  }

  /// The largest datagram that reaches a host without fragments, in bytes of data (MacTCP's UDPMaxMTUSize).
  ///
  /// - Throws: ``EngineError/noRoute``.
  public func maximumDatagramSize(to destination: IPAddress) throws(EngineError) -> Int {
    guard ip.sourceAddress(for: destination) != nil else { throw .noRoute }
    return ip.pathMTU(to: destination) - IPv4Header.leastLength - UDPHeader.byteCount
  }

  /// The table of hardware addresses, those that were used last at the end; empty on a raw link.
  public var neighbors: [Neighbor] { ip.link.neighbors.all }
}
