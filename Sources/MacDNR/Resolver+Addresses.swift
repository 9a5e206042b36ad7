public import MacTCPCore
public import MacTCPWire

extension Resolver {
  // MARK: Names to addresses

  /// Looks up the IPv4 addresses of a host. MacTCP: StrToAddr.
  ///
  /// An address in dotted-decimal notation, a name of the hosts file, `localhost` (RFC 6761 §6.3) and
  /// what the cache knows are done when this returns. Other names are asked for, in the search domains
  /// too unless they end with a dot (see ``ResolverConfiguration/ndots``).
  ///
  /// - Parameter name: The name, or an address in dotted-decimal notation.
  /// - Returns: A command that completes with the addresses. It fails with ``ResultCode/nameSyntaxErr``
  ///   (no domain name), ``ResultCode/authNameErr`` (there is no such name, or it has no address),
  ///   ``ResultCode/noAnsErr`` (no server answers), ``ResultCode/noNameServer`` (none is known),
  ///   ``ResultCode/dnrErr`` (the servers report failures, refuse, or answer with nonsense),
  ///   ``ResultCode/insufficientResources`` (no descriptor is left to ask with),
  ///   ``ResultCode/ipBadCnfgErr`` (see ``open(hostsFile:)``, when this opens the resolver) or, when it
  ///   is cancelled or the resolver closed, ``ResultCode/abortErr``.
  public func issueAddresses(of name: String) -> Command<HostAddresses> {
    if let address = IPAddress(name) {
      return Command(
        .success(HostAddresses(canonicalName: name, addresses: [address])), lock: core.lock)
    }
    // Four numbers that are no address are no host's name either (RFC 1123 §2.1), and an address of
    // IPv6 is none: no server is bothered with them.
    if Self.looksLikeAddress(name) || name.utf8.contains(UInt8(ascii: ":")) {
      return Command(
        .failure(
          MacTCPError(
            .nameSyntaxErr, "\"\(name)\" is neither an IPv4 address nor a name", cause: .badAddress)
        ),
        lock: core.lock)
    }
    return core.issue(name, .a, local: Self.localAddresses) { answer in
      .success(
        HostAddresses(
          canonicalName: "\(answer.canonicalName)",
          addresses: answer.records.compactMap {
            if case .a(let address) = $0.data { address } else { nil }
          }
        ))
    }
  }

  /// Looks up the addresses of a host, and suspends until they are known. See ``issueAddresses(of:)``.
  public func addresses(of name: String) async throws(MacTCPError) -> HostAddresses {
    try await issueAddresses(of: name).value
  }

  /// Looks up the addresses of a host, and blocks until they are known. See ``issueAddresses(of:)``.
  public func addresses(of name: String) throws(MacTCPError) -> HostAddresses {
    try issueAddresses(of: name).wait()
  }

  private static func looksLikeAddress(_ name: String) -> Bool {
    let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    return parts.count == 4 && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy(digits.contains) }
  }

  private static func localAddresses(_ name: DomainName, _ hosts: HostsFile) -> HostAddresses? {
    if let host = hosts.addresses(of: name) { return host }
    guard let localhost = DomainName("localhost"), name.isSubdomain(of: localhost) else {
      return nil
    }
    return HostAddresses(canonicalName: "\(name)", addresses: [.loopback])
  }

  // MARK: Addresses to names

  /// Looks up the name of the host at an address. MacTCP: AddrToName.
  ///
  /// An address of the hosts file and what the cache knows are done when this returns; otherwise the
  /// address's PTR record is asked for (RFC 1035 §3.5). Of several names the first is taken.
  ///
  /// - Returns: A command that completes with the name. It fails as ``issueAddresses(of:)`` does.
  public func issueName(of address: IPAddress) -> Command<String> {
    let reverse = DomainName.reverse(of: address)
    return core.issue(
      "\(reverse)", .ptr, isComplete: true,
      local: { _, hosts in hosts.name(of: address).map { "\($0)" } },
      value: { answer in
        for record in answer.records {
          if case .ptr(let name) = record.data { return .success("\(name)") }
        }
        return .failure(.missing(.ptr, of: "\(address)"))
      })
  }

  /// Looks up the name of the host at an address, and suspends until it is known. See ``issueName(of:)``.
  public func name(of address: IPAddress) async throws(MacTCPError) -> String {
    try await issueName(of: address).value
  }

  /// Looks up the name of the host at an address, and blocks until it is known. See ``issueName(of:)``.
  public func name(of address: IPAddress) throws(MacTCPError) -> String {
    try issueName(of: address).wait()
  }
}

extension MacTCPError {
  /// An answer whose records are not of the kind that was asked for.
  static func missing(_ type: ResourceRecordType, of name: String) -> MacTCPError {
    MacTCPError(.dnrErr, "the answer for \(name) has no \(type) record that can be read")
  }
}
