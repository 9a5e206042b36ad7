internal import MacTCPWire

struct TCPLayer: ~Copyable {
  init(_ configuration: EngineConfiguration, _ context: inout Context) {}

  func nextDeadline(_ context: borrowing Context) -> Instant { .never }
  mutating func advance(_ context: inout Context) {}
  mutating func nextEvent(_ context: inout Context) -> EngineEvent? { nil }
  mutating func receive(
    _ segment: Span<UInt8>, from source: IPAddress, to destination: IPAddress,
    _ information: PacketInformation, _ ip: inout IPLayer, _ context: inout Context
  ) {}
  mutating func receive(_ report: ICMPError, from sender: IPAddress, _ ip: inout IPLayer, _ context: inout Context) {}
  mutating func transmit(
    into packet: inout OutputSpan<UInt8>, _ ip: inout IPLayer, _ context: inout Context
  ) -> IPLayer.Disposition? { nil }

  mutating func create(receiveBuffer: Int?, sendBuffer: Int?, _ context: inout Context) throws(EngineError) -> ConnectionID { throw .insufficientResources }
  mutating func activeOpen(_ id: ConnectionID, to remote: Endpoint, from local: Endpoint, _ options: OpenOptions, _ ip: borrowing IPLayer, _ context: inout Context) throws(EngineError) {}
  mutating func passiveOpen(_ id: ConnectionID, on local: Endpoint, from remote: Endpoint, _ options: OpenOptions, _ ip: borrowing IPLayer, _ context: inout Context) throws(EngineError) {}
  mutating func listen(_ id: ConnectionID, on local: Endpoint, backlog: Int, _ options: OpenOptions, _ ip: borrowing IPLayer, _ context: inout Context) throws(EngineError) {}
  mutating func accept(_ id: ConnectionID, _ context: inout Context) throws(EngineError) -> ConnectionID? { nil }
  mutating func send(_ id: ConnectionID, _ bytes: Span<UInt8>, push: Bool, urgent: Bool, _ context: inout Context) throws(EngineError) -> Int { 0 }
  mutating func read(_ id: ConnectionID, into output: inout OutputSpan<UInt8>, _ context: inout Context) throws(EngineError) -> Received { throw .invalidStream }
  mutating func close(_ id: ConnectionID, _ context: inout Context) throws(EngineError) {}
  mutating func abort(_ id: ConnectionID, _ context: inout Context) throws(EngineError) {}
  mutating func release(_ id: ConnectionID, _ context: inout Context) throws(EngineError) {}
  func status(of id: ConnectionID, _ context: borrowing Context) throws(EngineError) -> ConnectionStatus { throw .invalidStream }
  mutating func set(_ option: ConnectionOption, of id: ConnectionID, _ context: inout Context) throws(EngineError) {}
}
