// The keys of `mactcp_engine_set`. The header has the list.

internal import CMacTCP
internal import MacTCPEngine
internal import MacTCPWire

extension EngineConfiguration {
  /// Sets what `key` names.
  mutating func set(_ key: String, to value: String) -> mactcp_result {
    if let path = Self.numbers(key) {
      guard let number = Int(value) else { return code(MACTCP_INVALID_LENGTH) }
      self[keyPath: path] = number
      return 0
    }
    if let path = Self.switches(key) {
      guard value == "on" || value == "off" else { return code(MACTCP_INVALID_LENGTH) }
      self[keyPath: path] = value == "on"
      return 0
    }
    switch key {
    case "address": return addAddress(value)
    case "route": return addRoute(value)
    case "link": return setLink(value)
    case "time_to_live":
      guard let number = UInt8(value) else { return code(MACTCP_INVALID_LENGTH) }
      timeToLive = number
    case "ephemeral_ports": return setPorts(value)
    case "congestion_control":
      switch value {
      case "cubic": congestionControl = .cubic
      case "newreno": congestionControl = .newReno
      default: return code(MACTCP_INVALID_LENGTH)
      }
    default: return code(MACTCP_BAD_CONFIGURATION)
    }
    return 0
  }

  /// Keys whose values are whole numbers.
  private static func numbers(_ key: String) -> WritableKeyPath<EngineConfiguration, Int>? {
    switch key {
    case "mtu": \.mtu
    case "memory_ceiling": \.memoryCeiling
    case "receive_buffer": \.receiveBuffer
    case "send_buffer": \.sendBuffer
    case "reassembly_memory": \.reassemblyMemory
    case "reassembly_timeout": \.reassemblyTimeout
    case "time_wait_limit": \.timeWaitLimit
    case "answers_per_second": \.answersPerSecond
    case "initial_window": \.initialWindow
    case "initial_retransmission_timeout": \.initialRetransmissionTimeout
    case "minimum_retransmission_timeout": \.minimumRetransmissionTimeout
    case "maximum_retransmission_timeout": \.maximumRetransmissionTimeout
    case "acknowledgment_delay": \.acknowledgmentDelay
    case "maximum_segment_lifetime": \.maximumSegmentLifetime
    case "fin_wait_2_timeout": \.finWait2Timeout
    case "user_timeout": \.userTimeout
    case "open_timeout": \.openTimeout
    case "retransmissions_before_advice": \.retransmissionsBeforeAdvice
    case "keepalive_idle": \.keepaliveIdle
    case "keepalive_interval": \.keepaliveInterval
    case "keepalive_probes": \.keepaliveProbes
    default: nil
    }
  }

  /// Keys that are on or off.
  private static func switches(_ key: String) -> WritableKeyPath<EngineConfiguration, Bool>? {
    switch key {
    case "answers_closed_ports": \.answersClosedPorts
    case "answers_echo_requests": \.answersEchoRequests
    case "follows_redirects": \.followsRedirects
    case "probes_addresses": \.probesAddresses
    case "hystart": \.usesHyStart
    case "frto": \.usesFRTO
    case "tail_loss_probe": \.usesTailLossProbe
    case "window_scale": \.usesWindowScale
    case "timestamps": \.usesTimestamps
    case "sack": \.usesSACK
    case "ecn": \.usesECN
    case "nagle": \.usesNagle
    case "path_mtu_discovery": \.usesPathMTUDiscovery
    case "syn_cookies": \.usesSYNCookies
    default: nil
    }
  }

  private mutating func addAddress(_ value: String) -> mactcp_result {
    guard let prefix = IPv4Prefix(value) else { return code(MACTCP_BAD_ADDRESS) }
    addresses.append(prefix)
    return 0
  }

  /// `NETWORK` or `NETWORK ROUTER`.
  private mutating func addRoute(_ value: String) -> mactcp_result {
    let words = value.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count <= 2, let network = IPv4Prefix(String(words[0])) else {
      return code(MACTCP_BAD_ADDRESS)
    }
    var route = Route(to: network)
    if words.count == 2 {
      guard let gateway = IPAddress(String(words[1])) else { return code(MACTCP_BAD_ADDRESS) }
      route.gateway = gateway
    }
    routes.append(route)
    return 0
  }

  /// `raw` or `ethernet ADDRESS`.
  private mutating func setLink(_ value: String) -> mactcp_result {
    if value == "raw" {
      link = .rawIP
      return 0
    }
    let words = value.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 2, words[0] == "ethernet" else { return code(MACTCP_INVALID_LENGTH) }
    guard let address = HardwareAddress(String(words[1])) else { return code(MACTCP_BAD_ADDRESS) }
    link = .ethernet(address)
    return 0
  }

  /// `FIRST-LAST`.
  private mutating func setPorts(_ value: String) -> mactcp_result {
    let words = value.split(separator: "-", omittingEmptySubsequences: false)
    guard words.count == 2, let first = UInt16(words[0]), let last = UInt16(words[1]), first <= last
    else { return code(MACTCP_INVALID_LENGTH) }
    ephemeralPorts = first...last
    return 0
  }
}
