public import MacTCPWire

// UDP's calls (RFC 768, "User Interface"; RFC 1122 §4.1.4), and the echo of ICMP.

extension Engine {
  /// A UDP stream on a port, or on a range of them (MacTCP's UDPCreate and UDPMultiCreate).
  ///
  /// - Parameters:
  ///   - port: the first port; 0 lets the engine choose one.
  ///   - endingPort: the last port; `nil` for one port.
  ///   - receiveBuffer: how many bytes of datagrams wait to be received, 2,048...1 GiB.
  /// - Throws: ``EngineError/duplicateSocket`` if a port is taken, ``EngineError/invalidLength`` for a buffer or a
  ///   range that is none, ``EngineError/insufficientResources``.
  public mutating func createUDPStream(
    on port: UInt16, through endingPort: UInt16? = nil, receiveBuffer: Int = 65_536, at now: Instant
  ) throws(EngineError) -> UDPStreamID {
    throw .insufficientResources
  }

  /// The first port of a stream.
  public func port(of id: UDPStreamID) throws(EngineError) -> UInt16 {
    throw .invalidStream
  }

  /// Sends a datagram of 0...65,507 bytes (MacTCP's UDPWrite).
  ///
  /// - Throws: ``EngineError/invalidLength`` above that, ``EngineError/noRoute``, ``EngineError/dontFragment``,
  ///   ``EngineError/badAddress``, ``EngineError/insufficientResources`` if too many datagrams wait,
  ///   ``EngineError/invalidStream``.
  public mutating func send(
    _ id: UDPStreamID, to destination: Endpoint, _ bytes: Span<UInt8>,
    options: DatagramOptions = DatagramOptions(), at now: Instant
  ) throws(EngineError) {
    throw .invalidStream
  }

  /// Appends the next datagram's data to `output`, as far as there is room (MacTCP's UDPRead).
  ///
  /// - Returns: `nil` if none has come.
  public mutating func receive(
    _ id: UDPStreamID, into output: inout OutputSpan<UInt8>, at now: Instant
  ) throws(EngineError) -> Datagram? {
    throw .invalidStream
  }

  /// Gives the stream's ports and buffers back (MacTCP's UDPRelease).
  public mutating func release(_ id: UDPStreamID, at now: Instant) throws(EngineError) {
    throw .invalidStream
  }

  /// The largest datagram that reaches a host without fragments, in bytes of data (MacTCP's UDPMaxMTUSize).
  ///
  /// - Throws: ``EngineError/noRoute``.
  public func maximumDatagramSize(to destination: IPAddress) throws(EngineError) -> Int {
    throw .noRoute
  }

  /// Sends an ICMP echo request with 0...65,507 bytes of data (MacTCP's EchoICMP); the answer is an event.
  public mutating func sendEcho(
    to destination: IPAddress, _ bytes: Span<UInt8> = Span(), options: EchoOptions = EchoOptions(),
    at now: Instant
  ) throws(EngineError) -> EchoID {
    throw .noRoute
  }

  /// The table of hardware addresses; empty on a raw link.
  public var neighbors: [Neighbor] { [] }
}
