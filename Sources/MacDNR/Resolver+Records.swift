public import MacTCPCore
public import MacTCPWire

extension Resolver {
  // MARK: What kind of host

  /// Looks up what kind of machine a host is: its HINFO record (RFC 1035 §3.3.2). MacTCP: HInfo.
  ///
  /// The strings are taken as UTF-8. Few hosts have the record today.
  ///
  /// - Returns: A command that completes with machine and operating system. It fails as
  ///   ``issueAddresses(of:)`` does.
  public func issueHostInfo(of name: String) -> Command<HostInfo> {
    core.issue(name, .hinfo) { answer in
      for record in answer.records {
        guard case .hinfo(let cpu, let os) = record.data else { continue }
        return .success(
          HostInfo(
            canonicalName: "\(answer.canonicalName)",
            cpuType: String(decoding: cpu, as: UTF8.self),
            osType: String(decoding: os, as: UTF8.self)))
      }
      return .failure(.missing(.hinfo, of: name))
    }
  }

  /// Looks up what kind of machine a host is, and suspends until it is known. See ``issueHostInfo(of:)``.
  public func hostInfo(of name: String) async throws(MacTCPError) -> HostInfo {
    try await issueHostInfo(of: name).value
  }

  /// Looks up what kind of machine a host is, and blocks until it is known. See ``issueHostInfo(of:)``.
  public func hostInfo(of name: String) throws(MacTCPError) -> HostInfo {
    try issueHostInfo(of: name).wait()
  }

  // MARK: Mail

  /// Looks up every host that takes mail for a domain: its MX records.
  ///
  /// - Returns: A command that completes with the hosts, most preferred first. Those of equal preference
  ///   come in random order, another one each time, so that they share the load (RFC 5321 §5.1). It fails
  ///   as ``issueAddresses(of:)`` does; a domain without MX records gives ``ResultCode/authNameErr``, and
  ///   its mail goes to the host of its name.
  public func issueMailExchanges(of domain: String) -> Command<[MailExchange]> {
    core.issue(domain, .mx) { answer in
      let exchanges = Self.mailExchanges(in: answer)
      return exchanges.isEmpty ? .failure(.missing(.mx, of: domain)) : .success(exchanges)
    }
  }

  /// Looks up every host that takes mail for a domain, and suspends until they are known. See
  /// ``issueMailExchanges(of:)``.
  public func mailExchanges(of domain: String) async throws(MacTCPError) -> [MailExchange] {
    try await issueMailExchanges(of: domain).value
  }

  /// Looks up every host that takes mail for a domain, and blocks until they are known. See
  /// ``issueMailExchanges(of:)``.
  public func mailExchanges(of domain: String) throws(MacTCPError) -> [MailExchange] {
    try issueMailExchanges(of: domain).wait()
  }

  /// Looks up the host that is to be tried first with mail for a domain. MacTCP: MXInfo.
  ///
  /// - Returns: A command that completes with the most preferred host, one of them at random where
  ///   several are. It fails as ``issueMailExchanges(of:)`` does.
  public func issueMailExchange(of domain: String) -> Command<MailExchange> {
    core.issue(domain, .mx) { answer in
      Self.mailExchanges(in: answer).first.map { .success($0) }
        ?? .failure(.missing(.mx, of: domain))
    }
  }

  /// Looks up the host that is to be tried first with mail for a domain, and suspends until it is known.
  /// See ``issueMailExchange(of:)``.
  public func mailExchange(of domain: String) async throws(MacTCPError) -> MailExchange {
    try await issueMailExchange(of: domain).value
  }

  /// Looks up the host that is to be tried first with mail for a domain, and blocks until it is known.
  /// See ``issueMailExchange(of:)``.
  public func mailExchange(of domain: String) throws(MacTCPError) -> MailExchange {
    try issueMailExchange(of: domain).wait()
  }

  /// The records' hosts by preference, equal ones shuffled: Swift's sort keeps their order.
  private static func mailExchanges(in answer: ResolverAnswer) -> [MailExchange] {
    answer.records.compactMap { record -> MailExchange? in
      guard case .mx(let preference, let exchange) = record.data else { return nil }
      return MailExchange(
        canonicalName: "\(answer.canonicalName)", exchange: "\(exchange)", preference: preference)
    }.shuffled().sorted { $0.preference < $1.preference }
  }

  // MARK: Anything else

  /// Looks up the records of any type. No part of MacTCP.
  ///
  /// - Parameters:
  ///   - name: The name. It is completed by the search domains as for ``issueAddresses(of:)``; the hosts
  ///     file is not looked at.
  ///   - type: The type of records; ``ResourceRecordType/any`` leaves it to the server which it gives.
  /// - Returns: A command that completes with the records and the aliases that led to them. It fails as
  ///   ``issueAddresses(of:)`` does.
  public func issueQuery(_ name: String, type: ResourceRecordType) -> Command<ResolverAnswer> {
    core.issue(name, type) { .success($0) }
  }

  /// Looks up the records of any type, and suspends until they are known. See ``issueQuery(_:type:)``.
  public func query(_ name: String, type: ResourceRecordType) async throws(MacTCPError)
    -> ResolverAnswer
  {
    try await issueQuery(name, type: type).value
  }

  /// Looks up the records of any type, and blocks until they are known. See ``issueQuery(_:type:)``.
  public func query(_ name: String, type: ResourceRecordType) throws(MacTCPError) -> ResolverAnswer
  {
    try issueQuery(name, type: type).wait()
  }
}
