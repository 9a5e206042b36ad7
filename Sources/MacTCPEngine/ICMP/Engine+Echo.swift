public import MacTCPWire

extension Engine {
  /// Sends an ICMP echo request with 0...65,507 bytes of data (MacTCP's EchoICMP). The answer is an event, and
  /// so is it that none has come in time; 256 echoes may wait for one or the other.
  ///
  /// - Throws: ``EngineError/invalidLength`` for more data, options that cannot be, or a time to live of 0;
  ///   ``EngineError/noRoute``, ``EngineError/dontFragment``, ``EngineError/badAddress`` for a destination that
  ///   is not one host, ``EngineError/insufficientResources``.
  public mutating func sendEcho(
    to destination: IPAddress, _ bytes: Span<UInt8> = Span(), options: EchoOptions = EchoOptions(),
    at now: Instant
  ) throws(EngineError) -> EchoID {
    context.update(now)
    guard !ip.isGroup(destination) else { throw .badAddress }
    let length = ICMPHeader.byteCount &+ min(bytes.count, 1 << 20)
    let packet = try ip.prepare(
      to: destination, protocol: .icmp, payloadLength: length, options: options.ipOptions.span,
      dontFragment: options.dontFragment, typeOfService: options.typeOfService,
      timeToLive: options.timeToLive)
    guard
      let request = ip.icmp.echoes.begin(
        to: destination, timeout: options.timeout, &context)
    else { throw .insufficientResources }
    let header = ICMPHeader(
      type: .echoRequest, parameter: UInt32(request.identifier, request.sequenceNumber))
    let refused = ip.enqueue(
      packet, payloadLength: length, options: options.ipOptions.span, &context
    ) { output in
      // There is room for as many bytes as `prepare` was asked for.
      do { try header.write(to: &output, payload: bytes) } catch {}
    }
    guard refused == nil else {
      ip.icmp.echoes.cancel(request.id)
      throw .insufficientResources
    }
    return request.id
  }
}
