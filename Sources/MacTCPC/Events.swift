// `mactcp_next_event`.

public import CMacTCP
internal import MacTCPEngine
internal import MacTCPWire

/// What has happened next.
@c @implementation
public func mactcp_next_event(
  _ engine: OpaquePointer?, _ event: UnsafeMutablePointer<mactcp_event>?
) -> mactcp_result {
  // Before one is taken: what cannot be told is not lost.
  guard hasSize(event, least: 24) else { return code(MACTCP_INVALID_BUFFER) }
  return withEngine(engine) { engine in
    guard let next = engine.nextEvent() else { return 0 }
    store(mactcp_event(next), to: event)
    return 1
  }
}

extension mactcp_event {
  fileprivate init(_ event: EngineEvent) {
    switch event {
    case .opened(let id): self.init(MACTCP_EVENT_OPENED, id.rawValue)
    case .incoming(let id): self.init(MACTCP_EVENT_INCOMING, id.rawValue)
    case .dataArrived(let id): self.init(MACTCP_EVENT_DATA, id.rawValue)
    case .urgent(let id): self.init(MACTCP_EVENT_URGENT, id.rawValue)
    case .acknowledged(let id): self.init(MACTCP_EVENT_ACKNOWLEDGED, id.rawValue)
    case .closing(let id): self.init(MACTCP_EVENT_CLOSING, id.rawValue)
    case .finAcknowledged(let id): self.init(MACTCP_EVENT_FIN_ACKNOWLEDGED, id.rawValue)
    case .deliveryProblem(let id): self.init(MACTCP_EVENT_DELIVERY_PROBLEM, id.rawValue)
    case .userTimeout(let id): self.init(MACTCP_EVENT_USER_TIMEOUT, id.rawValue)
    case .icmpReport(let id, let report):
      self.init(MACTCP_EVENT_ICMP, id.rawValue)
      self.report = mactcp_icmp_report(report)
    case .terminated(let id, let reason):
      self.init(MACTCP_EVENT_TERMINATED, id.rawValue, detail: Int64(reason.rawValue))
    case .datagramArrived(let id): self.init(MACTCP_EVENT_DATAGRAM, id.rawValue)
    case .datagramReport(let id, let report):
      self.init(MACTCP_EVENT_DATAGRAM_ICMP, id.rawValue)
      self.report = mactcp_icmp_report(report)
    case .echoReply(let id, let roundTrip):
      self.init(MACTCP_EVENT_ECHO_REPLY, id.rawValue, detail: Int64(roundTrip))
    case .echoTimeout(let id): self.init(MACTCP_EVENT_ECHO_TIMEOUT, id.rawValue)
    case .addressConflict(let address, let hardware):
      // -1 becomes the handle 0, which is none.
      self.init(MACTCP_EVENT_ADDRESS_CONFLICT, -1)
      report.local = mactcp_endpoint(Endpoint(address, 0))
      self.hardware = octets(of: hardware)
    }
  }

  private init(_ kind: Int, _ rawValue: Int64, detail: Int64 = 0) {
    self.init()
    self.kind = UInt32(truncatingIfNeeded: kind)
    handle = MacTCPC.handle(rawValue)
    self.detail = detail
  }
}

extension mactcp_icmp_report {
  fileprivate init(_ report: ICMPReport) {
    self.init()
    local = mactcp_endpoint(report.local)
    remote = mactcp_endpoint(report.remote)
    sender = mactcp_endpoint(Endpoint(report.sender, 0))
    type = report.type.rawValue
    additional_info = report.additionalInfo
    pointer = report.pointer
  }
}
